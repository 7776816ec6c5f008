"""Schools, rooms and cameras; which lesson is on in a room at a time.

The first three come from the settings. Lessons come from the timetable, a CSV of dated
lessons; without one, windows simply name no lesson.
"""

import csv
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from cluster.errors import NotFound, SettingsError
from cluster.settings import Camera, Room, School, Settings

LESSON_COLUMNS = ("lesson_id", "room_id", "class_id", "starts_at", "ends_at")


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


def place_of(settings: Settings, camera_id: str, where: str | None = None) -> Place:
    """Find a camera's place.

    Args:
        settings: They know the cameras.
        camera_id: Which.
        where: The file and line that named it, for the message.

    Raises:
        SettingsError: There is no such camera.
    """
    camera = settings.cameras_by_id.get(camera_id)
    if camera is None:
        known = ", ".join(sorted(settings.cameras_by_id)) or "none"
        raise SettingsError(
            f"there is no camera {camera_id!r} in the settings (known: {known}).",
            where=where,
            hint="Add it under [[cameras]].",
        )
    room = settings.rooms_by_id[camera.room]
    return Place(camera, room, settings.schools_by_id[room.school])


class Timetable:
    """The dated lessons of all rooms."""

    def __init__(self, lessons: Iterable[Lesson] = ()) -> None:
        self.lessons = tuple(sorted(lessons, key=lambda lesson: (lesson.room_id, lesson.starts_at)))
        self._by_room: dict[str, list[Lesson]] = defaultdict(list)
        for lesson in self.lessons:
            self._by_room[lesson.room_id].append(lesson)

    def lesson_at(self, room_id: str, moment: datetime) -> Lesson | None:
        """The lesson that is on in a room at a moment (the start counts, the end does not)."""
        lessons = self._by_room.get(room_id, [])
        before = bisect_right(lessons, moment, key=lambda lesson: lesson.starts_at)
        if before and moment < lessons[before - 1].ends_at:
            return lessons[before - 1]
        return None


def load_timetable(settings: Settings) -> Timetable:
    """Read the timetable that the settings name, or an empty one.

    Raises:
        SettingsError: The file, a column, a time or a room is wrong, or two lessons of one room
            overlap; the message names file and line.
    """
    if settings.timetable is None:
        return Timetable()
    path = settings.timetable
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            missing = [name for name in LESSON_COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise SettingsError(f"the column {', '.join(missing)} is missing.", where=str(path))
            lessons = {
                f"{path}:{rows.line_num}": _lesson(row, f"{path}:{rows.line_num}", settings)
                for row in rows
            }
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"the timetable cannot be read: {error}.", where=str(path)) from error
    _refuse_overlaps(lessons)
    return Timetable(lessons.values())


def _lesson(row: dict[str, str], where: str, settings: Settings) -> Lesson:
    short = [name for name in LESSON_COLUMNS if row[name] is None]
    if short:
        raise SettingsError(f"the line ends before {', '.join(short)}.", where=where)
    if row["room_id"] not in settings.rooms_by_id:
        raise SettingsError(f"there is no room {row['room_id']!r} in the settings.", where=where)
    starts_at = parse_moment(row["starts_at"], where)
    ends_at = parse_moment(row["ends_at"], where)
    if ends_at <= starts_at:
        raise SettingsError("the lesson ends before it starts.", where=where)
    if not row["lesson_id"]:
        raise SettingsError("the lesson_id is empty.", where=where)
    return Lesson(row["lesson_id"], row["room_id"], row["class_id"], starts_at, ends_at)


def _refuse_overlaps(lessons: dict[str, Lesson]) -> None:
    """Refuse a lesson that stands twice, or meets another in its room."""
    places: dict[str, str] = {}
    last_in_room: dict[str, Lesson] = {}
    for where, lesson in sorted(lessons.items(), key=lambda item: item[1].starts_at):
        if lesson.lesson_id in places:
            raise SettingsError(
                f"the lesson {lesson.lesson_id!r} stands twice (also {places[lesson.lesson_id]}).",
                where=where,
            )
        places[lesson.lesson_id] = where
        previous = last_in_room.get(lesson.room_id)
        if previous is not None and lesson.starts_at < previous.ends_at:
            raise SettingsError(
                f"the lessons {previous.lesson_id!r} and {lesson.lesson_id!r} overlap in room "
                f"{lesson.room_id!r}.",
                where=where,
            )
        last_in_room[lesson.room_id] = lesson


def parse_moment(text: str | None, where: str) -> datetime:
    """Read an ISO 8601 time with its zone, and give it in UTC.

    Raises:
        SettingsError: It is no such time, or has no zone; without one, an hour's error at a
            change of the clock would go unseen.
    """
    try:
        moment = datetime.fromisoformat((text or "").strip())
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise SettingsError(
            f"{text!r} is not a time.", where=where, hint="Write 2026-03-02T09:00:00+01:00."
        ) from None
    if moment.tzinfo is None:
        raise SettingsError(
            f"the time {text!r} has no zone.",
            where=where,
            hint="Add the offset, like +01:00, or Z for UTC.",
        )
    return in_utc


def camera_of_room(settings: Settings, room_id: str) -> Camera | None:
    """The first camera of a room."""
    return next((camera for camera in settings.cameras if camera.room == room_id), None)


def local_date(settings: Settings, room_id: str, moment: datetime) -> date:
    """The date of a moment at the school of a room.

    Raises:
        NotFound: There is no such room.
    """
    room = settings.rooms_by_id.get(room_id)
    if room is None:
        raise NotFound(f"there is no room {room_id!r} in the settings.")
    return moment.astimezone(settings.schools_by_id[room.school].zone).date()
