"""Reading and writing the entries of a register; nothing else writes them, or their history."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cluster.records.db.models import EntryRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import registers
from cluster.register.states import BLANK, EntryState, Mark, Method, Status, check_allowed
from cluster.security.audit_actions import AuditAction


def mark_of(entry: EntryRow) -> Mark:
    """Return the mark of an entry."""
    return mark_from({"status": entry.status, "method": entry.method, "state": entry.state})


def mark_from(stored: Mapping[str, Any]) -> Mark:
    """Return a mark from its stored form, as the history has it."""
    method, state = stored.get("method"), stored.get("state")
    return Mark(
        Status(str(stored["status"])),
        Method(method) if method else None,
        EntryState(state) if state else None,
    )


def change_entry(
    work: UnitOfWork, entry: EntryRow, mark: Mark, arrived_at: datetime | None
) -> None:
    """Write an entry, if the table of states allows it.

    Raises:
        RegisterError: It does not (`cluster.register.states`).
    """
    check_allowed(mark_of(entry), mark)
    write_entry(work, entry, mark, arrived_at)


def write_entry(work: UnitOfWork, entry: EntryRow, mark: Mark, arrived_at: datetime | None) -> None:
    """Write an entry, and its change into the history; the caller has checked that it may."""
    was = asdict(mark_of(entry))
    entry.status, entry.method, entry.state = mark.status, mark.method, mark.state
    entry.arrived_at = arrived_at
    entry.changed_at, entry.changed_by = work.now, work.actor
    registers.add_change(work.session, entry, was=was, became=asdict(mark))


def new_entry(work: UnitOfWork, student_id: str) -> EntryRow:
    """Return an entry with nothing recorded, not yet part of a register."""
    return EntryRow(
        student_id=student_id,
        status=Status.NOT_RECORDED,
        changed_at=work.now,
        changed_by=work.actor,
    )


def retract_face_proposals(work: UnitOfWork, student_id: str) -> int:
    """Reset a student's entries that rest on a face and are unconfirmed; returns how many."""
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
