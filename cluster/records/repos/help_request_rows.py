"""The rows of those who don't feel well and would like to be asked; gone with the lesson."""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from cluster.records.db.checkin_models import CallRow, CheckinRow


def add_call(session: Session, checkin_id: str, student_id: str | None) -> None:
    """Write a call; a student who has one that nobody has seen yet has no second."""
    if student_id is not None:
        waiting = select(CallRow.id).where(
            CallRow.checkin_id == checkin_id,
            CallRow.student_id == student_id,
            CallRow.seen_at.is_(None),
        )
        if session.scalar(waiting.limit(1)) is not None:
            return
    session.add(CallRow(checkin_id=checkin_id, student_id=student_id))
    session.flush()


def unsigned_calls(session: Session, checkin_id: str) -> int:
    """How many calls of a check-in bear no name."""
    query = select(func.count(CallRow.id)).where(
        CallRow.checkin_id == checkin_id, CallRow.student_id.is_(None)
    )
    return session.scalar(query) or 0


def calls_of(session: Session, checkin_id: str) -> list[CallRow]:
    """The calls of a check-in, by their random ids: not in the order in which they came."""
    query = select(CallRow).where(CallRow.checkin_id == checkin_id).order_by(CallRow.id)
    return list(session.scalars(query))


def forget_calls(session: Session, now: datetime) -> int:
    """Delete the calls of lessons that are over; how many."""
    of_the_past = select(CheckinRow.id).where(CheckinRow.calls_until <= now)
    gone = session.execute(
        delete(CallRow).where(CallRow.checkin_id.in_(of_the_past)).returning(CallRow.id)
    )
    return len(gone.all())


def calls_are_over(session: Session, now: datetime) -> bool:
    """Whether a call is left of a lesson that is over."""
    query = (
        select(CallRow.id)
        .join(CheckinRow, CheckinRow.id == CallRow.checkin_id)
        .where(CheckinRow.calls_until <= now)
    )
    return session.scalar(query.limit(1)) is not None
