"""Answers: each counts once, only a number is stored, and small counts are not published (R3)."""

import pytest
from sqlalchemy import text

from cluster import checkins
from cluster.checkins import STUDENT_ACTOR, Feeling, SuppressedCell, new_device_token
from cluster.errors import AlreadyAnswered, CheckinClosed
from cluster.records.db.base import Base
from cluster.records.db.models import Enrollment
from tests.checkins.classroom import CLASS_SIZE, Classroom, K
from tests.register.school import student


def code_of(room: Classroom) -> str:
    return room.start().view.code or ""


def test_an_answer_counts_however_the_code_is_typed(room: Classroom) -> None:
    code = code_of(room)
    for typed in (code, code.lower(), f" {code[:3]}-{code[3:]} ", f"{code[:3]} {code[3:]}"):
        room.answer(typed, Feeling.HAPPY)
    assert room.view().answers == 4


def test_counts_are_published_at_k_answers_and_again_after_another_k(room: Classroom) -> None:
    code = code_of(room)
    room.give_answers(code, [Feeling.SAD] * (K - 1))
    assert (room.view().answers, room.view().snapshot) == (K - 1, None)
    room.answer(code, Feeling.HAPPY)
    first = room.view().snapshot
    assert first is not None
    assert (first.answers, first.cells[Feeling.SAD], first.cells[Feeling.HAPPY]) == (5, 4, 1)
    for number in range(1, K):
        room.answer(code, Feeling.ANGRY)
        assert (room.view().answers, room.view().snapshot) == (K + number, first)
    room.answer(code, Feeling.ANGRY)
    second = room.view().snapshot
    assert second is not None
    assert (second.answers, second.cells[Feeling.ANGRY]) == (10, 5)


def test_k_is_fixed_at_the_start(room: Classroom) -> None:
    code = code_of(room)
    room.give_answers(code, [Feeling.SAD] * 6)
    room.configure(k=7)
    room.answer(code, Feeling.HAPPY)
    snapshot = room.view().snapshot
    assert snapshot is not None
    assert snapshot.answers == 5


def test_a_device_answers_once(room: Classroom) -> None:
    code, device = code_of(room), new_device_token()
    room.answer(code, Feeling.SAD, device)
    version = room.version()
    with pytest.raises(AlreadyAnswered):
        room.answer(code, Feeling.HAPPY, device)
    assert (room.view().answers, room.version()) == (1, version)


def test_a_slip_answers_once_on_any_device(room: Classroom) -> None:
    room.configure(agreement_classes=["*"])
    room.agree(*range(1, 8))
    slips, shared = room.start().slips, new_device_token()
    for slip in slips:
        room.answer(slip, Feeling.NEUTRAL, shared)
    with pytest.raises(AlreadyAnswered):
        room.answer(slips[0], Feeling.SAD)
    assert room.view().answers == 7


def test_every_code_that_opens_nothing_gives_the_same_error(room: Classroom) -> None:
    code = code_of(room)
    wrong = "222222" if code != "222222" else "333333"
    errors = set()
    for typed in (wrong, "", "no code", "x" * 500):
        with pytest.raises(CheckinClosed) as closed:
            room.answer(typed, Feeling.SAD)
        errors.add(str(closed.value))
    room.clock.advance(minutes=45)
    with pytest.raises(CheckinClosed) as closed:
        room.answer(code, Feeling.SAD)
    errors.add(str(closed.value))
    assert len(errors) == 1


def test_more_answers_than_students_are_rejected(room: Classroom) -> None:
    code = code_of(room)
    room.give_answers(code, [Feeling.HAPPY] * CLASS_SIZE)
    with pytest.raises(CheckinClosed):
        room.answer(code, Feeling.SAD)
    assert room.view().answers == CLASS_SIZE
    with room.audited.records.reading() as session:
        devices = session.execute(text("SELECT count(*) FROM checkin_devices")).scalar()
    assert devices == CLASS_SIZE, "a rejected answer stored its device"


def test_former_students_of_the_class_are_not_counted(room: Classroom) -> None:
    with room.audited.records.writing() as session:
        for number in range(1, 15):
            row = session.get_one(Enrollment, f"class-1/{student(number)}")
            row.end_date = room.now.date().replace(day=1)
    assert room.start().view.max_answers == CLASS_SIZE - 14


def test_an_answer_has_no_audit_entry(room: Classroom) -> None:
    code = code_of(room)
    before = len(room.audit(""))
    room.give_answers(code, [Feeling.AFRAID] * 6)
    assert len(room.audit("")) == before


def test_every_change_raises_the_version(room: Classroom) -> None:
    assert room.version() is None
    code = code_of(room)
    versions = [room.version()]
    for step in (lambda: room.answer(code, Feeling.SAD), lambda: room.request_help(code), room.end):
        step()
        versions.append(room.version())
    assert len(set(versions)) == len(versions)


def test_a_phone_receives_the_class_and_the_end_but_no_counts(room: Classroom) -> None:
    room.configure(agreement_classes=["*"])
    room.agree(*range(1, 7))
    slip, device = room.start().slips[0], new_device_token()
    with room.audited.records.reading() as session:
        opened = checkins.find_by_code(session, room.settings, slip.lower(), room.now)
    assert (opened.class_id, opened.is_used) == ("class-1", False)
    room.answer(slip, Feeling.SAD, device)
    with room.audited.records.reading() as session:
        assert checkins.find_by_code(session, room.settings, slip, room.now).is_used
        with pytest.raises(CheckinClosed):
            checkins.find_by_code(session, room.settings, "222222", room.now)


def test_no_table_links_an_answer_to_a_device_a_time_or_a_student() -> None:
    tallies = Base.metadata.tables["checkin_tallies"]
    assert set(tallies.columns.keys()) == {"checkin_id", "feeling", "count"}
    for name, table in Base.metadata.tables.items():
        if name != "checkin_tallies" and name.startswith("checkin"):
            assert "feeling" not in table.columns
    for name in ("checkin_devices", "checkin_slips", "checkin_calls"):
        times = {column.name for column in Base.metadata.tables[name].columns} & {
            *("at", "created_at", "answered_at", "recorded_at", "seq")
        }
        assert not times


def test_a_malformed_device_token_is_rejected(room: Classroom) -> None:
    code = code_of(room)
    with pytest.raises(ValueError, match="16 bytes"):
        room.answer(code, Feeling.SAD, b"short")


def test_a_failed_transaction_leaves_no_answer(room: Classroom) -> None:
    code, device = code_of(room), new_device_token()

    def fail() -> None:
        with room.audited.work(STUDENT_ACTOR) as work:
            checkins.answer(work, room.settings, code, device, Feeling.SAD)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert room.view().answers == 0
    room.answer(code, Feeling.SAD, device)
    assert room.view().answers == 1


def test_a_unanimous_class_is_published_as_coded_shares(room: Classroom) -> None:
    code = code_of(room)
    room.give_answers(code, [Feeling.HAPPY] * 20)
    snapshot = room.view().snapshot
    assert snapshot is not None
    assert snapshot.cells[Feeling.HAPPY] is SuppressedCell.MOST
    assert snapshot.cells[Feeling.SAD] is SuppressedCell.FEW
