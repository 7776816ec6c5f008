"""Middleware around every request: request id, trusted hosts, security headers, error 500.

    request  ─► RequestIdMiddleware ─► SecurityHeadersMiddleware ─► UnhandledErrorMiddleware ─► …
    response ◄─ X-Request-ID        ◄─ CSP, …                    ◄─ error 500 as JSON

Plain ASGI, without buffers: streams pass through as they are written. A header that a route sets
itself (a page's own Content-Security-Policy, say) is kept.
"""

import ipaddress
import re
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.settings import LiveSettings, Settings
from serve_apps.http.errors import error_response, response_for_unhandled

REQUEST_ID_HEADER = "X-Request-ID"
REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{8,64}")
HOST_PATTERN = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

SECURITY_HEADERS = {
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
    """Return whether browsers reach the service over TLS."""
    if live.public_url is not None:
        return urlsplit(live.public_url).scheme == "https"
    return live.behind_proxy or live.tls_certificate is not None


def public_base_url(live: LiveSettings) -> str:
    """Return the URL at which browsers reach the service, without a slash at the end."""
    if live.public_url is not None:
        return live.public_url.rstrip("/")
    host = f"[{live.host}]" if ":" in live.host else live.host
    return f"{'https' if is_https(live) else 'http'}://{host}:{live.port}"


class RequestIdMiddleware:
    """Gives each request an id: the one that the client sent if it is well-formed, else a new one.

    Args:
        app: The next application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        request_id = given if REQUEST_ID_PATTERN.fullmatch(given) else uuid4().hex
        # A copy: the server's state is shared by all requests.
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)


class SecurityHeadersMiddleware:
    """Sets headers that restrict what browsers may do with a response.

    Args:
        app: The next application.
        settings: Settings that say whether browsers use TLS.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._headers = dict(SECURITY_HEADERS)
        if is_https(settings.live):
            self._headers["Strict-Transport-Security"] = HSTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class UnhandledErrorMiddleware:
    """Answers unexpected exceptions in the error format; a response that has started is cut off.

    Args:
        app: The next application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        started = scope["type"] != "http"

        async def tracking_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, tracking_send)
        except Exception as error:
            if started:
                raise
            await response_for_unhandled(HTTPConnection(scope), error)(scope, receive, send)


class TrustedHostMiddleware:
    """Rejects requests for an unknown host name (DNS rebinding, forged links).

    Args:
        app: The next application.
        settings: Settings with the host name.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        live = settings.live
        self._app = app
        self._names = {_bracket_ipv6(one) for one in (live.host.lower(), *LOOPBACK_HOSTS)}
        if live.public_url is not None:
            self._names.add(_bracket_ipv6((urlsplit(live.public_url).hostname or "").lower()))
        # An address cannot be rebound; behind 0.0.0.0, health checks use the machine's own address.
        self._allows_addresses = live.host in ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] not in ("http", "websocket") or self._is_trusted(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": WS_1008_POLICY_VIOLATION})
        else:
            response = error_response(
                HTTPConnection(scope),
                421,
                "host_unknown",
                "the host name is not one of the service.",
                hint="Set live.public_url to the address that browsers use.",
            )
            await response(scope, receive, send)

    def _is_trusted(self, headers: Headers) -> bool:
        found = HOST_PATTERN.fullmatch(headers.get("host", ""))
        if found is None:
            return False
        name = found["name"].lower()
        return name in self._names or (self._allows_addresses and _is_address(name))


def _bracket_ipv6(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
