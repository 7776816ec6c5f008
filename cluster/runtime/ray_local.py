"""Ray on this machine or on a cluster: started or checked so that no frame is written to disk (R8).

Ray puts objects that do not fit in memory into files. So a local Ray is started with spilling off
and its fallback files in memory, and a cluster whose nodes would write them to a disk is rejected.
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
"""Largest share of the free memory that the object store may take."""

WORKERS_PER_CORE = 4

MEMORY_FILESYSTEMS = frozenset({"tmpfs", "ramfs", "hugetlbfs"})


def join_ray(address: str, **options: Any) -> None:
    """Join the Ray cluster at an address, with this process as a driver.

    Raises:
        RayError: It cannot be joined, or a node of it would write frames to a disk.
    """
    try:
        ray.init(address=address, **options)
        ensure_cluster_spills_to_memory()
    except RayError:
        raise
    except Exception as error:  # as in `start_local_ray`
        raise RayError(f"Ray cannot be joined: {error}", where=address) from error


def start_local_ray(store_bytes: int, **options: Any) -> None:
    """Start Ray on this machine alone, with this process as its driver.

    Args:
        store_bytes: Size of the object store; see `choose_store_bytes`.
        options: Further arguments of `ray.init`.

    Raises:
        RayError: It cannot be started.
    """
    folder = IN_MEMORY_FOLDER if Path(IN_MEMORY_FOLDER).is_dir() else None
    try:
        with _suppress_native_output():
            ray.init(
                address="local",
                num_cpus=available_cores(),
                object_store_memory=store_bytes,
                logging_level=logging.ERROR,
                object_spilling_directory=folder,
                _system_config={
                    "automatic_object_spilling_enabled": False,
                    # Ray ends idle workers beyond one a core, and would restart them at each
                    # segment.
                    "num_workers_soft_limit": WORKERS_PER_CORE * available_cores(),
                },
                **options,
            )
    except Exception as error:  # Ray raises a bare one where its processes do not start in time
        raise RayError(
            f"Ray cannot be started: {error}",
            hint="If this machine is very busy, try again when it is less so.",
        ) from error


def choose_store_bytes(wanted_bytes: int, min_bytes: int) -> int:
    """Return the size of a local object store: `wanted_bytes`, as far as memory is free.

    Raises:
        RayError: Shared memory is too small for `min_bytes`; Ray would use a file on a disk.
    """
    free = psutil.virtual_memory().available
    if Path(IN_MEMORY_FOLDER).is_dir():
        free = min(free, psutil.disk_usage(IN_MEMORY_FOLDER).free)
    size = max(MIN_STORE_BYTES, min(wanted_bytes, int(MAX_MEMORY_SHARE * free)))
    needed = max(MIN_STORE_BYTES, min_bytes)
    if size < needed or size > free:
        raise RayError(
            f"{needed / MEBIBYTE:.0f} MiB of shared memory are needed for frames, and "
            f"{min(free, int(MAX_MEMORY_SHARE * free)) / MEBIBYTE:.0f} MiB are available.",
            where=IN_MEMORY_FOLDER,
            hint="Give the machine more memory, or the container more with --shm-size.",
        )
    return size


@contextmanager
def _suppress_native_output() -> Iterator[None]:
    """Discard what Ray's C++ side prints at its start; errors are raised all the same."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    saved_stderr = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved_stderr, 2)
        os.close(saved_stderr)
        os.close(null)


def ensure_cluster_spills_to_memory() -> None:
    """Check that no node of the cluster would spill objects to a disk (R8).

    Raises:
        RayError: A node would; the error names the first.
    """
    inspections = ray.get(
        [
            ray.remote(num_cpus=0)(_inspect_spill_folder)
            .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False))
            .remote()
            for node in ray.nodes()
            if node["Alive"]
        ]
    )
    for inspection in inspections:
        _raise_unless_in_memory(*inspection)


def ensure_node_spills_to_memory() -> None:
    """Check in a Ray worker that its node would not: it may have joined the cluster later (R8).

    Raises:
        RayError: This node would spill objects to a disk.
    """
    _raise_unless_in_memory(*_inspect_spill_folder())


def _raise_unless_in_memory(host: str, folder: str, in_memory: bool) -> None:
    if not in_memory:
        raise RayError(
            f"Ray on this node would spill frames to disk, below {folder}.",
            where=host,
            hint=f"Start each node with: ray start --object-spilling-directory="
            f"{IN_MEMORY_FOLDER} …",
        )


def _inspect_spill_folder() -> tuple[str, str, bool]:
    """Return (host, folder for spilled and fallback objects, whether it is in memory)."""
    raylet = psutil.Process().parent()
    folder = "unknown"
    for argument in raylet.cmdline() if raylet else ():
        if argument.startswith("--fallback_directory="):
            folder = argument.split("=", 1)[1]
    mounts = sorted(psutil.disk_partitions(all=True), key=lambda mount: len(mount.mountpoint))
    filesystem = ""
    for mount in mounts:
        if Path(folder).is_relative_to(mount.mountpoint):
            filesystem = mount.fstype
    return os.uname().nodename, folder, filesystem in MEMORY_FILESYSTEMS
