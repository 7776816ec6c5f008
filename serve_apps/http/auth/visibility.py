"""Which rooms and lessons somebody may see: the one place that says so.

    teacher        lessons of classes that they teach; rooms while such a lesson is on there, and
                   for as long before it as a register may be opened before it
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
"""Rooms, and since when their windows may be seen; None: as far back as there are any."""


def visible_rooms(backend: Backend, caller: Principal) -> Visibility:
    """The rooms whose numbers somebody may see now."""
    return {
        **_taught_rooms(backend, caller, None),
        **dict.fromkeys(_led_rooms(backend.settings, caller)),
    }


def get_visible_room(
    backend: Backend, caller: Principal, room_id: str
) -> tuple[Room, datetime | None]:
    """The room, if its numbers may be seen now; and since when its windows may.

    Raises:
        NotFound: There is no such room.
        NotAllowed: It is out of reach.
    """
    room = backend.settings.rooms_by_id.get(room_id)
    if room is None:
        raise NotFound(f"there is no room {room_id!r} in the settings.")
    if room_id in _led_rooms(backend.settings, caller):
        return room, None
    taught = _taught_rooms(backend, caller, room_id)
    if room_id not in taught:
        raise NotAllowed(
            "this room's numbers are not yours to see now.",
            where=room_id,
            hint="A teacher sees a room while a lesson of an own class is on there, and shortly "
            "before; a school leader sees the rooms of own schools.",
        )
    return room, taught[room_id]


def visible_lessons(
    session: Session, settings: Settings, caller: Principal, lessons: Iterable[LessonRow]
) -> list[LessonRow]:
    """Those of some lessons that somebody may see."""
    led = _led_rooms(settings, caller)
    taught = TeachingLookup(session, settings, caller)
    return [one for one in lessons if one.room_id in led or taught.teaches(one)]


def get_visible_lesson(
    session: Session, settings: Settings, caller: Principal, lesson_id: str
) -> LessonRow:
    """The lesson, if it may be seen.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: It is out of reach.
    """
    lesson = registers.lesson_of(session, lesson_id)
    if not visible_lessons(session, settings, caller, [lesson]):
        raise NotAllowed("this lesson is not yours to see.", where=lesson_id)
    return lesson


def must_teach_lesson(
    session: Session, settings: Settings, caller: Principal, lesson_id: str
) -> LessonRow:
    """The lesson, if it is of a class that the caller teaches, whatever else the caller may see.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: It is another class's.
    """
    lesson = registers.lesson_of(session, lesson_id)
    if not TeachingLookup(session, settings, caller).teaches(lesson):
        raise NotAllowed("this lesson is not of a class of yours.", where=lesson_id)
    return lesson


def lessons_taught_on(
    session: Session, settings: Settings, caller: Principal, day: date | datetime
) -> list[LessonRow]:
    """The lessons of a day that somebody teaches.

    Args:
        session: Of the records.
        settings: They know rooms and zones.
        caller: Who.
        day: See `registers.lessons_on`.
    """
    if caller.user_id is None or not caller.has(Role.TEACHER):
        return []
    own = classes_taught_by(session, caller.user_id)
    taught = TeachingLookup(session, settings, caller)
    lessons = registers.lessons_on(session, settings, day, classes=own)
    return [one for one in lessons if taught.teaches(one)]


def lessons_seen_on(
    session: Session, settings: Settings, caller: Principal, day: date | datetime
) -> list[LessonRow]:
    """The lessons of a day that somebody may see, by start; see `registers.lessons_on`."""
    led = _led_rooms(settings, caller)
    lessons = registers.lessons_on(session, settings, day, rooms=led) if led else []
    seen = {one.id: one for one in (*lessons, *lessons_taught_on(session, settings, caller, day))}
    return sorted(seen.values(), key=lambda one: (one.starts_at, one.room_id))


class TeachingLookup:
    """Whether somebody teaches lessons; each class is asked for once a day.

    Args:
        session: Of the records.
        settings: They know the zones of rooms.
        caller: Who.
    """

    def __init__(self, session: Session, settings: Settings, caller: Principal) -> None:
        self._session = session
        self._settings = settings
        self._user_id = caller.user_id if caller.has(Role.TEACHER) else None
        self._known: dict[tuple[str, str], bool] = {}

    def teaches(self, lesson: LessonRow) -> bool:
        """Whether the lesson is of a class that they teach on its day."""
        if self._user_id is None or lesson.room_id not in self._settings.rooms_by_id:
            return False
        day = local_date(self._settings, lesson.room_id, lesson.starts_at)
        key = (lesson.class_sourced_id, day.isoformat())
        if key not in self._known:
            teachers = members(self._session, lesson.class_sourced_id, "teacher", day)
            self._known[key] = self._user_id in teachers
        return self._known[key]


def led_schools(settings: Settings, caller: Principal) -> list[School]:
    """The schools that somebody leads, in the order of the settings."""
    if not caller.has(Role.SCHOOL_LEADER):
        return []
    return [school for school in settings.schools if school.id in caller.schools]


def must_lead(settings: Settings, caller: Principal, school_id: str) -> School:
    """The school, if somebody leads it.

    Raises:
        NotAllowed: It is another's, or there is none.
    """
    for school in led_schools(settings, caller):
        if school.id == school_id:
            return school
    raise NotAllowed("this school is not yours to see.", where=school_id)


def _led_rooms(settings: Settings, caller: Principal) -> frozenset[str]:
    led = {school.id for school in led_schools(settings, caller)}
    return frozenset(room.id for room in settings.rooms if room.school in led)


def _taught_rooms(backend: Backend, caller: Principal, room_id: str | None) -> dict[str, datetime]:
    """Rooms of own lessons that are on or about to begin, and when these came in reach.

    What was in the room before belongs to another class.
    """
    if not caller.has(Role.TEACHER):
        return {}
    now = backend.identity.clock()
    early = timedelta(minutes=backend.settings.registers.minutes)
    found: dict[str, datetime] = {}
    with backend.identity.records.reading() as session:
        taught = TeachingLookup(session, backend.settings, caller)
        rooms = {room_id} if room_id is not None else set()
        if room_id is None and caller.user_id is not None:
            own = classes_taught_by(session, caller.user_id)
            near = registers.lessons_between(session, now - early, now + early, classes=own)
            rooms = {one.room_id for one in near}
        around = registers.lessons_between(session, now - early, now + early, rooms=rooms)
        mine = [one for one in around if one.ends_at > now and taught.teaches(one)]
        for lesson in mine:
            # Another class that is still there is not the next teacher's to see.
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
