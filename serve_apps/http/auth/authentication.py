"""Who is at the door: one look at each request, before any route is asked.

    Authorization: Bearer hr_…  ─┐
    the session's cookie        ─┼─► who it is (remembered for seconds) ─► counted ─► the routes
    neither                     ─┘

A request that is refused here costs arithmetic; only a sign-in that we signed costs a look into the
records. Whether a route may be used is for `gate` and `access` to say: here it is only found out
who asks.
"""

import logging
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from cluster.errors import HomeroomError, NotSignedIn, ServiceDown, TooManyRequests
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos.sign_in_cache import SignInCache
from cluster.records.repos.sign_ins import Kind
from cluster.security.roles import Principal
from cluster.security.tokens import invalid_sign_in_error
from cluster.settings import Settings
from serve_apps.http.auth.cookies import Cookies, check_change
from serve_apps.http.errors import POLICY_VIOLATION, response_to
from serve_apps.http.middleware.limits import RateLimits, client_address
from serve_apps.http.threads import run_in_pool

ATTEMPTS = frozenset({"/sign-in/provider", "/sign-in/token"})
"""Paths that begin a sign-in: these are counted more strictly."""

CLASSROOM = ("/c/", "/static/")
"""What the phones of whole classes ask for at once."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuthResult:
    """Who asks.

    Attributes:
        principal: None where there is no sign-in that holds.
        kind: What it came with; None for nothing.
        error: Why it does not hold, for routes that need a sign-in.
    """

    principal: Principal | None = None
    kind: Kind | None = None
    error: HomeroomError | None = None


class AuthenticationMiddleware:
    """Finds out who asks, and counts how often.

    Args:
        app: What comes next.
        settings: Of the installation.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._limits = RateLimits(settings.access)
        self._cookies = Cookies(settings.live)
        self._cache: SignInCache | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        asker = await self.asker(connection)
        wait = self._wait(connection, asker)
        if wait is not None:
            await _turn_away(wait, scope, receive, send)
            return
        scope["state"] = {**scope.get("state", {}), "asker": asker, "door": self}
        await self._app(scope, receive, send)

    async def asker(self, connection: HTTPConnection) -> AuthResult:
        """Who asks; a sign-in that does not hold is an answer, too."""
        carried = self._carried(connection)
        if carried is None:
            return AuthResult()
        kind, text = carried
        try:
            cache = self._cache_of(connection)
            principal = cache.get_cached(kind, text)
            if principal is None:
                principal = await run_in_pool(cache.look_up, kind, text)
        except HomeroomError as error:
            return AuthResult(kind=kind, error=error)
        return AuthResult(principal, kind)

    async def check(self, connection: HTTPConnection, asker: AuthResult) -> Principal:
        """The principal, where the sign-in holds and a change is shown to be meant.

        Raises:
            NotSignedIn: There is no sign-in, or it does not hold.
            NotAllowed: A change comes with a cookie, and not from our pages.
            RecordsError: It could not be looked up.
        """
        principal = principal_of(asker)
        if asker.kind == "session":
            keys = identity_of(connection).keys
            await check_change(connection, self._settings.live, keys, principal)
        return principal

    def forget(self, sign_in_id: str) -> None:
        """A sign-in has ended: know it no more."""
        if self._cache is not None:
            self._cache.evict(sign_in_id)

    def count_refused(self, connection: HTTPConnection) -> None:
        """Count a sign-in that was tried and did not hold.

        Raises:
            TooManyRequests: There were too many.
        """
        if self._limits.wait_of_refused(self._address(connection)) is not None:
            raise TooManyRequests("too many sign-ins did not hold.", hint="Wait a minute.")

    def must_be_free_to_guess(self, connection: HTTPConnection) -> None:
        """Asked before a code of a check-in is looked up.

        Raises:
            TooManyRequests: Too many from there opened nothing.
        """
        if not self._limits.may_guess(self._address(connection)):
            raise TooManyRequests("too many codes opened nothing.", hint="Wait a minute.")

    def count_guess(self, connection: HTTPConnection) -> None:
        """A code of a check-in opened nothing."""
        self._limits.count_guess(self._address(connection))

    def _carried(self, connection: HTTPConnection) -> tuple[Kind, str] | None:
        authorization = connection.headers.get("authorization")
        if authorization is not None:
            scheme, _, text = authorization.partition(" ")
            return "token", text.strip() if scheme.lower() == "bearer" else ""
        session = self._cookies.session_of(connection)
        return None if session is None else ("session", session)

    def _wait(self, connection: HTTPConnection, asker: AuthResult) -> int | None:
        address = self._address(connection)
        path = connection.scope["path"]
        if path in ATTEMPTS:
            return self._limits.wait_of_attempt(address)
        if path == "/c" or path.startswith(CLASSROOM):
            return self._limits.wait_of_classroom(address)
        if asker.principal is not None:
            return self._limits.wait_of_caller(asker.principal.sign_in_id)
        if isinstance(asker.error, NotSignedIn):
            wait = self._limits.wait_of_refused(address)
            if wait is not None:
                return wait
        return self._limits.wait_of_address(address)

    def _address(self, connection: HTTPConnection) -> str:
        return client_address(connection, behind_proxy=self._settings.live.behind_proxy)

    def _cache_of(self, connection: HTTPConnection) -> SignInCache:
        if self._cache is None:
            self._cache = SignInCache(identity_of(connection))
        return self._cache


