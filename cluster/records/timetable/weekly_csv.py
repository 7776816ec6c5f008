"""A timetable as CSV: one line for each weekly hour.

    class,room,weekday,start,end,from,to
    7B Science,room-12,Monday,09:00,09:45,2026-08-17,2027-06-25

`class` is a sourcedId, a class code or a title; `room` an id or name of the settings; `weekday` is
Monday, Mon or 1 (to 7, Sunday); `start` and `end` are the school's clock, and an end before the
start is the next day's; `from` and `to` both count.
"""

import re
from datetime import date, datetime, time, timedelta
from pathlib import Path

from cluster.errors import RosterError
from cluster.records.roster.csv_cells import CellError, CsvRow, quoted
from cluster.records.roster.csv_files import BadRow, file_opener, read_rows
from cluster.records.timetable.lesson_plan import LessonPlan, NameResolver, plan_lesson

COLUMNS = ("class", "room", "weekday", "start", "end", "from", "to")
MAX_RANGE_DAYS = 400
DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAYS = {
    name: index for index, full in enumerate(DAY_NAMES) for name in (full, full[:3], str(index + 1))
}
MAX_LESSONS = 2_000_000


def read_weekly(path: Path, names: NameResolver) -> tuple[list[LessonPlan], list[BadRow]]:
    """Dated lessons of a file, and the rows that give none.

    Raises:
        RosterError: It cannot be read, misses a column, or gives far too many lessons.
    """
    lessons: list[LessonPlan] = []
    bad_rows: list[BadRow] = []
    for cells in read_rows(file_opener(path), str(path), path.name, COLUMNS, bad_rows):
        try:
            lessons += _lessons(cells, names)
        except CellError as bad:
            bad_rows.append(BadRow(path.name, cells.line, bad.column, bad.reason))
        if len(lessons) > MAX_LESSONS:
            raise RosterError(f"it gives over {MAX_LESSONS} lessons.", where=str(path))
    return lessons, bad_rows


def _lessons(cells: CsvRow, names: NameResolver) -> list[LessonPlan]:
    room = names.room("room", cells.text("room"))
    zone = names.zone(room)
    school_class = names.school_class("class", cells.text("class"))
    weekday = _weekday(cells)
    start, end = _clock(cells, "start"), _clock(cells, "end")
    length = _since_midnight(end) - _since_midnight(start)
    if not length:
        raise CellError("end", "is the start")
    if length < timedelta(0):
        length += timedelta(days=1)
    return [
        plan_lesson(
            school_class, room, zone, datetime.combine(day, start, zone), length, cells.line
        )
        for day in weekly_days(weekday, *_range(cells))
    ]


def weekly_days(weekday: int, first: date, last: date) -> list[date]:
    """The days of a weekday (0 is Monday) between two days, which both count."""
    day = first + timedelta(days=(weekday - first.weekday()) % 7)
    return [day + timedelta(weeks=week) for week in range((last - day).days // 7 + 1)]


def _range(cells: CsvRow) -> tuple[date, date]:
    first, last = cells.day("from"), cells.day("to")
    if last < first:
        raise CellError("to", f"{last} is before {first}")
    if (last - first).days > MAX_RANGE_DAYS:
        raise CellError("to", f"is over {MAX_RANGE_DAYS} days after {first}")
    if not date(1970, 1, 2) <= first <= date(9000, 1, 1):
        raise CellError("from", f"{first} is far off")
    return first, last


def _weekday(cells: CsvRow) -> int:
    text = cells.text("weekday")
    weekday = WEEKDAYS.get(text.lower())
    if weekday is None:
        raise CellError("weekday", f"{quoted(text)} is no weekday, like Monday, Mon or 1")
    return weekday


def _clock(cells: CsvRow, column: str) -> time:
    text = cells.text(column)
    if re.fullmatch(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", text) is None:
        raise CellError(column, f"{quoted(text)} is no time of day, like 09:45")
    hour, minute = text.split(":")
    return time(int(hour), int(minute))


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute)
