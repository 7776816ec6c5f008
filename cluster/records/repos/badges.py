"""The rows of badges: the newest of each student."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.records.db.models import BadgeRow, new_id


def replace(session: Session, student_id: str, *, issued_at: datetime, expires_at: datetime) -> str:
    """Replace a student's badge, and return the new serial."""
    row = BadgeRow(
        student_id=student_id, serial=new_id(), issued_at=issued_at, expires_at=expires_at
    )
    session.merge(row)
    session.flush()
    return row.serial


def by_serial(session: Session, serial: str) -> BadgeRow | None:
    """Return the badge with this serial, if it is a student's newest."""
    return session.scalar(select(BadgeRow).where(BadgeRow.serial == serial))
