"""Ray as an operator starts it for the live service: `ray start`, node by node, on one machine."""

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
from tests.serve_apps.running_service import free_port, until

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
MEBIBYTE = 2**20


def impatient() -> list[Middleware]:
    """What lets clients go, as a deployment has it, with less patience."""
    return [Middleware(SlowClientMiddleware, seconds=4.0)]


@dataclass
class RayNodes:
    """A head, and the nodes that join it.

    Attributes:
        folder: Where Ray keeps its logs.
        port: Of the head's control store.
        dashboard: The address where applications are deployed.
        extra: More variables of the environment of every node.
    """

    folder: Path
    port: int
    dashboard: str
    extra: dict[str, str] = field(default_factory=dict)
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Of the nodes and of their clients: the token, and our programs first."""
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
        """Start a node on which so many cameras may be read."""
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
        """End a node as a power cut does: all its processes at once."""
        family = [psutil.Process(node.pid)] if node.poll() is None else []
        for parent in list(family):
            family += parent.children(recursive=True)
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        node.wait()

    def run(self, *words: str | Path, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run one of Ray's programs to its end, such as `serve deploy …`."""
        name, *arguments = words
        return subprocess.run(
            [BIN / name, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            timeout=seconds,
        )


@contextmanager
def ray_head(*options: str, cameras: int, extra: dict[str, str]) -> Iterator[RayNodes]:
    """A head for so long as the block; every node of it ends with the block."""
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
        until(lambda: _answers(nodes), "Ray's dashboard")
        yield nodes
    finally:
        for node in reversed(nodes.nodes):
            nodes.kill(node)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(nodes: RayNodes) -> bool:
    token = nodes.environment["RAY_AUTH_TOKEN"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{nodes.dashboard}/api/version", headers=headers, timeout=2)
    return answer.status_code == httpx.codes.OK


def processes(nodes: Sequence[subprocess.Popen[bytes]], name: str) -> list[psutil.Process]:
    """Ray's processes of a name on some nodes, such as `StreamReader`."""
    found = []
    for node in nodes:
        for process in psutil.Process(node.pid).children(recursive=True):
            with suppress(psutil.Error):
                if process.cmdline() and f"ray::{name}" in process.cmdline()[0]:
                    found.append(process)
    return found
