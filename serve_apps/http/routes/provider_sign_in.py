"""Sign-in at the identity provider.

    GET  /sign-in/provider   to the identity provider
    GET  /sign-in/callback   back from it

Whoever gets no role is told why, and so is the operator: the log names the claims that came, and
never their values.
"""

import logging
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.status import HTTP_302_FOUND, HTTP_303_SEE_OTHER

from cluster.errors import NotAllowed, NotFound, NotSignedIn, SignInCancelled, TeacherUnknown
from cluster.records.repos.sign_ins import teacher_of
from cluster.security.claims import (
    OidcIdentity,
    describe_claims,
    names_of_used_claims,
    parse_claims,
)
from cluster.security.roles import Principal
from serve_apps.http.auth.authentication import authentication_of
from serve_apps.http.auth.cookies import Cookies
from serve_apps.http.auth.oidc import ProviderSignIn
from serve_apps.http.auth.permissions import PUBLIC
from serve_apps.http.auth.provider_session import begin_provider_session, oidc_client_of
from serve_apps.http.auth.redirects import Next, safe_redirect_path
from serve_apps.http.auth.sessions import set_session_cookie, start_session
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.errors import ERRORS, response_for_error
from serve_apps.http.threads import run_in_pool

SIGN_IN_PATH: Final = "/sign-in"

logger = logging.getLogger(__name__)
router = APIRouter(tags=["sign-in"], responses=ERRORS)


@router.get(
    "/sign-in/provider",
    summary="Sign in at the identity provider",
    operation_id="begin_sign_in",
    status_code=HTTP_302_FOUND,
    response_class=RedirectResponse,
    dependencies=[PUBLIC],
)
async def begin_sign_in(request: Request, next: Next = "/") -> Response:  # noqa: A002 (its public name)
    """Redirect the browser to the identity provider."""
    backend = backend_of(request)
    cookies = Cookies(backend.settings.live)
    address, state = await oidc_client_of(request).begin_sign_in(
        reauthenticate=cookies.requires_reauthentication(request)
    )
    response = RedirectResponse(address, status_code=HTTP_302_FOUND)
    content = {"state": state, "next": safe_redirect_path(next)}
    cookies.set_oauth_state(response, backend.audited.keys, content)
    return response


@router.get(
    "/sign-in/callback",
    summary="Return from the identity provider",
    operation_id="finish_sign_in",
    status_code=HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
    dependencies=[PUBLIC],
)
async def finish_sign_in(request: Request) -> Response:
    """Start a session for a browser that comes back from the identity provider.

    A browser that comes back without a sign-in is redirected to `/sign-in`.
    """
    backend = backend_of(request)
    cookies = Cookies(backend.settings.live)
    content = cookies.read_oauth_state(request, backend.audited.keys)
    try:
        signed_in = await oidc_client_of(request).finish_sign_in(
            request.query_params, content.get("state", {})
        )
        principal = await run_in_pool(_resolve_principal, backend, signed_in)
    except SignInCancelled as error:
        query = urlencode({"next": content["next"], "problem": error.code})
        response: Response = RedirectResponse(f"{SIGN_IN_PATH}?{query}", HTTP_303_SEE_OTHER)
        cookies.clear_oauth_state(response)
        return response
    except NotSignedIn:
        authentication_of(request).count_failed_sign_in(request)
        raise
    except NotAllowed as error:
        authentication_of(request).count_failed_sign_in(request)
        response = response_for_error(request, error)
        cookies.clear_oauth_state(response)
        cookies.require_reauthentication(response)  # so that another account can be chosen
        return response
    issued = await start_session(request, principal)
    response = RedirectResponse(content["next"], status_code=HTTP_303_SEE_OTHER)
    set_session_cookie(request, response, issued)
    begin_provider_session(request, response, issued, signed_in.id_token)
    cookies.clear_oauth_state(response)
    return response


def _resolve_principal(backend: Backend, signed_in: ProviderSignIn) -> Principal:
    """Return the principal that the claims identify; a denial is recorded and logged."""
    settings = backend.settings
    try:
        identity = parse_claims(settings.access, signed_in.claims, settings.schools_by_id)
        return _look_up_principal(backend, identity)
    except NotAllowed as error:
        _log_denial(backend, signed_in, error)
        backend.audited.audit_denial("system:sign-in", error, None)
        raise


def _look_up_principal(backend: Backend, identity: OidcIdentity) -> Principal:
    if identity.sourced_id is None:
        return Principal(identity.subject, identity.roles, identity.schools)
    with backend.audited.records.reading() as records:
        try:
            teacher = teacher_of(records, identity.sourced_id)
        except NotFound:
            if identity.without_teacher:
                return Principal(identity.subject, identity.without_teacher, identity.schools)
            raise TeacherUnknown("the roster has no such teacher.") from None
    return Principal(teacher.name, identity.roles, identity.schools, teacher.user_id)


def _log_denial(backend: Backend, signed_in: ProviderSignIn, error: NotAllowed) -> None:
    from_userinfo = signed_in.from_userinfo or frozenset()
    logger.warning(
        "the identity provider signed somebody in who may not sign in here: %s: %s Claims in the "
        "id_token: %s. From userinfo%s: %s. Looked for: %s.",
        error.code,
        error.what,
        describe_claims(signed_in.claims.keys() - from_userinfo),
        " (not asked)" if signed_in.from_userinfo is None else "",
        describe_claims(from_userinfo),
        describe_claims(names_of_used_claims(backend.settings.access)),
    )
