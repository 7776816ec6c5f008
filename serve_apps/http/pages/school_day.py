"""Today's lessons as a school leader sees them, with the progress of their registers.

Of a register only its progress is shown, as by `/api/lessons/{id}/register/summary`: neither who
was there nor how many. The number of queries does not depend on the number of lessons.
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
class LessonSummary:
    """A lesson as a school leader sees it.

    Attributes:
        title: Title of its class.
        room_id: Its room.
        room_name: Display name of the room.
        starts_at: UTC.
        ends_at: UTC.
        is_on: It has started and has not ended.
        is_over: It has ended.
        register: Progress of its register.
        is_register_missing: It has started, and nobody has taken its register.
    """

    title: str
    room_id: str
    room_name: str
    starts_at: datetime
    ends_at: datetime
    is_on: bool
    is_over: bool
    register: RegisterProgress
    is_register_missing: bool


def load_lessons_today(backend: Backend, rooms: Sequence[Room]) -> list[LessonSummary]:
    """Return today's lessons in some rooms, by start; reads the records and blocks.

    Args:
        backend: Its clock decides which day it is at each school.
        rooms: Of the settings.
    """
    settings, now = backend.settings, backend.audited.clock()
    rooms_by_id = {room.id: room for room in rooms}
    with backend.audited.records.reading() as session:
        rows = registers.lessons_on(session, settings, now, rooms=rooms_by_id)
        titles = titles_of(session, [row.class_sourced_id for row in rows])
        progress = register_progress_of(session, [row.id for row in rows], now)
        return [
            LessonSummary(
                title=titles.get(row.class_sourced_id, row.class_sourced_id),
                room_id=row.room_id,
                room_name=rooms_by_id[row.room_id].name,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                is_on=row.starts_at <= now < row.ends_at,
                is_over=row.ends_at <= now,
                register=progress[row.id],
                is_register_missing=(
                    row.starts_at <= now and progress[row.id] is RegisterProgress.NOT_TAKEN
                ),
            )
            for row in rows
        ]
