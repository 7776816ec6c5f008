"""Sign-in with a token, the session of a browser, and sign-out.

    POST /sign-in/token      with a token
    GET  /sign-in/session    the caller, and the CSRF token that changes must have
    POST /sign-out           here, and then at the identity provider

Each sign-in starts a session and ends the one that the browser had. Afterwards the browser is
redirected to `next`, which can only be a page of this service.
"""

import json

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.status import HTTP_303_SEE_OTHER

from cluster.errors import NotAllowed, NotSignedIn
from cluster.records.repos.sign_ins import look_up
from cluster.security.roles import Principal, Role
from cluster.security.tokens import MAX_TEXT_LENGTH, csrf_token, invalid_sign_in_error
from serve_apps.http.auth.authentication import authentication_of
from serve_apps.http.auth.cookies import FORM_MEDIA_TYPE, check_origin, is_form, read_form
from serve_apps.http.auth.oidc import SIGNED_OUT_PATH
from serve_apps.http.auth.permissions import PUBLIC, AnyRole
from serve_apps.http.auth.provider_session import end_provider_session
from serve_apps.http.auth.redirects import MAX_NEXT_LENGTH, safe_redirect_path
from serve_apps.http.auth.sessions import auth_of, end_session, set_session_cookie, start_session
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.threads import run_in_pool

router = APIRouter(tags=["sign-in"], responses=ERRORS)


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
    issued = await start_session(request, signed_in.principal, signed_in)
    body = _body(signed_in.principal, csrf_token(backend.audited.keys, issued.id))
    response: Response = JSONResponse(body.model_dump(mode="json"))
    if is_form(request):
        response = RedirectResponse(safe_redirect_path(form.next), status_code=HTTP_303_SEE_OTHER)
    set_session_cookie(request, response, issued)
    return response


@router.get(
    "/sign-in/session",
    summary="The caller, and this session's CSRF token",
    operation_id="show_session",
)
async def show_session(request: Request, caller: AnyRole) -> SessionBody:
    """Show the caller, and the CSRF token that changes with this session must have."""
    keys = backend_of(request).audited.keys
    is_session = auth_of(request).kind == "session"
    return _body(caller, csrf_token(keys, caller.sign_in_id) if is_session else None)


@router.post(
    "/sign-out",
    summary="End the session",
    operation_id="sign_out",
    status_code=HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
)
async def sign_out(request: Request, caller: AnyRole) -> Response:
    """End the session, and redirect the browser to the home page.

    A session that was begun at the identity provider is redirected to where that signs out, too.
    """
    if auth_of(request).kind != "session":
        raise NotAllowed("a token cannot sign out.", hint="`homeroom token revoke` revokes it.")
    response = RedirectResponse("/", status_code=HTTP_303_SEE_OTHER)
    await end_session(request, response, caller)
    if end_provider_session(request, response, caller):
        response.headers["Location"] = SIGNED_OUT_PATH
    return response


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
