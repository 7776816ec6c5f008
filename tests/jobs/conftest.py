"""One Ray cluster for all runs of the archive job that need none of their own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.jobs.running import wait_for
from tests.ports import free_port

ADDRESS_FILE = "ray_current_cluster"
"""Ray writes it into its folder once others can join."""


@pytest.fixture(scope="package")
def job_cluster() -> Iterator[str]:
    """The address of a cluster of one node that spills to memory, as jobs require (R8)."""
    folder = Path(tempfile.mkdtemp(prefix="hr-"))  # sockets need a short path
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HOMEROOM_")}
    head = subprocess.Popen(
        [
            *(Path(sys.executable).with_name("ray"), "start", "--head", "--block", "--num-cpus=2"),
            *(f"--port={port}", f"--dashboard-agent-listen-port={free_port()}"),
            *("--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}"),
            *("--object-store-memory=1000000000", "--object-spilling-directory=/dev/shm"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # pytest's process may have Ray already, with a token or without.
        env={**environment, "RAY_AUTH_MODE": "disabled"},
    )
    family = psutil.Process(head.pid)
    wait_for((folder / ADDRESS_FILE).is_file, "the cluster")
    yield f"127.0.0.1:{port}"
    for one in [*family.children(recursive=True), family]:
        if one.is_running():
            one.kill()
    head.wait()
    shutil.rmtree(folder, ignore_errors=True)
