"""Dated lessons, whatever file they come from: clock times to moments, names, overlaps.

A lesson begins when the school's clock shows the stated time, and lasts as long as stated. So on
the nights on which the clock is changed (PEP 495):

- A time that the clock leaves out in spring is moved on with the clock: 02:30 becomes 03:30.
- A time that it shows twice in autumn is the first of the two.
- The length stays: a lesson of an hour is neither missing nor two hours long. This is also how
  RFC 5545 (3.8.5.3) repeats an event with a start and an end.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from cluster.records.roster.csv_cells import CellError, shown
from cluster.records.roster.csv_files import BadRow
from cluster.settings import Room, Settings

LONGEST_LESSON = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class LessonPlan:
    """A lesson as a timetable states it.

    Attributes:
        id: Made of room, local day and time, and class; the same for the same lesson.
        class_sourced_id: The class.
        room_id: The room.
        starts_at: UTC.
        ends_at: UTC.
        line: Where it stands in the file.
    """

    id: str
    class_sourced_id: str
    room_id: str
    starts_at: datetime
    ends_at: datetime
    line: int


@dataclass(frozen=True, slots=True)
class TimetableFile:
    """What a file says.

    Attributes:
        lessons: By room and start; none overlaps another in its room.
        bad_rows: What was left out.
    """

    lessons: tuple[LessonPlan, ...]
    bad_rows: tuple[BadRow, ...]


class NameResolver:
    """Finds rooms and classes by what people call them.

    Args:
        settings: They know the rooms.
        classes: Sourced id to (code, title).
    """

    def __init__(self, settings: Settings, classes: Mapping[str, tuple[str | None, str]]) -> None:
        self._settings = settings
        self._classes = classes
        self._rooms_by_name = _unique((room.name, room.id) for room in settings.rooms)
        self._by_code = _unique((code, key) for key, (code, _) in classes.items() if code)
        self._by_title = _unique((title, key) for key, (_, title) in classes.items())

    def room(self, column: str, text: str) -> Room:
        """A room by its id or name.

        Raises:
            CellError: There is none, or there are several of that name.
        """
        key = text if text in self._settings.rooms_by_id else self._rooms_by_name.get(text, "")
        return self._settings.rooms_by_id[_one(column, "room", text, key)]

    def school_class(self, column: str, text: str) -> str:
        """The sourced id of a class by that, its code or its title.

        Raises:
            CellError: There is none, or there are several of that name.
        """
        found = text if text in self._classes else self._by_code.get(text)
        return _one(column, "class", text, self._by_title.get(text, "") if found is None else found)

    def find_class(self, text: str) -> str | None:
        """The sourced id of the one class that this is the id, code or title of, if any."""
        if text in self._classes:
            return text
        return self._by_code.get(text) or self._by_title.get(text)

    def zone(self, room: Room) -> tzinfo:
        """The zone of a room's school."""
        return self._settings.schools_by_id[room.school].zone


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """Keys by name; None where several have it."""
    found: dict[str, str | None] = {}
    for name, key in pairs:
        found[name] = key if name not in found else None
    return found


def _one(column: str, kind: Literal["class", "room"], text: str, key: str | None) -> str:
    if key is None:
        kinds = {"class": "classes", "room": "rooms"}[kind]
        raise CellError(column, f"several {kinds} are called {shown(text)}; name its id")
    if not key:
        raise CellError(column, f"no {kind} is {shown(text)}")
    return key


def plan_lesson(
    class_sourced_id: str, room: Room, zone: tzinfo, start: datetime, length: timedelta, line: int
) -> LessonPlan:
    """A dated lesson.

    Args:
        class_sourced_id: The class.
        room: The room.
        zone: Of its school.
        start: With a zone; `fold` is kept.
        length: More than nothing.
        line: Where it stands.
    """
    starts_at = start.astimezone(UTC)
    local = starts_at.astimezone(zone)
    clock = f"{local:%H%M%S}" if local.second else f"{local:%H%M}"
    second_time = "-2" if local.fold else ""
    mark = hashlib.sha256(class_sourced_id.encode()).hexdigest()[:8]
    return LessonPlan(
        id=f"{room.id}-{local:%Y%m%d}-{clock}{second_time}-{mark}",
        class_sourced_id=class_sourced_id,
        room_id=room.id,
        starts_at=starts_at,
        ends_at=starts_at + length,
        line=line,
    )


def has_made_id(lesson: LessonPlan, settings: Settings) -> bool:
    """Whether a lesson's id is the one that `plan_lesson` makes, and not one given in a file."""
    room = settings.rooms_by_id[lesson.room_id]
    zone = settings.schools_by_id[room.school].zone
    length = lesson.ends_at - lesson.starts_at
    made = plan_lesson(lesson.class_sourced_id, room, zone, lesson.starts_at, length, 0)
    return made.id == lesson.id


def without_overlaps(
    lessons: Iterable[LessonPlan], file: str, taken: Iterable[LessonPlan] = ()
) -> tuple[list[LessonPlan], list[BadRow]]:
    """Leave out what meets an earlier line in its room; each pair of lines is reported once.

    Args:
        lessons: Of the file.
        file: Its name.
        taken: Lessons of the records that stay, which come before all lines; their line is 0.
    """
    kept: dict[str, _Day] = {}
    good: list[LessonPlan] = []
    first: dict[tuple[int, int], tuple[LessonPlan, LessonPlan]] = {}
    times: Counter[tuple[int, int]] = Counter()
    for lesson in sorted([*taken, *lessons], key=lambda one: (one.line, one.starts_at)):
        room = kept.setdefault(lesson.room_id, _Day({}))
        other = room.meeting(lesson)
        if other is None:
            room.add(lesson)
            if lesson.line:
                good.append(lesson)
            continue
        pair = (lesson.line, other.line)
        first.setdefault(pair, (lesson, other))
        times[pair] += 1
    bad = [
        BadRow(file, lesson.line, None, _overlap(lesson, other, times[pair]))
        for pair, (lesson, other) in first.items()
    ]
    return sorted(good, key=lambda one: (one.room_id, one.starts_at)), bad


@dataclass(slots=True)
class _Day:
    """The lessons of a room, by UTC day; a lesson of at most a day lies in one or two."""

    by_day: dict[int, list[LessonPlan]]

    def meeting(self, lesson: LessonPlan) -> LessonPlan | None:
        for day in _days(lesson):
            for other in self.by_day.get(day, ()):
                if lesson.starts_at < other.ends_at and other.starts_at < lesson.ends_at:
                    return other
        return None

    def add(self, lesson: LessonPlan) -> None:
        for day in _days(lesson):
            self.by_day.setdefault(day, []).append(lesson)


def _days(lesson: LessonPlan) -> range:
    return range(lesson.starts_at.toordinal(), lesson.ends_at.toordinal() + 1)


def _overlap(lesson: LessonPlan, other: LessonPlan, times: int) -> str:
    whom = f"line {other.line}" if other.line else f"the lesson {other.id!r} in the records"
    more = f", and {times - 1} more" if times > 1 else ""
    when = f"{lesson.starts_at:%Y-%m-%d %H:%M}Z{more}"
    return f"meets {whom} in room {lesson.room_id!r} ({when}); left out"
