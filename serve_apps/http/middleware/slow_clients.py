"""A client that takes nothing of its answer is let go, where it is connected: at Serve's proxy.

    Api ─> Serve's queue ─> proxy ─> SlowClientMiddleware ─> uvicorn ─> client
           without a bound           └─ took nothing for 30 s: the request ends

Between a replica and the proxy Serve has a queue without a bound, so the replica never learns that
nobody reads, and what it tells piles up in the proxy. The proxy does learn it: its server lets it
wait. `homeroom serve` has its own Ray find this; the head of another Ray is started with

    RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=serve_apps.http.middleware.slow_clients:middlewares

Source of the form: ASGI 3.0, HTTP connection scope ("Disconnect - receive event").
"""

import asyncio
import logging
from typing import Final

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("ray.serve")

SECONDS: Final = 30.0
CALLBACK: Final = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": f"{__name__}:middlewares"}
"""For the environment of the Ray that Serve's proxy will run in."""


def middlewares() -> list[Middleware]:
    """What Serve's proxy is to put around every request."""
    return [Middleware(SlowClientMiddleware, seconds=SECONDS)]


class SlowClientMiddleware:
    """ASGI middleware: to the application, who takes nothing for so long has disconnected.

    Args:
        app: The application.
        seconds: How long one message may wait for the client.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = _Client(receive, send, self._seconds)
        await self._app(scope, client.receive, client.send)


class _Client:
    """A client's side of one request."""

    def __init__(self, receive: Receive, send: Send, seconds: float) -> None:
        self._receive = receive
        self._send = send
        self._seconds = seconds
        self._gone = asyncio.Event()

    async def send(self, message: Message) -> None:
        """Send; to one that was let go, nothing any more."""
        if self._gone.is_set():
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            self._gone.set()
            _abort(self._send)
            logger.warning("a client took nothing for %.0f s: it was let go", self._seconds)

    async def receive(self) -> Message:
        """What the client sends next, or that it has gone."""
        if self._gone.is_set():
            return {"type": "http.disconnect"}
        received = asyncio.ensure_future(self._receive())
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait({received, gone}, return_when=asyncio.FIRST_COMPLETED)
            if received.done():
                return received.result()
            return {"type": "http.disconnect"}
        finally:
            received.cancel()
            gone.cancel()


def _abort(send: Send) -> None:
    """Drop the connection with what waits in it; ASGI has no word for that.

    The server would close it when the last byte was taken, which never happens. Uvicorn's `send` is
    a method of what holds the connection; under another server the client keeps its socket.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    abort = getattr(transport, "abort", None)  # uvloop's is no asyncio.Transport
    if abort is not None:
        abort()
