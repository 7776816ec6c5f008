"""A timetable as CSV of dated lessons, each with its own id.

    lesson_id,room_id,class_id,starts_at,ends_at
    maths-1,room-12,7b,2026-03-02T09:00:00+01:00,2026-03-02T09:45:00+01:00

`class_id` is a sourcedId, a class code or a title; a class that the roster does not have is added
with this name, so that an installation without a roster may name its classes as it likes.
"""

import csv
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cluster.district import Lesson, Timetable, parse_timestamp
from cluster.errors import RosterError, SettingsError
from cluster.records.db.models import MAX_LESSON_LENGTH
from cluster.records.roster.csv_cells import CellError, quoted
from cluster.records.roster.csv_files import (
    BadRow,
    BadRows,
    CsvRow,
    file_opener,
    header_of,
    read_rows,
)
from cluster.records.timetable.lesson_plan import NO_CLASS, LessonPlan
from cluster.records.timetable.overlaps import drop_overlaps
from cluster.settings import Settings

COLUMNS = ("lesson_id", "room_id", "class_id", "starts_at", "ends_at")
MAX_ID_LENGTH = 255
MAX_NAMED_ROWS = 20


def is_dated_csv(path: Path) -> bool:
    """Whether a file's header names lessons by their ids, as `read_dated` expects."""
    try:
        return COLUMNS[0] in header_of(file_opener(path), COLUMNS)
    except (OSError, RosterError):
        return False  # the reader of the other format reports it


def read_dated(path: Path, settings: Settings) -> tuple[list[LessonPlan], list[BadRow]]:
    """Read the lessons of a file, and the rows that give none.

    Classes are still named as in the file. A lesson that cannot take place beside one of an earlier
    row is a bad row too (`cluster.records.timetable.overlaps`).

    Raises:
        SettingsError: The file cannot be read, or lacks a column.
    """
    bad_rows: list[BadRow] = BadRows(str(path))
    lessons: list[LessonPlan] = []
    lines: dict[str, int] = {}
    try:
        for row in read_rows(file_opener(path), str(path), path.name, COLUMNS, bad_rows):
            try:
                lesson = _lesson(row, settings)
                if lesson.id in lines:
                    reason = f"{quoted(lesson.id)} is given twice, also in line {lines[lesson.id]}"
                    raise CellError("lesson_id", reason)
                lines[lesson.id] = lesson.line
                lessons.append(lesson)
            except CellError as bad:
                bad_rows.append(BadRow(path.name, row.line, bad.column, bad.reason))
    except RosterError as error:
        raise SettingsError(error.what, where=error.where, hint=error.hint) from error
    good, overlaps = drop_overlaps(lessons, path.name)
    bad_rows.extend(overlaps)
    return good, bad_rows


def read_dated_timetable(path: Path, settings: Settings) -> Timetable:
    """Read the lessons of a file, for finding which one is on; nothing is imported.

    Raises:
        SettingsError: The file cannot be read, or has rows that cannot be used: the error names
            them, because windows that are counted without their lessons are counted for good.
    """
    lessons, bad_rows = read_dated(path, settings)
    if bad_rows:
        first, *others = sorted(bad_rows, key=lambda bad: bad.line)
        named = "; ".join(str(bad) for bad in others[:MAX_NAMED_ROWS])
        more = f"; {len(others)} more rows cannot be used: {named}" if others else ""
        column = f"{first.column}: " if first.column else ""
        raise SettingsError(f"{column}{first.reason}{more}.", where=f"{path}:{first.line}")
    return Timetable(map(as_lesson, lessons))


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


def _lesson(row: CsvRow, settings: Settings) -> LessonPlan:
    cells = row.cells
    lesson_id, class_id = cells.get("lesson_id", ""), cells.get("class_id", NO_CLASS)
    for name, text in (("lesson_id", lesson_id), ("class_id", class_id)):
        if len(text) > MAX_ID_LENGTH:
            raise CellError(name, f"is over {MAX_ID_LENGTH} characters")
    if not lesson_id:
        raise CellError("lesson_id", "is empty")
    room = cells.get("room_id", "")
    if room not in settings.rooms_by_id:
        raise CellError("room_id", f"there is no room {quoted(room)} in the settings")
    starts_at, ends_at = _time(cells, "starts_at"), _time(cells, "ends_at")
    if ends_at <= starts_at:
        raise CellError("ends_at", "the lesson ends before it starts")
    if ends_at - starts_at > MAX_LESSON_LENGTH:
        raise CellError("ends_at", "the lesson is longer than a day")
    return LessonPlan(lesson_id, class_id, room, starts_at, ends_at, row.line)


def _time(cells: dict[str, str], column: str) -> datetime:
    try:
        return parse_timestamp(cells.get(column, ""), column)
    except SettingsError as error:
        raise CellError(
            column, f"{error.what.rstrip('.')}. {error.hint or ''}".rstrip(" .")
        ) from None
