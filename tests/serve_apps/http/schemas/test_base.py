"""Types of bodies: bounded, strict, and times that end in Z."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from serve_apps.http.schemas.base import (
    Body,
    LessonId,
    SettingsId,
    StudentId,
    Utc,
    example_response,
)

UTC_TIME = TypeAdapter(Utc)


class NameBody(Body):
    name: str


def test_times_are_serialised_in_utc() -> None:
    oslo = timezone(timedelta(hours=1))
    text = UTC_TIME.dump_json(UTC_TIME.validate_python(datetime(2026, 3, 2, 10, tzinfo=oslo)))
    assert text == b'"2026-03-02T09:00:00Z"'
    assert UTC_TIME.validate_json(text) == datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-03-02T09:00:00", "0001-01-01T00:00:00+14:00", "soon"])
def test_a_time_without_a_zone_or_outside_of_the_calendar_is_rejected(text: str) -> None:
    with pytest.raises(ValidationError):
        UTC_TIME.validate_python(text)


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        (SettingsId, "room-12.a"),
        (LessonId, "room-12-20260302-0900-5f2c8a11"),
        (StudentId, "0" * 32),
    ],
)
def test_ids_have_an_alphabet_and_a_length(kind: Any, good: str) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    assert adapter.validate_python(good) == good
    for bad in ("", "-x", f"{good}\n", f"{good}/..", f"{good}\0", "é", good * 20):
        with pytest.raises(ValidationError):
            adapter.validate_python(bad)


def test_unknown_keys_of_a_body_are_rejected() -> None:
    with pytest.raises(ValidationError):
        NameBody.model_validate({"name": "x", "more": 1})


def test_an_invalid_example_is_an_error() -> None:
    assert example_response(NameBody, {"name": "x"}, "A name.")[200]["model"] is NameBody
    with pytest.raises(ValidationError):
        example_response(NameBody, {"names": "x"}, "A name.")
