"""Loading registers from the records."""

from datetime import datetime

from cluster.errors import NotFound, RegisterChanged
from cluster.records.db.models import EntryRow, LessonRow, RegisterRow
from cluster.records.db.unit_of_work import Session, UnitOfWork
from cluster.records.repos import registers
from cluster.register.access import check_teaches
from cluster.register.entries import mark_of
from cluster.register.states import EntryState
from cluster.register.types import RegisterEntry, RegisterSummary, RegisterView
from cluster.settings import Settings


def locked_row(work: UnitOfWork, lesson_id: str, version: int | None = None) -> RegisterRow:
    """Load the register of a lesson, locked until the transaction ends.

    Args:
        work: Its session.
        lesson_id: The lesson.
        version: The version that the register must have; None: any.

    Raises:
        NotFound: The lesson has no register.
        RegisterChanged: The register has another version.
    """
    row = registers.register_of(work.session, lesson_id, lock=True)
    if row is None:
        raise NotFound(
            "its register has not been opened.",
            where=lesson_id,
            hint=f"homeroom register open {lesson_id}",
        )
    if version is not None and row.version != version:
        raise RegisterChanged(
            f"somebody else changed it in between (version {row.version}, not {version}).",
            where=lesson_id,
            hint="Reload it, then decide again.",
        )
    return row


def entries_by_student(session: Session, row: RegisterRow) -> dict[str, EntryRow]:
    """Load the entries of a register by student id."""
    return {entry.student_id: entry for entry in registers.entries_of(session, row.id)}


def is_open(row: RegisterRow, now: datetime) -> bool:
    """Whether a register accepts faces and badges."""
    return row.state == "open" and row.opened_at <= now < row.closes_at


def was_opened(row: RegisterRow) -> bool:
    """Whether a register is or was open; one that a teacher only marked by hand was never."""
    return row.closes_at > row.opened_at


def load_view(work: UnitOfWork, lesson: LessonRow, row: RegisterRow) -> RegisterView:
    """Load a register with its entries; the caller records the access (R9)."""
    return RegisterView(
        lesson_id=lesson.id,
        class_id=lesson.class_sourced_id,
        room_id=lesson.room_id,
        starts_at=lesson.starts_at,
        is_open=is_open(row, work.now),
        was_opened=was_opened(row),
        version=row.version,
        closes_at=row.closes_at,
        entries=tuple(
            RegisterEntry(e.student_id, mark_of(e), e.arrived_at, e.changed_at, e.changed_by)
            for e in registers.entries_of(work.session, row.id)
        ),
    )


def load_summary(
    session: Session, settings: Settings, teacher: str, lesson_id: str, now: datetime
) -> RegisterSummary:
    """Load a register without its entries, for a client that polls for changes.

    It names no student, so the audit log has no entry of it: polling neither fills the log nor
    waits for a writer.

    Args:
        session: Of the records; only read from.
        settings: They know the time zones of rooms.
        teacher: The `users.id` of the teacher who asks.
        lesson_id: The lesson.
        now: UTC.

    Raises:
        NotFound: There is no such lesson, or no register of it.
        NotAllowed: The teacher does not teach the class on that date.
    """
    lesson = registers.lesson_of(session, lesson_id)
    check_teaches(session, settings, lesson, teacher)
    row = registers.register_of(session, lesson_id)
    if row is None:
        raise NotFound("its register has not been opened.", where=lesson_id)
    return RegisterSummary(
        lesson_id=lesson_id,
        version=row.version,
        is_open=is_open(row, now),
        closes_at=row.closes_at,
        proposals=sum(
            entry.state == EntryState.PROPOSED for entry in registers.entries_of(session, row.id)
        ),
    )
