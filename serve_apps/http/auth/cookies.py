"""Cookies of sessions, sign-ins and sign-outs, and protection against request forgery (CSRF).

    homeroom                    the session
    homeroom-sign-in            state of a sign-in at the identity provider; sealed, for minutes
    homeroom-provider           what ends the provider's session; sealed, as long as the session
    homeroom-reauthenticate     somebody signed out here: the next sign-in asks who it is

A browser sends a cookie with every request, also with one that another site made it send. So a
change that comes with a cookie must also have the session's CSRF token (`X-Homeroom-CSRF`, or a
form's field `csrf`), and must not come from another site. No site can make a browser send a bearer
token, so requests with one need neither.
"""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from cluster.errors import KeyUnusable, NotAllowed
from cluster.security.keys import KeyStore, seal, unseal
from cluster.security.roles import Principal
from cluster.security.tokens import SIGN_IN_KEY, is_csrf_token
from cluster.settings import LiveSettings
from serve_apps.http.middleware.headers import is_https, public_base_url

SESSION_COOKIE = "homeroom"
OAUTH_STATE_COOKIE = "homeroom-sign-in"
OAUTH_STATE_SECONDS = 600
CSRF_HEADER = "X-Homeroom-CSRF"
CSRF_FIELD = "csrf"
FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS = 10
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SAME_SITE_VALUES = frozenset({"same-origin", "none"})
OAUTH_STATE_CONTEXT = "homeroom sign-in"
PROVIDER_SESSION_COOKIE = "homeroom-provider"
PROVIDER_SESSION_CONTEXT = "homeroom provider session"
SIGN_OUT_SECONDS = 120
REAUTHENTICATION_COOKIE = "homeroom-reauthenticate"
REAUTHENTICATION_SECONDS = 30 * 86400
MAX_COOKIE_LENGTH = 3800
"""Browsers drop a cookie of more than 4096 bytes, its name and attributes included."""


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """A session at the identity provider that a session here was begun with.

    Attributes:
        sign_in_id: Of the session here.
        id_token: Ends the provider's session; None where it is too long for a cookie.
        has_ended: The session here has ended, and the provider's shall end, too.
    """

    sign_in_id: str
    id_token: str | None = field(repr=False)
    has_ended: bool = False


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of an installation.

    Attributes:
        live: Settings that say whether browsers use TLS: then names begin with `__Host-`, so that
            no other host of the domain can set them, and they are never sent in the clear.
    """

    live: LiveSettings

    def read_session(self, connection: HTTPConnection) -> str | None:
        """Return the content of the session cookie, if there is one."""
        return connection.cookies.get(self._name(SESSION_COOKIE))

    def set_session(self, response: Response, text: str, seconds: int) -> None:
        """Set the session cookie."""
        self._set(response, SESSION_COOKIE, text, seconds)

    def clear_session(self, response: Response) -> None:
        """Delete the session cookie."""
        self._set(response, SESSION_COOKIE, "", 0)

    def set_oauth_state(self, response: Response, keys: KeyStore, state: Mapping[str, Any]) -> None:
        """Set the OAuth state cookie of a sign-in under way: encrypted, for a few minutes."""
        text = _seal_content(keys, OAUTH_STATE_CONTEXT, dict(state), OAUTH_STATE_SECONDS)
        self._set(response, OAUTH_STATE_COOKIE, text, OAUTH_STATE_SECONDS)

    def read_oauth_state(self, connection: HTTPConnection, keys: KeyStore) -> dict[str, Any]:
        """Return the state of the sign-in under way; empty if there is no valid one."""
        text = connection.cookies.get(self._name(OAUTH_STATE_COOKIE), "")
        return _unseal_content(keys, OAUTH_STATE_CONTEXT, text) or {}

    def clear_oauth_state(self, response: Response) -> None:
        """Delete the OAuth state cookie."""
        self._set(response, OAUTH_STATE_COOKIE, "", 0)

    def set_provider_session(
        self, response: Response, keys: KeyStore, session: ProviderSession, seconds: int
    ) -> None:
        """Set the cookie with what ends the provider's session, encrypted."""
        for id_token in (session.id_token, None):
            content = {**asdict(session), "id_token": id_token}
            text = _seal_content(keys, PROVIDER_SESSION_CONTEXT, content, seconds)
            if len(text) <= MAX_COOKIE_LENGTH:
                break
        self._set(response, PROVIDER_SESSION_COOKIE, text, seconds)

    def read_provider_session(
        self, connection: HTTPConnection, keys: KeyStore
    ) -> ProviderSession | None:
        """Return the provider's session, if there is a valid cookie of one."""
        text = connection.cookies.get(self._name(PROVIDER_SESSION_COOKIE), "")
        content = _unseal_content(keys, PROVIDER_SESSION_CONTEXT, text)
        return None if content is None else ProviderSession(**content)

    def clear_provider_session(self, response: Response) -> None:
        """Delete the cookie with what ends the provider's session."""
        self._set(response, PROVIDER_SESSION_COOKIE, "", 0)

    def require_reauthentication(self, response: Response) -> None:
        """Have the next sign-in of this browser ask who it is."""
        self._set(response, REAUTHENTICATION_COOKIE, "1", REAUTHENTICATION_SECONDS)

    def requires_reauthentication(self, connection: HTTPConnection) -> bool:
        """Return whether the next sign-in of this browser has to ask who it is."""
        return self._name(REAUTHENTICATION_COOKIE) in connection.cookies

    def clear_reauthentication(self, response: Response) -> None:
        """Let this browser sign in as the provider knows it."""
        self._set(response, REAUTHENTICATION_COOKIE, "", 0)

    def _set(self, response: Response, name: str, text: str, seconds: int) -> None:
        response.set_cookie(
            self._name(name),
            text,
            max_age=seconds,
            path="/",
            secure=is_https(self.live),
            httponly=True,
            samesite="lax",
        )

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if is_https(self.live) else name


