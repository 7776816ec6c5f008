"""Middleware around every request: request id, trusted hosts, security headers, error 500.

    request  ─► RequestIdMiddleware ─► SecurityHeadersMiddleware ─► UnhandledErrorMiddleware ─► …
    response ◄─ X-Request-ID        ◄─ CSP, …                    ◄─ error 500 as JSON

Plain ASGI, without a buffer in between: streams pass through as they are written. A header that a
route sets itself (a page's own Content-Security-Policy, say) stays.
"""

import ipaddress
import re
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.settings import LiveSettings, Settings
from serve_apps.http.errors import POLICY_VIOLATION, error_response, unexpected

REQUEST_ID = "X-Request-ID"
SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "no-store",
}
HSTS = "max-age=31536000"


def is_https(live: LiveSettings) -> bool:
    """Whether browsers reach the service over TLS."""
    if live.public_url is not None:
        return urlsplit(live.public_url).scheme == "https"
    return live.behind_proxy or live.tls_certificate is not None


def public_base(live: LiveSettings) -> str:
    """How browsers reach the service, without a slash at the end."""
    if live.public_url is not None:
        return live.public_url.rstrip("/")
    host = f"[{live.host}]" if ":" in live.host else live.host
    return f"{'https' if is_https(live) else 'http'}://{host}:{live.port}"


class RequestIdMiddleware:
    """Gives each request an id: the caller's own where it is sane, else a new one.

    Args:
        app: What comes next.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = asked if SANE_ID.fullmatch(asked) else uuid4().hex
        # A state of the request's own: the server's one is shared by all of them.
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, with_id)


class SecurityHeadersMiddleware:
    """Sets the headers that keep browsers from doing more than they should.

    Args:
        app: What comes next.
        settings: Say whether the service is reached over TLS.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._headers = dict(SAFE_HEADERS)
        if is_https(settings.live):
            self._headers["Strict-Transport-Security"] = HSTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class UnhandledErrorMiddleware:
    """Answers what nobody foresaw in the one shape; an answer that has begun is cut off.

    Args:
        app: What comes next.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        begun = scope["type"] != "http"

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if begun:
                raise
            await unexpected(HTTPConnection(scope), error)(scope, receive, send)


class TrustedHostMiddleware:
    """Refuses requests for a host name that is not ours (DNS rebinding, forged links).

    Args:
        app: What comes next.
        settings: Name the host.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        live = settings.live
        self._app = app
        self._names = {_bracketed(live.host.lower()), *LOOPBACK}
        if live.public_url is not None:
            self._names.add(_bracketed((urlsplit(live.public_url).hostname or "").lower()))
        # An address cannot be rebound; behind 0.0.0.0, health checks come by the machine's own.
        self._by_address = live.host in ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] not in ("http", "websocket") or self._is_known(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            response = error_response(
                HTTPConnection(scope),
                421,
                "host_unknown",
                "the service does not go by this host name.",
                hint="Set live.public_url to the address that browsers use.",
            )
            await response(scope, receive, send)

    def _is_known(self, headers: Headers) -> bool:
        found = HOST.fullmatch(headers.get("host", ""))
        if found is None:
            return False
        name = found["name"].lower()
        return name in self._names or (self._by_address and _is_address(name))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
