"""Ray for the archive job: started on this machine, or joined.

Rule 8 of the design: no frame is written to disk. Ray puts objects that do not fit in memory
into files, so a local Ray is started with spilling off and its fallback files in memory, and a
cluster is refused whose nodes would write them to a disk.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.errors import RayError
from cluster.vision.pose import available_cores

# Read when Ray Data is imported: from which share of a stage's budget its output is bounded.
os.environ.setdefault("RAY_DATA_DOWNSTREAM_CAPACITY_OBJECT_STORE_BUDGET_UTIL_THRESHOLD", "0.1")

IN_MEMORY_FOLDER = "/dev/shm"  # noqa: S108 (a tmpfs, which is the point)
MEBIBYTE = 2**20
STORE_SEGMENTS = 48
"""A local Ray's object store may hold the frames of so many segments. Ray Data shares it out to
the stages by its own estimates, far above the use; memory is taken only as it is used, and what
bounds that is `WAITING_TO_IN_WORK`."""

LEAST_STORE_SEGMENTS = 8
LEAST_STORE_BYTES = 256 * MEBIBYTE
MEMORY_SHARE = 0.4
"""Most of the free memory that the store may be given."""

WAITING_TO_IN_WORK = 0.5
"""Decoding pauses when so many times the frames wait that the pose model has in work."""

WORKERS_A_CORE = 4

MEMORY_FILESYSTEMS = frozenset({"tmpfs", "ramfs", "hugetlbfs"})


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
            _refuse_spilling_to_disk()
        else:
            _start_here(frame_bytes_a_segment)
    except (RuntimeError, ConnectionError, ValueError, OSError) as error:
        raise RayError(
            f"Ray cannot be {'joined' if address else 'started'}: {error}", where=address
        ) from error
    _set_up_ray_data(frame_bytes_a_segment)
    try:
        yield
    finally:
        ray.shutdown()


def _start_here(frame_bytes_a_segment: int) -> None:
    folder = IN_MEMORY_FOLDER if Path(IN_MEMORY_FOLDER).is_dir() else None
    store = _store_bytes(frame_bytes_a_segment)
    with _native_chatter_off():
        ray.init(
            address="local",
            num_cpus=available_cores(),
            include_dashboard=False,
            object_store_memory=store,
            logging_level=logging.ERROR,
            log_to_driver=False,
            object_spilling_directory=folder,
            _system_config={
                "automatic_object_spilling_enabled": False,
                # Ray ends idle workers beyond one a core; ours would start anew for each segment.
                "num_workers_soft_limit": WORKERS_A_CORE * available_cores(),
            },
        )


def _store_bytes(frame_bytes_a_segment: int) -> int:
    """Size of a local object store.

    Raises:
        RayError: Shared memory is too small for it; Ray would take a file on a disk instead.
    """
    free = psutil.virtual_memory().available
    if Path(IN_MEMORY_FOLDER).is_dir():
        free = min(free, psutil.disk_usage(IN_MEMORY_FOLDER).free)
    wish = STORE_SEGMENTS * frame_bytes_a_segment
    size = max(LEAST_STORE_BYTES, min(wish, int(MEMORY_SHARE * free)))
    needed = max(LEAST_STORE_BYTES, LEAST_STORE_SEGMENTS * frame_bytes_a_segment)
    if size < needed or size > free:
        raise RayError(
            f"{needed / MEBIBYTE:.0f} MiB of shared memory are needed for frames, and "
            f"{min(free, int(MEMORY_SHARE * free)) / MEBIBYTE:.0f} MiB can be had.",
            where=IN_MEMORY_FOLDER,
            hint="Give the machine (or the container, with --shm-size) more.",
        )
    return size


@contextmanager
def _native_chatter_off() -> Iterator[None]:
    """Keep what Ray's C++ side prints while it starts off the terminal; errors are raised."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


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


def _refuse_spilling_to_disk() -> None:
    answers = ray.get(
        [
            ray.remote(num_cpus=0)(_spill_folder_is_memory)
            .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False))
            .remote()
            for node in ray.nodes()
            if node["Alive"]
        ]
    )
    for host, folder, in_memory in answers:
        if not in_memory:
            raise RayError(
                f"this node's Ray would write pictures of children to disk, below {folder}.",
                where=host,
                hint=f"Start each node with: ray start --object-spilling-directory="
                f"{IN_MEMORY_FOLDER} …",
            )


def _spill_folder_is_memory() -> tuple[str, str, bool]:
    """(host, folder for spilled and fallback objects, whether it is in memory) of this node."""
    raylet = psutil.Process().parent()
    folder = "unknown"
    for argument in raylet.cmdline() if raylet else ():
        if argument.startswith("--fallback_directory="):
            folder = argument.split("=", 1)[1]
    mounts = sorted(psutil.disk_partitions(all=True), key=lambda mount: len(mount.mountpoint))
    kind = ""
    for mount in mounts:
        if Path(folder).is_relative_to(mount.mountpoint):
            kind = mount.fstype
    return os.uname().nodename, folder, kind in MEMORY_FILESYSTEMS
