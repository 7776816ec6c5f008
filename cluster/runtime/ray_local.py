"""Ray on this machine, or a cluster's: started and checked so that no picture reaches a disk.

Rule 8 of the design: no frame is written to disk. Ray puts objects that do not fit in memory
into files, so a local Ray is started with spilling off and its fallback files in memory, and a
cluster is refused whose nodes would write them to a disk.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.errors import RayError
from cluster.vision.pose.estimator import available_cores

IN_MEMORY_FOLDER = "/dev/shm"  # noqa: S108 (a tmpfs, which is the point)
MEBIBYTE = 2**20
MIN_STORE_BYTES = 256 * MEBIBYTE
MAX_MEMORY_SHARE = 0.4
"""Most of the free memory that the store may be given."""

WORKERS_PER_CORE = 4

MEMORY_FILESYSTEMS = frozenset({"tmpfs", "ramfs", "hugetlbfs"})


def start_local_ray(store: int, **options: Any) -> None:
    """Start Ray in this process's name, on this machine alone.

    Args:
        store: Bytes of the object store; see `choose_store_bytes`.
        options: More of `ray.init`.

    Raises:
        RuntimeError, ConnectionError, ValueError, OSError: As `ray.init` does.
    """
    folder = IN_MEMORY_FOLDER if Path(IN_MEMORY_FOLDER).is_dir() else None
    with _suppress_native_output():
        ray.init(
            address="local",
            num_cpus=available_cores(),
            object_store_memory=store,
            logging_level=logging.ERROR,
            object_spilling_directory=folder,
            _system_config={
                "automatic_object_spilling_enabled": False,
                # Ray ends idle workers beyond one a core; ours would start anew for each segment.
                "num_workers_soft_limit": WORKERS_PER_CORE * available_cores(),
            },
            **options,
        )


def choose_store_bytes(wish: int, least: int) -> int:
    """Size of a local object store: what is wished for, as far as memory is free.

    Raises:
        RayError: Shared memory is too small for `least`; Ray would take a file on a disk instead.
    """
    free = psutil.virtual_memory().available
    if Path(IN_MEMORY_FOLDER).is_dir():
        free = min(free, psutil.disk_usage(IN_MEMORY_FOLDER).free)
    size = max(MIN_STORE_BYTES, min(wish, int(MAX_MEMORY_SHARE * free)))
    needed = max(MIN_STORE_BYTES, least)
    if size < needed or size > free:
        raise RayError(
            f"{needed / MEBIBYTE:.0f} MiB of shared memory are needed for frames, and "
            f"{min(free, int(MAX_MEMORY_SHARE * free)) / MEBIBYTE:.0f} MiB can be had.",
            where=IN_MEMORY_FOLDER,
            hint="Give the machine (or the container, with --shm-size) more.",
        )
    return size


@contextmanager
def _suppress_native_output() -> Iterator[None]:
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


def ensure_cluster_spills_to_memory() -> None:
    """Refuse a cluster whose nodes would write objects to a disk.

    Raises:
        RayError: It names the first such node.
    """
    answers = ray.get(
        [
            ray.remote(num_cpus=0)(_inspect_spill_folder)
            .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False))
            .remote()
            for node in ray.nodes()
            if node["Alive"]
        ]
    )
    for answer in answers:
        _raise_unless_in_memory(*answer)


def ensure_node_spills_to_memory() -> None:
    """The same for this node alone, asked in a worker of Ray's: nodes may come later.

    Raises:
        RayError: This node would write objects to a disk.
    """
    _raise_unless_in_memory(*_inspect_spill_folder())


def _raise_unless_in_memory(host: str, folder: str, in_memory: bool) -> None:
    if not in_memory:
        raise RayError(
            f"this node's Ray would write pictures of children to disk, below {folder}.",
            where=host,
            hint=f"Start each node with: ray start --object-spilling-directory="
            f"{IN_MEMORY_FOLDER} …",
        )


def _inspect_spill_folder() -> tuple[str, str, bool]:
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
