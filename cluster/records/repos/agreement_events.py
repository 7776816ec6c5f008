"""The append-only ledger of agreements to check-ins."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.records.db.checkin_models import AgreementEvent


def append(
    session: Session,
    *,
    student_id: str,
    said_by: str,
    word: str,
    recorded_by: str,
    recorded_at: datetime,
    expires_at: datetime | None = None,
) -> int:
    """Append an event, and return its sequence number.

    Args:
        session: A session of the records.
        student_id: The student.
        said_by: The guardian or student who agreed or withdrew.
        word: `agree` or `withdraw`.
        recorded_by: The actor who entered it.
        recorded_at: When, UTC.
        expires_at: When an agreement expires, UTC.
    """
    row = AgreementEvent(
        student_id=student_id,
        said_by=said_by,
        word=word,
        recorded_at=recorded_at,
        expires_at=expires_at,
        recorded_by=recorded_by,
    )
    session.add(row)
    session.flush()
    return row.seq


def of_students(session: Session, students: Iterable[str]) -> list[AgreementEvent]:
    """Return the events of some students, oldest first."""
    query = (
        select(AgreementEvent)
        .where(AgreementEvent.student_id.in_(list(students)))
        .order_by(AgreementEvent.seq)
    )
    return list(session.scalars(query))
