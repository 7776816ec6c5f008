"""Paging of long lists, the same for all of them.

    GET /api/rooms?limit=50            -> {"rooms": […], "next": "cm9vbS0xMg"}
    GET /api/rooms?limit=50&cursor=cm9vbS0xMg -> …, "next": null at the end

A cursor encodes the key of the last item of a page, so that a list that grows meanwhile repeats and
skips nothing. Its format is private to this module.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
_RANDOM_ID = re.compile(r"[0-9a-f]{32}")

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is requested.

    Attributes:
        limit: Maximum number of items.
        after: The key after which the page begins; None: at the start.
    """

    limit: int
    after: str | None

    def after_number(self) -> int | None:
        """Return the key of a list whose keys are numbers.

        Raises:
            RequestValidationError: The cursor is of another list.
        """
        if self.after is None:
            return None
        if not (self.after.isascii() and self.after.isdecimal() and len(self.after) < 16):
            raise _invalid_cursor_error(self.after)
        return int(self.after)

    def after_id(self) -> str | None:
        """Return the key of a list whose keys are random ids; nothing else reaches the database.

        Raises:
            RequestValidationError: The cursor is of another list.
        """
        if self.after is not None and not _RANDOM_ID.fullmatch(self.after):
            raise _invalid_cursor_error(self.after)
        return self.after


def _parse_paging(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Maximum number of items.")] = (
        DEFAULT_LIMIT
    ),
    cursor: Annotated[
        str | None,
        Query(
            pattern=r"^[A-Za-z0-9_-]{1,600}$",
            description="`next` of the previous page; unset: the first page.",
        ),
    ] = None,
) -> Paging:
    return Paging(limit, None if cursor is None else _decode_cursor(cursor))


PagingQuery = Annotated[Paging, Depends(_parse_paging)]


def paginate(
    items: Iterable[Item], key: Callable[[Item], str], paging: Paging
) -> tuple[list[Item], str | None]:
    """Return a page of items, and the cursor of the next page.

    Args:
        items: All of them, in any order.
        key: Unique; pages are sorted by it.
        paging: Which page.
    """
    after = paging.after
    keyed = sorted(((key(item), item) for item in items), key=lambda pair: pair[0])
    rest = [pair for pair in keyed if after is None or pair[0] > after]
    page = rest[: paging.limit]
    has_more = len(rest) > len(page)
    return [item for _, item in page], encode_cursor(page[-1][0]) if has_more else None


def encode_cursor(key: str | int) -> str:
    """Return the cursor of the page after a key."""
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.urlsafe_b64decode(padded).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _invalid_cursor_error(cursor) from None


def _invalid_cursor_error(value: str) -> RequestValidationError:
    return RequestValidationError(
        [
            {
                "type": "cursor",
                "loc": ("query", "cursor"),
                "msg": "it is not a cursor of this list",
                "input": value,
            }
        ]
    )
