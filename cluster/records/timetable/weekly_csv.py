"""A timetable as CSV: one row for each weekly lesson.

    class,room,weekday,start,end,from,to
    7B Science,room-12,Monday,09:00,09:45,2026-08-17,2027-06-25

`class` is a sourcedId, a class code or a title; `room` an id or name of the settings; `weekday` is
Monday, Mon or 1 (to 7, Sunday); `start` and `end` are local times of the school, and an end before
the start is on the next day; `from` and `to` are inclusive. Two columns may be added:

- `week` is A or B for a lesson in every other week. The week of the file's earliest `from` is an A
  week, unless another is named.
- `period` is the class period. Its times are those of the bell schedule where `start` and `end` are
  empty or missing (`cluster.records.timetable.bells`).
"""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from cluster.errors import RosterError
from cluster.records.roster.csv_cells import (
    CellError,
    CsvModel,
    Day,
    Text,
    invalid_cell_error,
    not_before,
    one_of,
)
from cluster.records.roster.csv_files import BadRow, BadRows, file_opener, header_of, read_rows
from cluster.records.timetable.bells import BellSchedule, Period
from cluster.records.timetable.cells import TimeOfDay, Weekday, check_end, length_of
from cluster.records.timetable.lesson_plan import LessonPlan, NameResolver, plan_lesson

MAX_RANGE_DAYS = 400
MAX_LESSONS = 2_000_000

REQUIRED = ("class", "room", "weekday", "from", "to")
TIMES = ("start", "end")
ADDED = ("period", "week")

Week = Literal["a", "b"]


class WeeklyLesson(CsvModel):
    """A row: a lesson that takes place each week, or every other week."""

    room: Text
    school_class: Text = Field(alias="class")
    weekday: Weekday
    start: TimeOfDay | None = None
    end: TimeOfDay | None = None
    first: Day = Field(alias="from")
    last: Annotated[Day, not_before("first")] = Field(alias="to")
    period: Period | None = None
    week: Annotated[Week, one_of({"a": "a", "b": "b"})] | None = None

    @field_validator("end")
    @classmethod
    def _check_end(cls, end: time | None, info: ValidationInfo) -> time | None:
        return None if end is None else check_end(info.data.get("start"), end)

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

    def times(self, bells: BellSchedule) -> tuple[time, time]:
        """Return start and end: of the row, or else of its period.

        Raises:
            CellError: There are none.
        """
        if self.start is not None and self.end is not None:
            return self.start, self.end
        if self.start is not None or self.end is not None or self.period is None:
            raise CellError("end" if self.start else "start", "is empty")
        return bells.times(self.period, self.weekday)


def read_weekly(
    path: Path,
    names: NameResolver,
    *,
    bells: BellSchedule | None = None,
    week_a: date | None = None,
) -> tuple[list[LessonPlan], list[BadRow]]:
    """Read the dated lessons of a file, and the rows that give none.

    Args:
        path: The file.
        names: Resolves rooms and classes.
        bells: The times of class periods.
        week_a: A day of an A week; one of the week of the earliest `from` unless given.

    Raises:
        RosterError: It cannot be read, lacks a column, or gives far too many lessons.
    """
    lessons: list[LessonPlan] = []
    bad_rows: list[BadRow] = BadRows(str(path))
    rows = _read_rows(path, bad_rows)
    if week_a is None:
        week_a = min((row.first for row in rows), default=date.min)
    for row in rows:
        try:
            lessons += _plan_lessons(row, names, bells or BellSchedule(), week_a)
        except CellError as bad:
            bad_rows.append(BadRow(path.name, row.line, bad.column, bad.reason))
        if len(lessons) > MAX_LESSONS:
            raise RosterError(f"it gives over {MAX_LESSONS} lessons.", where=str(path))
    return lessons, bad_rows


def _read_rows(path: Path, bad_rows: list[BadRow]) -> list[WeeklyLesson]:
    opener = file_opener(path)
    has_periods = "period" in header_of(opener, (*REQUIRED, *TIMES, *ADDED))
    required, optional = (
        (REQUIRED, (*TIMES, *ADDED)) if has_periods else ((*REQUIRED, *TIMES), ADDED)
    )
    rows = []
    for row in read_rows(opener, str(path), path.name, required, bad_rows, optional):
        try:
            rows.append(WeeklyLesson.parse(row))
        except CellError as bad:
            bad_rows.append(BadRow(path.name, row.line, bad.column, bad.reason))
    return rows


def _plan_lessons(
    weekly: WeeklyLesson, names: NameResolver, bells: BellSchedule, week_a: date
) -> list[LessonPlan]:
    room = names.room("room", weekly.room)
    zone = names.zone(room)
    school_class = names.school_class("class", weekly.school_class)
    start, end = weekly.times(bells)
    return [
        plan_lesson(
            school_class,
            room,
            zone,
            datetime.combine(day, start, zone),
            length_of(start, end),
            weekly.line,
            weekly.period,
        )
        for day in weekly_days(weekly.weekday, weekly.first, weekly.last)
        if weekly.week is None or weekly.week == _week_of(day, week_a)
    ]


def weekly_days(weekday: int, first: date, last: date) -> list[date]:
    """Return the days of a weekday (0 is Monday) from one day to another, both inclusive."""
    day = first + timedelta(days=(weekday - first.weekday()) % 7)
    return [day + timedelta(weeks=week) for week in range((last - day).days // 7 + 1)]


def _week_of(day: date, week_a: date) -> Week:
    """Return which week a day is in, if A and B weeks alternate, also in holidays."""
    weeks = (_monday_of(day) - _monday_of(week_a)).days // 7
    return "b" if weeks % 2 else "a"


def _monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())
