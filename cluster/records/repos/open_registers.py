"""Which registers are open, and which should be. Queried every second, by an index."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cluster.records.db.models import MAX_LESSON_LENGTH, LessonRow, RegisterRow

MAX_OPENING_LEAD = timedelta(hours=1)
"""How long before its lesson a register opens at the earliest."""


@dataclass(frozen=True, slots=True)
class OpenRegister:
    """An open register.

    Attributes:
        lesson_id: The lesson.
        class_id: The class.
        room_id: The room.
        closes_at: When it closes automatically, UTC.
    """

    lesson_id: str
    class_id: str
    room_id: str
    closes_at: datetime


def registers_open_at(
    session: Session, now: datetime, rooms: Collection[str] | None = None
) -> list[tuple[LessonRow, RegisterRow]]:
    """Return the open registers with their lessons, of some rooms or of all, by room."""
    query = (
        select(LessonRow, RegisterRow)
        .join(RegisterRow, RegisterRow.lesson_id == LessonRow.id)
        .where(
            LessonRow.starts_at.between(now - MAX_LESSON_LENGTH, now + MAX_OPENING_LEAD),
            RegisterRow.state == "open",
            RegisterRow.opened_at <= now,
            RegisterRow.closes_at > now,
        )
        .order_by(LessonRow.room_id, LessonRow.starts_at)
    )
    if rooms is not None:
        query = query.where(LessonRow.room_id.in_(rooms))
    return [(lesson, register) for lesson, register in session.execute(query)]


def open_registers(session: Session, rooms: Collection[str], now: datetime) -> list[OpenRegister]:
    """Return the open registers of lessons in some rooms, by room."""
    return [
        OpenRegister(lesson.id, lesson.class_sourced_id, lesson.room_id, register.closes_at)
        for lesson, register in registers_open_at(session, now, rooms)
    ]


def lessons_without_register(
    session: Session, rooms: Collection[str], now: datetime, *, begun_within: timedelta
) -> list[str]:
    """Return ids of lessons that began recently in some rooms, without a register ever open."""
    query = (
        select(LessonRow.id)
        .outerjoin(RegisterRow, RegisterRow.lesson_id == LessonRow.id)
        .where(
            LessonRow.room_id.in_(rooms),
            LessonRow.starts_at > now - begun_within,
            LessonRow.starts_at <= now,
            LessonRow.ends_at > now,
            or_(RegisterRow.id.is_(None), RegisterRow.closes_at <= RegisterRow.opened_at),
        )
        .order_by(LessonRow.room_id)
    )
    return list(session.scalars(query))
