"""Undo: reverts the teacher's last change, nothing else, and never a withdrawal (R5)."""

import pytest

from cluster.errors import NotAllowed, RegisterError
from cluster.records.db.models import Enrollment
from cluster.register.faces.consent_ledger import record_withdrawal
from cluster.register.service import RegisterService
from cluster.register.states import BLANK, EntryState, Mark, Method, Status
from cluster.register.types import FaceMatch, RegisterView
from tests.register.school import CLASS, LESSON, School, student, teacher

PROPOSED = Mark(Status.PRESENT, Method.FACE, EntryState.PROPOSED)


def by_teacher(status: Status) -> Mark:
    return Mark(status, Method.TEACHER, EntryState.CONFIRMED)


def mark(school: School, marks: dict[int, Status], by: int = 1) -> RegisterView:
    school.clock.advance(seconds=1)
    with school.audited.work(teacher(by)) as work:
        chosen = {student(number): status for number, status in marks.items()}
        return RegisterService(work, school.settings).mark(LESSON, chosen)


def undo(school: School, by: int = 1) -> RegisterView:
    school.clock.advance(seconds=1)
    with school.audited.work(teacher(by)) as work:
        return RegisterService(work, school.settings).undo(LESSON)


def marks(school: School) -> dict[str, Mark]:
    return {entry.student_id: entry.mark for entry in school.show().entries}


def propose_and_confirm(school: School, number: int) -> None:
    with school.audited.work("system:roll-call") as work:
        matches = [FaceMatch(student(number), is_certain=True, seen_at=school.clock.now)]
        version = RegisterService(work, school.settings).propose(LESSON, matches).version
    school.clock.advance(seconds=1)
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).confirm(LESSON, version=version)


def test_undo_reverts_the_last_mark_and_not_the_one_before(school: School) -> None:
    school.open()
    mark(school, {1: Status.ABSENT})
    mark(school, {2: Status.LATE})
    undo(school)
    assert marks(school)[student(1)] == by_teacher(Status.ABSENT)
    assert marks(school)[student(2)] == BLANK


def test_undo_reverts_all_marks_of_one_action(school: School) -> None:
    school.open()
    mark(school, {1: Status.ABSENT})
    mark(school, dict.fromkeys(range(2, 9), Status.PRESENT))
    undo(school)
    assert marks(school) == {
        student(n): by_teacher(Status.ABSENT) if n == 1 else BLANK for n in range(1, 9)
    }


def test_undoing_twice_restores_the_mark(school: School) -> None:
    school.open()
    mark(school, {1: Status.ABSENT})
    undo(school)
    undo(school)
    assert marks(school)[student(1)] == by_teacher(Status.ABSENT)


def test_undo_keeps_later_marks_of_a_colleague(school: School) -> None:
    with school.audited.records.writing() as session:
        session.add(
            Enrollment(
                sourced_id="second", class_sourced_id=CLASS, user_id=teacher(2), role="teacher"
            )
        )
    school.open()
    mark(school, {1: Status.ABSENT, 2: Status.ABSENT})
    mark(school, {1: Status.LATE}, by=2)
    undo(school)
    assert marks(school)[student(1)] == by_teacher(Status.LATE)
    assert marks(school)[student(2)] == BLANK


def test_undo_of_a_confirmation_restores_the_proposal(school: School) -> None:
    school.consent(1)
    school.store(1)
    school.open()
    propose_and_confirm(school, 1)
    undo(school)
    assert marks(school)[student(1)] == PROPOSED


def test_undo_does_not_revert_a_withdrawal(school: School) -> None:
    school.consent(1)
    school.store(1)
    school.open()
    propose_and_confirm(school, 1)
    with school.audited.work("operator:test") as work:
        record_withdrawal(work, "student-1", "guardian-1")
    undo(school)
    assert marks(school)[student(1)] == BLANK


def test_undo_without_changes_is_an_error(school: School) -> None:
    school.open()
    with school.audited.work(teacher(1)) as work:
        assert not RegisterService(work, school.settings).can_undo(LESSON)
    with pytest.raises(RegisterError, match="no change of yours"):
        undo(school)


def test_a_teacher_of_another_class_may_not_undo(school: School) -> None:
    school.open()
    mark(school, {1: Status.ABSENT})
    with pytest.raises(NotAllowed):
        undo(school, by=2)


def test_the_history_keeps_undone_changes(school: School) -> None:
    school.open()
    mark(school, {1: Status.ABSENT})
    undo(school)
    with school.audited.work(teacher(1)) as work:
        history = RegisterService(work, school.settings).history(LESSON)
    assert [change["became"]["status"] for change in history] == ["absent", "not_recorded"]


def test_undo_of_a_badge_resets_the_arrival(school: School) -> None:
    school.open()
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).record_badge(LESSON, student(1))
    undo(school)
    school.clock.advance(minutes=7)
    with school.audited.work(teacher(1)) as work:
        view = RegisterService(work, school.settings).record_badge(LESSON, student(1))
    (entry,) = [one for one in view.entries if one.student_id == student(1)]
    assert (entry.mark.status, entry.arrived_at) == (Status.LATE, school.clock.now)
