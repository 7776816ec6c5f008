"""The rows of badges: one for each student, the newest."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.records.db.models import BadgeRow, new_id


def replace(session: Session, student_id: str, *, issued_at: datetime, expires_at: datetime) -> str:
    """Give a student a new serial, in place of the old one."""
    row = BadgeRow(
        student_id=student_id, serial=new_id(), issued_at=issued_at, expires_at=expires_at
    )
    session.merge(row)
    session.flush()
    return row.serial


def by_serial(session: Session, serial: str) -> BadgeRow | None:
    """The badge with this serial, if it is some student's newest."""
    return session.scalar(select(BadgeRow).where(BadgeRow.serial == serial))
