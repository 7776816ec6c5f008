"""Coming in with a browser, and going out.

    GET  /sign-in/provider   to the identity provider         POST /sign-in/token   with a token
    GET  /sign-in/callback   back from it                     POST /sign-out
    GET  /sign-in/session    who is in, and the word that changes must carry

Each sign-in makes a new session and ends the one that the browser had. Afterwards the browser is
sent to `next`, which can only be a page of ours.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

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
from serve_apps.http.auth.authentication import AuthResult, door_of
from serve_apps.http.auth.cookies import FORM, Cookies, check_origin, form_of, is_form
from serve_apps.http.auth.oidc import Provider
from serve_apps.http.auth.permissions import PUBLIC, require_roles
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.threads import run_in_pool

LONGEST_NEXT = 1000
SEE_OTHER = 303

router = APIRouter(tags=["sign-in"], responses=ERRORS)

Anybody = Annotated[Principal, require_roles(*Role)]
Next = Annotated[
    str, Query(description="The page to go to afterwards; one of ours.", max_length=LONGEST_NEXT)
]


class TokenForm(BaseModel):
    """A token, typed in by somebody without an identity provider."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"example": {"token": "hr_…"}})

    token: str = Field(
        max_length=MAX_TEXT_LENGTH, description="As `homeroom token create` gave it."
    )
    next: str = Field("/", max_length=LONGEST_NEXT, description="The page to go to afterwards.")


class SessionBody(BaseModel):
    """Who is in."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"name": "operator:anna", "roles": ["operator"], "schools": [], "csrf": "5f"}
        }
    )

    name: str = Field(description="As the audit log has it; never a person's name.")
    roles: list[Role] = Field(description="All roles.")
    schools: list[str] = Field(description="Schools that a leader leads.")
    csrf: str | None = Field(
        description="Changes with this session carry it in X-Homeroom-CSRF; null with a token.",
    )


@router.get(
    "/sign-in/provider",
    summary="Sign in at the identity provider",
    operation_id="begin_sign_in",
    status_code=302,
    response_class=RedirectResponse,
    dependencies=[PUBLIC],
)
async def begin(request: Request, next: Next = "/") -> Response:  # noqa: A002 (its public name)
    """Send the browser to the identity provider."""
    backend = backend_of(request)
    address, brought = await _provider(request).begin(request)
    response = RedirectResponse(address, status_code=302)
    flow = {"brought": brought, "next": local_path(next)}
    Cookies(backend.settings.live).set_flow(response, backend.identity.keys, flow)
    return response


@router.get(
    "/sign-in/callback",
    summary="Come back from the identity provider",
    operation_id="finish_sign_in",
    status_code=SEE_OTHER,
    response_class=RedirectResponse,
    dependencies=[PUBLIC],
)
async def callback(request: Request) -> Response:
    """Take the browser back from the identity provider, and begin a session."""
    backend = backend_of(request)
    cookies = Cookies(backend.settings.live)
    flow = cookies.flow_of(request, backend.identity.keys)
    try:
        claims = await _provider(request).finish(request, flow.get("brought", {}))
        principal = await run_in_pool(_principal, backend, claims)
    except (NotSignedIn, NotAllowed):
        door_of(request).count_refused(request)
        raise
    response = RedirectResponse(flow["next"], status_code=SEE_OTHER)
    _carry(request, response, await _new_session(request, principal))
    cookies.clear_flow(response)
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
                for kind in ("application/json", FORM)
            },
        }
    },
)
async def with_token(request: Request) -> Response:
    """Begin a session with a token; a form is sent on to `next`, JSON gets the session."""
    backend = backend_of(request)
    check_origin(request, backend.settings.live)
    form = await _token_form(request)
    try:
        signed_in = await run_in_pool(look_up, backend.identity, "token", form.token.strip())
    except NotSignedIn:
        door_of(request).count_refused(request)
        raise
    issued = await _new_session(request, signed_in.principal, signed_in)
    body = _body(signed_in.principal, csrf_token(backend.identity.keys, issued.id))
    response: Response = JSONResponse(body.model_dump(mode="json"))
    if is_form(request):
        response = RedirectResponse(local_path(form.next), status_code=SEE_OTHER)
    _carry(request, response, issued)
    return response


@router.get(
    "/sign-in/session",
    summary="Who is in, and this session's word",
    operation_id="show_session",
)
async def session(request: Request, caller: Anybody) -> SessionBody:
    """Who is in, and the word that this session's changes must carry."""
    keys = backend_of(request).identity.keys
    word = csrf_token(keys, caller.sign_in_id) if _asker(request).kind == "session" else None
    return _body(caller, word)


