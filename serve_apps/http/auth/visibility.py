"""Which rooms and lessons a caller may see; no other module decides it.

    teacher        lessons of classes that they teach; rooms during such a lesson, and for as long
                   before it as its register may be opened
    school_leader  rooms and lessons of schools that they lead
    others         none

Everything here reads the records and blocks: call it in a thread.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from cluster.district import local_date
from cluster.errors import NotAllowed, NotFound
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import registers
from cluster.records.repos.people import classes_taught_by, members
from cluster.security.roles import Principal, Role
from cluster.settings import Room, School, Settings
from serve_apps.http.backend import Backend

Visibility = Mapping[str, datetime | None]
"""Room ids, and since when their windows may be seen; None: without a limit."""


def get_visible_rooms(backend: Backend, caller: Principal) -> Visibility:
    """Return the rooms whose live counts a caller may see now."""
    return {
        **_get_taught_rooms(backend, caller, None),
        **dict.fromkeys(_get_led_room_ids(backend.settings, caller)),
    }


def get_visible_room(
    backend: Backend, caller: Principal, room_id: str
) -> tuple[Room, datetime | None]:
    """Return the room, if its live counts may be seen now, and since when its windows may be.

    Raises:
        NotFound: There is no such room.
        NotAllowed: The caller may not see it now.
    """
    room = backend.settings.rooms_by_id.get(room_id)
    if room is None:
        raise NotFound(f"there is no room {room_id!r} in the settings.")
    if room_id in _get_led_room_ids(backend.settings, caller):
        return room, None
    taught = _get_taught_rooms(backend, caller, room_id)
    if room_id not in taught:
        raise NotAllowed(
            "you may not see this room now.",
            where=room_id,
            hint="A teacher sees a room during a lesson of their own class there, and shortly "
            "before; a school leader sees the rooms of their schools.",
        )
    return room, taught[room_id]


def filter_visible_lessons(
    session: Session, settings: Settings, caller: Principal, lessons: Iterable[LessonRow]
) -> list[LessonRow]:
    """Return those of some lessons that a caller may see."""
    led = _get_led_room_ids(settings, caller)
    taught = TeachingLookup(session, settings, caller)
    return [one for one in lessons if one.room_id in led or taught.teaches(one)]


def get_visible_lesson(
    session: Session, settings: Settings, caller: Principal, lesson_id: str
) -> LessonRow:
    """Return the lesson, if the caller may see it.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The caller may not see it.
    """
    lesson = registers.lesson_of(session, lesson_id)
    if not filter_visible_lessons(session, settings, caller, [lesson]):
        raise NotAllowed("you may not see this lesson.", where=lesson_id)
    return lesson


def get_taught_lesson(
    session: Session, settings: Settings, caller: Principal, lesson_id: str
) -> LessonRow:
    """Return the lesson, if the caller teaches its class, whatever else the caller may see.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The caller does not teach its class.
    """
    lesson = registers.lesson_of(session, lesson_id)
    if not TeachingLookup(session, settings, caller).teaches(lesson):
        raise NotAllowed("you do not teach the class of this lesson.", where=lesson_id)
    return lesson


def list_taught_lessons(
    session: Session, settings: Settings, caller: Principal, day: date | datetime
) -> list[LessonRow]:
    """Return the lessons of a day that a caller teaches.

    Args:
        session: Session of the records.
        settings: Settings with rooms and time zones.
        caller: The caller.
        day: See `registers.lessons_on`.
    """
    if caller.user_id is None or not caller.has(Role.TEACHER):
        return []
    own = classes_taught_by(session, caller.user_id)
    taught = TeachingLookup(session, settings, caller)
    lessons = registers.lessons_on(session, settings, day, classes=own)
    return [one for one in lessons if taught.teaches(one)]


def list_visible_lessons(
    session: Session, settings: Settings, caller: Principal, day: date | datetime
) -> list[LessonRow]:
    """Return the lessons of a day that a caller may see, by start; see `registers.lessons_on`."""
    led = _get_led_room_ids(settings, caller)
    lessons = registers.lessons_on(session, settings, day, rooms=led) if led else []
    by_id = {
        one.id: one for one in (*lessons, *list_taught_lessons(session, settings, caller, day))
    }
    return sorted(by_id.values(), key=lambda one: (one.starts_at, one.room_id))


class TeachingLookup:
    """Looks up which lessons a caller teaches; reads the teachers of a class and day once.

    Args:
        session: Session of the records.
        settings: Settings with the time zones of rooms.
        caller: The caller.
    """

    def __init__(self, session: Session, settings: Settings, caller: Principal) -> None:
        self._session = session
        self._settings = settings
        self._user_id = caller.user_id if caller.has(Role.TEACHER) else None
        self._teaches: dict[tuple[str, str], bool] = {}

    def teaches(self, lesson: LessonRow) -> bool:
        """Return whether the caller teaches the class of the lesson on its day."""
        if self._user_id is None or lesson.room_id not in self._settings.rooms_by_id:
            return False
        day = local_date(self._settings, lesson.room_id, lesson.starts_at)
        key = (lesson.class_sourced_id, day.isoformat())
        if key not in self._teaches:
            teachers = members(self._session, lesson.class_sourced_id, "teacher", day)
            self._teaches[key] = self._user_id in teachers
        return self._teaches[key]


def get_led_schools(settings: Settings, caller: Principal) -> list[School]:
    """Return the schools that a caller leads, in the order of the settings."""
    if not caller.has(Role.SCHOOL_LEADER):
        return []
    return [school for school in settings.schools if school.id in caller.schools]


def get_led_school(settings: Settings, caller: Principal, school_id: str) -> School:
    """Return the school, if the caller leads it.

    Raises:
        NotAllowed: The caller does not, or there is no such school.
    """
    for school in get_led_schools(settings, caller):
        if school.id == school_id:
            return school
    raise NotAllowed("you may not see this school.", where=school_id)


def _get_led_room_ids(settings: Settings, caller: Principal) -> frozenset[str]:
    school_ids = {school.id for school in get_led_schools(settings, caller)}
    return frozenset(room.id for room in settings.rooms if room.school in school_ids)


def _get_taught_rooms(
    backend: Backend, caller: Principal, room_id: str | None
) -> dict[str, datetime]:
    """Return rooms of own lessons that are on or about to begin, and since when they may be seen.

    What was in the room before belongs to another class.
    """
    if not caller.has(Role.TEACHER):
        return {}
    now = backend.audited.clock()
    early = timedelta(minutes=backend.settings.registers.minutes)
    found: dict[str, datetime] = {}
    with backend.audited.records.reading() as session:
        taught = TeachingLookup(session, backend.settings, caller)
        rooms = {room_id} if room_id is not None else set()
        if room_id is None and caller.user_id is not None:
            own = classes_taught_by(session, caller.user_id)
            near = registers.lessons_between(session, now - early, now + early, classes=own)
            rooms = {one.room_id for one in near}
        around = registers.lessons_between(session, now - early, now + early, rooms=rooms)
        mine = [one for one in around if one.ends_at > now and taught.teaches(one)]
        for lesson in mine:
            # A class that is still there may not be seen by the next teacher.
            others = [
                other.ends_at
                for other in around
                if other.room_id == lesson.room_id
                and other.starts_at < lesson.starts_at
                and not taught.teaches(other)
            ]
            since = max([lesson.starts_at - early, *others])
            if since <= now:
                found[lesson.room_id] = min(since, found.get(lesson.room_id, since))
    return found