def _seal_content(keys: KeyStore, context: str, content: Mapping[str, Any], seconds: int) -> str:
    """Encrypt the content of a cookie, valid for so many seconds."""
    _, key = keys.current(SIGN_IN_KEY)
    text = json.dumps({"until": time.time() + seconds, "content": content})
    return base64.urlsafe_b64encode(seal(key, text.encode(), context)).decode().rstrip("=")


def _unseal_content(keys: KeyStore, context: str, text: str) -> dict[str, Any] | None:
    """Return the content of a cookie; None if it is not valid, or not any more."""
    _, key = keys.current(SIGN_IN_KEY)
    try:
        padding = "=" * (-len(text) % 4)
        sealed = base64.b64decode(text + padding, altchars=b"-_", validate=True)
        opened = json.loads(unseal(key, sealed, context))
    except (KeyUnusable, ValueError):
        return None
    content: dict[str, Any] = opened["content"]
    return content if time.time() < opened["until"] else None


def check_origin(connection: HTTPConnection, live: LiveSettings) -> None:
    """Reject a request that another site made the browser send.

    Raises:
        NotAllowed: Its headers say that another site did.
    """
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    scheme = urlsplit(public_base_url(live)).scheme
    own_origins = {public_base_url(live), f"{scheme}://{connection.headers.get('host', '')}"}
    if (site is not None and site not in SAME_SITE_VALUES) or (
        origin is not None and origin not in own_origins
    ):
        raise NotAllowed("the request comes from another site.")


async def check_csrf(
    request: HTTPConnection, live: LiveSettings, keys: KeyStore, principal: Principal
) -> None:
    """Reject a change that comes with a session cookie but without the session's CSRF token.

    Args:
        request: The request; one with a safe method passes.
        live: Settings with the own address.
        keys: The keys that CSRF tokens are derived with.
        principal: The principal of the session.

    Raises:
        NotAllowed: It comes from another site, or lacks the CSRF token.
    """
    if not isinstance(request, Request):  # a WebSocket may change things, and has no body
        check_origin(request, live)
        return
    if request.method in SAFE_METHODS:
        return
    check_origin(request, live)
    given = request.headers.get(CSRF_HEADER)
    if given is None and is_form(request):
        given = (await read_form(request)).get(CSRF_FIELD)
    if given is None or not is_csrf_token(keys, principal.sign_in_id, given):
        raise NotAllowed(
            "the request does not have the CSRF token of its session.",
            hint=f"Send `csrf` of GET /sign-in/session in the header {CSRF_HEADER}.",
        )


def is_form(request: Request) -> bool:
    """Return whether the body is a form."""
    return (
        request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM_MEDIA_TYPE
    )


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        NotAllowed: It has more than `MAX_FORM_FIELDS`.
    """
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(body, max_num_fields=MAX_FORM_FIELDS))
    except ValueError:
        raise NotAllowed(f"the form has more than {MAX_FORM_FIELDS} fields.") from None
