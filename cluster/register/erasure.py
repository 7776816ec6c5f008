"""Erasing a student: key, template, badge, names and, by policy, entries. A receipt is left."""

from dataclasses import dataclass
from datetime import datetime

from cluster.records.db import audit_log
from cluster.records.db.unit_of_work import Session, UnitOfWork
from cluster.records.repos import registers
from cluster.records.repos.people import remove_user, user_of
from cluster.register.faces.templates import destroy
from cluster.security.audit import AuditEntry
from cluster.security.audit_actions import AuditAction


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased; it names nobody.

    Attributes:
        student_id: The id under which the audit log knew the student; it ties to nobody now.
        erased_at: UTC.
        erased_by: Who did it.
        template_destroyed: A face template and its key were there, and are gone.
        entries_deleted: Entries of registers that are gone.
        entries_kept: Those that stay, under the id.
        audit_seq: Number of the audit entry.
    """

    student_id: str
    erased_at: datetime
    erased_by: str
    template_destroyed: bool
    entries_deleted: int
    entries_kept: int
    audit_seq: int


def erase(work: UnitOfWork, student: str, *, keep_entries: bool) -> Receipt:
    """Erase a student.

    The ledger of consent and the audit log keep their rows: they know the student by an id alone,
    which ties to nobody once the row in `users` is gone. A roster that still holds the student
    brings the name back at the next import, under a new id, without consent or template.

    Raises:
        NotFound: There is no such student.
    """
    child = user_of(work.session, student, "student")
    student_id = child.id
    destroyed = destroy(work, student_id, "erase")
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
    return Receipt(student_id, work.now, work.actor, destroyed, deleted, kept, seq)


def receipts(session: Session, *, until: int, looked_at: int, limit: int) -> list[Receipt]:
    """The receipts of erasures, from the audit log, the newest first.

    Args:
        session: Of the records.
        until: Up to this entry of the log.
        looked_at: Among so many entries.
        limit: So many at most.
    """
    entries = audit_log.latest_with_action(
        session, AuditAction.ERASE, until=until, max_scanned=looked_at, limit=limit
    )
    return [_receipt(entry) for entry in entries]


def _receipt(entry: AuditEntry) -> Receipt:
    told = entry.detail
    return Receipt(
        student_id=entry.subject or "",
        erased_at=entry.at,
        erased_by=entry.actor,
        template_destroyed=told.get("template") is True,
        entries_deleted=_number(told.get("entries_deleted")),
        entries_kept=_number(told.get("entries_kept")),
        audit_seq=entry.seq,
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
