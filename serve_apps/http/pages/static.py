"""Stylesheets, scripts and signs: small files of ours that every page may load."""

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

KEPT = "public, max-age=31536000, immutable"


class VersionedStaticFiles(StaticFiles):
    """The files below `static`; an address that names its content's version is kept by browsers."""

    def __init__(self) -> None:
        super().__init__(packages=[("serve_apps.http.pages", "static")])

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        is_versioned = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = KEPT if is_versioned else "no-cache"
        return response

    def lookup_path(self, path: str) -> tuple[str, Any]:
        """Where a file is; none outside the folder, and none that begins with a dot."""
        if any(part.startswith(".") for part in path.split("/") if part not in ("", ".")):
            return "", None
        return super().lookup_path(path)
