"""The district: places of cameras, and which lesson is on."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.district import Lesson, Timetable, find_place, parse_timestamp
from cluster.errors import SettingsError
from cluster.settings import Settings


def test_a_camera_has_its_room_and_school(school: Settings) -> None:
    place = find_place(school, "cam2")
    assert (place.camera.id, place.room.id, place.school.id) == ("cam2", "bus", "hill")
    assert place.room.kind == "vehicle"


def test_a_camera_that_does_not_exist_is_named_with_those_that_do(school: Settings) -> None:
    with pytest.raises(SettingsError, match=r"'cam9'.*cam1, cam2.*\[\[cameras\]\]"):
        find_place(school, "cam9")


NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def lesson(name: str, begins: float, ends: float, room: str = "r1") -> Lesson:
    """A lesson, in hours after nine."""
    return Lesson(name, room, "7b", NINE + begins * HOUR, NINE + ends * HOUR)


@pytest.mark.parametrize(
    ("hours", "on"),
    [(-1e-6, None), (0.0, "a"), (0.5, "a"), (1.0, "b"), (2.0, None), (2.5, None), (3.0, "c")],
)
def test_the_start_of_a_lesson_counts_and_its_end_does_not(hours: float, on: str | None) -> None:
    timetable = Timetable([lesson("c", 3, 4), lesson("a", 0, 1), lesson("b", 1, 2)])
    found = timetable.lesson_at("r1", NINE + hours * HOUR)
    assert (found.lesson_id if found else None) == on


def test_a_lesson_is_on_in_its_own_room_alone() -> None:
    timetable = Timetable([lesson("a", 0, 1), lesson("b", 0, 1, room="r2")])
    found = timetable.lesson_at("r2", NINE)
    assert found is not None
    assert found.lesson_id == "b"
    assert timetable.lesson_at("r3", NINE) is None


def test_a_time_of_another_zone_finds_the_same_lesson() -> None:
    timetable = Timetable([lesson("a", 0, 1)])
    east = timezone(timedelta(hours=5, minutes=45))
    assert timetable.lesson_at("r1", NINE.astimezone(east)) is not None


@settings(deadline=None)
@given(
    marks=st.lists(st.integers(0, 60), unique=True, max_size=12).map(sorted),
    minute=st.integers(-1, 61),
)
def test_the_lesson_that_is_found_is_the_one_that_contains_the_time(
    marks: list[int], minute: int
) -> None:
    lessons = [
        lesson(f"l{a}", a / 60, b / 60) for a, b in zip(marks[::2], marks[1::2], strict=False)
    ]
    moment = NINE + minute / 60 * HOUR
    holding = [one for one in lessons if one.starts_at <= moment < one.ends_at]
    found = Timetable(reversed(lessons)).lesson_at("r1", moment)
    assert ([found] if found else []) == holding


@settings(deadline=None)
@given(
    moment=st.datetimes(
        datetime(1970, 1, 2),  # noqa: DTZ001 (Hypothesis wants bounds without a zone)
        datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m))),
    )
)
def test_any_time_with_a_zone_is_read_as_the_same_time(moment: datetime) -> None:
    read = parse_timestamp(f" {moment.isoformat()} ", "here")
    assert read == moment
    assert read.tzinfo is UTC


def test_a_time_without_a_zone_is_rejected_with_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"t\.csv:4: .* no zone\. Add the offset"):
        parse_timestamp("2026-03-02T09:00:00", "t.csv:4")


@pytest.mark.parametrize(
    "text", [None, "", "soon", "25:00", "2026-02-30T09:00:00Z", "0001-01-01T00:00:00+01:00"]
)
def test_what_is_no_time_is_rejected(text: str | None) -> None:
    with pytest.raises(SettingsError, match=r"t\.csv:4: "):
        parse_timestamp(text, "t.csv:4")
