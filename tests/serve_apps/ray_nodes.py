"""A Ray cluster on one machine, started as an operator does: `ray start`, node by node."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from starlette.middleware import Middleware

from serve_apps.http.middleware.slow_clients import SlowClientMiddleware
from tests.ports import free_port
from tests.serve_apps.running_service import until

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
MEBIBYTE = 2**20


def slow_client_middlewares() -> list[Middleware]:
    """The proxy's middleware against slow clients, with a short timeout."""
    return [Middleware(SlowClientMiddleware, seconds=4.0)]


@dataclass
class RayNodes:
    """A head node, and the nodes that join it.

    Attributes:
        folder: Ray's folder of logs and sockets.
        port: Port of the head's control store.
        dashboard: Address of the dashboard, where applications are deployed.
        extra: Additional environment variables of every node.
        nodes: The processes of `ray start`, the head first.
    """

    folder: Path
    port: int
    dashboard: str
    extra: dict[str, str] = field(default_factory=dict)
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the nodes and of their clients: with the token, and this venv first."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        return {
            **kept,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "RAY_ADDRESS": f"127.0.0.1:{self.port}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "a-token-of-this-test-and-no-other-0123456789",
            "RAY_USAGE_STATS_ENABLED": "0",
            **self.extra,
        }

    def start(self, *options: str, cameras: int) -> subprocess.Popen[bytes]:
        """Start a node that declares how many cameras it may read."""
        environment = {k: v for k, v in self.environment.items() if k != "RAY_ADDRESS"}
        log = (self.folder / "start.log").open("ab")
        node = subprocess.Popen(
            [
                *(BIN / "ray", "start", "--block", "--num-cpus=2"),
                f"--resources={json.dumps({'cameras': cameras})}",
                f"--object-store-memory={256 * MEBIBYTE}",
                "--object-spilling-directory=/dev/shm",
                f"--dashboard-agent-listen-port={free_port()}",
                *options,
            ],
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
        log.close()
        self.nodes.append(node)
        return node

    def join(self, *, cameras: int) -> subprocess.Popen[bytes]:
        """Start a node that joins the head."""
        return self.start(f"--address=127.0.0.1:{self.port}", cameras=cameras)

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """Kill all processes of a node at once, as a power failure does."""
        tree = [psutil.Process(node.pid)] if node.poll() is None else []
        for parent in list(tree):
            tree += parent.children(recursive=True)
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        node.wait()

    def run(
        self, *command: str | Path, timeout_seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run one of Ray's commands, such as `serve deploy …`, and return when it ends."""
        name, *arguments = command
        return subprocess.run(
            [BIN / name, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            timeout=timeout_seconds,
        )


@contextmanager
def ray_head(*options: str, cameras: int, extra: dict[str, str]) -> Iterator[RayNodes]:
    """Run a head node during the block; all nodes are killed at its end."""
    folder = Path(tempfile.mkdtemp(prefix="hr-"))  # sockets need a short path
    dashboard = free_port()
    nodes = RayNodes(folder, free_port(), f"http://127.0.0.1:{dashboard}", extra)
    try:
        nodes.start(
            *("--head", f"--port={nodes.port}", f"--temp-dir={folder}"),
            *("--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"),
            '--system-config={"automatic_object_spilling_enabled": false}',
            *options,
            cameras=cameras,
        )
        until(lambda: _is_dashboard_up(nodes), "Ray's dashboard")
        yield nodes
    finally:
        for node in reversed(nodes.nodes):
            nodes.kill(node)
        shutil.rmtree(folder, ignore_errors=True)


def _is_dashboard_up(nodes: RayNodes) -> bool:
    token = nodes.environment["RAY_AUTH_TOKEN"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{nodes.dashboard}/api/version", headers=headers, timeout=2)
    return answer.status_code == httpx.codes.OK


def processes(nodes: Sequence[subprocess.Popen[bytes]], name: str) -> list[psutil.Process]:
    """Return Ray's processes of a name, such as `StreamReader`, on some nodes."""
    found = []
    for node in nodes:
        for process in psutil.Process(node.pid).children(recursive=True):
            with suppress(psutil.Error):
                if process.cmdline() and f"ray::{name}" in process.cmdline()[0]:
                    found.append(process)
    return found
