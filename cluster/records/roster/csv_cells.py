"""The cells of one row, as what they should be: a key, a day, a yes or no."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import TypeVar

MAX_KEY_LENGTH = 255
MAX_TEXT_LENGTH = 1000
MAX_QUOTED_LENGTH = 40

T = TypeVar("T")


class CellError(ValueError):
    """A cell is not what it should be. Never leaves the reading of a row."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class CsvRow:
    """A row's cells by column, without the blanks around them.

    Args:
        columns: Where each column stands.
        cells: As many as there are columns.
        line: Its first line in the file, from 1.
    """

    __slots__ = ("_cells", "_columns", "line")

    def __init__(self, columns: Mapping[str, int], cells: Sequence[str], line: int) -> None:
        self._columns = columns
        self._cells = cells
        self.line = line

    def optional(self, column: str) -> str | None:
        """Text, or None where the cell is empty or there is no such column."""
        index = self._columns.get(column)
        text = "" if index is None else self._cells[index].strip()
        if "\0" in text:
            raise CellError(column, "holds a NUL character")
        if len(text) > MAX_TEXT_LENGTH:
            raise CellError(column, f"is longer than {MAX_TEXT_LENGTH} characters")
        return text or None

    def text(self, column: str) -> str:
        """Text."""
        text = self.optional(column)
        if text is None:
            raise CellError(column, "is empty")
        return text

    def key(self, column: str) -> str:
        """A sourcedId."""
        return _short(column, self.text(column))

    def optional_key(self, column: str) -> str | None:
        """A sourcedId, or None."""
        text = self.optional(column)
        return None if text is None else _short(column, text)

    def keys(self, column: str) -> tuple[str, ...]:
        """SourcedIds with commas between; each once."""
        text = self.optional(column) or ""
        parts = [part.strip() for part in text.split(",")]
        return tuple(dict.fromkeys(_short(column, part) for part in parts if part))

    def day(self, column: str) -> date:
        """A day."""
        return _day_of(column, self.text(column))

    def optional_day(self, column: str) -> date | None:
        """A day, or None."""
        text = self.optional(column)
        return None if text is None else _day_of(column, text)

    def one_of(self, column: str, choices: Mapping[str, T]) -> T:
        """A word of a list, in any case."""
        text = self.text(column)
        try:
            return choices[text.lower()]
        except KeyError:
            words = ", ".join(choices)
            raise CellError(column, f"{quoted(text)} is none of {words}") from None

    def boolean(self, column: str) -> bool:
        """`true` or `false`."""
        return self.one_of(column, {"true": True, "false": False})


def quoted(text: str) -> str:
    """A cell's text for a message: quoted, and cut where it is long."""
    cut = text if len(text) <= MAX_QUOTED_LENGTH else text[:MAX_QUOTED_LENGTH] + "…"
    return repr(cut)


def _short(column: str, text: str) -> str:
    if len(text) > MAX_KEY_LENGTH:
        raise CellError(column, f"is longer than {MAX_KEY_LENGTH} characters")
    return text


def _day_of(column: str, text: str) -> date:
    day = _day(text)
    if day is None:
        raise CellError(column, f"{quoted(text)} is no day, like 2026-03-02")
    return day


@lru_cache(maxsize=1024)
def _day(text: str) -> date | None:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
