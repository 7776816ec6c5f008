"""Sign-in and sign-out of browsers.

    GET  /sign-in/provider   to the identity provider         POST /sign-in/token   with a token
    GET  /sign-in/callback   back from it                     POST /sign-out
    GET  /sign-in/session    the caller, and the CSRF token that changes must have

Each sign-in starts a session and ends the one that the browser had. Afterwards the browser is
redirected to `next`, which can only be a page of this service.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.status import HTTP_303_SEE_OTHER

from cluster.errors import NotAllowed, NotFound, NotSignedIn
from cluster.records.repos.sign_ins import (
    IssuedSignIn,
    VerifiedSignIn,
    begin_session,
    look_up,
    revoke,
    teacher_of,
)
from cluster.security.claims import OidcIdentity, parse_claims
from cluster.security.roles import Principal, Role
from cluster.security.tokens import MAX_TEXT_LENGTH, csrf_token, invalid_sign_in_error
from serve_apps.http.auth.authentication import AuthResult, authentication_of
from serve_apps.http.auth.cookies import FORM_MEDIA_TYPE, Cookies, check_origin, is_form, read_form
from serve_apps.http.auth.oidc import OidcClient
from serve_apps.http.auth.permissions import PUBLIC, AnyRole
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.threads import run_in_pool

MAX_NEXT_LENGTH = 1000

router = APIRouter(tags=["sign-in"], responses=ERRORS)

Next = Annotated[
    str, Query(description="Path to redirect to afterwards.", max_length=MAX_NEXT_LENGTH)
]


class TokenForm(BaseModel):
    """A token that a user enters in the absence of an identity provider."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"example": {"token": "hr_…"}})

    token: str = Field(
        max_length=MAX_TEXT_LENGTH, description="As printed by `homeroom token create`."
    )
    next: str = Field(
        "/", max_length=MAX_NEXT_LENGTH, description="Path to redirect to afterwards."
    )


