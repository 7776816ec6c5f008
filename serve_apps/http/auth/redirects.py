"""Where a browser is redirected to after a sign-in: only to a page of this service."""

from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Query

MAX_NEXT_LENGTH: Final = 1000
SIGN_IN_PREFIXES: Final = ("/sign-in", "/sign-out", "/signed-out")
"""Paths that are steps of signing in or out, and no page to come back to."""

Next = Annotated[
    str, Query(description="Path to redirect to afterwards.", max_length=MAX_NEXT_LENGTH)
]


def safe_redirect_path(address: str) -> str:
    """Return the address if it is a page of this service; else the path of the home page.

    Browsers read two slashes, or a slash and a backslash, as the start of another host's name, and
    skip control characters.
    """
    if not address.startswith("/") or address.startswith("//") or "\\" in address:
        return "/"
    if not address.isascii() or not address.isprintable() or " " in address:
        return "/"
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or is_sign_in_path(parts.path):
        return "/"
    return address


def is_sign_in_path(path: str) -> bool:
    """Return whether a path is a step of signing in or out."""
    return any(path == one or path.startswith(f"{one}/") for one in SIGN_IN_PREFIXES)
