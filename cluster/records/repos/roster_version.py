"""The number that each change of roster or timetable raises: a plan rests on one."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cluster.records.db.models import RosterVersion


def current_version(session: Session) -> int:
    """Return the number."""
    return session.scalars(select(RosterVersion.version)).one()


def raise_version(session: Session, *, only_from: int | None = None) -> bool:
    """Raise the number, so that no older plan is applied.

    Args:
        session: With the writers' lock.
        only_from: Raise it only if it is this.

    Returns:
        Whether it was raised.
    """
    query = update(RosterVersion).values(version=RosterVersion.version + 1)
    if only_from is not None:
        query = query.where(RosterVersion.version == only_from)
    return session.execute(query.returning(RosterVersion.version)).first() is not None
