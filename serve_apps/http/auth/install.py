"""Who may what: nothing, unless a route says so.

    @router.get("/rooms")
    async def rooms(caller: Annotated[Principal, allow(Role.TEACHER, Role.SCHOOL_LEADER)]): …

    @router.get("/health", dependencies=[OPEN])

    app.mount("/static", Guarded(StaticFiles(…), OPEN))

    install(app, settings)      # last: refuses an application with a route that says nothing

A dependency of a router holds for all its routes; where a route names its own roles besides, both
must hold. A request meets, in this order:

    RequestIds ─► SafeHeaders ─► NoSurprises ─► KnownHosts ─► RequestSizes ─► Door ─► Gate
    ─► the route

The gate refuses who may not use the route, before the body is read; the route asks again.
"""

from fastapi import FastAPI

from cluster.settings import Settings
from serve_apps.http.auth.authentication import Door, still_signed_in
from serve_apps.http.auth.authorization import Gate
from serve_apps.http.auth.oidc import check_provider
from serve_apps.http.auth.permissions import OPEN, Guarded, allow
from serve_apps.http.auth.route_table import declared_routes, describe_roles, route_table
from serve_apps.http.errors import install_errors
from serve_apps.http.middleware.headers import KnownHosts, NoSurprises, RequestIds, SafeHeaders
from serve_apps.http.middleware.limits import RequestSizes

__all__ = ["OPEN", "Guarded", "allow", "install", "route_table", "still_signed_in"]


def install(app: FastAPI, settings: Settings) -> None:
    """Put the door, the limits and the headers around an application; called last.

    Args:
        app: With all its routes; `app.state.backend` may be set later.
        settings: Of the installation.

    Raises:
        SettingsError: A route says neither who may use it nor that everybody may, or the identity
            provider cannot be used as the settings have it.
    """
    check_provider(settings)
    declared = declared_routes(app)
    describe_roles(app)
    install_errors(app)
    # The last one added is the first that a request meets.
    app.add_middleware(Gate, declared=declared)
    app.add_middleware(Door, settings=settings)
    app.add_middleware(RequestSizes, settings=settings)
    app.add_middleware(KnownHosts, settings=settings)
    app.add_middleware(NoSurprises)
    app.add_middleware(SafeHeaders, settings=settings)
    app.add_middleware(RequestIds)
