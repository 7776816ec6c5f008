"""The rows of what may be told of check-ins that have ended."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.records.db.checkin_models import CountsRow


def add_counts(session: Session, row: CountsRow) -> None:
    """Write what may be told of a lesson."""
    session.add(row)
    session.flush()


def all_counts(session: Session) -> list[CountsRow]:
    """What may be told, of all lessons, by date."""
    return list(session.scalars(select(CountsRow).order_by(CountsRow.day, CountsRow.lesson_id)))


def counts_of(session: Session, lesson_id: str) -> CountsRow | None:
    """What may be told of a lesson's check-in, once it has ended."""
    return session.scalar(select(CountsRow).where(CountsRow.lesson_id == lesson_id))
