"""Checks that footage is below the configured roots, for the HTTP API and for the archive job.

    /srv/footage/out.mp4 -> /home/anna/out.mp4      a symbolic link out of /srv/footage: rejected

The API checks the paths of a request, the job each file that it finds below them.
"""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote


def is_remote(address: str) -> bool:
    """Whether an address is an fsspec URL (`scheme://…`) and not a local path."""
    return "://" in address and not address.startswith("file://")


def local_path(address: str) -> str:
    """Return the path that a local address names: itself, or that of a `file://` URL (RFC 8089)."""
    if not address.startswith("file://"):
        return address
    return unquote(address.removeprefix("file://").removeprefix("localhost"))


def absolute_path(address: str) -> str:
    """Return the absolute path that a local address names, without `..`.

    A link in its last part stays one: whoever opens it checks where it leads.
    """
    path = Path(local_path(address)).absolute()
    try:
        return str(path.parent.resolve() / path.name if ".." in path.parts else path)
    except (OSError, RuntimeError):  # a loop of symbolic links
        return str(path)


def resolve_below_roots(address: str, roots: Sequence[str]) -> str | None:
    """Return the resolved location of footage if it is below one of the roots.

    Args:
        address: An absolute path, or an fsspec URL.
        roots: Folders and fsspec URLs.

    Returns:
        A path without `..` and symbolic links, or the URL; None where it is below no root.
    """
    return _resolve_remote(address, roots) if is_remote(address) else _resolve_local(address, roots)


def _resolve_remote(address: str, roots: Sequence[str]) -> str | None:
    if {".", ".."} & set(address.partition("://")[2].split("/")):
        return None
    bases = (root.rstrip("/") for root in roots if is_remote(root))
    is_below = any(address == base or address.startswith(f"{base}/") for base in bases)
    return address if is_below else None


def _resolve_local(address: str, roots: Sequence[str]) -> str | None:
    path = Path(local_path(address))
    if not path.is_absolute() or "\0" in str(path):
        return None
    try:
        resolved = path.resolve()
        bases = [Path(local_path(r)).resolve() for r in roots if not is_remote(r)]
    except (OSError, RuntimeError):  # a loop of symbolic links
        return None
    return str(resolved) if any(resolved.is_relative_to(base) for base in bases) else None
