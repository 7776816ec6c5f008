"""Permissions of every route, denied by default: who may call it stands at the route.

    @router.get("/rooms")
    async def rooms(caller: Annotated[Principal, require_roles(Role.TEACHER)]): …

    @router.get("/health", dependencies=[PUBLIC])

    app.mount("/static", Guarded(StaticFiles(…), PUBLIC))

    install(app, settings)      # last: refuses an application with a route that says nothing

A dependency of a router holds for all its routes; where a route names its own roles besides, both
must hold. A request meets, in this order:

    RequestIdMiddleware ─► SecurityHeadersMiddleware ─► UnhandledErrorMiddleware
    ─► TrustedHostMiddleware ─► BodySizeLimitMiddleware
    ─► AuthenticationMiddleware ─► AuthorizationMiddleware ─► the route

AuthorizationMiddleware refuses a caller whose role the route does not name, before the body is
read; the route checks again.
"""

from fastapi import FastAPI

from cluster.settings import Settings
from serve_apps.http.auth.authentication import AuthenticationMiddleware, still_signed_in
from serve_apps.http.auth.authorization import AuthorizationMiddleware
from serve_apps.http.auth.oidc import check_oidc_settings
from serve_apps.http.auth.permissions import PUBLIC, Guarded, require_roles
from serve_apps.http.auth.route_table import declared_routes, describe_roles, route_table
from serve_apps.http.errors import install_errors
from serve_apps.http.middleware.headers import (
    RequestIdMiddleware,
    SecurityHeadersMiddleware,
    TrustedHostMiddleware,
    UnhandledErrorMiddleware,
)
from serve_apps.http.middleware.limits import BodySizeLimitMiddleware

__all__ = ["PUBLIC", "Guarded", "install", "require_roles", "route_table", "still_signed_in"]


def install(app: FastAPI, settings: Settings) -> None:
    """Put the door, the limits and the headers around an application; called last.

    Args:
        app: With all its routes; `app.state.backend` may be set later.
        settings: Of the installation.

    Raises:
        SettingsError: A route says neither who may use it nor that everybody may, or the identity
            provider cannot be used as the settings have it.
    """
    check_oidc_settings(settings)
    declared = declared_routes(app)
    describe_roles(app)
    install_errors(app)
    # The last one added is the first that a request meets.
    app.add_middleware(AuthorizationMiddleware, declared=declared)
    app.add_middleware(AuthenticationMiddleware, settings=settings)
    app.add_middleware(BodySizeLimitMiddleware, settings=settings)
    app.add_middleware(TrustedHostMiddleware, settings=settings)
    app.add_middleware(UnhandledErrorMiddleware)
    app.add_middleware(SecurityHeadersMiddleware, settings=settings)
    app.add_middleware(RequestIdMiddleware)
