"""The rows of requests for help of check-ins; deleted when the lesson ends."""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from cluster.records.db.checkin_models import CheckinRow, HelpRequestRow


def add(session: Session, checkin_id: str, student_id: str | None) -> None:
    """Write a request, unless the student has one that has not been seen yet."""
    if student_id is not None:
        waiting = select(HelpRequestRow.id).where(
            HelpRequestRow.checkin_id == checkin_id,
            HelpRequestRow.student_id == student_id,
            HelpRequestRow.seen_at.is_(None),
        )
        if session.scalar(waiting.limit(1)) is not None:
            return
    session.add(HelpRequestRow(checkin_id=checkin_id, student_id=student_id))
    session.flush()


def count_anonymous(session: Session, checkin_id: str) -> int:
    """Return how many requests of a check-in are anonymous."""
    query = select(func.count(HelpRequestRow.id)).where(
        HelpRequestRow.checkin_id == checkin_id, HelpRequestRow.student_id.is_(None)
    )
    return session.scalar(query) or 0


def of_checkin(session: Session, checkin_id: str) -> list[HelpRequestRow]:
    """Return the requests of a check-in by their random ids, which hide the order of arrival."""
    query = (
        select(HelpRequestRow)
        .where(HelpRequestRow.checkin_id == checkin_id)
        .order_by(HelpRequestRow.id)
    )
    return list(session.scalars(query))


def delete_ended(session: Session, now: datetime) -> int:
    """Delete the requests of lessons that have ended, and return how many there were."""
    ended = select(CheckinRow.id).where(CheckinRow.calls_until <= now)
    deleted = session.execute(
        delete(HelpRequestRow)
        .where(HelpRequestRow.checkin_id.in_(ended))
        .returning(HelpRequestRow.id)
    )
    return len(deleted.all())


def any_ended(session: Session, now: datetime) -> bool:
    """Whether there is a request of a lesson that has ended."""
    query = (
        select(HelpRequestRow.id)
        .join(CheckinRow, CheckinRow.id == HelpRequestRow.checkin_id)
        .where(CheckinRow.calls_until <= now)
    )
    return session.scalar(query.limit(1)) is not None
