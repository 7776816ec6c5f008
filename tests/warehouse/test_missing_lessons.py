"""Footage that was analysed before its timetable was imported is pointed out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.district import Lesson, Timetable
from cluster.settings import load_settings
from cluster.warehouse.missing_lessons import find_missing_lessons
from cluster.warehouse.publish import publish
from tests.conftest import write_settings
from tests.warehouse.test_lake import window
from tests.warehouse.test_publish import write_windows

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
LESSON = Lesson("maths", "r1", "7b", NINE, NINE + timedelta(minutes=45))


@pytest.mark.parametrize(
    ("lesson_id", "lessons", "missing"),
    [
        (None, [LESSON], 1),
        (None, [LESSON, replace(LESSON, lesson_id="art", class_id="8a")], 1),
        (None, [replace(LESSON, room_id="bus")], 0),
        (None, [], 0),
        ("maths", [LESSON], 0),
    ],
)
def test_windows_without_the_lesson_of_their_time_are_counted(
    tmp_path: Path, lesson_id: str | None, lessons: list[Lesson], missing: int
) -> None:
    settings = load_settings(write_settings(tmp_path))
    write_windows(settings, [window(NINE)], lesson_id=lesson_id)
    late = NINE + timedelta(hours=1)
    write_windows(settings, [window(late)], starts_at=late)
    published = publish(settings, Timetable(lessons), now=NINE)
    found = find_missing_lessons(published.path)
    assert (found.windows if found else 0) == missing
    if found is not None:
        assert "1 windows of footage (2026-03-02) name no lesson" in str(found)