class SessionBody(BaseModel):
    """The caller, and the CSRF token of the session."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"name": "operator:anna", "roles": ["operator"], "schools": [], "csrf": "5f"}
        }
    )

    name: str = Field(description="Name in the audit log; never a person's name.")
    roles: list[Role] = Field(description="All roles of the caller.")
    schools: list[str] = Field(description="Ids of the schools that a school leader leads.")
    csrf: str | None = Field(
        description="CSRF token: changes send it in X-Homeroom-CSRF; null with a bearer token.",
    )


@router.get(
    "/sign-in/provider",
    summary="Sign in at the identity provider",
    operation_id="begin_sign_in",
    status_code=302,
    response_class=RedirectResponse,
    dependencies=[PUBLIC],
)
async def begin_sign_in(request: Request, next: Next = "/") -> Response:  # noqa: A002 (its public name)
    """Redirect the browser to the identity provider."""
    backend = backend_of(request)
    address, state = await _oidc_client(request).begin_sign_in()
    response = RedirectResponse(address, status_code=302)
    content = {"state": state, "next": safe_redirect_path(next)}
    Cookies(backend.settings.live).set_oauth_state(response, backend.audited.keys, content)
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
    """Start a session for a browser that comes back from the identity provider."""
    backend = backend_of(request)
    cookies = Cookies(backend.settings.live)
    content = cookies.read_oauth_state(request, backend.audited.keys)
    try:
        claims = await _oidc_client(request).finish_sign_in(
            request.query_params, content.get("state", {})
        )
        principal = await run_in_pool(_resolve_principal, backend, claims)
    except (NotSignedIn, NotAllowed):
        authentication_of(request).count_failed_sign_in(request)
        raise
    response = RedirectResponse(content["next"], status_code=HTTP_303_SEE_OTHER)
    _set_session_cookie(request, response, await _start_session(request, principal))
    cookies.clear_oauth_state(response)
    return response


@router.post(
    "/sign-in/token",
    summary="Sign in with a token",
    operation_id="sign_in_with_token",
    response_model=SessionBody,
    dependencies=[PUBLIC],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": TokenForm.model_json_schema()}
                for kind in ("application/json", FORM_MEDIA_TYPE)
            },
        }
    },
)
async def sign_in_with_token(request: Request) -> Response:
    """Start a session with a token; a form is redirected to `next`, JSON gets the session."""
    backend = backend_of(request)
    check_origin(request, backend.settings.live)
    form = await _read_token_form(request)
    try:
        signed_in = await run_in_pool(look_up, backend.audited, "token", form.token.strip())
    except NotSignedIn:
        authentication_of(request).count_failed_sign_in(request)
        raise
    issued = await _start_session(request, signed_in.principal, signed_in)
    body = _body(signed_in.principal, csrf_token(backend.audited.keys, issued.id))
    response: Response = JSONResponse(body.model_dump(mode="json"))
    if is_form(request):
        response = RedirectResponse(safe_redirect_path(form.next), status_code=HTTP_303_SEE_OTHER)
    _set_session_cookie(request, response, issued)
    return response


@router.get(
    "/sign-in/session",
    summary="The caller, and this session's CSRF token",
    operation_id="show_session",
)
async def show_session(request: Request, caller: AnyRole) -> SessionBody:
    """Show the caller, and the CSRF token that changes with this session must have."""
    keys = backend_of(request).audited.keys
    is_session = _auth_of(request).kind == "session"
    return _body(caller, csrf_token(keys, caller.sign_in_id) if is_session else None)


@router.post(
    "/sign-out",
    summary="End the session",
    operation_id="sign_out",
    status_code=HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
)
async def sign_out(request: Request, caller: AnyRole) -> Response:
    """End the session, and redirect the browser to the home page."""
    if _auth_of(request).kind != "session":
        raise NotAllowed("a token cannot sign out.", hint="`homeroom token revoke` revokes it.")
    backend = backend_of(request)
    await run_in_pool(_end_session, backend, caller)
    authentication_of(request).evict_sign_in(caller.sign_in_id)
    response = RedirectResponse("/", status_code=HTTP_303_SEE_OTHER)
    Cookies(backend.settings.live).clear_session(response)
    return response


def safe_redirect_path(address: str) -> str:
    """Return the address if it is a path of this service; else the path of the home page.

    Browsers read two slashes, or a slash and a backslash, as the start of another host's name, and
    skip control characters.
    """
    if not address.startswith("/") or address.startswith("//") or "\\" in address:
        return "/"
    if not address.isascii() or not address.isprintable() or " " in address:
        return "/"
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    return address if not parts.scheme and not parts.netloc else "/"


def _oidc_client(request: Request) -> OidcClient:
    settings = backend_of(request).settings
    if settings.access.oidc_issuer is None:
        raise NotFound(
            "there is no identity provider.", hint="Sign in with a token: /sign-in/token."
        )
    state = request.app.state
    if not hasattr(state, "oidc_client"):
        state.oidc_client = OidcClient(settings)
    found: OidcClient = state.oidc_client
    return found


def _resolve_principal(backend: Backend, claims: Mapping[str, Any]) -> Principal:
    """Return the principal that the claims identify; a denial is recorded."""
    audited, settings = backend.audited, backend.settings
    try:
        claimed = parse_claims(settings.access, claims, settings.schools_by_id)
        return _look_up_principal(backend, claimed)
    except NotAllowed as error:
        audited.audit_denial("system:sign-in", error, None)
        raise


def _look_up_principal(backend: Backend, claimed: OidcIdentity) -> Principal:
    if claimed.sourced_id is None:
        return Principal(claimed.subject, claimed.roles, claimed.schools)
    with backend.audited.records.reading() as records:
        try:
            teacher = teacher_of(records, claimed.sourced_id)
        except NotFound:
            raise NotAllowed("the roster has no such teacher.") from None
    return Principal(teacher.name, claimed.roles, claimed.schools, teacher.user_id)


async def _start_session(
    request: Request, principal: Principal, with_token: VerifiedSignIn | None = None
) -> IssuedSignIn:
    """Start a session, and end the one that the browser had."""
    backend = backend_of(request)
    auth = _auth_of(request)
    previous = auth.principal if auth.kind == "session" else None

    def write_session() -> IssuedSignIn:
        lifetime = timedelta(minutes=backend.settings.access.session_minutes)
        with backend.audited.work(principal.name) as work:
            if previous is not None:
                revoke(work, previous.sign_in_id)
            return begin_session(work, principal, expires_in=lifetime, parent=with_token)

    issued = await run_in_pool(write_session)
    if previous is not None:
        authentication_of(request).evict_sign_in(previous.sign_in_id)
    return issued


def _set_session_cookie(request: Request, response: Response, issued: IssuedSignIn) -> None:
    backend = backend_of(request)
    remaining = issued.expires_at - backend.audited.clock()
    Cookies(backend.settings.live).set_session(
        response, issued.text, int(remaining.total_seconds())
    )


def _end_session(backend: Backend, caller: Principal) -> None:
    with backend.audited.work(caller.name) as work:
        revoke(work, caller.sign_in_id)


async def _read_token_form(request: Request) -> TokenForm:
    try:
        if is_form(request):
            return TokenForm.model_validate(await read_form(request))
        return TokenForm.model_validate(json.loads(await request.body()))
    except (ValidationError, ValueError, RecursionError):
        raise invalid_sign_in_error() from None  # without the input: it may be part of a token


def _body(principal: Principal, csrf: str | None) -> SessionBody:
    return SessionBody(
        name=principal.name,
        roles=sorted(principal.roles),
        schools=sorted(principal.schools),
        csrf=csrf,
    )


def _auth_of(request: Request) -> AuthResult:
    found: AuthResult = request.scope["state"]["auth"]
    return found
