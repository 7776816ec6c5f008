"""Which footage may be named over HTTP: what lies below `archive.footage_roots`, and nothing else.

    local path -> made absolute, `..` and links followed -> below a root?
    address    -> without credentials, query, `..`       -> begins with a root?

Without this, whoever may submit a job could have any file of the cluster opened. The job asks again
for each file that it finds below what was named: there may be links.
"""

import re
from collections.abc import Sequence
from typing import Final

from cluster.errors import NotAllowed
from cluster.runtime.footage_roots import is_remote, resolve_below_roots

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
    found = resolve_below_roots(item, roots) if _is_plain(item) else None
    if found is None:
        # The same words whether it is there or not: the answer must not tell what lies elsewhere.
        raise NotAllowed("this footage lies outside of what may be analysed.", hint=HINT)
    return found


def _is_plain(item: str) -> bool:
    """Whether an address says where it leads, without credentials, questions or chains."""
    if not is_remote(item):
        return True
    segments = item.partition("://")[2].split("/")
    return bool(_ADDRESS.fullmatch(item)) and "" not in segments[:-1]
