"""Authenticate each request, and limit its rate, before any route sees it.

    Authorization: Bearer hr_…  ─┐
    session cookie              ─┼─► principal (cached for seconds) ─► rate limits ─► the routes
    neither                     ─┘

A request that is rejected here costs arithmetic; only a sign-in with a valid signature costs a read
of the records. `authorization` and `permissions` decide whether the principal may use a route.
"""

import logging
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from cluster.errors import HomeroomError, NotSignedIn, ServiceDown, TooManyRequests
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos.sign_in_cache import SignInCache
from cluster.records.repos.sign_ins import Kind
from cluster.security.roles import Principal
from cluster.security.tokens import invalid_sign_in_error
from cluster.settings import Settings
from serve_apps.http.auth.cookies import Cookies, check_csrf
from serve_apps.http.errors import response_for_error
from serve_apps.http.middleware.limits import RateLimits, client_address
from serve_apps.http.threads import run_in_pool

SIGN_IN_PATHS = frozenset({"/sign-in/provider", "/sign-in/token"})
"""Paths that begin a sign-in: these have a stricter limit."""

CLASSROOM_PREFIXES = ("/c/", "/static/")
"""What the phones of whole classes request at once."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuthResult:
    """The result of authenticating a request.

    Attributes:
        principal: The caller; None without a valid sign-in.
        kind: The kind of credential that was sent; None if there was none.
        error: Why the sign-in is not valid, for routes that need one.
    """

    principal: Principal | None = None
    kind: Kind | None = None
    error: HomeroomError | None = None


class AuthenticationMiddleware:
    """Finds the caller of each request, and limits how often each may call.

    Puts an `AuthResult` at `scope["state"]["auth"]`, and itself at `…["authentication"]`.

    Args:
        app: The next application.
        settings: Settings of the installation.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._limits = RateLimits(settings.access)
        self._cookies = Cookies(settings.live)
        self._cache: SignInCache | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        auth = await self.authenticate(connection)
        wait_seconds = self._hit_limit(connection, auth)
        if wait_seconds is not None:
            await _send_too_many_requests(wait_seconds, scope, receive, send)
            return
        scope["state"] = {**scope.get("state", {}), "auth": auth, "authentication": self}
        await self._app(scope, receive, send)

    async def authenticate(self, connection: HTTPConnection) -> AuthResult:
        """Find the caller; an invalid sign-in is a result, too."""
        credential = self._read_credential(connection)
        if credential is None:
            return AuthResult()
        kind, text = credential
        try:
            cache = self._get_cache(connection)
            principal = cache.get_cached(kind, text)
            if principal is None:
                principal = await run_in_pool(cache.look_up, kind, text)
        except HomeroomError as error:
            return AuthResult(kind=kind, error=error)
        return AuthResult(principal, kind)

    async def verify(self, connection: HTTPConnection, auth: AuthResult) -> Principal:
        """Return the principal, after checking a change against request forgery.

        Raises:
            NotSignedIn: There is no sign-in, or it is not valid.
            NotAllowed: A change comes with a cookie, and may come from another site.
            RecordsError: The sign-in could not be looked up.
        """
        principal = principal_of(auth)
        if auth.kind == "session":
            keys = audited_records_of(connection).keys
            await check_csrf(connection, self._settings.live, keys, principal)
        return principal

    def evict_sign_in(self, sign_in_id: str) -> None:
        """Drop a sign-in that has ended from the cache."""
        if self._cache is not None:
            self._cache.evict(sign_in_id)

    def count_failed_sign_in(self, connection: HTTPConnection) -> None:
        """Count a sign-in that was tried and is not valid.

        Raises:
            TooManyRequests: There were too many.
        """
        if self._limits.hit_failed_sign_in(self._client_address(connection)) is not None:
            raise TooManyRequests("too many sign-ins failed.", hint="Wait a minute.")

    def check_guess_limit(self, connection: HTTPConnection) -> None:
        """Check the limit of unknown check-in codes, before a code is looked up.

        Raises:
            TooManyRequests: There were too many from this address.
        """
        if not self._limits.may_guess(self._client_address(connection)):
            raise TooManyRequests("too many unknown codes.", hint="Wait a minute.")

    def count_failed_guess(self, connection: HTTPConnection) -> None:
        """Count an unknown check-in code."""
        self._limits.hit_failed_guess(self._client_address(connection))

    def _read_credential(self, connection: HTTPConnection) -> tuple[Kind, str] | None:
        authorization = connection.headers.get("authorization")
        if authorization is not None:
            scheme, _, text = authorization.partition(" ")
            return "token", text.strip() if scheme.lower() == "bearer" else ""
        session = self._cookies.read_session(connection)
        return None if session is None else ("session", session)

    def _hit_limit(self, connection: HTTPConnection, auth: AuthResult) -> int | None:
        """Count the request; return how many seconds to wait where a limit is reached."""
        address = self._client_address(connection)
        path = connection.scope["path"]
        if path in SIGN_IN_PATHS:
            return self._limits.hit_attempt(address)
        if path == "/c" or path.startswith(CLASSROOM_PREFIXES):
            return self._limits.hit_classroom(address)
        if auth.principal is not None:
            return self._limits.hit_sign_in_id(auth.principal.sign_in_id)
        if isinstance(auth.error, NotSignedIn):
            wait_seconds = self._limits.hit_failed_sign_in(address)
            if wait_seconds is not None:
                return wait_seconds
        return self._limits.hit_address(address)

    def _client_address(self, connection: HTTPConnection) -> str:
        return client_address(connection, behind_proxy=self._settings.live.behind_proxy)

    def _get_cache(self, connection: HTTPConnection) -> SignInCache:
        if self._cache is None:
            self._cache = SignInCache(audited_records_of(connection))
        return self._cache


