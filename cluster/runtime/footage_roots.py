"""Below which folders and addresses footage must lie: one answer for the HTTP API and for its jobs.

    /srv/footage/out.mp4 -> /home/anna/out.mp4      a link that leads out: not below /srv/footage

The API asks for what a caller names, the job for each file that it finds below that.
"""

from collections.abc import Sequence
from pathlib import Path

from cluster.streams.decode.container import is_remote


def below_roots(address: str, roots: Sequence[str]) -> str | None:
    """Where footage lies, if that is below a root.

    Args:
        address: An absolute path, or an fsspec address.
        roots: Folders and fsspec addresses.

    Returns:
        A path without `..` and links, or the address; None where it lies elsewhere.
    """
    return _remote(address, roots) if is_remote(address) else _local(address, roots)


def _remote(address: str, roots: Sequence[str]) -> str | None:
    if {".", ".."} & set(address.partition("://")[2].split("/")):
        return None
    bases = (root.rstrip("/") for root in roots if is_remote(root))
    is_below = any(address == base or address.startswith(f"{base}/") for base in bases)
    return address if is_below else None


def _local(address: str, roots: Sequence[str]) -> str | None:
    path = Path(address.removeprefix("file://"))
    if not path.is_absolute() or "\0" in address:
        return None
    try:
        found = path.resolve()
        bases = [Path(r.removeprefix("file://")).resolve() for r in roots if not is_remote(r)]
    except (OSError, RuntimeError):  # links that lead in a circle
        return None
    return str(found) if any(found.is_relative_to(base) for base in bases) else None
