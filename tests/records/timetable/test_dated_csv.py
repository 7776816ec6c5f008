"""A CSV of dated lessons: read in UTC, and each mistake named with its file and line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.district import Lesson, Timetable
from cluster.errors import SettingsError
from cluster.records.timetable.dated_csv import (
    is_dated_csv,
    read_dated,
    read_dated_timetable,
    write_dated,
)
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


def read(settings: Settings) -> Timetable:
    assert settings.timetable is not None
    return read_dated_timetable(settings.timetable, settings)


def rejection(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(with_timetable(folder, text))
    assert str(folder / "lessons.csv") in str(caught.value)
    return str(caught.value).replace(str(folder), "")


def test_lessons_are_read_in_utc(tmp_path: Path) -> None:
    timetable = read(with_timetable(tmp_path, HEADER + SECOND + FIRST))
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
    [lesson] = read(with_timetable(tmp_path, text)).lessons
    assert (lesson.lesson_id, lesson.class_id) == ("l1", "7b")


def test_a_spreadsheets_byte_order_mark_and_blank_lines_are_tolerated(tmp_path: Path) -> None:
    text = (HEADER + "\n" + FIRST + "\n").replace("\n", "\r\n")
    assert len(read(with_timetable(tmp_path, text, "utf-8-sig")).lessons) == 1


def test_a_file_of_a_header_alone_holds_no_lesson(tmp_path: Path) -> None:
    assert read(with_timetable(tmp_path, HEADER)).lessons == ()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (FIRST.replace("r1", "r9"), "no room 'r9'"),
        (FIRST.replace("l1", ""), "lesson_id: is empty"),
        (FIRST.replace("T09:00:00+01:00", "T09:00:00"), "no zone"),
        (FIRST.replace("2026-03-02T09:45:00+01:00", "2026-03-02"), "no zone"),
        (FIRST.replace("2026-03-02T09:00:00+01:00", "nine"), "'nine' is not a time"),
        (FIRST.replace("2026-03-02T09:00:00+01:00", ""), "'' is not a time"),
        (FIRST.replace("09:45:00", "08:45:00"), "ends before it starts"),
        (FIRST.replace("09:45:00", "09:00:00"), "ends before it starts"),
        ("l1,r1,7b,2026-03-02T09:00:00+01:00\n", "has 4 cells, and the header 5"),
        ("l1\n", "has 1 cells, and the header 5"),
        (FIRST.replace("l1", "l" * 256), "lesson_id: is over 255 characters"),
        (FIRST.replace("7b", "7" * 256), "class_id: is over 255 characters"),
        (FIRST.replace("2026-03-02T09:45", "2026-03-03T09:01"), "longer than a day"),
    ],
)
def test_a_mistake_in_a_row_is_named_with_file_and_line(
    tmp_path: Path, row: str, said: str
) -> None:
    message = rejection(tmp_path, HEADER + SECOND + row)
    assert said in message
    assert message.startswith("/lessons.csv:3: ")


def test_a_row_that_is_too_short_for_its_class_is_rejected(tmp_path: Path) -> None:
    message = rejection(
        tmp_path,
        "lesson_id,room_id,starts_at,ends_at,class_id\n"
        "l1,r1,2026-03-02T09:00:00Z,2026-03-02T09:45:00Z\n",
    )
    assert message.startswith("/lessons.csv:2: ")


@pytest.mark.parametrize("column", ["lesson_id", "room_id", "class_id", "starts_at", "ends_at"])
def test_a_column_that_is_missing_is_named(tmp_path: Path, column: str) -> None:
    message = rejection(tmp_path, HEADER.replace(column, "other"))
    assert f"the column {column} is missing" in message


def test_an_empty_file_misses_all_columns(tmp_path: Path) -> None:
    assert "lesson_id, room_id, class_id, starts_at, ends_at" in rejection(tmp_path, "")


def test_a_timetable_that_is_not_there_or_not_text_is_rejected(tmp_path: Path) -> None:
    found = with_timetable(tmp_path, HEADER)
    (tmp_path / "lessons.csv").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(SettingsError, match="UTF-16"):
        read(found)
    (tmp_path / "lessons.csv").unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        read(found)


OVERLAPPING = "l2,r1,8a,2026-03-02T09:44:59+01:00,2026-03-02T10:30:00+01:00\n"


def test_two_lessons_that_overlap_in_a_room_are_rejected(tmp_path: Path) -> None:
    message = rejection(tmp_path, HEADER + FIRST + OVERLAPPING)
    assert "overlaps line 2 in room 'r1'" in message


def test_a_long_lesson_over_two_short_ones_is_rejected(tmp_path: Path) -> None:
    long = "l0,r1,9c,2026-03-02T08:00:00+01:00,2026-03-02T12:00:00+01:00\n"
    assert "overlap" in rejection(tmp_path, HEADER + FIRST + SECOND + long)


def test_lessons_of_two_rooms_may_overlap(tmp_path: Path) -> None:
    found = with_timetable(tmp_path, HEADER + FIRST + OVERLAPPING.replace("r1", "bus"))
    assert len(read(found).lessons) == 2


@pytest.mark.parametrize("room", ["r1", "bus"])
def test_a_lesson_that_is_given_twice_is_rejected(tmp_path: Path, room: str) -> None:
    again = SECOND.replace("l2", "l1").replace("r1", room)
    assert "'l1' is given twice" in rejection(tmp_path, HEADER + FIRST + again)


@pytest.mark.parametrize("second", [OVERLAPPING, SECOND.replace("l2", "l1")])
def test_what_is_wrong_between_two_rows_is_named_with_a_line_too(
    tmp_path: Path, second: str
) -> None:
    message = rejection(tmp_path, HEADER + FIRST + second)
    assert message.startswith(("/lessons.csv:2: ", "/lessons.csv:3: "))


def test_a_lesson_without_a_class_has_one_that_says_so(tmp_path: Path) -> None:
    [lesson] = read(with_timetable(tmp_path, HEADER + FIRST.replace("7b", ""))).lessons
    assert lesson.class_id == "no-class"


def test_lessons_that_are_written_are_read_again(tmp_path: Path) -> None:
    settings = with_timetable(tmp_path, HEADER + FIRST + SECOND.replace("8a", 'Art, "8a"'))
    assert settings.timetable is not None
    lessons = read(with_timetable(tmp_path, HEADER + FIRST)).lessons
    write_dated(settings.timetable, lessons)
    assert read(settings).lessons == lessons
    assert read_dated(settings.timetable, settings)[0][0].line == 2


def test_the_header_tells_dated_lessons_from_weekly_hours(tmp_path: Path) -> None:
    dated, weekly = tmp_path / "dated.csv", tmp_path / "weekly.csv"
    dated.write_text(HEADER, encoding="utf-8-sig")
    weekly.write_text("class,room,weekday,start,end,from,to\n")
    (tmp_path / "empty.csv").touch()
    assert is_dated_csv(dated)
    assert not any(map(is_dated_csv, [weekly, tmp_path / "empty.csv", tmp_path / "none.csv"]))
