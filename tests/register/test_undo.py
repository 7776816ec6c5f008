"""Taking back: what the teacher said last, nothing else, and never against a family's word."""

import pytest

from cluster.errors import NotAllowed, RegisterError
from cluster.records.db.models import Enrollment
from cluster.register.faces.consent_ledger import record_withdrawal
from cluster.register.service import RegisterService
from cluster.register.states import BLANK, EntryState, Mark, Method, Status
from cluster.register.types import FaceMatch, RegisterView
from tests.register.school import CLASS, LESSON, School, student, teacher

PROPOSED = Mark(Status.PRESENT, Method.FACE, EntryState.PROPOSED)


def said(status: Status) -> Mark:
    return Mark(status, Method.TEACHER, EntryState.CONFIRMED)


def mark(school: School, marks: dict[int, Status], by: int = 1) -> RegisterView:
    school.clock.turn(seconds=1)
    with school.identity.work(teacher(by)) as work:
        chosen = {student(number): status for number, status in marks.items()}
        return RegisterService(work, school.settings).mark(LESSON, chosen)


def take_back(school: School, by: int = 1) -> RegisterView:
    school.clock.turn(seconds=1)
    with school.identity.work(teacher(by)) as work:
        return RegisterService(work, school.settings).undo(LESSON)


def marks(school: School) -> dict[str, Mark]:
    return {entry.student_id: entry.mark for entry in school.show().entries}


def propose_and_confirm(school: School, number: int) -> None:
    with school.identity.work("system:roll-call") as work:
        seen = [FaceMatch(student(number), is_certain=True, seen_at=school.clock.now)]
        version = RegisterService(work, school.settings).propose(LESSON, seen).version
    school.clock.turn(seconds=1)
    with school.identity.work(teacher(1)) as work:
        RegisterService(work, school.settings).confirm(LESSON, version=version)


def test_one_tap_is_taken_back_and_the_tap_before_it_stays(school: School) -> None:
    school.open()
    mark(school, {1: Status.ABSENT})
    mark(school, {2: Status.LATE})
    take_back(school)
    assert marks(school)[student(1)] == said(Status.ABSENT)
    assert marks(school)[student(2)] == BLANK


def test_all_others_are_present_is_taken_back_whole(school: School) -> None:
    school.open()
    mark(school, {1: Status.ABSENT})
    mark(school, dict.fromkeys(range(2, 9), Status.PRESENT))
    take_back(school)
    assert marks(school) == {
        student(n): said(Status.ABSENT) if n == 1 else BLANK for n in range(1, 9)
    }


def test_taking_back_twice_says_it_again(school: School) -> None:
    school.open()
    mark(school, {1: Status.ABSENT})
    take_back(school)
    take_back(school)
    assert marks(school)[student(1)] == said(Status.ABSENT)


def test_what_a_colleague_said_since_stays(school: School) -> None:
    with school.identity.records.writing() as session:
        session.add(
            Enrollment(
                sourced_id="second", class_sourced_id=CLASS, user_id=teacher(2), role="teacher"
            )
        )
    school.open()
    mark(school, {1: Status.ABSENT, 2: Status.ABSENT})
    mark(school, {1: Status.LATE}, by=2)
    take_back(school)
    assert marks(school)[student(1)] == said(Status.LATE)
    assert marks(school)[student(2)] == BLANK


def test_a_proposal_that_was_confirmed_is_proposed_again(school: School) -> None:
    school.consent(1)
    school.store(1)
    school.open()
    propose_and_confirm(school, 1)
    take_back(school)
    assert marks(school)[student(1)] == PROPOSED


def test_a_withdrawal_in_between_is_not_undone(school: School) -> None:
    school.consent(1)
    school.store(1)
    school.open()
    propose_and_confirm(school, 1)
    with school.identity.work("operator:test") as work:
        record_withdrawal(work, "student-1", "guardian-1")
    take_back(school)
    assert marks(school)[student(1)] == BLANK


def test_who_has_said_nothing_takes_nothing_back(school: School) -> None:
    school.open()
    with school.identity.work(teacher(1)) as work:
        assert not RegisterService(work, school.settings).can_undo(LESSON)
    with pytest.raises(RegisterError, match="nothing of yours"):
        take_back(school)


def test_who_does_not_teach_the_class_is_refused(school: School) -> None:
    school.open()
    mark(school, {1: Status.ABSENT})
    with pytest.raises(NotAllowed):
        take_back(school, by=2)


def test_the_history_keeps_what_was_taken_back(school: School) -> None:
    school.open()
    mark(school, {1: Status.ABSENT})
    take_back(school)
    with school.identity.work(teacher(1)) as work:
        history = RegisterService(work, school.settings).history(LESSON)
    assert [change["became"]["status"] for change in history] == ["absent", "not_recorded"]


def test_a_badge_that_was_read_in_error_leaves_no_arrival_behind(school: School) -> None:
    school.open()
    with school.identity.work(teacher(1)) as work:
        RegisterService(work, school.settings).record_badge(LESSON, student(1))
    take_back(school)
    school.clock.turn(minutes=7)
    with school.identity.work(teacher(1)) as work:
        view = RegisterService(work, school.settings).record_badge(LESSON, student(1))
    (entry,) = [one for one in view.entries if one.student_id == student(1)]
    assert (entry.mark.status, entry.arrived_at) == (Status.LATE, school.clock.now)
