"""The rows of the audit log (R9), appended in the transaction of the change that they record."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.errors import RecordsError
from cluster.records.db.models import AuditRow, AuditTail
from cluster.security.audit import AUDIT_KEY, AuditEntry, Detail, next_entry
from cluster.security.audit_actions import AuditAction
from cluster.security.keys import KeyStore

FETCH_SIZE = 1000


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
    """Append an entry; it is committed if, and only if, the session's other changes are.

    Writers wait for a lock on the row of `audit_tail` until the previous one has committed.
    """
    _, key = keys.current(AUDIT_KEY)
    tail = session.get(AuditTail, 1, with_for_update=True, populate_existing=True)
    if tail is None:
        raise RecordsError("the audit log has no tail.", where="audit_tail")
    entry = next_entry(
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
    """Yield the entries after a sequence number (and up to another), in ascending order."""
    query = select(AuditRow).where(AuditRow.seq > after).order_by(AuditRow.seq)
    if until is not None:
        query = query.where(AuditRow.seq <= until)
    for row in session.scalars(query.execution_options(yield_per=FETCH_SIZE)):
        yield _entry(row)


def latest_with_action(
    session: Session, action: AuditAction, *, until: int, max_scanned: int, limit: int
) -> list[AuditEntry]:
    """Return the latest entries of one action, newest first.

    Args:
        session: A session of the records.
        action: The action.
        until: The last sequence number to include.
        max_scanned: How many entries to scan, since the log has no index of actions.
        limit: The maximum number of entries.
    """
    query = select(AuditRow).where(
        AuditRow.seq.between(until - max_scanned + 1, until), AuditRow.action == action.value
    )
    rows = session.scalars(query.order_by(AuditRow.seq.desc()).limit(limit))
    return [_entry(row) for row in rows]


def tail(session: Session) -> tuple[int, str]:
    """Return the sequence number and MAC of the last entry."""
    row = session.get(AuditTail, 1)
    return (row.seq, row.mac) if row else (0, "")


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.seq, row.at, row.actor, row.action, row.subject, row.detail, row.mac)
