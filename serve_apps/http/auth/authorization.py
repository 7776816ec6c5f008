"""Deny a request by the roles of its route before its body is read.

    AuthenticationMiddleware ─► AuthorizationMiddleware ─┬─► 401, 403: the body is not read
                                                         └─► route: reads the body, checks again

FastAPI reads a body before it calls a route's dependencies, so without this an anonymous client
could have half a megabyte read and parsed by each request. The route checks again whatever passes
here: a path that matches no rule is denied there, or does not exist.
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
from serve_apps.http.auth.route_table import ANY_METHOD, RoutePermissions
from serve_apps.http.errors import response_for_error

MOUNT_SUFFIX = "/*"
"""How the path of a mount ends in the route table."""


@dataclass(frozen=True, slots=True)
class _RouteRule:
    """Who may use a route.

    Attributes:
        path: Matches the paths that the route serves.
        methods: The methods that it serves; empty: any.
        checks: All must pass.
    """

    path: re.Pattern[str]
    methods: frozenset[str]
    checks: tuple[Check, ...]


class AuthorizationMiddleware:
    """Denies by the roles of the route alone, without reading the body.

    Args:
        app: The next application.
        routes: The application's routes, in the order in which they are matched.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[RoutePermissions]) -> None:
        self._app = app
        self._rules = [_compile_rule(route) for route in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] == "http":
            try:
                self._authorize(scope)
            except HomeroomError as error:
                response = response_for_error(HTTPConnection(scope), error)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _authorize(self, scope: Scope) -> None:
        """Check the caller's roles; a path without a rule passes.

        Raises:
            NotSignedIn: The route needs a sign-in.
            NotAllowed: The route needs another role.
            RecordsError: The sign-in could not be looked up.
        """
        auth: AuthResult = scope["state"]["auth"]
        for check in self._find_checks(scope):
            if isinstance(check, RoleCheck):
                check.require_role(principal_of(auth))

    def _find_checks(self, scope: Scope) -> tuple[Check, ...]:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        for rule in self._rules:
            if rule.path.match(path) and scope["method"] in (rule.methods or {scope["method"]}):
                return rule.checks
        return ()


def _compile_rule(route: RoutePermissions) -> _RouteRule:
    methods = frozenset(route.methods) - {ANY_METHOD}
    path = route.path
    if path.endswith(MOUNT_SUFFIX):
        path = path.removesuffix(MOUNT_SUFFIX) + "/{rest:path}"
    return _RouteRule(compile_path(path)[0], methods, route.checks)
