"""The rows of published counts of check-ins that have ended."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.records.db.checkin_models import CountsRow


def add_counts(session: Session, row: CountsRow) -> None:
    """Write the published counts of a lesson's check-in."""
    session.add(row)
    session.flush()


def all_counts(session: Session) -> list[CountsRow]:
    """Return the published counts of all lessons, by date."""
    return list(session.scalars(select(CountsRow).order_by(CountsRow.day, CountsRow.lesson_id)))


def counts_of(session: Session, lesson_id: str) -> CountsRow | None:
    """Return the published counts of a lesson's check-in, once it has ended."""
    return session.scalar(select(CountsRow).where(CountsRow.lesson_id == lesson_id))
