"""Renders templates into HTML responses: the one place that makes HTML and sets its headers.

Pages load nothing from other hosts and have no inline script or style, and every text is escaped
unless a template says otherwise.
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
from serve_apps.http.auth.authentication import auth_result_of
from serve_apps.http.backend import Backend
from serve_apps.http.pages.i18n import LANGUAGES, language_of, locale_of, translations_of

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action {form_action}; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)
FRAGMENT_HEADER: Final = "X-Homeroom-Fragment"
"""Sent by the pages' scripts, which request a part of a page to replace what is shown."""


def render_page(
    request: Request,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Render a page, or a fragment of one, in the language of the browser.

    Args:
        request: The request that is answered.
        template: A file name below `templates`.
        context: Variables of the template, besides those that every template has.
        status: Of the response.
        headers: Besides the usual ones.
    """
    language = language_of(request)
    html = (
        template_environment(language)
        .get_template(template)
        .render(
            **{
                "request_path": request.url.path,
                "language": language,
                "caller": signed_in_caller(request),
                "csrf": csrf_token_of(request),
                **(context or {}),
            }
        )
    )
    response = HTMLResponse(html, status_code=status, headers=dict(headers or {}))
    policy = CONTENT_SECURITY_POLICY.format(form_action="'self'")
    response.headers.setdefault("Content-Security-Policy", policy)
    # Under `no-referrer`, browsers send forms with `Origin: null`, which the CSRF check rejects.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Content-Language"] = language
    response.headers["Vary"] = f"Accept-Language, Cookie, {FRAGMENT_HEADER}"
    return response


def wants_fragment(request: Request) -> bool:
    """Return whether a script of the pages requests a part of a page."""
    return FRAGMENT_HEADER.lower() in request.headers


def signed_in_caller(connection: HTTPConnection) -> Principal | None:
    """Return who is signed in, if anybody."""
    auth = auth_result_of(connection)
    return auth.principal if auth is not None else None


def csrf_token_of(request: Request) -> str:
    """Return the CSRF token for the page's forms; empty where there is no session."""
    auth = auth_result_of(request)
    if auth is None or auth.principal is None or auth.kind != "session":
        return ""
    backend: Backend = request.app.state.backend
    return csrf_token(backend.audited.keys, auth.principal.sign_in_id)


@cache
def template_environment(language: str) -> Environment:
    """Return the Jinja2 environment of a language.

    Args:
        language: One of `LANGUAGES`.

    Raises:
        ValueError: There are no translations into it.
    """
    if language not in LANGUAGES:
        raise ValueError(f"there are no translations into {language!r}")
    environment = Environment(
        loader=PackageLoader("serve_apps.http.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(translations_of(language), newstyle=True)  # type: ignore[attr-defined]
    locale = locale_of(language)
    environment.filters["time"] = partial(_format_time, locale=locale)
    environment.filters["full_date"] = partial(_format_full_date, locale=locale)
    environment.filters["datetime"] = partial(_format_datetime, locale=locale)
    environment.filters["date"] = partial(format_date, format="medium", locale=locale)
    environment.filters["number"] = partial(format_decimal, locale=locale)
    environment.globals["static_url"] = static_url
    return environment


@cache
def static_url(name: str) -> str:
    """Return the URL of a static file, with its content's hash so that browsers may cache it.

    Args:
        name: A path below `static`.
    """
    content = (files("serve_apps.http.pages") / "static" / name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def _format_time(when: datetime, zone: ZoneInfo, **options: Any) -> str:
    return format_time(when.astimezone(zone), "short", **options)


def _format_full_date(when: datetime, zone: ZoneInfo, **options: Any) -> str:
    return format_date(when.astimezone(zone), "full", **options)


def _format_datetime(when: datetime, zone: ZoneInfo, **options: Any) -> str:
    return format_datetime(when.astimezone(zone), "short", **options)
