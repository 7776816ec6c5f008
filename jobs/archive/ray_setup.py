"""Ray for the archive job, started on this machine or joined, with bounded frames in flight."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from cluster.errors import HomeroomError
from cluster.runtime.ray_local import (
    MEBIBYTE,
    choose_store_bytes,
    join_ray,
    start_local_ray,
)
from cluster.settings import variables_of_homeroom

# Read when Ray Data is imported: from which share of a stage's budget its output is bounded.
os.environ.setdefault("RAY_DATA_DOWNSTREAM_CAPACITY_OBJECT_STORE_BUDGET_UTIL_THRESHOLD", "0.1")

STORE_SEGMENTS = 48
"""A local Ray's object store has room for the frames of this many segments. Ray Data divides it
among the stages by its own estimates, far above the use; memory is taken only as it is used, and
`MAX_WAITING_RATIO` bounds that."""

MIN_STORE_SEGMENTS = 8

MAX_WAITING_RATIO = 0.5
"""Decoding pauses when this many times the frames in work at the pose model wait for it."""


@contextmanager
def running_ray(segment_bytes: int) -> Iterator[None]:
    """Join the Ray cluster that `RAY_ADDRESS` names (as in a Ray job), else start Ray here.

    Args:
        segment_bytes: Size of the largest segment's frames.

    Raises:
        RayError: It cannot be started or joined, or would write frames to a disk.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address:
        join_ray(address, logging_level=logging.ERROR, log_to_driver=False)
    else:
        with _without_homeroom_variables():
            start_local_ray(
                _store_bytes(segment_bytes), include_dashboard=False, log_to_driver=False
            )
    _configure_ray_data(segment_bytes)
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _without_homeroom_variables() -> Iterator[None]:
    """Hide the environment's settings, secrets among them, from processes that are started."""
    hidden = {name: os.environ.pop(name) for name in variables_of_homeroom()}
    try:
        yield
    finally:
        os.environ.update(hidden)


def blanked_variables() -> dict[str, str]:
    """Return the environment's settings with empty values, for workers of a joined cluster.

    These inherit the environment of their node; on the driver's node, it is the driver's.
    """
    if not os.environ.get("RAY_ADDRESS"):
        return {}
    return dict.fromkeys(variables_of_homeroom(), "")


def _store_bytes(segment_bytes: int) -> int:
    return choose_store_bytes(STORE_SEGMENTS * segment_bytes, MIN_STORE_SEGMENTS * segment_bytes)


def _configure_ray_data(segment_bytes: int) -> None:
    """Bound the frames in flight, and turn off Ray Data's own progress output."""
    from ray.data import DataContext, ExecutionResources  # takes two seconds: while Ray starts

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.enable_rich_progress_bars = False
    context.downstream_capacity_backpressure_ratio = MAX_WAITING_RATIO
    context.target_max_block_size = MEBIBYTE  # one segment a block: passed on as soon as it is read
    if not os.environ.get("RAY_ADDRESS"):
        budget = _store_bytes(segment_bytes)
        context.execution_options.resource_limits = ExecutionResources(object_store_memory=budget)


def original_error(error: BaseException) -> BaseException:
    """Return the HomeroomError inside Ray's error, else Ray's."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, HomeroomError):
            return inner
        cause = getattr(inner, "cause", None)
        inner = cause if isinstance(cause, BaseException) else inner.__cause__
    return error
