"""Cookies of sessions and of sign-ins under way, and protection against request forgery (CSRF).

A browser sends a cookie with every request, also with one that another site made it send. So a
change that comes with a cookie must also have the session's CSRF token (`X-Homeroom-CSRF`, or a
form's field `csrf`), and must not come from another site. No site can make a browser send a bearer
token, so requests with one need neither.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
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
        _, key = keys.current(SIGN_IN_KEY)
        content = json.dumps({"until": time.time() + OAUTH_STATE_SECONDS, "flow": dict(state)})
        text = seal(key, content.encode(), OAUTH_STATE_CONTEXT).hex()
        self._set(response, OAUTH_STATE_COOKIE, text, OAUTH_STATE_SECONDS)

    def read_oauth_state(self, connection: HTTPConnection, keys: KeyStore) -> dict[str, Any]:
        """Return the state of the sign-in under way; empty if there is no valid one."""
        _, key = keys.current(SIGN_IN_KEY)
        try:
            sealed = bytes.fromhex(connection.cookies.get(self._name(OAUTH_STATE_COOKIE), ""))
            content = json.loads(unseal(key, sealed, OAUTH_STATE_CONTEXT))
        except (KeyUnusable, ValueError):
            return {}
        state: dict[str, Any] = content["flow"]
        return state if time.time() < content["until"] else {}

    def clear_oauth_state(self, response: Response) -> None:
        """Delete the OAuth state cookie."""
        self._set(response, OAUTH_STATE_COOKIE, "", 0)

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
