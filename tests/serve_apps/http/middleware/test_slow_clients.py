"""A client that takes nothing is let go where it is connected; one that is slow is not."""

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

PATIENCE = 0.5
CHUNK = bytes(16384)
ROOT = Path(__file__).resolve().parents[4]


class Endless:
    """An application that sends for ever, as far as anybody listens."""

    def __init__(self) -> None:
        self.sent = 0
        self.heard: list[str] = []

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send(send))
        while not self.heard or self.heard[-1] != "http.disconnect":
            self.heard.append((await receive())["type"])
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
def served(app: Endless, loop: str) -> Iterator[int]:
    """The application behind `SlowClientMiddleware` on a real server; gives its port."""
    config = uvicorn.Config(
        SlowClientMiddleware(app, PATIENCE), loop=loop, lifespan="off", log_level="critical"
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield int(listening.getsockname()[1])
        server.should_exit = True
        thread.join()


def asking(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return client


def test_a_client_that_takes_nothing_has_gone_and_so_is_its_connection(loop: str) -> None:
    app = Endless()
    with served(app, loop) as port, asking(port) as client:
        until(lambda: "http.disconnect" in app.heard, "the application to hear of it", 20)
        sent = app.sent
        time.sleep(2 * PATIENCE)
        assert app.sent == sent
        taken = 0
        while received := client.recv(65536):
            taken += len(received)
        assert taken < sent  # what waited in the server was dropped


def test_a_client_that_is_slow_goes_on(loop: str) -> None:
    app = Endless()
    with served(app, loop) as port, asking(port) as client:
        for _ in range(12):
            time.sleep(PATIENCE / 4)
            taken = 0
            while taken < 2**20:
                taken += len(client.recv(65536))
        assert "http.disconnect" not in app.heard


def test_a_client_that_goes_by_itself_is_heard_of(loop: str) -> None:
    app = Endless()
    with served(app, loop) as port:
        with asking(port) as client:
            assert client.recv(100)
        until(lambda: "http.disconnect" in app.heard, "the application to hear of it", 20)


def test_what_is_no_request_goes_through_as_it_is() -> None:
    given: list[object] = []

    async def app(*arguments: object) -> None:
        given.extend(arguments)

    async def receive() -> Message:
        return {}

    async def send(_message: Message) -> None:
        return

    asyncio.run(SlowClientMiddleware(app, PATIENCE)({"type": "lifespan"}, receive, send))
    assert given == [{"type": "lifespan"}, receive, send]


def test_the_cluster_file_names_it_as_serve_looks_for_it() -> None:
    commands = yaml.safe_load((ROOT / "ray-cluster.yaml").read_text())["head_start_ray_commands"]
    ((name, path),) = PROXY_ENVIRONMENT.items()
    assert f"{name}={path}" in commands[1].split()
    (found,) = validate_http_proxy_callback_return(call_function_from_import_path(path))
    assert found.cls is SlowClientMiddleware
    assert found.kwargs == {"seconds": WRITE_TIMEOUT_SECONDS}
