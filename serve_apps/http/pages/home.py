"""`/`: redirects to the page of the caller's role; and `/sign-in`."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.status import HTTP_303_SEE_OTHER

from cluster.security.roles import Principal, Role
from serve_apps.http.auth.install import PUBLIC, require_roles
from serve_apps.http.backend import backend_of
from serve_apps.http.pages.rendering import render_page, signed_in_caller
from serve_apps.http.routes.sign_in import Next, safe_redirect_path

router = APIRouter(include_in_schema=False)

HOME_PATHS = (
    (Role.TEACHER, "/lessons/now"),
    (Role.SCHOOL_LEADER, "/school"),
    (Role.DATA_PROTECTION, "/data-protection"),
)
"""The page of each role that has one; of several roles the first one listed wins."""


@router.get("/")
async def home(request: Request, caller: Annotated[Principal, require_roles(*Role)]) -> Response:
    """Redirect to the page of the caller's role; roles without a page get a list of their tools."""
    for role, path in HOME_PATHS:
        if caller.has(role):
            return RedirectResponse(path, status_code=HTTP_303_SEE_OTHER)
    return render_page(request, "home.html")


@router.get("/sign-in", dependencies=[PUBLIC])
async def sign_in(request: Request, next: Next = "/") -> Response:  # noqa: A002 (its public name)
    """The ways to sign in: the identity provider, where there is one, or a token."""
    backend = backend_of(request)
    if signed_in_caller(request) is not None:
        return RedirectResponse(safe_redirect_path(next), status_code=HTTP_303_SEE_OTHER)
    issuer = backend.settings.access.oidc_issuer
    context = {"next": safe_redirect_path(next), "has_provider": issuer is not None}
    return render_page(request, "sign_in.html", context)
