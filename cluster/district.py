"""Schools, rooms and cameras; which lesson a room has at a time.

The first three come from the settings, and lessons from the records, as plain data
(`cluster.records.timetable.lessons`). Without a lesson, windows simply name none.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from cluster.errors import NotFound, SettingsError
from cluster.settings import Camera, Room, School, Settings


@dataclass(frozen=True, slots=True)
class Lesson:
    """One meeting of a class in a room. Times are UTC."""

    lesson_id: str
    room_id: str
    class_id: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """A camera with the room and school around it."""

    camera: Camera
    room: Room
    school: School


def find_place(settings: Settings, camera_id: str, where: str | None = None) -> Place:
    """Find a camera with its room and school.

    Args:
        settings: They name the cameras.
        camera_id: Which camera.
        where: The file and line that named it, for the message.

    Raises:
        SettingsError: There is no such camera.
    """
    camera = settings.cameras_by_id.get(camera_id)
    if camera is None:
        names = ", ".join(sorted(settings.cameras_by_id)) or "none"
        raise SettingsError(
            f"there is no camera {camera_id!r} in the settings (known: {names}).",
            where=where,
            hint="Add it under [[cameras]].",
        )
    room = settings.rooms_by_id[camera.room]
    return Place(camera, room, settings.schools_by_id[room.school])


class Timetable:
    """The dated lessons of all rooms."""

    def __init__(self, lessons: Iterable[Lesson] = ()) -> None:
        self.lessons = tuple(
            sorted(lessons, key=lambda one: (one.room_id, one.starts_at, one.lesson_id))
        )
        self._by_room: dict[str, list[Lesson]] = defaultdict(list)
        for lesson in self.lessons:
            self._by_room[lesson.room_id].append(lesson)

    def lesson_at(self, room_id: str, time: datetime) -> Lesson | None:
        """Return the lesson in a room at a time (the start counts, the end does not).

        Of classes that are taught together it is the one with the first id: windows name one.
        """
        lessons = self._by_room.get(room_id, [])
        before = bisect_right(lessons, time, key=lambda lesson: lesson.starts_at)
        if not before or time >= lessons[before - 1].ends_at:
            return None
        start = lessons[before - 1].starts_at
        return lessons[bisect_left(lessons, start, key=lambda lesson: lesson.starts_at)]


def parse_timestamp(text: str | None, where: str) -> datetime:
    """Parse an ISO 8601 time with its zone, and return it in UTC.

    Raises:
        SettingsError: It is not such a time, or has no zone; without one, an hour's error at a
            change of the clock would go unnoticed.
    """
    try:
        parsed = datetime.fromisoformat((text or "").strip())
        in_utc = parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise SettingsError(
            f"{text!r} is not a time.", where=where, hint="Write 2026-03-02T09:00:00+01:00."
        ) from None
    if parsed.tzinfo is None:
        raise SettingsError(
            f"the time {text!r} has no zone.",
            where=where,
            hint="Add the offset, like +01:00, or Z for UTC.",
        )
    return in_utc


def camera_of_room(settings: Settings, room_id: str) -> Camera | None:
    """Return the first camera of a room, if it has one."""
    return next((camera for camera in settings.cameras if camera.room == room_id), None)


def local_date(settings: Settings, room_id: str, time: datetime) -> date:
    """Return the date of a time at the school of a room.

    Raises:
        NotFound: There is no such room.
    """
    room = settings.rooms_by_id.get(room_id)
    if room is None:
        raise NotFound(f"there is no room {room_id!r} in the settings.")
    return time.astimezone(settings.schools_by_id[room.school].zone).date()
