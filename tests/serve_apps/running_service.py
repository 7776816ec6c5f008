"""`homeroom serve`, started as an operator does, and a client of it."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from typer.testing import CliRunner

from cluster.cli.main import app
from tests.ports import free_port

WAIT_SECONDS = 90.0
HOMEROOM = [sys.executable, "-c", "from cluster.cli.main import run; run()"]

VARIABLES = {
    "HOMEROOM_DISTRICT__NAME": "Canary",
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
}
"""In the environment of the service: a setting, as its secrets may be, and how soon Serve notices a
killed proxy, which is ten seconds otherwise."""

SETTINGS = """
data_dir = "data"
[privacy]
k = 5
[live]
port = {port}
stall_seconds = 5
[access]
requests_per_minute = 100000
[security]
keys_dir = "keys"
[[schools]]
id = "hill"
name = "Hill School"
timezone = "Europe/Oslo"
"""

ROOM = """
[[rooms]]
id = "room-{number}"
school = "hill"
name = "Room {number}"
[[cameras]]
id = "cam-{number}"
room = "room-{number}"
address = "{address}"
input_size = 640
"""


@dataclass
class Service:
    """A running service."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    extra_settings: str = ""
    tokens: dict[str, str] = field(default_factory=dict)

    def homeroom(self, *arguments: str) -> str:
        """Run a command that starts no Ray, and return what it prints."""
        with chdir(self.folder):
            done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    def token(self, role: str, *options: str) -> str:
        """Return an access token of a role, issued once."""
        if role not in self.tokens:
            self.tokens[role] = self.homeroom("token", "create", "--role", role, *options).strip()
        return self.tokens[role]

    def headers(self, role: str) -> dict[str, str]:
        options = {"school_leader": ["--school", "hill", "--name", "head"]}
        token = self.token(role, *options.get(role, ["--name", "one"]))
        return {"Authorization": f"Bearer {token}"}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, role: str = "school_leader") -> Any:
        answer = httpx.get(f"{self.url}{path}", headers=self.headers(role), timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def camera(self, camera_id: str) -> Any:
        return self.get(f"/api/cameras/{camera_id}", role="operator")

    def processes(self, name: str) -> list[psutil.Process]:
        """Return Ray's processes of a name, such as `StreamReader`."""
        root = psutil.Process(self.process.pid)
        found = []
        for process in root.children(recursive=True):
            try:
                if process.cmdline() and f"ray::{name}" in process.cmdline()[0]:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def kill(self, name: str) -> int:
        """Send SIGKILL to the only process of a name, and return its id."""
        (process,) = self.processes(name)
        process.kill()
        return int(process.pid)

    def write_settings(self, addresses: list[str]) -> None:
        """Write settings with a room and a camera for each address."""
        text = SETTINGS.format(port=self.port) + self.extra_settings
        for number, address in enumerate(addresses, start=1):
            text += ROOM.format(number=number, address=address)
        replacement = self.folder / "new.toml"
        replacement.write_text(text)
        replacement.replace(self.folder / "homeroom.toml")

    def journal(self) -> list[tuple[str, int]]:
        """Return (camera, start in seconds since 1970) of every window in the journal.

        The service locks the file, so a copy is read.
        """
        live = self.folder / "data" / "live"
        with tempfile.TemporaryDirectory() as copied:
            for path in live.glob("journal.sqlite*"):
                shutil.copy(path, copied)
            with closing(sqlite3.connect(f"{copied}/journal.sqlite")) as connection:
                rows = connection.execute("SELECT camera_id, window_start FROM windows").fetchall()
        return [(camera, start // 1_000_000) for camera, start in rows]


def until(condition: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
    """Wait until a condition is true, and return its value."""
    ends = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < ends:
        try:
            answer = condition()
        except (httpx.HTTPError, AssertionError, ValueError, sqlite3.Error) as error:
            answer, last = None, error
        if answer:
            return answer
        time.sleep(0.25)
    raise AssertionError(f"timed out after {seconds:.0f} s waiting for {what}") from last


def is_up(service: Service) -> bool:
    """Whether the service answers over HTTP."""
    return httpx.get(f"{service.url}/api/health", timeout=5).status_code == 200


@contextmanager
def running(folder: Path, addresses: list[str], *, extra_settings: str = "") -> Iterator[Service]:
    """Run a service during the block; at its end it gets SIGINT, as from Ctrl-C.

    Args:
        folder: A folder of its own.
        addresses: Camera addresses, each in a room of its own.
        extra_settings: Additional tables of the settings.
    """
    port = free_port()
    log = (folder / "serve.log").open("ab")
    service = Service(folder, port, None, extra_settings)  # type: ignore[arg-type]
    service.write_settings(addresses)
    service.process = subprocess.Popen(
        [*HOMEROOM, "serve"],
        cwd=folder,
        stdout=log,
        stderr=log,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("RAY_")},
            **VARIABLES,
        },
    )
    try:
        until(lambda: service.process.poll() is not None or is_up(service), "the service")
        assert service.process.poll() is None, (folder / "serve.log").read_text()
        yield service
    finally:
        if service.process.poll() is None:
            service.process.send_signal(signal.SIGINT)
            try:
                service.process.wait(60)
            except subprocess.TimeoutExpired:
                service.process.kill()
                service.process.wait()
        log.close()
