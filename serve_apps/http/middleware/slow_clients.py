"""Disconnect clients that do not read their response, in Serve's proxy.

    Api ─> Serve's queue ─> proxy ─> SlowClientMiddleware ─> uvicorn ─> client
           unbounded                 └─ a write takes 30 s: the request ends

Between a replica and the proxy Serve has an unbounded queue, so the replica never notices that
nobody reads, and its messages pile up in the proxy. The proxy does notice: its server makes it
wait. `homeroom serve` configures its own Ray with this; the head of another Ray is started with

    RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=serve_apps.http.middleware.slow_clients:middlewares

Source: ASGI 3.0, HTTP connection scope ("Disconnect - receive event").
"""

import asyncio
import logging
from typing import Final

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("ray.serve")

WRITE_TIMEOUT_SECONDS: Final = 30.0
PROXY_ENVIRONMENT: Final = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": f"{__name__}:middlewares"}
"""For the environment of the Ray in which Serve's proxy will run."""


def middlewares() -> list[Middleware]:
    """Return the middleware that Serve's proxy wraps around every request."""
    return [Middleware(SlowClientMiddleware, seconds=WRITE_TIMEOUT_SECONDS)]


class SlowClientMiddleware:
    """ASGI middleware with a write timeout: a client that exceeds it counts as disconnected.

    Args:
        app: The application.
        seconds: How long the write of one message may take.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = _Client(receive, send, self._seconds)
        await self._app(scope, client.receive, client.send)


class _Client:
    """The client's side of one request."""

    def __init__(self, receive: Receive, send: Send, seconds: float) -> None:
        self._receive = receive
        self._send = send
        self._seconds = seconds
        self._timed_out = asyncio.Event()

    async def send(self, message: Message) -> None:
        """Send a message; nothing more after a timeout."""
        if self._timed_out.is_set():
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            self._timed_out.set()
            _abort_connection(self._send)
            logger.warning("a client read nothing for %.0f s: disconnected", self._seconds)

    async def receive(self) -> Message:
        """Return the client's next message, or that it has disconnected."""
        if self._timed_out.is_set():
            return {"type": "http.disconnect"}
        received = asyncio.ensure_future(self._receive())
        timed_out = asyncio.ensure_future(self._timed_out.wait())
        try:
            await asyncio.wait({received, timed_out}, return_when=asyncio.FIRST_COMPLETED)
            if received.done():
                return received.result()
            return {"type": "http.disconnect"}
        finally:
            received.cancel()
            timed_out.cancel()


def _abort_connection(send: Send) -> None:
    """Abort the connection with what is buffered in it; ASGI has no message for that.

    The server would close it when the last byte was read, which never happens. Uvicorn's `send` is
    a method of the object that holds the connection; under another server the socket stays open.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    abort = getattr(transport, "abort", None)  # uvloop's is no asyncio.Transport
    if abort is not None:
        abort()
