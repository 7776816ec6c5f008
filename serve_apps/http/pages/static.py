"""Stylesheet, scripts and icons: small static files that every page may load."""

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

IMMUTABLE = "public, max-age=31536000, immutable"


class VersionedStaticFiles(StaticFiles):
    """Serves the files below `static`; browsers cache a URL that names its content's version."""

    def __init__(self) -> None:
        super().__init__(packages=[("serve_apps.http.pages", "static")])

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, with its caching header."""
        response = await super().get_response(path, scope)
        is_versioned = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = IMMUTABLE if is_versioned else "no-cache"
        return response

    def lookup_path(self, path: str) -> tuple[str, Any]:
        """Find a file; none outside the folder, and none whose name begins with a dot."""
        if any(part.startswith(".") for part in path.split("/") if part not in ("", ".")):
            return "", None
        return super().lookup_path(path)
