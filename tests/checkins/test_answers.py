"""Answers: each counts once, only a number is kept, and nothing of few is shown."""

import pytest
from sqlalchemy import text

from cluster import checkins
from cluster.checkins import STUDENTS, Feeling, SuppressedCell, new_device
from cluster.errors import AlreadyAnswered, CheckinClosed
from cluster.records.db.base import Base
from cluster.records.db.models import Enrollment
from tests.checkins.classroom import CLASS_SIZE, Classroom, K
from tests.register.school import student


def code_of(room: Classroom) -> str:
    return room.start().view.code or ""


def test_an_answer_counts_whatever_the_code_is_typed_like(room: Classroom) -> None:
    code = code_of(room)
    for typed in (code, code.lower(), f" {code[:3]}-{code[3:]} ", f"{code[:3]} {code[3:]}"):
        room.answer(typed, Feeling.HAPPY)
    assert room.view().answers == 4


def test_counts_appear_at_k_and_then_only_when_another_k_have_come(room: Classroom) -> None:
    code = code_of(room)
    room.answers(code, [Feeling.SAD] * (K - 1))
    assert (room.view().answers, room.view().told) == (K - 1, None)
    room.answer(code, Feeling.HAPPY)
    first = room.view().told
    assert first is not None
    assert (first.answers, first.cells[Feeling.SAD], first.cells[Feeling.HAPPY]) == (5, 4, 1)
    for number in range(1, K):
        room.answer(code, Feeling.ANGRY)
        assert (room.view().answers, room.view().told) == (K + number, first)
    room.answer(code, Feeling.ANGRY)
    second = room.view().told
    assert second is not None
    assert (second.answers, second.cells[Feeling.ANGRY]) == (10, 5)


def test_k_is_that_of_the_start_even_if_the_settings_change(room: Classroom) -> None:
    code = code_of(room)
    room.answers(code, [Feeling.SAD] * 6)
    room.set(k=7)
    room.answer(code, Feeling.HAPPY)
    told = room.view().told
    assert told is not None
    assert told.answers == 5


def test_a_device_answers_once_and_changes_nothing_the_second_time(room: Classroom) -> None:
    code, device = code_of(room), new_device()
    room.answer(code, Feeling.SAD, device)
    version = room.version()
    with pytest.raises(AlreadyAnswered):
        room.answer(code, Feeling.HAPPY, device)
    assert (room.view().answers, room.version()) == (1, version)


def test_a_slip_answers_once_on_whatever_phone(room: Classroom) -> None:
    room.set(agreement_classes=["*"])
    room.agree(*range(1, 8))
    slips, shared = room.start().slips, new_device()
    for slip in slips:
        room.answer(slip, Feeling.NEUTRAL, shared)
    with pytest.raises(AlreadyAnswered):
        room.answer(slips[0], Feeling.SAD)
    assert room.view().answers == 7


def test_every_code_that_opens_nothing_gives_the_same_error(room: Classroom) -> None:
    code = code_of(room)
    wrong = "222222" if code != "222222" else "333333"
    said = set()
    for typed in (wrong, "", "no code", "x" * 500):
        with pytest.raises(CheckinClosed) as closed:
            room.answer(typed, Feeling.SAD)
        said.add(str(closed.value))
    room.clock.turn(minutes=45)
    with pytest.raises(CheckinClosed) as closed:
        room.answer(code, Feeling.SAD)
    said.add(str(closed.value))
    assert len(said) == 1


def test_more_answers_than_the_class_has_students_are_not_taken(room: Classroom) -> None:
    code = code_of(room)
    room.answers(code, [Feeling.HAPPY] * CLASS_SIZE)
    with pytest.raises(CheckinClosed):
        room.answer(code, Feeling.SAD)
    assert room.view().answers == CLASS_SIZE
    with room.identity.records.reading() as session:
        devices = session.execute(text("SELECT count(*) FROM checkin_devices")).scalar()
    assert devices == CLASS_SIZE, "one that was not taken left its device"


def test_who_left_the_class_is_not_among_those_who_may_answer(room: Classroom) -> None:
    with room.identity.records.writing() as session:
        for number in range(1, 15):
            row = session.get_one(Enrollment, f"class-1/{student(number)}")
            row.end_date = room.now.date().replace(day=1)
    assert room.start().view.most_answers == CLASS_SIZE - 14


def test_an_answer_leaves_no_entry_in_the_audit_log(room: Classroom) -> None:
    code = code_of(room)
    before = len(room.audit(""))
    room.answers(code, [Feeling.AFRAID] * 6)
    assert len(room.audit("")) == before


def test_each_change_raises_the_version_that_pages_watch(room: Classroom) -> None:
    assert room.version() is None
    code = code_of(room)
    seen = [room.version()]
    for step in (lambda: room.answer(code, Feeling.SAD), lambda: room.call(code), room.end):
        step()
        seen.append(room.version())
    assert len(set(seen)) == len(seen)


def test_a_phone_learns_the_class_and_the_end_and_no_counts(room: Classroom) -> None:
    room.set(agreement_classes=["*"])
    room.agree(*range(1, 7))
    slip, device = room.start().slips[0], new_device()
    with room.identity.records.reading() as session:
        opened = checkins.by_code(session, room.settings, slip.lower(), room.now)
    assert (opened.class_id, opened.is_used) == ("class-1", False)
    room.answer(slip, Feeling.SAD, device)
    with room.identity.records.reading() as session:
        assert checkins.by_code(session, room.settings, slip, room.now).is_used
        with pytest.raises(CheckinClosed):
            checkins.by_code(session, room.settings, "222222", room.now)


def test_no_table_could_tie_an_answer_to_a_device_a_moment_or_a_student() -> None:
    tallies = Base.metadata.tables["checkin_tallies"]
    assert set(tallies.columns.keys()) == {"checkin_id", "feeling", "count"}
    for name, table in Base.metadata.tables.items():
        if name != "checkin_tallies" and name.startswith("checkin"):
            assert "feeling" not in table.columns
    for name in ("checkin_devices", "checkin_slips", "checkin_calls"):
        moments = {column.name for column in Base.metadata.tables[name].columns} & {
            *("at", "created_at", "answered_at", "recorded_at", "seq")
        }
        assert not moments


def test_what_is_no_token_is_refused_before_anything_is_looked_up(room: Classroom) -> None:
    code = code_of(room)
    with pytest.raises(ValueError, match="16 bytes"):
        room.answer(code, Feeling.SAD, b"short")


def test_a_work_that_fails_after_the_answer_leaves_nothing_of_it(room: Classroom) -> None:
    code, device = code_of(room), new_device()

    def half() -> None:
        with room.identity.work(STUDENTS) as work:
            checkins.answer(work, room.settings, code, device, Feeling.SAD)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert room.view().answers == 0
    room.answer(code, Feeling.SAD, device)
    assert room.view().answers == 1


def test_a_class_that_is_of_one_mind_is_told_as_coded(room: Classroom) -> None:
    code = code_of(room)
    room.answers(code, [Feeling.HAPPY] * 20)
    told = room.view().told
    assert told is not None
    assert told.cells[Feeling.HAPPY] is SuppressedCell.MOST
    assert told.cells[Feeling.SAD] is SuppressedCell.FEW
