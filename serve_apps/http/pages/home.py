"""`/`: the page that somebody came for, by role; and `/sign-in`, where they come in."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from cluster.security.roles import Principal, Role
from serve_apps.http.auth.install import PUBLIC, require_roles
from serve_apps.http.backend import backend_of
from serve_apps.http.pages.rendering import caller_of_page, page
from serve_apps.http.routes.sign_in import Next, local_path

SEE_OTHER = 303

router = APIRouter(include_in_schema=False)

HOMES = (
    (Role.TEACHER, "/lessons/now"),
    (Role.SCHOOL_LEADER, "/school"),
    (Role.DATA_PROTECTION, "/data-protection"),
)
"""Whose page is where; who is several things begins with the first."""


@router.get("/")
async def first(request: Request, caller: Annotated[Principal, require_roles(*Role)]) -> Response:
    """The page of one's role; roles that work with other tools are told which."""
    for role, address in HOMES:
        if caller.has(role):
            return RedirectResponse(address, status_code=SEE_OTHER)
    return page(request, "home.html")


@router.get("/sign-in", dependencies=[PUBLIC])
async def sign_in(request: Request, next: Next = "/") -> Response:  # noqa: A002 (its public name)
    """The ways to come in: the identity provider, where there is one, or a token."""
    backend = backend_of(request)
    if caller_of_page(request) is not None:
        return RedirectResponse(local_path(next), status_code=SEE_OTHER)
    issuer = backend.settings.access.oidc_issuer
    context = {"next": local_path(next), "has_provider": issuer is not None}
    return page(request, "sign_in.html", context)
