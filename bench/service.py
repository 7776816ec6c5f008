"""A live service for the benchmarks: started as an operator does, queried over HTTP."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil

from cluster.records.db.unit_of_work import open_audited_records
from cluster.records.repos.sign_ins import issue
from cluster.security.roles import Principal, Role
from cluster.settings import load_settings

HOMEROOM = [sys.executable, "-c", "from cluster.cli.main import run; run()"]
START_TIMEOUT_SECONDS = 120.0
HEAD = """
data_dir = "data"
[security]
keys_dir = "keys"
[privacy]
k = 5
[access]
requests_per_minute = 100000
[live]
port = {port}
cameras_per_reader = {per_reader}
[[schools]]
id = "bench"
name = "Bench"
timezone = "Europe/Oslo"
"""
ROOM = """
[[rooms]]
id = "room-{number}"
school = "bench"
name = "Room {number}"
[[cameras]]
id = "cam-{number}"
room = "room-{number}"
address = "{address}"
decode = "{decode}"
input_size = 640
"""


@dataclass(slots=True)
class Service:
    """A running service."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    per_reader: int
    leaders: list[str]
    operator: str = ""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def write_settings(self, address: str, cameras: int, decode: str = "all") -> None:
        """Write settings with a number of cameras that all read one address."""
        text = HEAD.format(port=self.port, per_reader=self.per_reader)
        for number in range(cameras):
            text += ROOM.format(number=number, address=address, decode=decode)
        replacement = self.folder / "new.toml"
        replacement.write_text(text)
        replacement.replace(self.folder / "homeroom.toml")

    def cameras(self) -> list[dict[str, Any]]:
        """Return the status of all cameras, as an operator sees it."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        headers = {"Authorization": f"Bearer {self.operator}"}
        while True:
            parameters: dict[str, str | int] = {
                "limit": 200,
                **({"cursor": cursor} if cursor else {}),
            }
            page = httpx.get(
                f"{self.url}/api/cameras", params=parameters, headers=headers, timeout=60
            ).json()
            found += page["cameras"]
            cursor = page["next"]
            if not cursor:
                return found

    def memory_bytes(self, name: str) -> int:
        """Return the memory of the processes of a name, shared pages counted once."""
        total = 0
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if process.cmdline() and f"ray::{name}" in process.cmdline()[0]:
                    total += process.memory_full_info().pss
            except psutil.Error:
                continue
        return total

    def cpu_seconds(self, name: str = "") -> float:
        """Return the CPU time of its processes, of all or of those of a name."""
        total = 0.0
        root = psutil.Process(self.process.pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                if name in " ".join(process.cmdline()):
                    times = process.cpu_times()
                    total += times.user + times.system
            except psutil.Error:
                continue
        return total


@contextmanager
def running(folder: Path, *, per_reader: int = 8, leaders: int = 1) -> Iterator[Service]:
    """Run a service without cameras during the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    service = Service(folder, port, None, per_reader, [])  # type: ignore[arg-type]
    service.write_settings("", 0)
    with open_audited_records(load_settings(folder / "homeroom.toml")) as audited:
        for number in range(leaders):
            leader = Principal(
                f"school_leader:bench-{number}",
                frozenset({Role.SCHOOL_LEADER}),
                schools=frozenset({"bench"}),
            )
            with audited.work("operator:bench") as work:
                service.leaders.append(issue(work, leader, expires_in=timedelta(hours=6)).text)
        operator = Principal("operator:bench", frozenset({Role.OPERATOR}))
        with audited.work("operator:bench") as work:
            service.operator = issue(work, operator, expires_in=timedelta(hours=6)).text
    with (folder / "serve.log").open("wb") as log:
        service.process = subprocess.Popen(
            [*HOMEROOM, "serve"],
            cwd=folder,
            stdout=log,
            stderr=log,
            env={k: v for k, v in os.environ.items() if not k.startswith("RAY_")},
        )
        try:
            _wait_until_up(service)
            yield service
        finally:
            service.process.send_signal(signal.SIGINT)
            service.process.wait(60)


def _wait_until_up(service: Service) -> None:
    ends = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < ends:
        try:
            if httpx.get(f"{service.url}/api/health", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if service.process.poll() is not None:
            break
        time.sleep(0.5)
    raise SystemExit(f"the service did not start: see {service.folder / 'serve.log'}")
