"""Cookies: what a session in a browser is carried in, and how a change is known to be ours.

A browser sends a cookie with every request, also with one that another site made it send. So a
change that comes with a cookie must also show the session's own word (`X-Homeroom-CSRF`, or a
form's field `csrf`), and must not come from elsewhere. A bearer token is sent by who means it, and
needs neither.
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
from serve_apps.http.middleware.headers import is_https, public_base

SESSION_COOKIE = "homeroom"
FLOW_COOKIE = "homeroom-sign-in"
FLOW_SECONDS = 600
CSRF_HEADER = "X-Homeroom-CSRF"
CSRF_FIELD = "csrf"
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 10
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OUR_SITE = frozenset({"same-origin", "none"})
FLOW_CONTEXT = "homeroom sign-in"


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of an installation.

    Attributes:
        live: Says whether browsers come over TLS: then the names begin with `__Host-`, so that no
            neighbour under the same domain can set them, and they never travel in the clear.
    """

    live: LiveSettings

    def session_of(self, connection: HTTPConnection) -> str | None:
        """What the session's cookie holds, if there is one."""
        return connection.cookies.get(self._name(SESSION_COOKIE))

    def set_session(self, response: Response, text: str, seconds: int) -> None:
        """Have the browser carry a session."""
        self._set(response, SESSION_COOKIE, text, seconds)

    def clear_session(self, response: Response) -> None:
        """Have the browser drop its session."""
        self._set(response, SESSION_COOKIE, "", 0)

    def set_flow(self, response: Response, keys: KeyStore, flow: Mapping[str, Any]) -> None:
        """Have the browser carry a sign-in that is under way, encrypted, for a few minutes."""
        _, key = keys.current(SIGN_IN_KEY)
        content = json.dumps({"until": time.time() + FLOW_SECONDS, "flow": dict(flow)})
        text = seal(key, content.encode(), FLOW_CONTEXT).hex()
        self._set(response, FLOW_COOKIE, text, FLOW_SECONDS)

    def flow_of(self, connection: HTTPConnection, keys: KeyStore) -> dict[str, Any]:
        """The sign-in that is under way; empty where there is none that holds."""
        _, key = keys.current(SIGN_IN_KEY)
        try:
            sealed = bytes.fromhex(connection.cookies.get(self._name(FLOW_COOKIE), ""))
            content = json.loads(unseal(key, sealed, FLOW_CONTEXT))
        except (KeyUnusable, ValueError):
            return {}
        flow: dict[str, Any] = content["flow"]
        return flow if time.time() < content["until"] else {}

    def clear_flow(self, response: Response) -> None:
        """Have the browser drop the sign-in that was under way."""
        self._set(response, FLOW_COOKIE, "", 0)

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
    """Refuse what another site made the browser send.

    Raises:
        NotAllowed: Its headers say so.
    """
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    scheme = urlsplit(public_base(live)).scheme
    ours = {public_base(live), f"{scheme}://{connection.headers.get('host', '')}"}
    if (site is not None and site not in OUR_SITE) or (origin is not None and origin not in ours):
        raise NotAllowed("the request comes from another site.")


async def check_change(
    request: HTTPConnection, live: LiveSettings, keys: KeyStore, principal: Principal
) -> None:
    """Refuse a change that comes with a session's cookie and is not shown to be ours.

    Args:
        request: What came; one that changes nothing passes.
        live: Names our own address.
        keys: The session's word is made with them.
        principal: Whose session it is.

    Raises:
        NotAllowed: It comes from elsewhere, or lacks the session's word.
    """
    if not isinstance(request, Request):  # a WebSocket: it carries both ways
        check_origin(request, live)
        return
    if request.method in SAFE_METHODS:
        return
    check_origin(request, live)
    given = request.headers.get(CSRF_HEADER)
    if given is None and is_form(request):
        given = (await form_of(request)).get(CSRF_FIELD)
    if given is None or not is_csrf_token(keys, principal.sign_in_id, given):
        raise NotAllowed(
            "the request does not carry its session's word.",
            hint=f"Send `csrf` of GET /sign-in/session in the header {CSRF_HEADER}.",
        )


def is_form(request: Request) -> bool:
    """Whether the body is a form's."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form.

    Raises:
        NotAllowed: It has very many.
    """
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(body, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise NotAllowed(f"the form has more than {MOST_FIELDS} fields.") from None
