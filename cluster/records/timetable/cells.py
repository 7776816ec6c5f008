"""Types of cells that timetables and bell schedules share: weekdays and times of day."""

import re
from datetime import time, timedelta
from typing import Annotated

from pydantic import PlainValidator

from cluster.records.roster.csv_cells import invalid_cell_error, quoted

DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAYS = {
    name: index for index, full in enumerate(DAY_NAMES) for name in (full, full[:3], str(index + 1))
}
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


Weekday = Annotated[int, PlainValidator(_parse_weekday)]
"""0 is Monday."""

TimeOfDay = Annotated[time, PlainValidator(_parse_time)]


def check_end(start: time | None, end: time) -> time:
    """Return the end, unless it cannot be the end of a lesson that begins then."""
    if end == start:
        raise invalid_cell_error("is the start")
    if start is not None and end < start and length_of(start, end) > MAX_OVERNIGHT_LENGTH:
        raise invalid_cell_error(f"is before the start, {start:%H:%M}")
    return end


def length_of(start: time, end: time) -> timedelta:
    """Return the time from a start to an end, which may be on the next day."""
    length = _since_midnight(end) - _since_midnight(start)
    return length if length > timedelta(0) else length + timedelta(days=1)


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute)
