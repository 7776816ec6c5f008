"""`/`: redirects to the page of the caller's role; `/sign-in` and `/signed-out`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.status import HTTP_303_SEE_OTHER

from cluster.security.roles import Principal, Role
from serve_apps.http.auth.cookies import Cookies
from serve_apps.http.auth.install import PUBLIC, require_roles
from serve_apps.http.auth.oidc import SIGNED_OUT_PATH
from serve_apps.http.auth.provider_session import oidc_client_of, read_ended_provider_session
from serve_apps.http.auth.redirects import Next, safe_redirect_path
from serve_apps.http.backend import backend_of
from serve_apps.http.pages.rendering import render_page, signed_in_caller

router = APIRouter(include_in_schema=False)

Problem = Annotated[str, Query(max_length=100)]
"""Why somebody is back at the sign-in: the code of an error; others than the page knows are
ignored."""

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
async def sign_in(request: Request, next: Next = "/", problem: Problem = "") -> Response:  # noqa: A002 (its public name)
    """The ways to sign in: the identity provider, where there is one, or a token."""
    backend = backend_of(request)
    if signed_in_caller(request) is not None:
        return RedirectResponse(safe_redirect_path(next), status_code=HTTP_303_SEE_OTHER)
    context = {
        "next": safe_redirect_path(next),
        "problem": problem,
        "has_provider": backend.settings.access.oidc_issuer is not None,
    }
    return render_page(request, "sign_in.html", context)


@router.get(SIGNED_OUT_PATH, dependencies=[PUBLIC])
async def signed_out(request: Request) -> Response:
    """What follows a sign-out: the browser goes on to the identity provider, and comes back here.

    A redirect of the form itself would be one to another host, which the pages' Content Security
    Policy does not allow (`form-action`).
    """
    if signed_in_caller(request) is not None:
        return RedirectResponse("/", status_code=HTTP_303_SEE_OTHER)
    ended = read_ended_provider_session(request)
    address = None
    if ended is not None:
        address = await oidc_client_of(request).get_sign_out_url(ended.id_token)
    context = {"address": address, "is_kept": ended is not None and address is None}
    response = render_page(request, "signed_out.html", context)
    if ended is not None:
        Cookies(backend_of(request).settings.live).clear_provider_session(response)
    return response
