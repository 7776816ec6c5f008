"""Templates in, pages out: the one place where HTML is made and its headers are set.

Nothing on a page comes from another host, no script or style stands inside the HTML, and every
text is escaped unless a template says otherwise.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import HTTPConnection

from cluster.security.roles import Principal
from cluster.security.tokens import csrf_token
from serve_apps.http.auth.authentication import AuthResult
from serve_apps.http.backend import Backend
from serve_apps.http.pages.i18n import LANGUAGES, language_of, locale_of, translations_of

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action {form_action}; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)
FRAGMENT_HEADER: Final = "X-Homeroom-Fragment"
"""Sent by our scripts: they want a part of a page, to put in place of what is there."""


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page, or a part of one, in the language of the browser.

    Args:
        request: What it answers.
        template: Its name below `templates`.
        context: What the template is given, besides what every template is given.
        status: Of the answer.
        headers: Besides the usual.
    """
    language = language_of(request)
    caller = caller_of_page(request)
    html = (
        environment(language)
        .get_template(template)
        .render(
            **{
                "request_path": request.url.path,
                "language": language,
                "caller": caller,
                "csrf": csrf_of(request),
                **(context or {}),
            }
        )
    )
    response = HTMLResponse(html, status_code=status, headers=dict(headers or {}))
    response.headers.setdefault("Content-Security-Policy", POLICY.format(form_action="'self'"))
    # With `no-referrer`, browsers hide from us, too, that a form is our own.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Content-Language"] = language
    response.headers["Vary"] = f"Accept-Language, Cookie, {FRAGMENT_HEADER}"
    return response


def wants_fragment(request: Request) -> bool:
    """Whether one of our scripts asks, for a part of a page."""
    return FRAGMENT_HEADER.lower() in request.headers


def caller_of_page(connection: HTTPConnection) -> Principal | None:
    """Who looks at the page, if anybody has signed in."""
    asker = connection.scope.get("state", {}).get("auth")
    return asker.principal if isinstance(asker, AuthResult) else None


def csrf_of(request: Request) -> str:
    """The word that forms of the page carry; empty where there is no session."""
    asker = request.scope.get("state", {}).get("auth")
    if not isinstance(asker, AuthResult) or asker.principal is None or asker.kind != "session":
        return ""
    backend: Backend = request.app.state.backend
    return csrf_token(backend.identity.keys, asker.principal.sign_in_id)


@cache
def environment(language: str) -> Environment:
    """Templates that speak a language.

    Args:
        language: One of `LANGUAGES`.
    """
    if language not in LANGUAGES:
        raise ValueError(f"there are no texts in {language!r}")
    made = Environment(
        loader=PackageLoader("serve_apps.http.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations_of(language), newstyle=True)  # type: ignore[attr-defined]
    locale = locale_of(language)
    made.filters["clock"] = partial(_clock, locale=locale)
    made.filters["day"] = partial(_day, locale=locale)
    made.filters["moment"] = partial(_moment, locale=locale)
    made.filters["date"] = partial(format_date, format="medium", locale=locale)
    made.filters["number"] = partial(format_decimal, locale=locale)
    made.globals["static"] = static_address
    return made


@cache
def static_address(name: str) -> str:
    """The address of a file of ours, which changes with what is in it: browsers keep it for long.

    Args:
        name: Below `static`.
    """
    content = (files("serve_apps.http.pages") / "static" / name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def _clock(moment: datetime, zone: ZoneInfo, **how: Any) -> str:
    return format_time(moment.astimezone(zone), "short", **how)


def _day(moment: datetime, zone: ZoneInfo, **how: Any) -> str:
    return format_date(moment.astimezone(zone), "full", **how)


def _moment(moment: datetime, zone: ZoneInfo, **how: Any) -> str:
    return format_datetime(moment.astimezone(zone), "short", **how)
