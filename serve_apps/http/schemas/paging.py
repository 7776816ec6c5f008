"""Long lists in pages: one way for all of them.

    GET /api/rooms?limit=50            -> {"rooms": […], "next": "cm9vbS0xMg"}
    GET /api/rooms?limit=50&cursor=cm9vbS0xMg -> …, "next": null at the end

A cursor holds the key of the last thing that was told, so that a list that grows meanwhile repeats
nothing and leaves nothing out. Its form is nobody's business but this module's.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError

MOST = 200
USUAL = 50
_RANDOM_ID = re.compile(r"[0-9a-f]{32}")

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Paging:
    """What part of a list is asked for.

    Attributes:
        limit: So many at most.
        after: The key after which the page begins; None: at the start.
    """

    limit: int
    after: str | None

    def number(self) -> int | None:
        """The key, where keys are numbers.

        Raises:
            RequestValidationError: The cursor is of another list.
        """
        if self.after is None:
            return None
        if not (self.after.isascii() and self.after.isdecimal() and len(self.after) < 16):
            raise _no_cursor(self.after)
        return int(self.after)

    def random_id(self) -> str | None:
        """The key, where keys are ids of persons; a database need not bear any other text.

        Raises:
            RequestValidationError: The cursor is of another list.
        """
        if self.after is not None and not _RANDOM_ID.fullmatch(self.after):
            raise _no_cursor(self.after)
        return self.after


def _paging(
    limit: Annotated[int, Query(ge=1, le=MOST, description="So many at most.")] = USUAL,
    cursor: Annotated[
        str | None,
        Query(
            pattern=r"^[A-Za-z0-9_-]{1,600}$",
            description="`next` of the page before; unset: the first page.",
        ),
    ] = None,
) -> Paging:
    return Paging(limit, None if cursor is None else _opened(cursor))


Pages = Annotated[Paging, Depends(_paging)]


def page_of(
    things: Iterable[Thing], key: Callable[[Thing], str], paging: Paging
) -> tuple[list[Thing], str | None]:
    """A page of things, and the cursor of the next.

    Args:
        things: All of them, in any order.
        key: Unique; things are told in its order.
        paging: Which page.
    """
    after = paging.after
    keyed = sorted(((key(one), one) for one in things), key=lambda pair: pair[0])
    left = [pair for pair in keyed if after is None or pair[0] > after]
    page = left[: paging.limit]
    more = len(left) > len(page)
    return [one for _, one in page], cursor_of(page[-1][0]) if more else None


def cursor_of(key: str | int) -> str:
    """The cursor of what comes after a key."""
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def _opened(cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.urlsafe_b64decode(padded).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _no_cursor(cursor) from None


def _no_cursor(value: str) -> RequestValidationError:
    return RequestValidationError(
        [
            {
                "type": "cursor",
                "loc": ("query", "cursor"),
                "msg": "it is no cursor of this list",
                "input": value,
            }
        ]
    )
