"""How far a register is, for who waits for a change of it: numbers alone, and nobody of the class.

It is no look at identity, so nothing of it stands in the audit log, and asking again and again
neither fills the log nor waits for a writer.
"""

from dataclasses import dataclass
from datetime import datetime

from cluster.district import local_date
from cluster.errors import NotAllowed, NotFound
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import registers
from cluster.records.repos.people import members
from cluster.register.states import EntryState
from cluster.settings import Settings


@dataclass(frozen=True, slots=True)
class RegisterSummary:
    """A register, without its entries.

    Attributes:
        lesson_id: Of which lesson.
        version: Raised by every change.
        is_open: Faces and badges count.
        closes_at: When it closes by itself, or closed, UTC.
        proposals: Entries that wait for a teacher's confirmation.
    """

    lesson_id: str
    version: int
    is_open: bool
    closes_at: datetime
    proposals: int


def standing(
    session: Session, settings: Settings, teacher: str, lesson_id: str, now: datetime
) -> RegisterSummary:
    """How far a register is.

    Args:
        session: Of the records; nothing is written.
        settings: They know the zones of rooms.
        teacher: Who asks, a `users.id`.
        lesson_id: Of which lesson.
        now: UTC.

    Raises:
        NotFound: There is no such lesson, or no register of it.
        NotAllowed: Who asks does not teach the class on that day.
    """
    lesson = registers.lesson_of(session, lesson_id)
    day = local_date(settings, lesson.room_id, lesson.starts_at)
    if teacher not in members(session, lesson.class_sourced_id, "teacher", day):
        raise NotAllowed("who takes a register must teach the class.", where=lesson_id)
    row = registers.register_of(session, lesson_id)
    if row is None:
        raise NotFound("its register has not been opened.", where=lesson_id)
    return RegisterSummary(
        lesson_id=lesson_id,
        version=row.version,
        is_open=row.state == "open" and row.opened_at <= now < row.closes_at,
        closes_at=row.closes_at,
        proposals=sum(
            entry.state == EntryState.PROPOSED for entry in registers.entries_of(session, row.id)
        ),
    )
