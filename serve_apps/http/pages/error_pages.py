"""Errors as pages: the same errors as the API's, in the language of the browser.

an error ─> does the client accept HTML? ─ no ──> the API's JSON
                                         └ yes ─> the sign-in, or an error page
"""

from typing import Final
from urllib.parse import quote

from fastapi import Request
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.status import HTTP_303_SEE_OTHER

from serve_apps.http.auth.redirects import is_sign_in_path
from serve_apps.http.errors import ErrorDetail
from serve_apps.http.pages.rendering import render_page, wants_fragment

NOT_SIGNED_IN: Final = 401
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


class HtmlErrorPages:
    """Renders errors as HTML (`serve_apps.http.errors.ErrorPages`)."""

    def wants_page(self, connection: HTTPConnection) -> bool:
        """Return whether a browser requests a page, and not a program data."""
        path = connection.scope.get("path", "")
        if connection.scope["type"] != "http" or path.startswith(("/api/", "/static/")):
            return False
        return "text/html" in connection.headers.get("accept", "")

    def render_error(self, connection: HTTPConnection, status: int, error: ErrorDetail) -> Response:
        """Render an error; a browser that is not signed in is redirected to the sign-in."""
        request = connection if isinstance(connection, Request) else Request(connection.scope)
        if status == NOT_SIGNED_IN and not wants_fragment(request):
            return RedirectResponse(_sign_in_address(request, error), HTTP_303_SEE_OTHER)
        template = "_error.html" if wants_fragment(request) else "error.html"
        return render_page(request, template, {"status": status, "error": error}, status=status)


def _sign_in_address(request: Request, error: ErrorDetail) -> str:
    """Return the sign-in page's address, which says what to come back to, or what went wrong."""
    path = request.url.path
    if request.method not in SAFE_METHODS:
        path = "/"
    elif is_sign_in_path(path):  # not to be come back to: that would be a loop
        return f"/sign-in?problem={quote(error.code)}"
    return f"/sign-in?next={quote(path, safe='/')}"
