"""Install authentication and authorization: every route declares who may use it, or is denied.

    @router.get("/rooms")
    async def rooms(caller: Annotated[Principal, require_roles(Role.TEACHER)]): …

    @router.get("/health", dependencies=[PUBLIC])

    app.mount("/static", Guarded(StaticFiles(…), PUBLIC))

    install(app, settings)      # last: rejects an application with a route that declares nothing

A dependency of a router applies to all its routes; where a route declares roles too, both must
pass. A request passes, in this order:

    RequestIdMiddleware ─► SecurityHeadersMiddleware ─► UnhandledErrorMiddleware
    ─► TrustedHostMiddleware ─► BodySizeLimitMiddleware
    ─► AuthenticationMiddleware ─► AuthorizationMiddleware ─► the route

AuthorizationMiddleware denies a caller whose role the route does not declare before the body is
read; the route checks again.
"""

from fastapi import FastAPI

from cluster.settings import Settings
from serve_apps.http.auth.authentication import AuthenticationMiddleware, reauthenticate
from serve_apps.http.auth.authorization import AuthorizationMiddleware
from serve_apps.http.auth.oidc import check_oidc_settings
from serve_apps.http.auth.permissions import PUBLIC, AnyRole, Guarded, Teacher, require_roles
from serve_apps.http.auth.route_table import (
    add_roles_to_openapi,
    list_route_permissions,
    route_table,
)
from serve_apps.http.errors import install_error_handlers
from serve_apps.http.middleware.headers import (
    RequestIdMiddleware,
    SecurityHeadersMiddleware,
    TrustedHostMiddleware,
    UnhandledErrorMiddleware,
)
from serve_apps.http.middleware.limits import BodySizeLimitMiddleware

__all__ = [
    "PUBLIC",
    "AnyRole",
    "Guarded",
    "Teacher",
    "install",
    "reauthenticate",
    "require_roles",
    "route_table",
]


def install(app: FastAPI, settings: Settings) -> None:
    """Add authentication, authorization, limits and headers to an application; called last.

    Args:
        app: The application with all its routes; `app.state.backend` may be set later.
        settings: Settings of the installation.

    Raises:
        SettingsError: A route declares neither roles nor that it is public, or the settings of the
            identity provider are not usable.
    """
    check_oidc_settings(settings)
    routes = list_route_permissions(app)
    add_roles_to_openapi(app)
    install_error_handlers(app)
    # The last one added is the first that a request passes.
    app.add_middleware(AuthorizationMiddleware, routes=routes)
    app.add_middleware(AuthenticationMiddleware, settings=settings)
    app.add_middleware(BodySizeLimitMiddleware, settings=settings)
    app.add_middleware(TrustedHostMiddleware, settings=settings)
    app.add_middleware(UnhandledErrorMiddleware)
    app.add_middleware(SecurityHeadersMiddleware, settings=settings)
    app.add_middleware(RequestIdMiddleware)
