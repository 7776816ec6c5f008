"""A timetable as CSV: one row for each weekly lesson.

    class,room,weekday,start,end,from,to
    7B Science,room-12,Monday,09:00,09:45,2026-08-17,2027-06-25

`class` is a sourcedId, a class code or a title; `room` an id or name of the settings; `weekday` is
Monday, Mon or 1 (to 7, Sunday); `start` and `end` are local times of the school, and an end before
the start is on the next day; `from` and `to` are inclusive.
"""

import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainValidator, ValidationInfo, field_validator

from cluster.errors import RosterError
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
from cluster.records.timetable.lesson_plan import LessonPlan, NameResolver, plan_lesson

MAX_RANGE_DAYS = 400
DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAYS = {
    name: index for index, full in enumerate(DAY_NAMES) for name in (full, full[:3], str(index + 1))
}
MAX_LESSONS = 2_000_000
MAX_OVERNIGHT_LENGTH = timedelta(hours=12)
"""A lesson whose end is before its start, on the clock, is over midnight if no longer than this."""


def _parse_weekday(text: str) -> int:
    weekday = WEEKDAYS.get(text.lower())
    if weekday is None:
        raise invalid_cell_error(f"{quoted(text)} is no weekday, like Monday, Mon or 1")
    return weekday


def _parse_time(text: str) -> time:
    if re.fullmatch(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", text) is None:
        raise invalid_cell_error(f"{quoted(text)} is no time of day, like 09:45")
    hour, minute = text.split(":")
    return time(int(hour), int(minute))


TimeOfDay = Annotated[time, PlainValidator(_parse_time)]


class WeeklyLesson(CsvModel):
    """A row: a lesson that takes place each week."""

    room: Text
    school_class: Text = Field(alias="class")
    weekday: Annotated[int, PlainValidator(_parse_weekday)]
    start: TimeOfDay
    end: TimeOfDay
    first: Day = Field(alias="from")
    last: Annotated[Day, not_before("first")] = Field(alias="to")

    @field_validator("end")
    @classmethod
    def _check_end(cls, end: time, info: ValidationInfo) -> time:
        start = info.data.get("start")
        if end == start:
            raise invalid_cell_error("is the start")
        if start is not None and end < start and _length(start, end) > MAX_OVERNIGHT_LENGTH:
            raise invalid_cell_error(f"is before the start, {start:%H:%M}")
        return end

    @field_validator("first")
    @classmethod
    def _check_first(cls, first: date) -> date:
        if not date(1970, 1, 2) <= first <= date(9000, 1, 1):
            raise invalid_cell_error(f"{first} is out of range")
        return first

    @field_validator("last")
    @classmethod
    def _check_range(cls, last: date, info: ValidationInfo) -> date:
        first = info.data.get("first")
        if first is not None and (last - first).days > MAX_RANGE_DAYS:
            raise invalid_cell_error(f"is over {MAX_RANGE_DAYS} days after {first}")
        return last

    @property
    def length(self) -> timedelta:
        """From start to end, which may be on the next day."""
        return _length(self.start, self.end)


def _length(start: time, end: time) -> timedelta:
    length = _since_midnight(end) - _since_midnight(start)
    return length if length > timedelta(0) else length + timedelta(days=1)


def read_weekly(path: Path, names: NameResolver) -> tuple[list[LessonPlan], list[BadRow]]:
    """Read the dated lessons of a file, and the rows that give none.

    Raises:
        RosterError: It cannot be read, lacks a column, or gives far too many lessons.
    """
    lessons: list[LessonPlan] = []
    bad_rows: list[BadRow] = []
    for row in read_rows(file_opener(path), str(path), path.name, WeeklyLesson.columns(), bad_rows):
        try:
            lessons += _plan_lessons(WeeklyLesson.parse(row), names)
        except CellError as bad:
            bad_rows.append(BadRow(path.name, row.line, bad.column, bad.reason))
        if len(lessons) > MAX_LESSONS:
            raise RosterError(f"it gives over {MAX_LESSONS} lessons.", where=str(path))
    return lessons, bad_rows


def _plan_lessons(weekly: WeeklyLesson, names: NameResolver) -> list[LessonPlan]:
    room = names.room("room", weekly.room)
    zone = names.zone(room)
    school_class = names.school_class("class", weekly.school_class)
    starts = (
        datetime.combine(day, weekly.start, zone)
        for day in weekly_days(weekly.weekday, weekly.first, weekly.last)
    )
    return [
        plan_lesson(school_class, room, zone, start, weekly.length, weekly.line) for start in starts
    ]


def weekly_days(weekday: int, first: date, last: date) -> list[date]:
    """Return the days of a weekday (0 is Monday) from one day to another, both inclusive."""
    day = first + timedelta(days=(weekday - first.weekday()) % 7)
    return [day + timedelta(weeks=week) for week in range((last - day).days // 7 + 1)]


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute)