@router.post(
    "/sign-out",
    summary="End the session",
    operation_id="sign_out",
    status_code=SEE_OTHER,
    response_class=RedirectResponse,
)
async def sign_out(request: Request, caller: Anybody) -> Response:
    """End the session; the browser is sent to the first page."""
    if _asker(request).kind != "session":
        raise NotAllowed(
            "a token is not signed out.", hint="`homeroom token revoke` ends it for good."
        )
    backend = backend_of(request)
    await run_in_pool(_end_session, backend, caller)
    door_of(request).forget(caller.sign_in_id)
    response = RedirectResponse("/", status_code=SEE_OTHER)
    Cookies(backend.settings.live).clear_session(response)
    return response


def local_path(address: str) -> str:
    """The address, where it is a path here; else the first page.

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


def _provider(request: Request) -> Provider:
    settings = backend_of(request).settings
    if settings.access.oidc_issuer is None:
        raise NotFound(
            "no identity provider is set up here.", hint="Sign in with a token: /sign-in/token."
        )
    state = request.app.state
    if not hasattr(state, "provider"):
        state.provider = Provider(settings)
    found: Provider = state.provider
    return found


def _principal(backend: Backend, claims: Mapping[str, Any]) -> Principal:
    """Whom the claims let in; a refusal is recorded."""
    identity, settings = backend.identity, backend.settings
    try:
        claimed = parse_claims(settings.access, claims, settings.schools_by_id)
        return _of_the_roster(backend, claimed)
    except NotAllowed as error:
        identity.audit_denial("system:sign-in", error, None)
        raise


def _of_the_roster(backend: Backend, claimed: OidcIdentity) -> Principal:
    if claimed.sourced_id is None:
        return Principal(claimed.subject, claimed.roles, claimed.schools)
    with backend.identity.records.reading() as records:
        try:
            teacher = teacher_of(records, claimed.sourced_id)
        except NotFound:
            raise NotAllowed("the roster has no such teacher.") from None
    return Principal(teacher.name, claimed.roles, claimed.schools, teacher.user_id)


async def _new_session(
    request: Request, principal: Principal, with_token: VerifiedSignIn | None = None
) -> IssuedSignIn:
    """Begin a session, and end the one that the browser had."""
    backend = backend_of(request)
    asker = _asker(request)
    before = asker.principal if asker.kind == "session" else None

    def begin_in_records() -> IssuedSignIn:
        lasts = timedelta(minutes=backend.settings.access.session_minutes)
        with backend.identity.work(principal.name) as work:
            if before is not None:
                revoke(work, before.sign_in_id)
            return begin_session(work, principal, expires_in=lasts, parent=with_token)

    issued = await run_in_pool(begin_in_records)
    if before is not None:
        door_of(request).forget(before.sign_in_id)
    return issued


def _carry(request: Request, response: Response, issued: IssuedSignIn) -> None:
    backend = backend_of(request)
    left = issued.expires_at - backend.identity.clock()
    Cookies(backend.settings.live).set_session(response, issued.text, int(left.total_seconds()))


def _end_session(backend: Backend, caller: Principal) -> None:
    with backend.identity.work(caller.name) as work:
        revoke(work, caller.sign_in_id)


async def _token_form(request: Request) -> TokenForm:
    try:
        if is_form(request):
            return TokenForm.model_validate(await form_of(request))
        return TokenForm.model_validate(json.loads(await request.body()))
    except (ValidationError, ValueError, RecursionError):
        raise invalid_sign_in_error() from None  # never what was typed in: it may be half a token


def _body(principal: Principal, csrf: str | None) -> SessionBody:
    return SessionBody(
        name=principal.name,
        roles=sorted(principal.roles),
        schools=sorted(principal.schools),
        csrf=csrf,
    )


def _asker(request: Request) -> AuthResult:
    found: AuthResult = request.scope["state"]["asker"]
    return found
