"""The append-only ledger of consent to face roll call (R5)."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.records.db.models import ConsentEvent


def append(
    session: Session,
    *,
    student_id: str,
    said_by: str,
    word: str,
    recorded_by: str,
    recorded_at: datetime,
    notice_version: str | None = None,
    expires_at: datetime | None = None,
) -> int:
    """Append an event, and return its sequence number.

    Args:
        session: A session of the records.
        student_id: The student.
        said_by: The guardian or student who granted, withdrew or objected.
        word: `grant`, `withdraw` or `object`.
        recorded_by: The actor who entered it.
        recorded_at: When, UTC.
        notice_version: The version of the notice that a grant names.
        expires_at: When a grant expires, UTC.
    """
    row = ConsentEvent(
        student_id=student_id,
        said_by=said_by,
        word=word,
        notice_version=notice_version,
        recorded_at=recorded_at,
        expires_at=expires_at,
        recorded_by=recorded_by,
    )
    session.add(row)
    session.flush()
    return row.seq


def of_students(session: Session, students: Iterable[str] | None = None) -> list[ConsentEvent]:
    """Return the events of some students, or of all of them, oldest first."""
    query = select(ConsentEvent).order_by(ConsentEvent.seq)
    if students is not None:
        query = query.where(ConsentEvent.student_id.in_(list(students)))
    return list(session.scalars(query))


def students_with_events(
    session: Session, *, after: str, limit: int, ending_before: datetime | None = None
) -> list[str]:
    """Return one page of the ids of students with events, in ascending order.

    Args:
        session: A session of the records.
        after: The last id of the previous page.
        limit: The maximum number of ids.
        ending_before: Only students with a grant that expires by then, whether in force or not.
    """
    query = select(ConsentEvent.student_id).where(ConsentEvent.student_id > after)
    if ending_before is not None:
        query = query.where(ConsentEvent.expires_at <= ending_before)
    query = query.distinct().order_by(ConsentEvent.student_id).limit(limit)
    return list(session.scalars(query))


def students_with_objections(session: Session, *, after: str, limit: int) -> list[str]:
    """Return one page of the ids of students with an objection, in ascending order.

    Args:
        session: A session of the records.
        after: The last id of the previous page.
        limit: The maximum number of ids.
    """
    query = select(ConsentEvent.student_id).where(
        ConsentEvent.word == "object", ConsentEvent.student_id > after
    )
    return list(session.scalars(query.distinct().order_by(ConsentEvent.student_id).limit(limit)))
