"""Ray and Serve, started once for all tests of a file, without spilling to disk.

Not for all files together: the tests of the running service start a Ray of their own, and two on
one machine compete for the port of the job agent.
"""

import logging
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import cluster
from cluster.runtime.ray_local import MIN_STORE_BYTES, choose_store_bytes, start_local_ray

assert cluster.__version__  # imported first: it switches usage reports off


def free_port() -> int:
    """Return a port that is not in use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def ray_folder() -> Iterator[Path]:
    """Ray's folder of logs and sockets; sockets need a short path."""
    folder = Path(tempfile.mkdtemp(prefix="hr-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def serve_port(ray_folder: Path) -> Iterator[int]:
    """A running Serve; the port of its HTTP proxy on 127.0.0.1."""
    import ray
    from ray import serve

    port = free_port()
    start_local_ray(
        choose_store_bytes(MIN_STORE_BYTES, MIN_STORE_BYTES),
        include_dashboard=False,
        log_to_driver=False,
        _temp_dir=str(ray_folder),
    )
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    yield port
    serve.shutdown()
    ray.shutdown()
