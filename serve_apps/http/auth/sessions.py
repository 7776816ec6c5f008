"""Sessions of browsers: begun with a token or at the identity provider, ended by signing out."""

from datetime import timedelta

from fastapi import Request
from fastapi.responses import Response

from cluster.records.repos.sign_ins import IssuedSignIn, VerifiedSignIn, begin_session, revoke
from cluster.security.roles import Principal
from serve_apps.http.auth.authentication import AuthResult, authentication_of
from serve_apps.http.auth.cookies import Cookies
from serve_apps.http.backend import backend_of
from serve_apps.http.threads import run_in_pool


async def start_session(
    request: Request, principal: Principal, with_token: VerifiedSignIn | None = None
) -> IssuedSignIn:
    """Start a session, and end the one that the browser had; `set_session_cookie` follows.

    Args:
        request: Of the browser.
        principal: Who signs in.
        with_token: The token it is begun with; None at the identity provider.
    """
    backend = backend_of(request)
    auth = auth_of(request)
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


def set_session_cookie(request: Request, response: Response, issued: IssuedSignIn) -> None:
    """Set the cookie of a session that has started."""
    seconds = remaining_seconds(request, issued)
    Cookies(backend_of(request).settings.live).set_session(response, issued.text, seconds)


async def end_session(request: Request, response: Response, caller: Principal) -> None:
    """End the caller's session, and delete its cookie."""
    backend = backend_of(request)

    def revoke_session() -> None:
        with backend.audited.work(caller.name) as work:
            revoke(work, caller.sign_in_id)

    await run_in_pool(revoke_session)
    authentication_of(request).evict_sign_in(caller.sign_in_id)
    Cookies(backend.settings.live).clear_session(response)


def remaining_seconds(request: Request, issued: IssuedSignIn) -> int:
    """Return how long a session still lasts."""
    return int((issued.expires_at - backend_of(request).audited.clock()).total_seconds())


def auth_of(request: Request) -> AuthResult:
    """Return how a request was authenticated."""
    found: AuthResult = request.scope["state"]["auth"]
    return found
