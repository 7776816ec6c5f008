"""Writing an entry of a register, and what it was: the one place that does so."""

from dataclasses import asdict
from datetime import datetime

from cluster.records.db.models import EntryRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import registers
from cluster.register.states import BLANK, EntryState, Mark, Method
from cluster.register.views import mark_of
from cluster.security.audit_actions import AuditAction


def write_entry(work: UnitOfWork, entry: EntryRow, mark: Mark, arrived_at: datetime | None) -> None:
    """Make an entry say something; its history keeps who, when and what it was.

    Whether it may become so, the caller has asked (`cluster.register.states`).
    """
    was = asdict(mark_of(entry))
    entry.status, entry.method, entry.state = mark.status, mark.method, mark.state
    entry.arrived_at = arrived_at
    entry.changed_at, entry.changed_by = work.now, work.actor
    registers.add_change(work.session, entry, was=was, became=asdict(mark))


def take_back_faces(work: UnitOfWork, student_id: str) -> int:
    """Take back what faces said of a student and nobody confirmed; how many entries."""
    entries = [
        entry
        for entry in registers.entries_of_student(work.session, student_id)
        if entry.method == Method.FACE and entry.state != EntryState.CONFIRMED
    ]
    for entry in entries:
        write_entry(work, entry, BLANK, None)
        row = registers.register_by_id(work.session, entry.register_id)
        registers.increment_version(work.session, row)
    if entries:
        work.audit(AuditAction.REGISTER_REMOVE_PROPOSALS, student_id, entries=len(entries))
    return len(entries)
