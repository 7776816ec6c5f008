"""Ray for the archive job: started on this machine, or joined, with frames in flight bounded."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from cluster.errors import RayError
from cluster.runtime.ray_local import (
    MEBIBYTE,
    choose_store_bytes,
    ensure_cluster_spills_to_memory,
    start_local_ray,
)

# Read when Ray Data is imported: from which share of a stage's budget its output is bounded.
os.environ.setdefault("RAY_DATA_DOWNSTREAM_CAPACITY_OBJECT_STORE_BUDGET_UTIL_THRESHOLD", "0.1")

STORE_SEGMENTS = 48
"""A local Ray's object store may hold the frames of so many segments. Ray Data shares it out to
the stages by its own estimates, far above the use; memory is taken only as it is used, and what
bounds that is `WAITING_TO_IN_WORK`."""

LEAST_STORE_SEGMENTS = 8

WAITING_TO_IN_WORK = 0.5
"""Decoding pauses when so many times the frames wait that the pose model has in work."""


@contextmanager
def running_ray(frame_bytes_a_segment: int) -> Iterator[None]:
    """Ray, joined where `RAY_ADDRESS` names a cluster (as in a Ray job), else started here.

    Args:
        frame_bytes_a_segment: Size of the largest segment's frames.

    Raises:
        RayError: It cannot be started or joined, or would write frames to a disk.
    """
    address = os.environ.get("RAY_ADDRESS")
    try:
        if address:
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
            ensure_cluster_spills_to_memory()
        else:
            start_local_ray(
                _store_bytes(frame_bytes_a_segment), include_dashboard=False, log_to_driver=False
            )
    except (RuntimeError, ConnectionError, ValueError, OSError) as error:
        raise RayError(
            f"Ray cannot be {'joined' if address else 'started'}: {error}", where=address
        ) from error
    _set_up_ray_data(frame_bytes_a_segment)
    try:
        yield
    finally:
        ray.shutdown()


def _store_bytes(frame_bytes_a_segment: int) -> int:
    return choose_store_bytes(
        STORE_SEGMENTS * frame_bytes_a_segment, LEAST_STORE_SEGMENTS * frame_bytes_a_segment
    )


def _set_up_ray_data(frame_bytes_a_segment: int) -> None:
    """Bound the frames in flight, and leave the terminal to our own progress and messages."""
    from ray.data import DataContext, ExecutionResources  # two seconds: while Ray starts

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.enable_rich_progress_bars = False
    context.downstream_capacity_backpressure_ratio = WAITING_TO_IN_WORK
    context.target_max_block_size = MEBIBYTE  # one segment a block: given on as soon as it is read
    if not os.environ.get("RAY_ADDRESS"):
        budget = _store_bytes(frame_bytes_a_segment)
        context.execution_options.resource_limits = ExecutionResources(object_store_memory=budget)
