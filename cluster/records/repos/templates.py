"""The rows of encrypted face templates."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cluster.records.db.models import TemplateRow


def put(
    session: Session,
    *,
    student_id: str,
    engine: str,
    key_version: int,
    sealed: bytes,
    grant_seq: int,
    created_at: datetime,
) -> None:
    """Write a template, replacing an older one of the same engine."""
    session.merge(
        TemplateRow(
            student_id=student_id,
            engine=engine,
            key_version=key_version,
            sealed=sealed,
            grant_seq=grant_seq,
            created_at=created_at,
        )
    )
    session.flush()


def of_students(
    session: Session, students: Iterable[str] | None = None, engine: str | None = None
) -> list[TemplateRow]:
    """Return templates: of these students, unless None, and of this engine, unless None."""
    query = select(TemplateRow).order_by(TemplateRow.student_id, TemplateRow.engine)
    if students is not None:
        query = query.where(TemplateRow.student_id.in_(list(students)))
    if engine is not None:
        query = query.where(TemplateRow.engine == engine)
    return list(session.scalars(query))


def remove(session: Session, student_id: str) -> int:
    """Delete a student's templates, and return how many there were."""
    deleted = session.execute(
        delete(TemplateRow)
        .where(TemplateRow.student_id == student_id)
        .returning(TemplateRow.engine)
    )
    return len(deleted.all())
