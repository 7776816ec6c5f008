"""Days on which schools are closed: a calendar (iCal) of whole days, or CSV.

    from,to,school,name
    2026-10-05,2026-10-16,,Autumn holidays
    2026-12-01,,hill,Staff day

Both days are inclusive; without `to` it is one day, and without `school` (id or name) all schools.
In a calendar, events of whole days close all schools, and timed events, like a concert, do not.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from cluster.district import local_date
from cluster.records.roster.csv_cells import (
    CellError,
    CsvModel,
    Day,
    Text,
    invalid_cell_error,
    not_before,
    quoted,
)
from cluster.records.roster.csv_files import BadRow, file_opener, read_rows
from cluster.records.timetable.icalendar_file import (
    CALENDAR_SUFFIXES,
    PARSER_ERRORS,
    WINDOW,
    expand,
    read_events,
)
from cluster.records.timetable.lesson_plan import LessonPlan
from cluster.settings import Settings

MAX_CLOSURE_DAYS = 400


class ClosureRow(CsvModel):
    """A row of the CSV file."""

    first: Day = Field(alias="from")
    last: Annotated[Day, not_before("first")] | None = Field(None, alias="to")
    school: Text | None = None

    @field_validator("last")
    @classmethod
    def _check_length(cls, last: date | None, info: ValidationInfo) -> date | None:
        first = info.data.get("first")
        if first is not None and last is not None and (last - first).days > MAX_CLOSURE_DAYS:
            raise invalid_cell_error(f"is over {MAX_CLOSURE_DAYS} days after {first}")
        return last


class Closures:
    """The days on which each school is closed.

    Args:
        settings: The schools.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._days: dict[str, set[date]] = {school.id: set() for school in settings.schools}

    def add(self, first: date, last: date, school: str | None = None) -> None:
        """Close a school, or all of them, from one day to another, both inclusive.

        Raises:
            CellError: There is no such school, or there are several of that name.
        """
        days = {first + timedelta(days=number) for number in range((last - first).days + 1)}
        for school_id in self._days if school is None else [self._school_of(school)]:
            self._days[school_id] |= days

    def split(self, lessons: Iterable[LessonPlan]) -> tuple[list[LessonPlan], int]:
        """Return the lessons on days on which their school is open, and how many are on others."""
        is_open, closed = [], 0
        for lesson in lessons:
            school = self._settings.rooms_by_id[lesson.room_id].school
            if local_date(self._settings, lesson.room_id, lesson.starts_at) in self._days[school]:
                closed += 1
            else:
                is_open.append(lesson)
        return is_open, closed

    def _school_of(self, text: str) -> str:
        if text in self._days:
            return text
        named = [school.id for school in self._settings.schools if school.name == text]
        if len(named) != 1:
            what = "several schools are" if named else "no school is"
            raise CellError("school", f"{what} {quoted(text)}")
        return named[0]


def read_closures(
    path: Path | None, settings: Settings, now: datetime, bad_rows: list[BadRow]
) -> Closures:
    """Read the closures of a file; none where there is no file.

    Raises:
        RosterError: The file cannot be read.
    """
    closures = Closures(settings)
    if path is None:
        return closures
    if path.suffix.lower() in CALENDAR_SUFFIXES:
        for first, last in _whole_days(path, now, bad_rows):
            closures.add(first, last)
        return closures
    for row in read_rows(
        file_opener(path), str(path), path.name, ("from",), bad_rows, ("to", "school")
    ):
        try:
            closure = ClosureRow.parse(row)
            closures.add(closure.first, closure.last or closure.first, closure.school)
        except CellError as bad:
            bad_rows.append(BadRow(path.name, row.line, bad.column, bad.reason))
    return closures


def _whole_days(path: Path, now: datetime, bad_rows: list[BadRow]) -> Iterator[tuple[date, date]]:
    """Yield the first and the last day of each event of whole days around now."""
    for line, events in read_events(path, bad_rows):
        try:
            for occurrence in expand(events, now):
                days = _days_of(occurrence)
                if days is not None:
                    yield days
        except PARSER_ERRORS as error:
            bad_rows.append(BadRow(path.name, line, None, f"cannot be expanded: {error}"))


def _days_of(event: Any) -> tuple[date, date] | None:
    """Return the first and the last day of an event, or None if it is not of whole days."""
    start, end = event["DTSTART"].dt, event["DTEND"].dt
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    if isinstance(start, datetime):
        is_midnight = (start.time(), end.time()) == (datetime.min.time(), datetime.min.time())
        if not is_midnight or end <= start:
            return None
        start, end = start.date(), end.date()
    last = max(start, end - timedelta(days=1))
    return start, min(last, start + WINDOW)
