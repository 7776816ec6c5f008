"""What a register looks like from outside: frozen, and free of the database."""

from dataclasses import dataclass
from datetime import datetime

from cluster.records.db.models import EntryRow, LessonRow, RegisterRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import registers
from cluster.register.states import EntryState, Mark, Method, Status


@dataclass(frozen=True, slots=True)
class Entry:
    """One student in a register.

    Attributes:
        student_id: Whom.
        mark: What it says.
        arrived_at: When somebody was first seen, or showed the badge, UTC.
        changed_at: UTC.
        changed_by: Who said it last.
    """

    student_id: str
    mark: Mark
    arrived_at: datetime | None
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class RegisterView:
    """A register as it stands.

    Attributes:
        lesson_id: Of which lesson.
        class_id: Whose.
        room_id: Where.
        starts_at: Of the lesson, UTC.
        is_open: Faces and badges count.
        version: Raised by every change.
        closes_at: When it closes by itself, UTC.
        entries: One for each student of the class.
    """

    lesson_id: str
    class_id: str
    room_id: str
    starts_at: datetime
    is_open: bool
    version: int
    closes_at: datetime
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Sighted:
    """What a machine or a badge says of a student."""

    student_id: str
    sure: bool
    seen_at: datetime


def view_of(work: UnitOfWork, lesson: LessonRow, row: RegisterRow) -> RegisterView:
    """A register as it stands now."""
    now = work.now
    return RegisterView(
        lesson_id=lesson.id,
        class_id=lesson.class_sourced_id,
        room_id=lesson.room_id,
        starts_at=lesson.starts_at,
        is_open=row.state == "open" and row.opened_at <= now < row.closes_at,
        version=row.version,
        closes_at=row.closes_at,
        entries=tuple(
            Entry(e.student_id, mark_of(e), e.arrived_at, e.changed_at, e.changed_by)
            for e in registers.entries_of(work.session, row.id)
        ),
    )


def mark_of(entry: EntryRow) -> Mark:
    """What an entry says."""
    return Mark(
        Status(entry.status),
        Method(entry.method) if entry.method else None,
        EntryState(entry.state) if entry.state else None,
    )
