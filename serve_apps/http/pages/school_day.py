"""What a school leader sees of lessons: those of today, and which registers are not taken yet.

Of a register one word is told, as `/api/lessons/{id}/register/summary` tells it; never who was
there, and no count of them. However many lessons there are, the records are asked three times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cluster.records.repos import registers
from cluster.records.repos.people import titles_of
from cluster.settings import Room
from serve_apps.http.backend import Backend
from serve_apps.http.routes.lessons import RegisterProgress, register_progress_of


@dataclass(frozen=True, slots=True)
class LessonLine:
    """A lesson as a leader sees it.

    Attributes:
        title: Of its class.
        room_id: Where.
        room_name: Likewise, for people.
        starts_at: UTC.
        ends_at: UTC.
        is_on: It has begun and is not over.
        is_over: It has ended.
        register: Whether its register is taken.
        is_due: It has begun, and nobody has taken its register.
    """

    title: str
    room_id: str
    room_name: str
    starts_at: datetime
    ends_at: datetime
    is_on: bool
    is_over: bool
    register: RegisterProgress
    is_due: bool


def lessons_in(backend: Backend, rooms: Sequence[Room]) -> list[LessonLine]:
    """The lessons of today in some rooms, by start; reads the records and blocks.

    Args:
        backend: Its clock says which day it is at each school.
        rooms: Of the settings.
    """
    settings, now = backend.settings, backend.identity.clock()
    known = {room.id: room for room in rooms}
    with backend.identity.records.reading() as session:
        rows = registers.lessons_on(session, settings, now, rooms=known)
        titles = titles_of(session, [one.class_sourced_id for one in rows])
        taken = register_progress_of(session, [one.id for one in rows], now)
        return [
            LessonLine(
                title=titles.get(one.class_sourced_id, one.class_sourced_id),
                room_id=one.room_id,
                room_name=known[one.room_id].name,
                starts_at=one.starts_at,
                ends_at=one.ends_at,
                is_on=one.starts_at <= now < one.ends_at,
                is_over=one.ends_at <= now,
                register=taken[one.id],
                is_due=one.starts_at <= now and taken[one.id] is RegisterProgress.NOT_TAKEN,
            )
            for one in rows
        ]
