"""Erasing a student: key, template, badge, names and, by policy, entries. A receipt remains."""

from dataclasses import dataclass
from datetime import datetime

from cluster.records.db import audit_log
from cluster.records.db.unit_of_work import Session, UnitOfWork
from cluster.records.repos import registers
from cluster.records.repos.people import remove_user, user_of
from cluster.register.faces.templates import destroy_templates
from cluster.security.audit import AuditEntry
from cluster.security.audit_actions import AuditAction


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What was erased, without a name.

    Attributes:
        student_id: The student's id in the audit log, which nothing links to a person any more.
        erased_at: UTC.
        erased_by: The actor.
        template_destroyed: A face template and its key existed, and are destroyed.
        entries_deleted: Number of register entries that were deleted.
        entries_kept: Number of register entries that remain under the id.
        audit_seq: Number of the audit entry.
    """

    student_id: str
    erased_at: datetime
    erased_by: str
    template_destroyed: bool
    entries_deleted: int
    entries_kept: int
    audit_seq: int


def erase(work: UnitOfWork, student: str, *, keep_entries: bool) -> ErasureReceipt:
    """Erase a student.

    The consent ledger and the audit log keep their rows: these hold only the student's id, which
    nothing links to a person once the row in `users` is deleted. A roster that still lists the
    student restores the name at the next import, under a new id, without consent or template.

    Raises:
        NotFound: There is no such student.
    """
    child = user_of(work.session, student, "student")
    student_id = child.id
    destroyed = destroy_templates(work, student_id, "erase")
    kept = len(registers.entries_of_student(work.session, student_id)) if keep_entries else 0
    deleted = 0 if keep_entries else registers.remove_entries(work.session, student_id)
    remove_user(work.session, child)
    work.audit(
        AuditAction.ERASE,
        student_id,
        template=destroyed,
        entries_deleted=deleted,
        entries_kept=kept,
    )
    seq = work.last_entry.seq if work.last_entry else 0
    return ErasureReceipt(student_id, work.now, work.actor, destroyed, deleted, kept, seq)


def list_receipts(
    session: Session, *, until: int, max_scanned: int, limit: int
) -> list[ErasureReceipt]:
    """Return the receipts of erasures from the audit log, the newest first.

    Args:
        session: Of the records.
        until: Number of the last log entry to scan.
        max_scanned: Number of log entries to scan before it.
        limit: At most this many receipts.
    """
    entries = audit_log.latest_with_action(
        session, AuditAction.ERASE, until=until, max_scanned=max_scanned, limit=limit
    )
    return [_receipt(entry) for entry in entries]


def _receipt(entry: AuditEntry) -> ErasureReceipt:
    detail = entry.detail
    return ErasureReceipt(
        student_id=entry.subject or "",
        erased_at=entry.at,
        erased_by=entry.actor,
        template_destroyed=detail.get("template") is True,
        entries_deleted=_number(detail.get("entries_deleted")),
        entries_kept=_number(detail.get("entries_kept")),
        audit_seq=entry.seq,
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
