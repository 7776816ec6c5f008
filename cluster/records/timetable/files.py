"""A timetable's file of any format, with what it does not say itself: closures, bells, A weeks."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Self

from cluster.records.roster.csv_files import BadRow, BadRows
from cluster.records.timetable.bells import read_bells
from cluster.records.timetable.closures import read_closures
from cluster.records.timetable.dated_csv import is_dated_csv, read_dated
from cluster.records.timetable.icalendar_file import CALENDAR_SUFFIXES, read_calendar
from cluster.records.timetable.lesson_plan import LessonPlan, NameResolver
from cluster.records.timetable.overlaps import drop_overlaps
from cluster.records.timetable.weekly_csv import read_weekly
from cluster.settings import Settings


@dataclass(frozen=True, slots=True)
class TimetableOptions:
    """What a timetable's file does not say itself.

    Attributes:
        closures: A file of days on which schools are closed.
        bells: A file of the times of class periods.
        week_a: A day of an A week.
        allow_many_removals: Accept a file that lacks over a quarter of the lessons to come.
    """

    closures: Path | None = None
    bells: Path | None = None
    week_a: date | None = None
    allow_many_removals: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what the settings say."""
        return cls(settings.closures, settings.bells, settings.week_a)

    def files(self) -> tuple[Path, ...]:
        """Return the files that are read beside the timetable's."""
        return tuple(path for path in (self.closures, self.bells) if path is not None)


@dataclass(frozen=True, slots=True)
class TimetableFile:
    """The lessons of a file.

    Attributes:
        lessons: On days on which their school is open.
        bad_rows: The rows that were left out.
        closed: How many lessons were left out, because their school is closed that day.
    """

    lessons: list[LessonPlan]
    bad_rows: list[BadRow]
    closed: int = 0


def read_timetable_file(
    path: Path,
    settings: Settings,
    names: NameResolver,
    now: datetime,
    options: TimetableOptions | None = None,
) -> TimetableFile:
    """Return the lessons of a file of any of the formats.

    Args:
        path: `.ics`, or CSV of weekly or dated lessons.
        settings: The settings with rooms and time zones.
        names: Resolves names of rooms and classes.
        now: Recurring events are expanded around it.
        options: What the file does not say.

    Raises:
        RosterError: A file cannot be read.
        SettingsError: A file of dated lessons cannot be read.
    """
    options = options or TimetableOptions()
    more_bad_rows: list[BadRow] = BadRows(str(path))
    closures = read_closures(options.closures, settings, now, more_bad_rows)
    bells = read_bells(options.bells, more_bad_rows)
    if path.suffix.lower() in CALENDAR_SUFFIXES:
        lessons, bad_rows = read_calendar(path, names, now)
    elif is_dated_csv(path):
        lessons, bad_rows = read_dated(path, settings)
        lessons = [
            replace(lesson, class_sourced_id=names.find_class(named) or named)
            for lesson in lessons
            for named in [lesson.class_sourced_id]
        ]
    else:
        lessons, bad_rows = read_weekly(path, names, bells=bells, week_a=options.week_a)
    lessons, closed = closures.split(lessons)
    lessons, overlaps = drop_overlaps(lessons, path.name)
    return TimetableFile(lessons, [*more_bad_rows, *bad_rows, *overlaps], closed)
