"""The rows of those who don't feel well and would like to be asked; gone with the lesson."""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from cluster.records.db.checkin_models import CheckinRow, HelpRequestRow


def add(session: Session, checkin_id: str, student_id: str | None) -> None:
    """Write a call; a student who has one that nobody has seen yet has no second."""
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
    """How many calls of a check-in bear no name."""
    query = select(func.count(HelpRequestRow.id)).where(
        HelpRequestRow.checkin_id == checkin_id, HelpRequestRow.student_id.is_(None)
    )
    return session.scalar(query) or 0


def of_checkin(session: Session, checkin_id: str) -> list[HelpRequestRow]:
    """The calls of a check-in, by their random ids: not in the order in which they came."""
    query = (
        select(HelpRequestRow)
        .where(HelpRequestRow.checkin_id == checkin_id)
        .order_by(HelpRequestRow.id)
    )
    return list(session.scalars(query))


def delete_ended(session: Session, now: datetime) -> int:
    """Delete the calls of lessons that are over; how many."""
    of_the_past = select(CheckinRow.id).where(CheckinRow.calls_until <= now)
    gone = session.execute(
        delete(HelpRequestRow)
        .where(HelpRequestRow.checkin_id.in_(of_the_past))
        .returning(HelpRequestRow.id)
    )
    return len(gone.all())


def any_ended(session: Session, now: datetime) -> bool:
    """Whether a call is left of a lesson that is over."""
    query = (
        select(HelpRequestRow.id)
        .join(CheckinRow, CheckinRow.id == HelpRequestRow.checkin_id)
        .where(CheckinRow.calls_until <= now)
    )
    return session.scalar(query.limit(1)) is not None
