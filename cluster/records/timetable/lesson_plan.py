"""Dated lessons of any file format: local times to UTC, names to ids.

A lesson begins at the stated local time of its school, and lasts as long as stated. So at changes
of daylight saving time (PEP 495):

- A local time that is skipped in spring is shifted forward: 02:30 becomes 03:30.
- A local time that occurs twice in autumn is the first of the two.
- The length is kept: a lesson of an hour is neither missing nor two hours long. RFC 5545 (3.8.5.3)
  repeats an event with a start and an end in the same way.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from cluster.records.roster.csv_cells import CellError, quoted
from cluster.settings import Room, Settings

NO_CLASS = "no-class"
"""The class of a lesson for which none is given."""


@dataclass(frozen=True, slots=True)
class LessonPlan:
    """A lesson of a timetable.

    Attributes:
        id: Derived from room, local day and time, and class; the same for the same lesson.
        class_sourced_id: The class.
        room_id: The room.
        starts_at: UTC.
        ends_at: UTC.
        line: The line of the file that states it; 0 for a lesson of the records.
        period: The name of the class period, where the file has one.
    """

    id: str
    class_sourced_id: str
    room_id: str
    starts_at: datetime
    ends_at: datetime
    line: int
    period: str | None = None


class NameResolver:
    """Resolves ids, codes, names and titles of rooms and classes to ids.

    Args:
        settings: The settings with the rooms.
        classes: Code and title of each class, by sourcedId.
        gone: Classes that are no longer in the roster; only their sourcedIds name them.
    """

    def __init__(
        self,
        settings: Settings,
        classes: Mapping[str, tuple[str | None, str]],
        gone: Collection[str] = frozenset(),
    ) -> None:
        self._settings = settings
        self._classes = classes
        self._rooms_by_name = _unique((room.name, room.id) for room in settings.rooms)
        present = [(key, *names) for key, names in classes.items() if key not in gone]
        self._by_code = _unique((code, key) for key, code, _ in present if code)
        self._by_title = _unique((title, key) for key, _, title in present)

    def room(self, column: str, text: str) -> Room:
        """Return a room by its id or name.

        Raises:
            CellError: There is none, or there are several of that name.
        """
        key = text if text in self._settings.rooms_by_id else self._rooms_by_name.get(text, "")
        return self._settings.rooms_by_id[_require_one(column, "room", text, key)]

    def school_class(self, column: str, text: str) -> str:
        """Return the sourcedId of a class by that, its code or its title.

        Raises:
            CellError: There is none, or there are several of that name.
        """
        found = text if text in self._classes else self._by_code.get(text)
        return _require_one(
            column, "class", text, self._by_title.get(text, "") if found is None else found
        )

    def find_class(self, text: str) -> str | None:
        """Return the sourcedId of the only class with this id, code or title, if there is one."""
        if text in self._classes:
            return text
        return self._by_code.get(text) or self._by_title.get(text)

    def zone(self, room: Room) -> tzinfo:
        """Return the time zone of a room's school."""
        return self._settings.schools_by_id[room.school].zone


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """Map names to keys; to None where several have the name."""
    found: dict[str, str | None] = {}
    for name, key in pairs:
        found[name] = key if name not in found else None
    return found


def _require_one(column: str, kind: Literal["class", "room"], text: str, key: str | None) -> str:
    if key is None:
        kinds = {"class": "classes", "room": "rooms"}[kind]
        raise CellError(column, f"several {kinds} are called {quoted(text)}; use the id")
    if not key:
        raise CellError(column, f"no {kind} is {quoted(text)}")
    return key


def plan_lesson(
    class_sourced_id: str,
    room: Room,
    zone: tzinfo,
    start: datetime,
    length: timedelta,
    line: int,
    period: str | None = None,
) -> LessonPlan:
    """Return a dated lesson.

    Args:
        class_sourced_id: The class.
        room: The room.
        zone: The time zone of its school.
        start: The start, with a time zone; `fold` is respected.
        length: The length, more than zero.
        line: The line of the file.
        period: The name of the class period.
    """
    starts_at = start.astimezone(UTC)
    local = starts_at.astimezone(zone)
    clock = f"{local:%H%M%S}" if local.second else f"{local:%H%M}"
    repetition = "-2" if local.fold else ""
    suffix = hashlib.sha256(class_sourced_id.encode()).hexdigest()[:8]
    return LessonPlan(
        id=f"{room.id}-{local:%Y%m%d}-{clock}{repetition}-{suffix}",
        class_sourced_id=class_sourced_id,
        room_id=room.id,
        starts_at=starts_at,
        ends_at=starts_at + length,
        line=line,
        period=period,
    )


def has_derived_id(lesson: LessonPlan, settings: Settings) -> bool:
    """Return whether a lesson's id was derived by `plan_lesson`, and not given in a file."""
    room = settings.rooms_by_id[lesson.room_id]
    zone = settings.schools_by_id[room.school].zone
    length = lesson.ends_at - lesson.starts_at
    derived = plan_lesson(lesson.class_sourced_id, room, zone, lesson.starts_at, length, 0)
    return derived.id == lesson.id
