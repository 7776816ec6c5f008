"""A timetable as iCalendar (RFC 5545): an event for each lesson, repeated or not.

LOCATION is the room (id or name). The class is one of CATEGORIES, or else SUMMARY: its sourcedId,
code or title. A time without TZID or Z is in the time zone of the room's school. Whole days and
cancelled events are not lessons. Recurring events are expanded for `WINDOW` before and after now;
a rule that repeats often within a day is rejected, since it could state a lesson for each second.

Read as school systems write them: several calendars in one file, lines that are folded within a
character, events of one UID with starts of their own (separate series), and a day as UNTIL (to the
end of that day, where the event is).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from math import prod
from pathlib import Path
from typing import Any

import icalendar
import recurring_ical_events

from cluster.errors import RosterError
from cluster.records.db.models import MAX_LESSON_LENGTH
from cluster.records.roster.csv_cells import CellError, quoted
from cluster.records.roster.csv_dialect import describe_encoding
from cluster.records.roster.csv_files import BadRow, BadRows
from cluster.records.timetable.lesson_plan import (
    LessonPlan,
    NameResolver,
    plan_lesson,
)

CALENDAR_SUFFIXES = {".ics", ".ical", ".ifb", ".icalendar"}
MAX_CALENDAR_BYTES = 32 * 2**20
WINDOW = timedelta(days=400)
LINE_PROPERTY = "X-HOMEROOM-LINE"
ALLOWED_FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
MAX_TIMES_A_DAY = 24

# The libraries raise these for inconsistent events.
PARSER_ERRORS = (ValueError, KeyError, TypeError, AttributeError, OverflowError, IndexError)

Series = tuple[int, list[Any]]
"""The first line of a series, and its events: the recurring one, and its exceptions."""


def read_calendar(
    path: Path, names: NameResolver, now: datetime
) -> tuple[list[LessonPlan], list[BadRow]]:
    """Read the dated lessons of a file, and the events that give none.

    Raises:
        RosterError: It cannot be read, or is no calendar.
    """
    lessons: list[LessonPlan] = []
    bad_rows: list[BadRow] = BadRows(str(path))
    for line, events in read_events(path, bad_rows):
        lessons += _lessons_of(events, line, names, now, path.name, bad_rows)
    return lessons, bad_rows


def read_events(path: Path, bad_rows: list[BadRow]) -> Iterator[Series]:
    """Yield the series of a file; events that cannot be expanded are bad rows.

    Raises:
        RosterError: It cannot be read, or is no calendar.
    """
    calendars, lines = _parse(path)
    numbers = iter(lines)
    for calendar in calendars:
        by_uid: dict[str, list[Any]] = defaultdict(list)
        for event in calendar.walk("VEVENT"):
            line = next(numbers, lines[-1] if lines else 1)
            event[LINE_PROPERTY] = str(line)
            try:
                _check(event)
                _end_at_end_of_day(event)
            except CellError as bad:
                bad_rows.append(BadRow(path.name, line, bad.column, bad.reason))
            else:
                by_uid[str(event.get("UID", f"line {line}"))].append(event)
        for events in by_uid.values():
            for series in _split_series(events):
                yield int(series[0][LINE_PROPERTY]), series


def expand(events: Iterable[Any], now: datetime) -> list[Any]:
    """Return the occurrences of a series within `WINDOW`; raises one of `PARSER_ERRORS`."""
    return list(_calendar_of(events).between(now - WINDOW, now + WINDOW))


def _calendar_of(events: Iterable[Any]) -> Any:
    series = icalendar.Calendar()
    for event in events:
        series.add_component(event)
    return recurring_ical_events.of(series)


def _parse(path: Path) -> tuple[list[Any], list[int]]:
    """Return the calendars of a file, and the lines at which their events begin."""
    try:
        if path.stat().st_size > MAX_CALENDAR_BYTES:
            raise RosterError(
                f"it is larger than {MAX_CALENDAR_BYTES // 2**20} MiB.", where=str(path)
            )
        content = path.read_bytes()
        unfolded, lines = _unfold(content)
        calendars = icalendar.Calendar.from_ical(unfolded.decode("utf-8-sig"), multiple=True)
    except OSError as error:
        raise RosterError(f"it cannot be read: {error.strerror}.", where=str(path)) from error
    except UnicodeDecodeError:
        raise RosterError(
            f"it is not UTF-8; it seems to be {describe_encoding(content)}.",
            where=str(path),
            hint="Export it as UTF-8.",
        ) from None
    except PARSER_ERRORS as error:
        raise RosterError(f"it is no calendar: {error}.", where=str(path)) from None
    if not calendars or any(one.name != "VCALENDAR" for one in calendars):
        raise RosterError("it is no calendar: it has no VCALENDAR.", where=str(path))
    return calendars, lines


def _unfold(content: bytes) -> tuple[bytes, list[int]]:
    """Join folded lines, before decoding: a line may be folded within a character (RFC 5545, 3.1).

    Returns:
        The lines, and the numbers of those that begin an event.
    """
    unfolded: list[bytes] = []
    numbers: list[int] = []
    for number, line in enumerate(content.replace(b"\r\n", b"\n").split(b"\n"), start=1):
        if line[:1] in (b" ", b"\t") and unfolded:
            unfolded[-1] += line[1:]
        else:
            unfolded.append(line)
            numbers.append(number)
    begins = [
        number
        for number, line in zip(numbers, unfolded, strict=True)
        if line.strip().upper() == b"BEGIN:VEVENT"
    ]
    return b"\r\n".join(unfolded), begins


def _split_series(events: list[Any]) -> list[list[Any]]:
    """Return the series of one UID: events with other starts are series of their own.

    RFC 5545 has one recurring event for each UID, and exceptions with RECURRENCE-ID. Timetables are
    exported with one UID for all hours of a class.
    """
    by_start: dict[str, list[Any]] = defaultdict(list)
    exceptions = []
    for event in events:
        if "RECURRENCE-ID" in event:
            exceptions.append(event)
        else:
            by_start[str(event["DTSTART"].dt)].append(event)
    series = list(by_start.values())
    if len(series) <= 1:
        return [events]
    originals = [list(one) for one in series]
    for event in exceptions:
        at = event["RECURRENCE-ID"].dt
        found = [n for n, one in enumerate(originals) if _takes_place(one, at)]
        if found:
            series[found[0]].append(event)
        else:
            series.append([event])
    return series


def _takes_place(events: list[Any], at: Any) -> bool:
    try:
        return any(one["DTSTART"].dt == at for one in _calendar_of(events).at(at))
    except PARSER_ERRORS:
        return False  # expanding the series reports why


def _end_at_end_of_day(event: Any) -> None:
    """Let a rule whose UNTIL is a day include that day; the library ends it at its midnight."""
    start = event["DTSTART"].dt
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        until = next(iter(rule.get("UNTIL", [])), None)
        if until is None or isinstance(until, datetime) or not isinstance(start, datetime):
            continue
        end = datetime.combine(until, time(23, 59, 59), start.tzinfo)
        rule["UNTIL"] = [end if start.tzinfo is None else end.astimezone(UTC)]


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
        times_a_day = prod(len(rule.get(part, [0])) for part in ("BYHOUR", "BYMINUTE"))
        is_rare = times_a_day <= MAX_TIMES_A_DAY and len(rule.get("BYSECOND", [0])) == 1
        if frequency not in ALLOWED_FREQUENCIES or not is_rare:
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
    events: list[Any],
    first_line: int,
    names: NameResolver,
    now: datetime,
    file: str,
    bad_rows: list[BadRow],
) -> Iterator[LessonPlan]:
    """Yield the lessons of a series."""
    try:
        occurrences = expand(events, now)
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
