"""Help requests: for the teacher alone, named only by choice, deleted with the lesson (R1, R9)."""

import pytest

from cluster import checkins
from cluster.checkins import STUDENT_ACTOR, Feeling, NamedStudent, new_device_token
from cluster.errors import AlreadyAnswered, CheckinClosed, CheckinError, NotAllowed, NotFound
from cluster.records.repos.people import remove_user, user_of
from tests.checkins.classroom import CLASS_SIZE, LESSON, Classroom
from tests.register.school import student


@pytest.fixture
def code(room: Classroom) -> str:
    return room.start().view.code or ""


def test_a_help_request_has_a_name_only_by_choice(room: Classroom, code: str) -> None:
    room.request_help(code)
    room.request_help(code, student(3))
    students = {one.student for one in room.help_requests()}
    assert students == {None, NamedStudent(student(3), "Given student-3 Family")}
    assert not any(one.is_seen for one in room.help_requests())


def test_access_to_each_name_is_recorded_and_anonymous_requests_are_not(
    room: Classroom, code: str
) -> None:
    room.request_help(code)
    room.help_requests()
    assert room.audit("checkin.show_call") == []
    room.request_help(code, student(3))
    room.help_requests()
    assert [entry.subject for entry in room.audit("checkin.show_call")] == [student(3)]


def test_requesting_help_has_no_audit_entry(room: Classroom, code: str) -> None:
    before = len(room.audit(""))
    room.request_help(code, student(3))
    assert len(room.audit("")) == before


def test_only_a_teacher_of_the_class_lists_help_requests(room: Classroom, code: str) -> None:
    room.request_help(code)
    with pytest.raises(NotAllowed):
        room.help_requests(by=2)


def test_a_device_may_both_answer_and_request_help(room: Classroom, code: str) -> None:
    device = new_device_token()
    room.request_help(code, device=device)
    room.answer(code, Feeling.SAD, device)
    assert (room.view().answers, len(room.help_requests())) == (1, 1)


def test_a_device_requests_help_once(room: Classroom, code: str) -> None:
    device = new_device_token()
    room.request_help(code, device=device)
    with pytest.raises(AlreadyAnswered, match="asked already"):
        room.request_help(code, student(2), device)
    assert len(room.help_requests()) == 1


def test_a_student_has_at_most_one_unseen_request(room: Classroom, code: str) -> None:
    room.request_help(code, student(3))
    room.request_help(code, student(3))
    (waiting,) = room.help_requests()
    room.mark_seen(waiting.id)
    room.request_help(code, student(3))
    assert sorted(one.is_seen for one in room.help_requests()) == [False, True]


def test_anonymous_requests_are_limited_and_named_ones_are_not(room: Classroom, code: str) -> None:
    for _ in range(CLASS_SIZE):
        room.request_help(code)
    with pytest.raises(CheckinClosed):
        room.request_help(code)
    room.request_help(code, student(1))
    assert len(room.help_requests()) == CLASS_SIZE + 1


def test_a_name_outside_the_class_is_rejected(room: Classroom, code: str) -> None:
    for other in (student(99), "", "teacher-1"):
        with pytest.raises(NotFound):
            room.request_help(code, other)
    assert room.help_requests() == ()


def test_a_code_lists_the_names_of_the_class_and_that_is_recorded(
    room: Classroom, code: str
) -> None:
    with room.audited.work(STUDENT_ACTOR) as work:
        listed = checkins.list_names(work, room.settings, code)
        with pytest.raises(CheckinClosed):
            checkins.list_names(work, room.settings, "222222")
    assert len(listed) == CLASS_SIZE
    assert [one.name for one in listed] == sorted(one.name for one in listed)
    ids = {student(number) for number in range(1, CLASS_SIZE + 1)}
    assert not ids & {one.key for one in listed}, "a phone receives an id that is used elsewhere"
    (entry,) = room.audit("checkin.class_list")
    assert (entry.subject, entry.detail["students"]) == (LESSON, CLASS_SIZE)


def test_with_slips_only_students_with_agreement_are_listed(room: Classroom) -> None:
    room.configure(agreement_classes=["*"])
    room.agree(1, 2, 3)
    slip = room.start().slips[0]
    with room.audited.work(STUDENT_ACTOR) as work:
        assert len(checkins.list_names(work, room.settings, slip)) == 3
    with pytest.raises(NotFound):
        room.request_help(slip, student(4))
    room.request_help(slip, student(2))
    with pytest.raises(AlreadyAnswered):
        room.request_help(slip)


def test_a_help_request_is_marked_as_seen_once(room: Classroom, code: str) -> None:
    room.request_help(code)
    (waiting,) = room.help_requests()
    version = room.version()
    room.mark_seen(waiting.id)
    room.mark_seen(waiting.id)
    assert room.version() == (version or 0) + 1
    assert [one.is_seen for one in room.help_requests()] == [True]
    with pytest.raises(NotFound, match="no such help request"):
        room.mark_seen("another")


def test_a_help_request_outlives_its_checkin_but_not_the_lesson(room: Classroom, code: str) -> None:
    room.request_help(code, student(3))
    room.end()
    assert len(room.help_requests()) == 1
    (waiting,) = room.help_requests()
    room.clock.advance(minutes=45)
    assert room.help_requests() == ()
    with pytest.raises(NotFound):
        room.mark_seen(waiting.id)
    checkins.end_expired(room.audited, room.now)
    assert room.rows()["checkin_calls"] == 0


def test_erasing_a_student_deletes_their_help_request(room: Classroom, code: str) -> None:
    room.request_help(code, student(3))
    with room.audited.work("operator:office") as work:
        remove_user(work.session, user_of(work.session, "student-3"))
    assert room.help_requests() == ()


def test_without_a_checkin_listing_help_requests_is_an_error(room: Classroom) -> None:
    with pytest.raises(CheckinError, match="no check-in"):
        room.help_requests()
