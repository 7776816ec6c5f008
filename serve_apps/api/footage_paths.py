"""Which footage may be named over HTTP: what lies below `archive.footage_roots`, and nothing else.

    local path -> made absolute, `..` and links followed -> below a root?
    address    -> without credentials, query, `..`       -> begins with a root?

Without this, whoever may submit a job could have any file of the cluster opened.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cluster.errors import NotAllowed
from cluster.streams.video import is_remote

LONGEST: Final = 1000
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]{0,31}://[^\s\\?#@:%]+(:\d{1,5})?[^\s\\?#@:%]*")

HINT: Final = "Name files or folders below archive.footage_roots, which the settings list."


def allowed_footage(footage: Sequence[str], roots: Sequence[str]) -> list[str]:
    """The footage as the job shall open it: absolute, without `..` and links.

    Args:
        footage: Files, folders and fsspec addresses, as the caller names them.
        roots: Folders and fsspec addresses below which they must be.

    Raises:
        NotAllowed: One of them is elsewhere.
    """
    return [_allowed(one, roots) for one in footage]


def _allowed(item: str, roots: Sequence[str]) -> str:
    found = _remote(item, roots) if is_remote(item) else _local(item, roots)
    if found is None:
        # The same words whether it is there or not: the answer must not tell what lies elsewhere.
        raise NotAllowed("this footage lies outside of what may be analysed.", hint=HINT)
    return found


def _remote(item: str, roots: Sequence[str]) -> str | None:
    segments = item.partition("://")[2].split("/")
    if not _ADDRESS.fullmatch(item) or {"", ".", ".."} & set(segments[:-1]) or ".." in segments:
        return None
    bases = (root.rstrip("/") for root in roots if is_remote(root))
    return item if any(item == base or item.startswith(f"{base}/") for base in bases) else None


def _local(item: str, roots: Sequence[str]) -> str | None:
    path = Path(item.removeprefix("file://"))
    if not path.is_absolute() or "\0" in item:
        return None
    try:
        found = path.resolve()
        bases = [Path(r.removeprefix("file://")).resolve() for r in roots if not is_remote(r)]
    except (OSError, RuntimeError):  # links that lead in a circle
        return None
    return str(found) if any(found.is_relative_to(base) for base in bases) else None
