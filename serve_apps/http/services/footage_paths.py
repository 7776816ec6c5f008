"""Resolve footage that is named over HTTP: only what is below `archive.footage_roots` is allowed.

    local path -> absolute, `..` and links resolved -> below a root?
    address    -> no credentials, query or `..`     -> begins with a root?

Without this, a caller who may submit a job could have any file of the cluster opened. The job
checks each file that it finds in a folder again: there may be links.
"""

import re
from collections.abc import Sequence
from typing import Final

from cluster.errors import NotAllowed
from cluster.runtime.footage_roots import is_remote, resolve_below_roots

MAX_FOOTAGE_LENGTH: Final = 1000
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]{0,31}://[^\s\\?#@:%]+(:\d{1,5})?[^\s\\?#@:%]*")

HINT: Final = "Name files or folders below archive.footage_roots, which the settings list."


def resolve_footage(footage: Sequence[str], roots: Sequence[str]) -> list[str]:
    """Return the footage as the job opens it: absolute, without `..` and links.

    Args:
        footage: Files, folders and fsspec addresses, as the caller names them.
        roots: Folders and fsspec addresses below which they must be.

    Raises:
        NotAllowed: One of them is not.
    """
    return [_resolve(one, roots) for one in footage]


def _resolve(item: str, roots: Sequence[str]) -> str:
    found = resolve_below_roots(item, roots) if _is_plain_address(item) else None
    if found is None:
        # The same message whether it exists or not: the response must not reveal other files.
        raise NotAllowed("this footage is outside of what may be analysed.", hint=HINT)
    return found


def _is_plain_address(item: str) -> bool:
    """Return whether an address is plain: without credentials, query or chained protocols."""
    if not is_remote(item):
        return True
    segments = item.partition("://")[2].split("/")
    return bool(_ADDRESS.fullmatch(item)) and "" not in segments[:-1]
