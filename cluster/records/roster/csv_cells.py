"""Types of CSV cells, and the pydantic model that rows of a file are validated with.

    CsvRow (cells as text) -> CsvModel.parse -> a model | CellError (column, reason)

An empty cell is a missing value, so a field with a default is an optional cell.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Annotated, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from cluster.records.roster.csv_files import CsvRow

MAX_KEY_LENGTH = 255
MAX_TEXT_LENGTH = 1000
MAX_QUOTED_LENGTH = 40

NO_NUL = r"^[^\x00]*$"
REASONS = {
    "missing": "is empty",
    "string_too_long": "is longer than {max_length} characters",
    "string_pattern_mismatch": "holds a NUL character",
}
"""Reasons by the type of pydantic's error; other errors carry their own."""

T = TypeVar("T")


class CellError(ValueError):
    """A cell cannot be used. Caught where its row is read.

    Args:
        column: The header of its column.
        reason: What is wrong.
    """

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class CsvModel(BaseModel):
    """The cells of one row by field; each field's alias is the header of its column.

    Attributes:
        line: The first line of the row in its file, from 1.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    line: int = Field(exclude=True)

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Return the headers that the fields are read from."""
        fields = cls.model_fields.items()
        return tuple(field.alias or name for name, field in fields if name != "line")

    @classmethod
    def parse(cls, row: CsvRow) -> Self:
        """Validate a row.

        Raises:
            CellError: A cell cannot be used; the first one, in the order of the fields.
        """
        try:
            return cls.model_validate({**row.cells, "line": row.line})
        except ValidationError as error:
            raise cls._first_error(error) from None  # the cause would hold the cells

    @classmethod
    def _first_error(cls, error: ValidationError) -> CellError:
        first = error.errors(include_url=False, include_input=False)[0]
        column = str(first["loc"][0])
        if column in cls.model_fields:  # of a default that is validated, the field is named
            column = cls.model_fields[column].alias or column
        reason = REASONS.get(first["type"])
        return CellError(column, reason.format(**first.get("ctx", {})) if reason else first["msg"])


def invalid_cell_error(reason: str) -> PydanticCustomError:
    """Return the error that a validator of a cell raises."""
    return PydanticCustomError("cell", "{reason}", {"reason": reason})


def quoted(text: str) -> str:
    """Quote a cell's text for a message, truncated where it is long."""
    cut = text if len(text) <= MAX_QUOTED_LENGTH else text[:MAX_QUOTED_LENGTH] + "…"
    return repr(cut)


def one_of(choices: Mapping[str, object]) -> PlainValidator:
    """Return a validator that maps a text, in any case, to the value of a choice."""

    def parse(text: str) -> object:
        try:
            return choices[text.lower()]
        except KeyError:
            raise invalid_cell_error(f"{quoted(text)} is none of {', '.join(choices)}") from None

    return PlainValidator(parse)


def not_before(field: str) -> AfterValidator:
    """Return a validator that rejects a day before the day of another, earlier field."""

    def check(day: date, info: ValidationInfo) -> date:
        start = info.data.get(field)
        if start is not None and day < start:
            raise invalid_cell_error(f"{day} is before {start}")
        return day

    return AfterValidator(check)


def _split_keys(text: str) -> tuple[str, ...]:
    if len(text) > MAX_TEXT_LENGTH:
        raise invalid_cell_error(f"is longer than {MAX_TEXT_LENGTH} characters")
    parts = (part.strip() for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


@lru_cache(maxsize=1024)
def _parse_day(text: str) -> date:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise invalid_cell_error(f"{quoted(text)} is no day, like 2026-03-02")


Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_LENGTH, pattern=NO_NUL)]
Key = Annotated[str, StringConstraints(max_length=MAX_KEY_LENGTH, pattern=NO_NUL)]
"""A sourcedId."""

Keys = Annotated[tuple[Key, ...], BeforeValidator(_split_keys)]
"""SourcedIds, separated by commas in the cell; duplicates are dropped."""

Day = Annotated[date, PlainValidator(_parse_day)]
Boolean = Annotated[bool, one_of({"true": True, "false": False})]
