"""`homeroom status --watch`: however it is ended, the token that it made is worthless."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster.cli.installation import open_installation
from cluster.errors import NotSignedIn
from cluster.records.repos.sign_ins import principal_of
from tests.cli.test_roster import SETTINGS

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-c", "from cluster.cli.main import run; run()"]
PATIENCE_SECONDS = 60.0
ANSWER = json.dumps(
    {"cameras": [], "next": None, "journal": {"waiting": 0, "problem": ""}}
).encode()


@contextmanager
def service() -> Iterator[tuple[str, list[str]]]:
    """Something that answers as the service does; its address, and the tokens that came."""
    tokens: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(self.headers["Authorization"].removeprefix("Bearer "))
            self.send_response(200)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", tokens
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("sent", "status"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=["SIGTERM", "SIGHUP", "Ctrl-C"],
)
def test_a_watch_that_is_ended_revokes_its_token(
    tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    settings = tmp_path / "homeroom.toml"
    settings.write_text(SETTINGS)
    with service() as (address, tokens):
        process = subprocess.Popen(
            [*COMMAND, "status", "--watch", f"--address={address}", f"--settings={settings}"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            ends = time.monotonic() + PATIENCE_SECONDS
            while len(tokens) < 2:
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < ends, "it does not ask"
                time.sleep(0.05)
            with open_installation(settings) as (_, audited):
                assert principal_of(audited, tokens[-1]).name == "operator:status"
                process.send_signal(sent)
                _, messages = process.communicate(timeout=PATIENCE_SECONDS)
                assert process.returncode == status, messages
                assert "Traceback" not in messages
                with pytest.raises(NotSignedIn):
                    principal_of(audited, tokens[-1])
        finally:
            process.kill()
            process.wait()
