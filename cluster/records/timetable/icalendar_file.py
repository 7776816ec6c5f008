"""A timetable as iCalendar (RFC 5545): an event for each lesson, repeated or not.

LOCATION is the room (id or name). The class is one of CATEGORIES, or else SUMMARY: its sourcedId,
code or title. A time without TZID or Z is in the time zone of the room's school. Whole days and
cancelled events are not lessons. Recurring events are expanded for `WINDOW` before and after now;
a rule that repeats within a day is rejected, since it could state a lesson for each second.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar
import recurring_ical_events

from cluster.errors import RosterError
from cluster.records.db.models import MAX_LESSON_LENGTH
from cluster.records.roster.csv_cells import CellError, quoted
from cluster.records.roster.csv_files import BadRow
from cluster.records.timetable.lesson_plan import (
    LessonPlan,
    NameResolver,
    plan_lesson,
)

MAX_CALENDAR_BYTES = 32 * 2**20
WINDOW = timedelta(days=400)
LINE_PROPERTY = "X-HOMEROOM-LINE"
ALLOWED_FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
PARTS_WITHIN_A_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")

# The libraries raise these for inconsistent events.
PARSER_ERRORS = (ValueError, KeyError, TypeError, AttributeError, OverflowError, IndexError)


def read_calendar(
    path: Path, names: NameResolver, now: datetime
) -> tuple[list[LessonPlan], list[BadRow]]:
    """Read the dated lessons of a file, and the events that give none.

    Raises:
        RosterError: It cannot be read, or is no calendar.
    """
    calendar, lines = _parse(path)
    lessons: list[LessonPlan] = []
    bad_rows: list[BadRow] = []
    series: dict[str, list[Any]] = {}
    for index, event in enumerate(calendar.walk("VEVENT")):
        event[LINE_PROPERTY] = str(lines[index])
        try:
            _check(event)
        except CellError as bad:
            bad_rows.append(BadRow(path.name, lines[index], bad.column, bad.reason))
        else:
            series.setdefault(str(event.get("UID", f"line {lines[index]}")), []).append(event)
    for events in series.values():
        lessons += _lessons_of(events, names, now, path.name, bad_rows)
    return lessons, bad_rows


def _parse(path: Path) -> tuple[Any, list[int]]:
    """Return the calendar, and the lines at which its events begin."""
    try:
        if path.stat().st_size > MAX_CALENDAR_BYTES:
            raise RosterError(
                f"it is larger than {MAX_CALENDAR_BYTES // 2**20} MiB.", where=str(path)
            )
        text = path.read_text(encoding="utf-8-sig")
        calendar = icalendar.Calendar.from_ical(text)
    except OSError as error:
        raise RosterError(f"it cannot be read: {error.strerror}.", where=str(path)) from error
    except UnicodeDecodeError:
        raise RosterError("it is not UTF-8.", where=str(path)) from None
    except PARSER_ERRORS as error:
        raise RosterError(f"it is no calendar: {error}.", where=str(path)) from None
    begin = re.compile(r"BEGIN:VEVENT\s*", re.IGNORECASE)
    numbered = enumerate(text.splitlines(), start=1)
    return calendar, [number for number, line in numbered if begin.fullmatch(line)]


def _check(event: Any) -> None:
    """Reject an event that the library cannot, or should not, expand."""
    for name, reason in event.errors:
        raise CellError(str(name), f"cannot be read: {reason}")
    start = event.get("DTSTART")
    if start is None:
        raise CellError("DTSTART", "is missing")
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        value = event.get(name)
        zone = None if value is None else value.params.get("TZID")
        if zone and getattr(value.dt, "tzinfo", None) is None and isinstance(value.dt, datetime):
            raise CellError(name, f"the time zone {quoted(str(zone))} does not exist")
    _check_end(event)
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        frequency = str(next(iter(rule.get("FREQ", [])), "")).upper()
        if frequency not in ALLOWED_FREQUENCIES or any(
            rule.get(part) for part in PARTS_WITHIN_A_DAY
        ):
            raise CellError("RRULE", "repeats within a day, or in an unsupported way")


def _check_end(event: Any) -> None:
    """Reject an end before the start, which the library would replace by the start."""
    if "DTEND" not in event:
        return
    try:
        is_after = event["DTEND"].dt >= event["DTSTART"].dt
    except TypeError:
        raise CellError("DTEND", "is of another type than DTSTART") from None
    if not is_after:
        raise CellError("DTEND", "is not after DTSTART")


def _lessons_of(
    events: list[Any], names: NameResolver, now: datetime, file: str, bad_rows: list[BadRow]
) -> Iterator[LessonPlan]:
    """Yield the lessons of the events of one UID: a series, and its exceptions."""
    first_line = int(events[0][LINE_PROPERTY])
    series = icalendar.Calendar()
    for event in events:
        series.add_component(event)
    try:
        occurrences = recurring_ical_events.of(series).between(now - WINDOW, now + WINDOW)
    except PARSER_ERRORS as error:
        bad_rows.append(BadRow(file, first_line, None, f"cannot be expanded: {error}"))
        return
    reported: set[tuple[str, str]] = set()
    for occurrence in occurrences:
        try:
            lesson = _lesson(occurrence, names)
        except CellError as bad:
            key = (occurrence[LINE_PROPERTY], bad.column)
            if key not in reported:
                reported.add(key)
                bad_rows.append(
                    BadRow(file, int(occurrence[LINE_PROPERTY]), bad.column, bad.reason)
                )
            continue
        if lesson is not None:
            yield lesson


def _lesson(event: Any, names: NameResolver) -> LessonPlan | None:
    """Return the lesson of one occurrence, or None."""
    start, end = event["DTSTART"].dt, event["DTEND"].dt
    if not isinstance(start, datetime) or str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    room = names.room("LOCATION", _text(event, "LOCATION"))
    zone = names.zone(room)
    school_class = _class_of(event, names)
    length = end - start
    if length <= timedelta(0):
        raise CellError("DTEND", "is not after DTSTART")
    if length > MAX_LESSON_LENGTH:
        raise CellError("DTEND", "is over a day after DTSTART")
    aware = start.replace(tzinfo=zone) if start.tzinfo is None else start
    return plan_lesson(school_class, room, zone, aware, length, int(event[LINE_PROPERTY]))


def _class_of(event: Any, names: NameResolver) -> str:
    categories = event.get("CATEGORIES", [])
    for group in categories if isinstance(categories, list) else [categories]:
        for category in group.cats:
            try:
                return names.school_class("CATEGORIES", str(category).strip())
            except CellError:
                continue
    return names.school_class("SUMMARY", _text(event, "SUMMARY"))


def _text(event: Any, name: str) -> str:
    text = str(event.get(name, "")).strip()
    if not text:
        raise CellError(name, "is missing")
    return text
