"""Every route of an application with who may use it, read from what the routes declare.

The same table stops an application with a route that declares nothing, puts `x-roles` on each
operation of the OpenAPI document, stands in the documentation, and is walked by a test with every
role. Whatever cannot be read (a bare mount, a route of another make) counts as undeclared.
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
from serve_apps.http.auth.permissions import Check, Guarded, OpenCheck, RoleCheck

EVERY_METHOD = "*"
WEBSOCKET = "WEBSOCKET"

Row = tuple[str, str, tuple[Role, ...]]
"""(method, path, roles in alphabetical order); no roles: everybody."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A route; `checks` is None where it declares nothing."""

    methods: tuple[str, ...]
    path: str
    checks: tuple[Check, ...] | None


@dataclass(frozen=True, slots=True)
class Declared:
    """A route with what it says of who may use it.

    Attributes:
        methods: Of HTTP, `EVERY_METHOD` or `WEBSOCKET`.
        path: As `route_table` has it.
        checks: All must pass.
    """

    methods: tuple[str, ...]
    path: str
    checks: tuple[Check, ...]


def declared_routes(app: FastAPI) -> list[Declared]:
    """The routes in the order in which they are tried.

    Raises:
        SettingsError: One says neither who may use it nor that everybody may.
    """
    check_declared(app)
    return [Declared(one.methods, one.path, one.checks) for one in _walk(app) if one.checks]


def route_table(app: FastAPI) -> list[Row]:
    """The routes by path and method.

    Raises:
        SettingsError: One says neither who may use it nor that everybody may.
    """
    rows = [
        (method, found.path, _roles(found.checks))
        for found in declared_routes(app)
        for method in found.methods
    ]
    return sorted(rows, key=lambda row: (row[1], row[0]))


def check_declared(app: FastAPI) -> None:
    """Refuse an application with a route that declares nothing, or what nobody can fulfil.

    Raises:
        SettingsError: It names these routes.
    """
    silent, shut = [], []
    for found in _walk(app):
        name = f"{'/'.join(found.methods)} {found.path}"
        if not found.checks:
            silent.append(name)
        elif any(isinstance(one, RoleCheck) for one in found.checks) and not _roles(found.checks):
            shut.append(name)
    if silent:
        raise SettingsError(
            f"these routes do not say who may use them: {', '.join(sorted(silent))}.",
            where="serve_apps/http",
            hint="Give them allow(…) or OPEN, or put Guarded around what is mounted.",
        )
    if shut:
        raise SettingsError(
            f"no role passes all checks of these routes: {', '.join(sorted(shut))}.",
            where="serve_apps/http",
        )


def describe_roles(app: FastAPI) -> None:
    """Have the OpenAPI document say the needed roles, as `x-roles`, on each operation."""
    made = app.openapi
    if getattr(made, "says_roles", False):
        return

    def with_roles() -> dict[str, Any]:
        document = made()
        for method, path, roles in route_table(app):
            operation = document.get("paths", {}).get(path, {}).get(method.lower())
            if operation is not None:
                operation["x-roles"] = [role.value for role in roles]
        return document

    with_roles.says_roles = True  # type: ignore[attr-defined]
    app.openapi = with_roles  # type: ignore[method-assign]


def _walk(app: FastAPI) -> Iterator[_Found]:
    for found in _walk_routes(app.routes, ""):
        # FastAPI's own route for the document tells what the repository tells.
        if found.path == app.openapi_url and found.checks is None:
            yield _Found(found.methods, found.path, (OpenCheck(),))
        else:
            yield found
    for name in _low_priority(app):
        yield _Found((EVERY_METHOD,), name, None)


def _walk_routes(routes: Sequence[BaseRoute], prefix: str) -> Iterator[_Found]:
    for context in iter_route_contexts(routes):
        path = prefix + str(context.path or "")
        if isinstance(context.original_route, Mount | Host):
            yield from _walk_inner(getattr(context, "app", None), path)
        else:
            yield _Found(_methods(context), path, _checks(context))


def _walk_inner(app: Any, prefix: str) -> Iterator[_Found]:
    """What is mounted: guarded as a whole, or an application whose routes speak for themselves."""
    routes = getattr(app, "routes", None)
    if isinstance(app, Guarded):
        yield _Found((EVERY_METHOD,), f"{prefix}/*", (app.check,))
    elif routes and not getattr(app, "html", None):
        yield from _walk_routes(routes, prefix)
    else:
        yield _Found((EVERY_METHOD,), f"{prefix}/*", None)


def _methods(context: RouteContext) -> tuple[str, ...]:
    if isinstance(context.original_route, WebSocketRoute):
        return (WEBSOCKET,)
    return tuple(sorted(context.methods or ())) or (EVERY_METHOD,)


def _checks(context: RouteContext) -> tuple[Check, ...] | None:
    if isinstance(context.endpoint, Guarded):
        return (context.endpoint.check,)
    dependant = getattr(context, "dependant", None)
    if not isinstance(dependant, Dependant):
        return None
    return tuple(_declared_in(dependant)) or None


def _declared_in(dependant: Dependant) -> Iterator[Check]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Check):
            yield inner.call
        else:
            yield from _declared_in(inner)


def _roles(checks: Iterable[Check]) -> tuple[Role, ...]:
    """Who passes all of them; nobody is named where everybody does."""
    needed = [check.roles for check in checks if isinstance(check, RoleCheck)]
    return tuple(sorted(frozenset.intersection(*needed))) if needed else ()


def _low_priority(app: FastAPI) -> Iterator[str]:
    """`app.frontend(…)`: FastAPI keeps these apart from its other routes."""
    groups = list(getattr(app.router, "_low_priority_routes", ()))
    for route in app.router.routes:
        inner = getattr(route, "effective_low_priority_routes", None)
        groups += inner() if inner is not None else []
    for _ in groups:
        yield "app.frontend(…)"
