"""What an undo restores: the marks before the actor's last change.

An entry is restored only if nobody has changed it since. A face proposal is restored only while the
student's template exists, so that an undo never reverts a withdrawal (R5).
"""

from datetime import datetime

from cluster.records.db.models import EntryChange, EntryRow, RegisterRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import registers, templates
from cluster.register.entries import mark_from, mark_of
from cluster.register.states import BLANK, EntryState, Mark, Method, Status


def last_changes(work: UnitOfWork, row: RegisterRow) -> list[EntryChange]:
    """Return the changes that the actor made at the time of their last change."""
    changes = registers.changes_of(work.session, row.id)
    own = [change for change in changes if change.changed_by == work.actor]
    last: datetime | None = own[-1].changed_at if own else None
    return [change for change in own if change.changed_at == last]


def marks_to_restore(
    work: UnitOfWork, row: RegisterRow, entries: dict[str, EntryRow]
) -> dict[str, Mark]:
    """Return the marks by student that an undo restores; none if there is nothing to undo.

    Args:
        work: Of the actor who undoes.
        row: The register.
        entries: Its entries by student.
    """
    return {
        change.student_id: before
        for change in last_changes(work, row)
        if change.student_id in entries
        and mark_of(entries[change.student_id]) == mark_from(change.became)
        and (before := _mark_before(work, change)) != mark_from(change.became)
    }


def _mark_before(work: UnitOfWork, change: EntryChange) -> Mark:
    before = mark_from(change.was or {"status": Status.NOT_RECORDED})
    if before.method is Method.FACE and before.state is not EntryState.CONFIRMED:
        return before if templates.of_students(work.session, [change.student_id]) else BLANK
    return before
