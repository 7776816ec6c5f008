"""Calls: to the teacher alone, named only by choice, recorded when a name is shown, then gone."""

import pytest

from cluster import checkins
from cluster.checkins import STUDENTS, Feeling, Named, new_device
from cluster.errors import AlreadyAnswered, CheckinClosed, CheckinError, NotAllowed, NotFound
from cluster.records.repos.people import remove_user, user_of
from tests.checkins.classroom import CLASS_SIZE, LESSON, Classroom
from tests.register.school import student


@pytest.fixture
def code(room: Classroom) -> str:
    return room.start().view.code or ""


def test_a_call_reaches_the_teacher_with_a_name_only_by_choice(room: Classroom, code: str) -> None:
    room.call(code)
    room.call(code, student(3))
    found = {one.student for one in room.calls()}
    assert found == {None, Named(student(3), "Given student-3 Family")}
    assert not any(one.is_seen for one in room.calls())


def test_each_name_that_is_shown_is_recorded_and_no_other_call_is(
    room: Classroom, code: str
) -> None:
    room.call(code)
    room.calls()
    assert room.audit("checkin.show_call") == []
    room.call(code, student(3))
    room.calls()
    assert [entry.subject for entry in room.audit("checkin.show_call")] == [student(3)]


def test_calling_itself_is_not_recorded(room: Classroom, code: str) -> None:
    before = len(room.audit(""))
    room.call(code, student(3))
    assert len(room.audit("")) == before


def test_only_who_teaches_the_class_sees_calls_or_marks_them(room: Classroom, code: str) -> None:
    room.call(code)
    with pytest.raises(NotAllowed):
        room.calls(by=2)


def test_a_call_is_apart_from_the_answer(room: Classroom, code: str) -> None:
    device = new_device()
    room.call(code, device=device)
    room.answer(code, Feeling.SAD, device)
    assert (room.view().answers, len(room.calls())) == (1, 1)


def test_a_device_calls_once(room: Classroom, code: str) -> None:
    device = new_device()
    room.call(code, device=device)
    with pytest.raises(AlreadyAnswered, match="asked already"):
        room.call(code, student(2), device)
    assert len(room.calls()) == 1


def test_a_student_who_waits_already_has_no_second_call(room: Classroom, code: str) -> None:
    room.call(code, student(3))
    room.call(code, student(3))
    (waiting,) = room.calls()
    room.seen(waiting.id)
    room.call(code, student(3))
    assert sorted(one.is_seen for one in room.calls()) == [False, True]


def test_nameless_calls_are_capped_and_a_name_comes_through_still(
    room: Classroom, code: str
) -> None:
    for _ in range(CLASS_SIZE):
        room.call(code)
    with pytest.raises(CheckinClosed):
        room.call(code)
    room.call(code, student(1))
    assert len(room.calls()) == CLASS_SIZE + 1


def test_a_name_must_be_of_the_class(room: Classroom, code: str) -> None:
    for other in (student(99), "", "teacher-1"):
        with pytest.raises(NotFound):
            room.call(code, other)
    assert room.calls() == ()


def test_the_class_list_is_shown_under_the_code_and_that_is_recorded(
    room: Classroom, code: str
) -> None:
    with room.identity.work(STUDENTS) as work:
        listed = checkins.class_list(work, room.settings, code)
        with pytest.raises(CheckinClosed):
            checkins.class_list(work, room.settings, "222222")
    assert len(listed) == CLASS_SIZE
    assert [one.name for one in listed] == sorted(one.name for one in listed)
    ids = {student(number) for number in range(1, CLASS_SIZE + 1)}
    assert not ids & {one.key for one in listed}, "a phone learns no id that stands anywhere else"
    (entry,) = room.audit("checkin.class_list")
    assert (entry.subject, entry.detail["students"]) == (LESSON, CLASS_SIZE)


def test_with_slips_only_those_who_agreed_are_on_the_list(room: Classroom) -> None:
    room.set(agreement_classes=["*"])
    room.agree(1, 2, 3)
    slip = room.start().slips[0]
    with room.identity.work(STUDENTS) as work:
        assert len(checkins.class_list(work, room.settings, slip)) == 3
    with pytest.raises(NotFound):
        room.call(slip, student(4))
    room.call(slip, student(2))
    with pytest.raises(AlreadyAnswered):
        room.call(slip)


def test_a_call_is_marked_as_seen(room: Classroom, code: str) -> None:
    room.call(code)
    (waiting,) = room.calls()
    version = room.version()
    room.seen(waiting.id)
    room.seen(waiting.id)
    assert room.version() == (version or 0) + 1
    assert [one.is_seen for one in room.calls()] == [True]
    with pytest.raises(NotFound, match="no such call"):
        room.seen("another")


def test_a_call_outlives_a_check_in_that_is_ended_early_and_not_the_lesson(
    room: Classroom, code: str
) -> None:
    room.call(code, student(3))
    room.end()
    assert len(room.calls()) == 1
    (waiting,) = room.calls()
    room.clock.turn(minutes=45)
    assert room.calls() == ()
    with pytest.raises(NotFound):
        room.seen(waiting.id)
    checkins.end_those_over(room.identity, room.now)
    assert room.rows()["checkin_calls"] == 0


def test_an_erased_student_has_no_call(room: Classroom, code: str) -> None:
    room.call(code, student(3))
    with room.identity.work("operator:office") as work:
        remove_user(work.session, user_of(work.session, "student-3"))
    assert room.calls() == ()


def test_without_a_check_in_there_are_no_calls(room: Classroom) -> None:
    with pytest.raises(CheckinError, match="no check-in"):
        room.calls()