def audited_records_of(connection: HTTPConnection) -> AuditedRecords:
    """Return the records and keys behind the application that serves a connection.

    Raises:
        ServiceDown: It has not started yet.
    """
    app: FastAPI = connection.app
    backend = getattr(app.state, "backend", None)
    if backend is None:
        raise ServiceDown("the service is starting.", hint="Try again in a few seconds.")
    found: AuditedRecords = backend.audited
    return found


def authentication_of(connection: HTTPConnection) -> AuthenticationMiddleware:
    """Return the middleware that authenticated a connection.

    Raises:
        NotSignedIn: There is none: `install` was not called, so that every caller is denied.
    """
    middleware = connection.scope.get("state", {}).get("authentication")
    if not isinstance(middleware, AuthenticationMiddleware):
        logger.error("a route is served without authentication: install(app, settings) is missing")
        raise invalid_sign_in_error()
    return middleware


def auth_result_of(connection: HTTPConnection) -> AuthResult | None:
    """Return how a connection was authenticated; None without the middleware."""
    found = connection.scope.get("state", {}).get("auth")
    return found if isinstance(found, AuthResult) else None


async def current_principal(connection: HTTPConnection) -> Principal:
    """Return the caller of a request.

    Raises:
        NotSignedIn: There is no valid sign-in.
        NotAllowed: A change may come from another site.
        RecordsError: The sign-in could not be looked up.
    """
    middleware = authentication_of(connection)
    return await middleware.verify(connection, connection.scope["state"]["auth"])


async def reauthenticate(connection: HTTPConnection) -> Principal:
    """Authenticate again during a long response: streams outlive tokens.

    Raises:
        NotSignedIn: The sign-in has ended since.
        RecordsError: The sign-in could not be looked up.
    """
    return principal_of(await authentication_of(connection).authenticate(connection))


def principal_of(auth: AuthResult) -> Principal:
    """Return the principal of a valid sign-in.

    Raises:
        NotSignedIn: There is no sign-in, or it is not valid.
        RecordsError: The sign-in could not be looked up.
    """
    if auth.error is not None:
        raise auth.error
    if auth.principal is None:
        raise invalid_sign_in_error()
    return auth.principal


def build_connection(scope: Scope, receive: Receive, send: Send) -> HTTPConnection:
    """Return a scope as a request or a WebSocket, which can read its body or messages."""
    if scope["type"] == "websocket":
        return WebSocket(scope, receive, send)
    return Request(scope, receive, send)


async def _send_too_many_requests(
    wait_seconds: int, scope: Scope, receive: Receive, send: Send
) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": WS_1008_POLICY_VIOLATION})
        return
    error = TooManyRequests("too many requests.", hint=f"Wait {wait_seconds} s.")
    response = response_for_error(HTTPConnection(scope), error, retry_after=wait_seconds)
    await response(scope, receive, send)
