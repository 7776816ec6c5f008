"""The ledger of agreements to check-ins: words are added, never changed."""

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
    """Add a word to the ledger; gives its number."""
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
    """The words about some students, in the order in which they were said."""
    query = (
        select(AgreementEvent)
        .where(AgreementEvent.student_id.in_(list(students)))
        .order_by(AgreementEvent.seq)
    )
    return list(session.scalars(query))
