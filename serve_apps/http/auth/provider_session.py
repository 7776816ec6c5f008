"""The session at the identity provider: kept in the browser alone, and ended with the one here.

Whoever sits down at a shared computer after somebody signed out must not be in as them: the
provider ends its session where it can, and the next sign-in of the browser asks who it is.
"""

from dataclasses import replace

from fastapi import Request
from fastapi.responses import Response

from cluster.errors import NotFound
from cluster.records.repos.sign_ins import IssuedSignIn
from cluster.security.roles import Principal
from serve_apps.http.auth.cookies import SIGN_OUT_SECONDS, Cookies, ProviderSession
from serve_apps.http.auth.oidc import OidcClient
from serve_apps.http.auth.sessions import remaining_seconds
from serve_apps.http.backend import backend_of


def oidc_client_of(request: Request) -> OidcClient:
    """Return the client at the identity provider.

    Raises:
        NotFound: There is no identity provider.
    """
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


def begin_provider_session(
    request: Request, response: Response, issued: IssuedSignIn, id_token: str
) -> None:
    """Keep in the browser what ends the provider's session.

    Args:
        request: Of the browser.
        response: Gets the cookies.
        issued: The session here.
        id_token: Of the sign-in at the provider.
    """
    backend = backend_of(request)
    cookies = Cookies(backend.settings.live)
    session = ProviderSession(issued.id, id_token)
    seconds = remaining_seconds(request, issued)
    cookies.set_provider_session(response, backend.audited.keys, session, seconds)
    cookies.clear_reauthentication(response)


def end_provider_session(request: Request, response: Response, caller: Principal) -> bool:
    """Prepare the browser to end the provider's session, if the caller's was begun with one.

    Args:
        request: Of the browser.
        response: Gets the cookies.
        caller: Whose session has just ended.

    Returns:
        Whether there is one, so that the browser has to go to `/signed-out`.
    """
    backend = backend_of(request)
    cookies = Cookies(backend.settings.live)
    session = cookies.read_provider_session(request, backend.audited.keys)
    if session is None or session.sign_in_id != caller.sign_in_id:
        return False
    ended = replace(session, has_ended=True)
    cookies.set_provider_session(response, backend.audited.keys, ended, SIGN_OUT_SECONDS)
    cookies.require_reauthentication(response)
    return True


def read_ended_provider_session(request: Request) -> ProviderSession | None:
    """Return the provider's session that a sign-out has left to be ended, if there is one."""
    backend = backend_of(request)
    session = Cookies(backend.settings.live).read_provider_session(request, backend.audited.keys)
    return session if session is not None and session.has_ended else None
