"""Taking back what a teacher has just said of a register.

Everything that the teacher said last, at one moment, is made to say what it said before, as far as
nobody has said anything else of it since. What a face had proposed comes back only while the
student's template exists: a withdrawal in between must not be undone.
"""

from datetime import datetime

from cluster.errors import RegisterError
from cluster.records.db.models import EntryChange
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import registers, templates
from cluster.register.service import RegisterService
from cluster.register.states import BLANK, EntryState, Mark, Method, Status
from cluster.register.types import RegisterView, mark_of
from cluster.settings import Settings


def undo(work: UnitOfWork, settings: Settings, lesson_id: str) -> RegisterView:
    """Take back what the actor said last.

    Args:
        work: Of the teacher.
        settings: See `RegisterService`.
        lesson_id: Of which lesson's register.

    Raises:
        NotFound: There is no such lesson, or no register of it.
        NotAllowed: The actor does not teach this class.
        RegisterError: The actor has said nothing, or others have since said something else.
    """
    roll = RegisterService(work, settings)
    row = roll.row_of(lesson_id)
    entries = {one.student_id: one for one in registers.entries_of(work.session, row.id)}
    restored = {
        change.student_id: before
        for change in _last_of(registers.changes_of(work.session, row.id), work.actor)
        if change.student_id in entries
        and mark_of(entries[change.student_id]) == _mark(change.became)
        and (before := _before(work, change)) != _mark(change.became)
    }
    if not restored:
        raise RegisterError("there is nothing of yours to take back.", where=lesson_id)
    return roll.restore(lesson_id, restored)


def can_undo(work: UnitOfWork, register_id: str) -> bool:
    """Whether the actor has said anything of a register."""
    return bool(_last_of(registers.changes_of(work.session, register_id), work.actor))


def _last_of(changes: list[EntryChange], actor: str) -> list[EntryChange]:
    """What an actor said at the last moment at which it said anything."""
    own = [change for change in changes if change.changed_by == actor]
    last: datetime | None = own[-1].changed_at if own else None
    return [change for change in own if change.changed_at == last]


def _before(work: UnitOfWork, change: EntryChange) -> Mark:
    before = _mark(change.was or {"status": Status.NOT_RECORDED})
    if before.method is Method.FACE and before.state is not EntryState.CONFIRMED:
        return before if templates.of_students(work.session, [change.student_id]) else BLANK
    return before


def _mark(said: dict[str, str | None]) -> Mark:
    method, state = said.get("method"), said.get("state")
    return Mark(
        Status(str(said["status"])),
        Method(method) if method else None,
        EntryState(state) if state else None,
    )
