"""The rows of the audit log: appended one by one, in the transaction of what they tell."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.errors import RecordsError
from cluster.records.db.models import AuditRow, AuditTail
from cluster.security.audit import AUDIT_KEY, AuditEntry, Detail, link
from cluster.security.audit_actions import AuditAction
from cluster.security.keys import KeyStore

ROWS_AT_ONCE = 1000


def append(
    session: Session,
    keys: KeyStore,
    *,
    now: datetime,
    actor: str,
    action: AuditAction,
    subject: str | None = None,
    detail: Detail | None = None,
) -> AuditEntry:
    """Append an entry; it is there if, and only if, the session's other changes are.

    Writers queue up at the row of `audit_tail` until the one before them has committed.
    """
    _, key = keys.current(AUDIT_KEY)
    tail = session.get(AuditTail, 1, with_for_update=True, populate_existing=True)
    if tail is None:
        raise RecordsError("the audit log has no tail.", where="audit_tail")
    entry = link(
        key,
        tail.mac,
        seq=tail.seq + 1,
        at=now,
        actor=actor,
        action=action.value,
        subject=subject,
        detail=detail or {},
    )
    session.add(
        AuditRow(
            seq=entry.seq,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            detail=dict(entry.detail),
            mac=entry.mac,
        )
    )
    tail.seq, tail.mac = entry.seq, entry.mac
    session.flush()
    return entry


def entries(session: Session, after: int = 0, until: int | None = None) -> Iterator[AuditEntry]:
    """The entries after a number (and up to another), by rising number."""
    query = select(AuditRow).where(AuditRow.seq > after).order_by(AuditRow.seq)
    if until is not None:
        query = query.where(AuditRow.seq <= until)
    for row in session.scalars(query.execution_options(yield_per=ROWS_AT_ONCE)):
        yield _entry(row)


def newest_of(
    session: Session, action: AuditAction, *, until: int, looked_at: int, limit: int
) -> list[AuditEntry]:
    """The newest entries of one action.

    Args:
        session: Of the records.
        action: Which.
        until: Up to this number.
        looked_at: Among so many entries: the log has no index of actions.
        limit: So many at most.
    """
    query = select(AuditRow).where(
        AuditRow.seq.between(until - looked_at + 1, until), AuditRow.action == action.value
    )
    rows = session.scalars(query.order_by(AuditRow.seq.desc()).limit(limit))
    return [_entry(row) for row in rows]


def tail(session: Session) -> tuple[int, str]:
    """Number and MAC of the last entry."""
    row = session.get(AuditTail, 1)
    return (row.seq, row.mac) if row else (0, "")


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.seq, row.at, row.actor, row.action, row.subject, row.detail, row.mac)
