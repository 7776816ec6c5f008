"""Who may not use a route is refused before anything of the request's body is read.

    Door (who asks) ─► Gate ─┬─► 401, 403: the body is left where it is
                             └─► the route, which reads the body and asks again

FastAPI reads a body before it asks a route's dependencies, so without this a stranger could have
half a megabyte read and parsed by each request. What this lets through is still asked by the route
itself: a path that nobody knows here is refused there, or is not there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from cluster.errors import HomeroomError
from serve_apps.http.auth.authentication import AuthResult, principal_of
from serve_apps.http.auth.permissions import Check, RoleCheck
from serve_apps.http.auth.route_table import EVERY_METHOD, Declared
from serve_apps.http.errors import response_to

REST = "/*"
"""The end of a mount's path in the table of routes."""


@dataclass(frozen=True, slots=True)
class _Guard:
    """Who may use a route.

    Attributes:
        path: The paths that the route serves.
        methods: Their methods; empty: every one.
        checks: All must pass.
    """

    path: re.Pattern[str]
    methods: frozenset[str]
    checks: tuple[Check, ...]


class AuthorizationMiddleware:
    """Refuses by the route's roles alone, without the body.

    Args:
        app: What comes next.
        declared: The application's routes, in the order in which they are tried.
    """

    def __init__(self, app: ASGIApp, declared: Sequence[Declared]) -> None:
        self._app = app
        self._guards = [_guard(one) for one in declared]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] == "http":
            try:
                self._must_be_let_in(scope)
            except HomeroomError as error:
                await response_to(HTTPConnection(scope), error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _must_be_let_in(self, scope: Scope) -> None:
        """Let pass who may use the route, or may find out that there is none.

        Raises:
            NotSignedIn: The route needs a sign-in.
            NotAllowed: It needs another role.
            RecordsError: Who asks could not be looked up.
        """
        asker: AuthResult = scope["state"]["asker"]
        for check in self._checks_of(scope):
            if isinstance(check, RoleCheck):
                check.must_name(principal_of(asker))

    def _checks_of(self, scope: Scope) -> tuple[Check, ...]:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        for guard in self._guards:
            if guard.path.match(path) and scope["method"] in (guard.methods or {scope["method"]}):
                return guard.checks
        return ()


def _guard(declared: Declared) -> _Guard:
    methods = frozenset(declared.methods) - {EVERY_METHOD}
    path = declared.path
    if path.endswith(REST):
        path = path.removesuffix(REST) + "/{rest:path}"
    return _Guard(compile_path(path)[0], methods, declared.checks)
