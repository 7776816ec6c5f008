"""Every route of an application with the roles that may use it, read from what the routes declare.

The table rejects an application with a route that declares nothing, puts `x-roles` on each
operation of the OpenAPI document, is printed in the documentation, and is tested with every role.
Whatever cannot be read (a bare mount, a route of another class) counts as undeclared.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Host, Mount, WebSocketRoute

from cluster.errors import SettingsError
from cluster.security.roles import Role
from serve_apps.http.auth.permissions import Check, Guarded, PublicCheck, RoleCheck

ANY_METHOD = "*"
WEBSOCKET = "WEBSOCKET"

RouteRow = tuple[str, str, tuple[Role, ...]]
"""(method, path, roles in alphabetical order); no roles: anybody."""


@dataclass(frozen=True, slots=True)
class _WalkedRoute:
    """A route; `checks` is None if it declares nothing."""

    methods: tuple[str, ...]
    path: str
    checks: tuple[Check, ...] | None


@dataclass(frozen=True, slots=True)
class RoutePermissions:
    """A route with its permissions.

    Attributes:
        methods: HTTP methods, `ANY_METHOD` or `WEBSOCKET`.
        path: The path as in `route_table`.
        checks: All must pass.
    """

    methods: tuple[str, ...]
    path: str
    checks: tuple[Check, ...]


def list_route_permissions(app: FastAPI) -> list[RoutePermissions]:
    """Return the routes in the order in which they are matched.

    Raises:
        SettingsError: One declares neither roles nor that it is public.
    """
    check_permissions_declared(app)
    return [RoutePermissions(one.methods, one.path, one.checks) for one in _walk(app) if one.checks]


def route_table(app: FastAPI) -> list[RouteRow]:
    """Return the routes by path and method.

    Raises:
        SettingsError: One declares neither roles nor that it is public.
    """
    rows = [
        (method, route.path, _roles(route.checks))
        for route in list_route_permissions(app)
        for method in route.methods
    ]
    return sorted(rows, key=lambda row: (row[1], row[0]))


def check_permissions_declared(app: FastAPI) -> None:
    """Check that every route declares permissions, and some that a role can pass.

    Raises:
        SettingsError: Names the routes that do not.
    """
    undeclared, unusable = [], []
    for route in _walk(app):
        name = f"{'/'.join(route.methods)} {route.path}"
        if not route.checks:
            undeclared.append(name)
        elif any(isinstance(one, RoleCheck) for one in route.checks) and not _roles(route.checks):
            unusable.append(name)
    if undeclared:
        raise SettingsError(
            f"these routes do not declare who may use them: {', '.join(sorted(undeclared))}.",
            where="serve_apps/http",
            hint="Add require_roles(…) or PUBLIC, or wrap mounted applications in Guarded.",
        )
    if unusable:
        raise SettingsError(
            f"no role passes all checks of these routes: {', '.join(sorted(unusable))}.",
            where="serve_apps/http",
        )


def add_roles_to_openapi(app: FastAPI) -> None:
    """Add the roles of each operation to the OpenAPI document, as `x-roles`."""
    build_document = app.openapi
    if getattr(build_document, "has_roles", False):
        return

    def with_roles() -> dict[str, Any]:
        document = build_document()
        for method, path, roles in route_table(app):
            operation = document.get("paths", {}).get(path, {}).get(method.lower())
            if operation is not None:
                operation["x-roles"] = [role.value for role in roles]
        return document

    with_roles.has_roles = True  # type: ignore[attr-defined]
    app.openapi = with_roles  # type: ignore[method-assign]


def _walk(app: FastAPI) -> Iterator[_WalkedRoute]:
    for route in _walk_routes(app.routes, ""):
        # FastAPI's own route for the document: its content is public, in the repository.
        if route.path == app.openapi_url and route.checks is None:
            yield _WalkedRoute(route.methods, route.path, (PublicCheck(),))
        else:
            yield route
    for name in _frontend_routes(app):
        yield _WalkedRoute((ANY_METHOD,), name, None)


def _walk_routes(routes: Sequence[BaseRoute], prefix: str) -> Iterator[_WalkedRoute]:
    for context in iter_route_contexts(routes):
        path = prefix + str(context.path or "")
        if isinstance(context.original_route, Mount | Host):
            yield from _walk_inner(getattr(context, "app", None), path)
        else:
            yield _WalkedRoute(_methods(context), path, _checks(context))


def _walk_inner(app: Any, prefix: str) -> Iterator[_WalkedRoute]:
    """Yield a mounted application as one route if it is guarded; else its routes."""
    routes = getattr(app, "routes", None)
    if isinstance(app, Guarded):
        yield _WalkedRoute((ANY_METHOD,), f"{prefix}/*", (app.check,))
    elif routes and not getattr(app, "html", None):
        yield from _walk_routes(routes, prefix)
    else:
        yield _WalkedRoute((ANY_METHOD,), f"{prefix}/*", None)


def _methods(context: RouteContext) -> tuple[str, ...]:
    if isinstance(context.original_route, WebSocketRoute):
        return (WEBSOCKET,)
    return tuple(sorted(context.methods or ())) or (ANY_METHOD,)


def _checks(context: RouteContext) -> tuple[Check, ...] | None:
    if isinstance(context.endpoint, Guarded):
        return (context.endpoint.check,)
    dependant = getattr(context, "dependant", None)
    if not isinstance(dependant, Dependant):
        return None
    return tuple(_find_checks(dependant)) or None


def _find_checks(dependant: Dependant) -> Iterator[Check]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Check):
            yield inner.call
        else:
            yield from _find_checks(inner)


def _roles(checks: Iterable[Check]) -> tuple[Role, ...]:
    """Return the roles that pass all checks; none if anybody does."""
    needed = [check.roles for check in checks if isinstance(check, RoleCheck)]
    return tuple(sorted(frozenset.intersection(*needed))) if needed else ()


def _frontend_routes(app: FastAPI) -> Iterator[str]:
    """Yield routes of `app.frontend(…)`, which FastAPI keeps apart from its other routes."""
    groups = list(getattr(app.router, "_low_priority_routes", ()))
    for route in app.router.routes:
        inner = getattr(route, "effective_low_priority_routes", None)
        groups += inner() if inner is not None else []
    for _ in groups:
        yield "app.frontend(…)"
