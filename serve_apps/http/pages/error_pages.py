"""Errors for people: the same as the API's, on a page and in the reader's language.

an error ─> does a browser ask for a page? ─ no ──> the API's JSON
                                           └ yes ─> sign-in, or a page that says what to do
"""

from typing import Final
from urllib.parse import quote

from fastapi import Request
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response

from serve_apps.http.errors import ErrorDetail
from serve_apps.http.pages.rendering import page, wants_fragment

NOT_SIGNED_IN: Final = 401
SEE_OTHER: Final = 303
SAFE: Final = frozenset({"GET", "HEAD"})


class TroublePages:
    """Tells errors on pages (`serve_apps.http.errors.ErrorPages`)."""

    def is_for_people(self, connection: HTTPConnection) -> bool:
        """Whether a browser asks for a page, and not a program for data."""
        path = connection.scope.get("path", "")
        if connection.scope["type"] != "http" or path.startswith(("/api/", "/static/")):
            return False
        return "text/html" in connection.headers.get("accept", "")

    def page_of_error(
        self, connection: HTTPConnection, status: int, error: ErrorDetail
    ) -> Response:
        """The page that tells an error; who has not signed in is brought to the sign-in."""
        request = connection if isinstance(connection, Request) else Request(connection.scope)
        if status == NOT_SIGNED_IN and not wants_fragment(request):
            asked = request.url.path if request.method in SAFE else "/"
            return RedirectResponse(
                f"/sign-in?next={quote(asked, safe='/')}", status_code=SEE_OTHER
            )
        template = "_error.html" if wants_fragment(request) else "error.html"
        return page(request, template, {"status": status, "error": error}, status=status)
