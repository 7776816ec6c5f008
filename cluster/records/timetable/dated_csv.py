"""A timetable as CSV of dated lessons, each with its own id.

    lesson_id,room_id,class_id,starts_at,ends_at
    maths-1,room-12,7b,2026-03-02T09:00:00+01:00,2026-03-02T09:45:00+01:00

`class_id` is a sourcedId, a class code or a title; a class that the roster does not have is added
with this name, so that an installation without a roster may name its classes as it likes. A
mistake in one row rejects the file.
"""

import csv
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cluster.district import Lesson, Timetable, parse_timestamp
from cluster.errors import SettingsError
from cluster.records.db.models import MAX_LESSON_LENGTH
from cluster.records.timetable.lesson_plan import LessonPlan
from cluster.settings import Settings

COLUMNS = ("lesson_id", "room_id", "class_id", "starts_at", "ends_at")
MAX_ID_LENGTH = 255
NO_CLASS = "no-class"
"""The class of a lesson whose `class_id` is empty."""


def is_dated_csv(path: Path) -> bool:
    """Whether a file's header names lessons by their ids, as `read_dated` expects."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return COLUMNS[0] in next(csv.reader(stream), ())
    except (OSError, UnicodeDecodeError, csv.Error):
        return False  # the reader of the other format reports it


def read_dated(path: Path, settings: Settings) -> list[LessonPlan]:
    """Read the lessons of a file; their classes are still named as in the file.

    Raises:
        SettingsError: The file, a column, a time or a room is wrong, or two lessons of one room
            overlap; the message names file and line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise SettingsError(f"the column {', '.join(missing)} is missing.", where=str(path))
            lessons = [_lesson(row, path, rows.line_num, settings) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"the timetable cannot be read: {error}.", where=str(path)) from error
    _reject_overlaps(lessons, path)
    return lessons


def read_dated_timetable(path: Path, settings: Settings) -> Timetable:
    """Read the lessons of a file, for finding which one is on; nothing is imported.

    Raises:
        SettingsError: See `read_dated`.
    """
    return Timetable(map(as_lesson, read_dated(path, settings)))


def as_lesson(plan: LessonPlan) -> Lesson:
    """Return a planned lesson as the rest of the program knows lessons."""
    return Lesson(plan.id, plan.room_id, plan.class_sourced_id, plan.starts_at, plan.ends_at)


def write_dated(path: Path, lessons: Iterable[Lesson]) -> None:
    """Write lessons as `read_dated` reads them.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for lesson in lessons:
            times = (lesson.starts_at.isoformat(), lesson.ends_at.isoformat())
            writer.writerow((lesson.lesson_id, lesson.room_id, lesson.class_id, *times))


def _lesson(row: dict[str, str], path: Path, line: int, settings: Settings) -> LessonPlan:
    where = f"{path}:{line}"
    absent = [name for name in COLUMNS if row[name] is None]
    if absent:
        raise SettingsError(f"the line ends before {', '.join(absent)}.", where=where)
    if row["room_id"] not in settings.rooms_by_id:
        raise SettingsError(f"there is no room {row['room_id']!r} in the settings.", where=where)
    for name in ("lesson_id", "class_id"):
        if len(row[name]) > MAX_ID_LENGTH:
            raise SettingsError(f"the {name} is over {MAX_ID_LENGTH} characters.", where=where)
    starts_at = parse_timestamp(row["starts_at"], where)
    ends_at = parse_timestamp(row["ends_at"], where)
    _check_times(starts_at, ends_at, where)
    if not row["lesson_id"]:
        raise SettingsError("the lesson_id is empty.", where=where)
    return LessonPlan(
        row["lesson_id"], row["class_id"] or NO_CLASS, row["room_id"], starts_at, ends_at, line
    )


def _check_times(starts_at: datetime, ends_at: datetime, where: str) -> None:
    if ends_at <= starts_at:
        raise SettingsError("the lesson ends before it starts.", where=where)
    if ends_at - starts_at > MAX_LESSON_LENGTH:
        raise SettingsError("the lesson is longer than a day.", where=where)


def _reject_overlaps(lessons: list[LessonPlan], path: Path) -> None:
    """Reject a lesson id that is given twice, and a lesson that overlaps another in its room."""
    lines: dict[str, int] = {}
    last_in_room: dict[str, LessonPlan] = {}
    for lesson in sorted(lessons, key=lambda lesson: lesson.starts_at):
        where = f"{path}:{lesson.line}"
        if lesson.id in lines:
            raise SettingsError(
                f"the lesson {lesson.id!r} is given twice (also {path}:{lines[lesson.id]}).",
                where=where,
            )
        lines[lesson.id] = lesson.line
        previous = last_in_room.get(lesson.room_id)
        if previous is not None and lesson.starts_at < previous.ends_at:
            raise SettingsError(
                f"the lessons {previous.id!r} and {lesson.id!r} overlap in room "
                f"{lesson.room_id!r}.",
                where=where,
            )
        last_in_room[lesson.room_id] = lesson
