"""The district: places of cameras, and lessons from a timetable whose mistakes are named."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.district import (
    Lesson,
    Timetable,
    load_timetable,
    parse_moment,
    place_of,
)
from cluster.errors import SettingsError
from cluster.settings import Settings, load_settings
from tests.conftest import write_settings

HEADER = "lesson_id,room_id,class_id,starts_at,ends_at\n"
FIRST = "l1,r1,7b,2026-03-02T09:00:00+01:00,2026-03-02T09:45:00+01:00\n"
SECOND = "l2,r1,8a,2026-03-02T09:45:00+01:00,2026-03-02T10:30:00+01:00\n"


def with_timetable(folder: Path, text: str, encoding: str = "utf-8") -> Settings:
    """Settings of a small school with this timetable."""
    settings_file = write_settings(folder)
    settings_file.write_text('timetable = "lessons.csv"\n' + settings_file.read_text())
    (folder / "lessons.csv").write_text(text, encoding=encoding)
    return load_settings(settings_file)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_timetable(with_timetable(folder, text))
    assert str(folder / "lessons.csv") in str(caught.value)
    return str(caught.value).replace(str(folder), "")


def test_a_camera_has_its_room_and_school(school: Settings) -> None:
    place = place_of(school, "cam2")
    assert (place.camera.id, place.room.id, place.school.id) == ("cam2", "bus", "hill")
    assert place.room.kind == "vehicle"


def test_a_camera_that_does_not_exist_is_named_with_those_that_do(school: Settings) -> None:
    with pytest.raises(SettingsError, match=r"'cam9'.*cam1, cam2.*\[\[cameras\]\]"):
        place_of(school, "cam9")


def test_lessons_are_read_in_utc(tmp_path: Path) -> None:
    timetable = load_timetable(with_timetable(tmp_path, HEADER + SECOND + FIRST))
    assert timetable.lessons == (
        Lesson(
            "l1",
            "r1",
            "7b",
            datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
            datetime(2026, 3, 2, 8, 45, tzinfo=UTC),
        ),
        Lesson(
            "l2",
            "r1",
            "8a",
            datetime(2026, 3, 2, 8, 45, tzinfo=UTC),
            datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        ),
    )
    assert all(lesson.starts_at.tzinfo is UTC for lesson in timetable.lessons)


def test_columns_may_stand_in_any_order_with_others_between(tmp_path: Path) -> None:
    text = (
        "ends_at,subject,class_id,room_id,starts_at,lesson_id\n"
        "2026-03-02T09:45:00Z,Art,7b,r1,2026-03-02T09:00:00Z,l1\n"
    )
    [lesson] = load_timetable(with_timetable(tmp_path, text)).lessons
    assert (lesson.lesson_id, lesson.class_id) == ("l1", "7b")


def test_a_spreadsheets_byte_order_mark_and_blank_lines_are_tolerated(tmp_path: Path) -> None:
    text = (HEADER + "\n" + FIRST + "\n").replace("\n", "\r\n")
    assert len(load_timetable(with_timetable(tmp_path, text, "utf-8-sig")).lessons) == 1


def test_a_timetable_of_a_header_alone_and_none_at_all_hold_no_lesson(
    tmp_path: Path, school: Settings
) -> None:
    assert load_timetable(school).lessons == ()
    assert load_timetable(with_timetable(tmp_path, HEADER)).lessons == ()
    assert load_timetable(school).lesson_at("r1", datetime(2026, 3, 2, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (FIRST.replace("r1", "r9"), "no room 'r9'"),
        (FIRST.replace("l1", ""), "lesson_id is empty"),
        (FIRST.replace("T09:00:00+01:00", "T09:00:00"), "no zone"),
        (FIRST.replace("2026-03-02T09:45:00+01:00", "2026-03-02"), "no zone"),
        (FIRST.replace("2026-03-02T09:00:00+01:00", "nine"), "'nine' is not a time"),
        (FIRST.replace("2026-03-02T09:00:00+01:00", ""), "'' is not a time"),
        (FIRST.replace("09:45:00", "08:45:00"), "ends before it starts"),
        (FIRST.replace("09:45:00", "09:00:00"), "ends before it starts"),
        ("l1,r1,7b,2026-03-02T09:00:00+01:00\n", "ends before ends_at"),
        ("l1\n", "ends before room_id"),
    ],
)
def test_a_mistake_in_a_row_is_named_with_file_and_line(
    tmp_path: Path, row: str, said: str
) -> None:
    message = refusal(tmp_path, HEADER + SECOND + row)
    assert said in message
    assert message.startswith("/lessons.csv:3: ")


def test_a_row_that_is_too_short_for_its_class_is_refused(tmp_path: Path) -> None:
    message = refusal(
        tmp_path,
        "lesson_id,room_id,starts_at,ends_at,class_id\n"
        "l1,r1,2026-03-02T09:00:00Z,2026-03-02T09:45:00Z\n",
    )
    assert message.startswith("/lessons.csv:2: ")


@pytest.mark.parametrize("column", ["lesson_id", "room_id", "class_id", "starts_at", "ends_at"])
def test_a_column_that_is_missing_is_named(tmp_path: Path, column: str) -> None:
    message = refusal(tmp_path, HEADER.replace(column, "other"))
    assert f"the column {column} is missing" in message


def test_an_empty_file_misses_all_columns(tmp_path: Path) -> None:
    assert "lesson_id, room_id, class_id, starts_at, ends_at" in refusal(tmp_path, "")


def test_a_timetable_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    found = with_timetable(tmp_path, HEADER)
    (tmp_path / "lessons.csv").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_timetable(found)
    (tmp_path / "lessons.csv").unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        load_timetable(found)


OVERLAPPING = "l2,r1,8a,2026-03-02T09:44:59+01:00,2026-03-02T10:30:00+01:00\n"


def test_two_lessons_that_overlap_in_a_room_are_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, HEADER + FIRST + OVERLAPPING)
    assert "'l1' and 'l2' overlap in room 'r1'" in message


def test_a_long_lesson_over_two_short_ones_is_refused(tmp_path: Path) -> None:
    long = "l0,r1,9c,2026-03-02T08:00:00+01:00,2026-03-02T12:00:00+01:00\n"
    assert "overlap" in refusal(tmp_path, HEADER + FIRST + SECOND + long)


def test_lessons_of_two_rooms_may_overlap(tmp_path: Path) -> None:
    found = with_timetable(tmp_path, HEADER + FIRST + OVERLAPPING.replace("r1", "bus"))
    assert len(load_timetable(found).lessons) == 2


@pytest.mark.parametrize("room", ["r1", "bus"])
def test_a_lesson_that_stands_twice_is_refused(tmp_path: Path, room: str) -> None:
    again = SECOND.replace("l2", "l1").replace("r1", room)
    assert "'l1' stands twice" in refusal(tmp_path, HEADER + FIRST + again)


@pytest.mark.parametrize("second", [OVERLAPPING, SECOND.replace("l2", "l1")])
def test_what_is_wrong_between_two_rows_is_named_with_a_line_too(
    tmp_path: Path, second: str
) -> None:
    message = refusal(tmp_path, HEADER + FIRST + second)
    assert message.startswith(("/lessons.csv:2: ", "/lessons.csv:3: "))


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


def test_a_moment_of_another_zone_finds_the_same_lesson() -> None:
    timetable = Timetable([lesson("a", 0, 1)])
    east = timezone(timedelta(hours=5, minutes=45))
    assert timetable.lesson_at("r1", NINE.astimezone(east)) is not None


@settings(deadline=None)
@given(
    marks=st.lists(st.integers(0, 60), unique=True, max_size=12).map(sorted),
    minute=st.integers(-1, 61),
)
def test_the_lesson_that_is_found_is_the_one_that_holds_the_moment(
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
def test_any_time_with_a_zone_is_read_as_the_same_moment(moment: datetime) -> None:
    read = parse_moment(f" {moment.isoformat()} ", "here")
    assert read == moment
    assert read.tzinfo is UTC


def test_a_time_without_a_zone_is_refused_with_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"t\.csv:4: .* no zone\. Add the offset"):
        parse_moment("2026-03-02T09:00:00", "t.csv:4")


@pytest.mark.parametrize(
    "text", [None, "", "soon", "25:00", "2026-02-30T09:00:00Z", "0001-01-01T00:00:00+01:00"]
)
def test_what_is_no_time_is_refused(text: str | None) -> None:
    with pytest.raises(SettingsError, match=r"t\.csv:4: "):
        parse_moment(text, "t.csv:4")
