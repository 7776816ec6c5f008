"""Starting: who may, when, once a lesson; with a code for the board or a slip for each."""

from datetime import timedelta

import pytest

from cluster.checkins import Feeling
from cluster.checkins.codes import read_code
from cluster.errors import CheckinClosed, CheckinError, CheckinOff, NotAllowed, NotFound
from cluster.records.db.checkin_models import CheckinRow
from tests.checkins.classroom import CLASS, CLASS_SIZE, LESSON, Classroom
from tests.register.school import MONDAY, student


def test_a_teacher_of_the_class_starts_it_and_gets_a_code_for_the_board(room: Classroom) -> None:
    started = room.start()
    view = started.view
    assert started.is_new
    assert (started.slips, started.students) == ((), ())
    assert (view.lesson_id, view.class_id, view.room_id) == (LESSON, CLASS, "room-1")
    assert view.kind == "board"
    assert read_code(view.code or "") == view.code
    assert (view.answers, view.most_answers, view.told) == (0, CLASS_SIZE, None)
    assert view.ends_at == MONDAY + timedelta(minutes=45)
    assert view.can_be_told
    assert room.view() == view
    assert [entry.subject for entry in room.audit("checkin.start")] == [LESSON]
    assert str(view.code) not in str(room.audit("checkin.start")), "the log would tell the code"


def test_starting_again_gives_the_one_that_is_on(room: Classroom) -> None:
    first = room.start()
    again = room.start()
    assert again.view == first.view
    assert not again.is_new
    assert len(room.audit("checkin.start")) == 1


def test_after_its_end_a_lesson_has_no_second(room: Classroom) -> None:
    room.start()
    room.end()
    with pytest.raises(CheckinError, match="has had its check-in"):
        room.start()


def test_one_whose_minutes_are_over_is_not_begun_anew(room: Classroom) -> None:
    assert room.start(minutes=10).view.ends_at == MONDAY + timedelta(minutes=10)
    room.clock.turn(minutes=10)
    with pytest.raises(CheckinError, match="has had its check-in"):
        room.start()


def test_it_never_lasts_longer_than_the_lesson(room: Classroom) -> None:
    room.clock.turn(minutes=40)
    assert room.start(minutes=600).view.ends_at == MONDAY + timedelta(minutes=45)


def test_who_does_not_teach_the_class_is_refused_and_leaves_a_trace(room: Classroom) -> None:
    with pytest.raises(NotAllowed, match="must teach the class"):
        room.start(by=2)
    assert room.running() is None
    assert [entry.subject for entry in room.audit("refused")] == [LESSON]


def test_there_must_be_such_a_lesson_and_it_must_be_on(room: Classroom) -> None:
    with pytest.raises(NotFound):
        room.start("no-lesson")
    for minutes in (-1, 46):
        room.clock.turn(minutes=minutes)
        with pytest.raises(CheckinError, match="the lesson is from"):
            room.start()


def test_a_school_switches_them_off_for_all_or_for_a_class(room: Classroom) -> None:
    for off in ({"enabled": False}, {"off_in_classes": [CLASS]}):
        room.set(**off)
        with pytest.raises(CheckinOff):
            room.start()
    room.set(off_in_classes=["class-2"])
    assert room.start().is_new


def test_switched_off_in_the_middle_it_takes_and_shows_nothing_more(room: Classroom) -> None:
    code = room.start().view.code or ""
    room.set(off_in_classes=[CLASS])
    assert room.running() is None
    with pytest.raises(CheckinClosed):
        room.answer(code, Feeling.SAD)
    room.set(enabled=False)
    with pytest.raises(CheckinOff):
        room.answer(code, Feeling.SAD)
    room.set(agreement_classes=["*"])
    with pytest.raises(CheckinClosed):
        room.answer(code, Feeling.SAD)


def test_where_agreement_is_needed_there_is_a_slip_for_each_who_agreed(room: Classroom) -> None:
    room.set(agreement_classes=[CLASS])
    room.agree(1, 2, 3, 4, 5, 6)
    started = room.start()
    assert started.view.kind == "slips"
    assert started.view.code is None
    assert len(set(started.slips)) == 6
    assert started.students == tuple(f"Given student-{n} Family" for n in range(1, 7))
    assert started.view.most_answers == 6
    assert started.view.can_be_told
    shown = {entry.subject for entry in room.audit("checkin.show_agreed")}
    assert shown == {student(n) for n in range(1, 7)}
    again = room.start()
    assert len(again.slips) == 6
    assert not set(again.slips) & set(started.slips)
    assert not [slip for slip in again.slips if slip in repr(started) + repr(again)]


def test_slips_are_made_anew_until_one_is_used(room: Classroom) -> None:
    room.set(agreement_classes=[CLASS])
    room.agree(1, 2)
    lost = room.start()
    started = room.start()
    with pytest.raises(CheckinClosed):
        room.answer(lost.slips[0], Feeling.HAPPY)
    room.answer(started.slips[0], Feeling.HAPPY)
    late = room.start()
    assert (late.is_new, late.slips, late.students) == (False, (), ())
    room.answer(started.slips[1], Feeling.SAD)
    assert [entry.subject for entry in room.audit("checkin.slips_anew")] == [LESSON]


def test_with_fewer_agreements_than_k_it_says_that_nothing_will_be_told(room: Classroom) -> None:
    room.set(agreement_classes=["*"])
    room.agree(1, 2, 3, 4)
    started = room.start()
    assert not started.view.can_be_told
    for slip in started.slips:
        room.answer(slip, Feeling.HAPPY)
    assert (room.view().answers, room.view().told) == (4, None)


def test_without_any_agreement_there_is_nobody_to_ask(room: Classroom) -> None:
    room.set(agreement_classes=["*"])
    with pytest.raises(CheckinError, match="none in force"):
        room.start()


def test_which_student_has_which_slip_stands_nowhere(room: Classroom) -> None:
    room.set(agreement_classes=["*"])
    room.agree(*range(1, 9))
    slips = room.start().slips
    with room.identity.records.reading() as session:
        row = session.query(CheckinRow).one()
        assert row.code is None
    entries = str(room.audit(""))
    assert not [slip for slip in slips if slip in entries]


def test_codes_differ_from_those_that_are_in_use(
    room: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cluster.checkins import lifecycle

    code = room.start().view.code or ""
    made = iter([code, code, "234567"])
    monkeypatch.setattr(lifecycle, "new_code", lambda: next(made))
    room.clock.turn(hours=1)  # the first was not ended by anybody; its code is still taken
    assert room.start("lesson-2", by=2).view.code == "234567"
