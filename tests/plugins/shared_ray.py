"""A pytest plugin: one Ray with Serve for all tests that do not start one of their own.

    def test_…(serve_port: int) -> None:
        with deployed(app, "name-of-this-test") as handle: …

Tests share it, and tell their applications and actors apart by name. Tests with the marker `ray`
that stand in a file without `serve_port` start a Ray of their own; the shared one ends first, as
two on one machine contend for the port of the agent that takes jobs.
"""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port

FIXTURE = "serve_port"
CLUSTER_FIXTURE = "job_cluster"
"""Of `tests/jobs`: a Ray in processes of its own."""


@dataclass
class RayWithServe:
    """A Ray of one node in this process's name, with Serve, and no picture on any disk.

    Attributes:
        folder: Where Ray keeps its logs; sockets need a short path.
        port: Of Serve's HTTP proxy on 127.0.0.1; 0 while nothing runs.
    """

    folder: Path
    port: int = 0

    def start(self, **options: object) -> None:
        """Start it, unless it runs.

        Args:
            options: More of `ray.init`.
        """
        # Not at the top: Ray takes seconds to import, and most tests need none.
        from ray import serve

        from cluster.runtime.ray_local import MIN_STORE_BYTES, choose_store_bytes, start_local_ray

        if self.port:
            return
        start_local_ray(
            choose_store_bytes(MIN_STORE_BYTES, MIN_STORE_BYTES),
            include_dashboard=False,
            log_to_driver=False,
            _temp_dir=str(self.folder),
            **options,
        )
        self.port = free_port()
        serve.start(http_options={"host": "127.0.0.1", "port": self.port})
        logging.getLogger("ray.serve").setLevel(logging.ERROR)

    def stop(self) -> None:
        """Stop it, if it runs."""
        if not self.port:
            return
        import ray
        from ray import serve

        serve.shutdown()
        ray.shutdown()
        self.port = 0


SHARED = pytest.StashKey[RayWithServe]()
SHARERS = pytest.StashKey[set[str]]()
"""The files in which a test has the fixture."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the files that share Ray first, so that it starts once; before them, those that join one.

    Ray Data fails on a cluster that a process joins after it had a Ray of its own.
    """
    sharers, joiners = _files_with(FIXTURE, items), _files_with(CLUSTER_FIXTURE, items)
    config.stash[SHARERS] = sharers
    items.sort(key=lambda item: (_file(item) not in joiners, _file(item) not in sharers))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End the shared Ray before a test that starts its own."""
    shared = item.config.stash.get(SHARED, None)
    starts_ray = item.get_closest_marker("ray") is not None
    if shared and starts_ray and _file(item) not in item.config.stash[SHARERS]:
        shared.stop()


def _files_with(fixture: str, items: list[pytest.Item]) -> set[str]:
    return {_file(item) for item in items if fixture in getattr(item, "fixturenames", ())}


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


@pytest.fixture(scope="session")
def ray_folder() -> Iterator[Path]:
    """Where Ray keeps its logs; sockets need a short path."""
    folder = Path(tempfile.mkdtemp(prefix="hr-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _shared_ray(pytestconfig: pytest.Config, ray_folder: Path) -> Iterator[RayWithServe]:
    shared = pytestconfig.stash[SHARED] = RayWithServe(ray_folder)
    yield shared
    shared.stop()


@pytest.fixture(scope="module")
def serve_port(_shared_ray: RayWithServe) -> int:
    """The port of a running Serve's HTTP proxy on 127.0.0.1."""
    _shared_ray.start()
    return _shared_ray.port