def identity_of(connection: HTTPConnection) -> AuditedRecords:
    """The records and keys behind the application that serves a connection.

    Raises:
        ServiceDown: It has not started yet.
    """
    app: FastAPI = connection.app
    backend = getattr(app.state, "backend", None)
    if backend is None:
        raise ServiceDown("the service is starting.", hint="Ask again in a few seconds.")
    found: AuditedRecords = backend.identity
    return found


def door_of(connection: HTTPConnection) -> AuthenticationMiddleware:
    """The door that a connection came through.

    Raises:
        NotSignedIn: There is none: `access.install` was not called, so nobody may come in.
    """
    door = connection.scope.get("state", {}).get("door")
    if not isinstance(door, AuthenticationMiddleware):
        logger.error("a route was asked behind no door: access.install(app, settings) is missing")
        raise invalid_sign_in_error()
    return door


async def current_principal(connection: HTTPConnection) -> Principal:
    """Who asks, as it was found out at the door.

    Raises:
        NotSignedIn: Nobody whose sign-in holds.
        NotAllowed: A change that is not shown to be meant.
        RecordsError: It could not be looked up.
    """
    door = door_of(connection)
    asker: AuthResult = connection.scope["state"]["asker"]
    return await door.check(connection, asker)


async def still_signed_in(connection: HTTPConnection) -> Principal:
    """Look again, in the middle of a long answer: streams outlive tokens.

    Raises:
        NotSignedIn: The sign-in has ended since.
        RecordsError: It could not be looked up.
    """
    return principal_of(await door_of(connection).asker(connection))


def principal_of(asker: AuthResult) -> Principal:
    """Who asks, where the sign-in holds.

    Raises:
        NotSignedIn: There is no sign-in, or it does not hold.
        RecordsError: It could not be looked up.
    """
    if asker.error is not None:
        raise asker.error
    if asker.principal is None:
        raise invalid_sign_in_error()
    return asker.principal


def request_or_socket(scope: Scope, receive: Receive, send: Send) -> HTTPConnection:
    """A connection with what can be read from it."""
    if scope["type"] == "websocket":
        return WebSocket(scope, receive, send)
    return Request(scope, receive, send)


async def _turn_away(wait: int, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    error = TooManyRequests("too many requests.", hint=f"Wait {wait} s.")
    await response_to(HTTPConnection(scope), error, retry_after=wait)(scope, receive, send)
