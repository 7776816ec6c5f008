"""A client that reads nothing is disconnected; one that is slow is not."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
import yaml
from ray.serve._private.http_util import validate_http_proxy_callback_return
from ray.serve._private.utils import call_function_from_import_path
from starlette.types import Message, Receive, Scope, Send

from serve_apps.http.middleware.slow_clients import (
    PROXY_ENVIRONMENT,
    WRITE_TIMEOUT_SECONDS,
    SlowClientMiddleware,
)
from tests.serve_apps.running_service import until

pytestmark = pytest.mark.slow

TIMEOUT_SECONDS = 0.5
CHUNK = bytes(16384)
ROOT = Path(__file__).resolve().parents[4]


class EndlessApp:
    """An application that sends until the client disconnects."""

    def __init__(self) -> None:
        self.sent = 0
        self.received: list[str] = []

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send(send))
        while not self.received or self.received[-1] != "http.disconnect":
            self.received.append((await receive())["type"])
        sending.cancel()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
            self.sent += len(CHUNK)
            await asyncio.sleep(0)


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def served(app: EndlessApp, loop: str) -> Iterator[int]:
    """Serve the application behind `SlowClientMiddleware` on a real server; yield its port."""
    config = uvicorn.Config(
        SlowClientMiddleware(app, TIMEOUT_SECONDS), loop=loop, lifespan="off", log_level="critical"
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield int(listening.getsockname()[1])
        server.should_exit = True
        thread.join()


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return client


def test_a_client_that_reads_nothing_is_disconnected(loop: str) -> None:
    app = EndlessApp()
    with served(app, loop) as port, connect(port) as client:
        until(lambda: "http.disconnect" in app.received, "the application to receive it", 20)
        sent = app.sent
        time.sleep(2 * TIMEOUT_SECONDS)
        assert app.sent == sent
        count = 0
        while received := client.recv(65536):
            count += len(received)
        assert count < sent  # what was buffered in the server was dropped


def test_a_slow_client_is_served(loop: str) -> None:
    app = EndlessApp()
    with served(app, loop) as port, connect(port) as client:
        for _ in range(12):
            time.sleep(TIMEOUT_SECONDS / 4)
            count = 0
            while count < 2**20:
                count += len(client.recv(65536))
        assert "http.disconnect" not in app.received


def test_the_application_receives_the_disconnect_of_a_client(loop: str) -> None:
    app = EndlessApp()
    with served(app, loop) as port:
        with connect(port) as client:
            assert client.recv(100)
        until(lambda: "http.disconnect" in app.received, "the application to receive it", 20)


def test_other_scopes_pass_through_unchanged() -> None:
    received: list[object] = []

    async def app(*arguments: object) -> None:
        received.extend(arguments)

    async def receive() -> Message:
        return {}

    async def send(_message: Message) -> None:
        return

    asyncio.run(SlowClientMiddleware(app, TIMEOUT_SECONDS)({"type": "lifespan"}, receive, send))
    assert received == [{"type": "lifespan"}, receive, send]


def test_serve_finds_the_middleware_as_the_cluster_file_names_it() -> None:
    commands = yaml.safe_load((ROOT / "ray-cluster.yaml").read_text())["head_start_ray_commands"]
    ((name, path),) = PROXY_ENVIRONMENT.items()
    assert f"{name}={path}" in commands[1].split()
    (found,) = validate_http_proxy_callback_return(call_function_from_import_path(path))
    assert found.cls is SlowClientMiddleware
    assert found.kwargs == {"seconds": WRITE_TIMEOUT_SECONDS}
