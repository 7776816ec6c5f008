"""The end: what may be told stays, all else goes, whoever ends it and however often."""

from pathlib import Path

import pytest

from cluster import checkins
from cluster.checkins import Feeling
from cluster.errors import CheckinError, NotAllowed
from cluster.records.db.checkin_models import CheckinRow, CountsRow
from cluster.records.repos.checkin_counts import all_counts
from tests.checkins.classroom import LESSON, Classroom
from tests.register.school import student


def counts_of(room: Classroom) -> CountsRow:
    with room.identity.records.reading() as session:
        (row,) = all_counts(session)
    return row


@pytest.fixture
def code(room: Classroom) -> str:
    return room.start().view.code or ""


def test_the_last_snapshot_stays_and_all_else_is_gone(room: Classroom, code: str) -> None:
    room.answers(code, [Feeling.SAD] * 3 + [Feeling.HAPPY] * 2 + [Feeling.ANGRY] * 4)
    room.call(code, student(1))
    snapshot = room.view().told
    ended = room.end()
    assert ended is not None
    assert (ended.answers, ended.told) == (9, snapshot)
    kept = counts_of(room)
    assert (kept.lesson_id, kept.school_id, str(kept.day)) == (LESSON, "hill", "2026-03-02")
    assert (kept.answers, kept.answers_told) == (9, 5)
    assert kept.told is not None
    assert (kept.told["sad"], kept.told["happy"], kept.told["angry"]) == (3, 2, "few")
    room.clock.turn(minutes=45)
    checkins.end_those_over(room.identity, room.now)
    assert {name for name, rows in room.rows().items() if rows} == {"checkins", "checkin_counts"}
    with room.identity.records.reading() as session:
        row = session.query(CheckinRow).one()
        assert [row.code, row.device_key, row.told, row.answers_told] == [None] * 4


def test_below_k_the_number_of_answers_alone_stays(room: Classroom, code: str) -> None:
    room.answers(code, [Feeling.SAD] * 4)
    room.end()
    kept = counts_of(room)
    assert (kept.answers, kept.answers_told, kept.told) == (4, None, None)


def test_ending_twice_changes_nothing(room: Classroom, code: str) -> None:
    room.answers(code, [Feeling.SAD] * 5)
    assert room.end() is not None
    version = room.version()
    assert room.end() is None
    assert room.version() == version
    assert len(room.audit("checkin.end")) == 1
    assert counts_of(room).answers == 5


def test_who_does_not_teach_the_class_does_not_end_it(room: Classroom, code: str) -> None:
    with pytest.raises(NotAllowed):
        room.end(by=2)
    assert room.view().code == code


def test_there_must_be_one_to_end(room: Classroom) -> None:
    with pytest.raises(CheckinError, match="no check-in"):
        room.end()


def test_past_its_end_nothing_is_shown_even_if_nobody_ended_it(room: Classroom, code: str) -> None:
    room.answers(code, [Feeling.SAD] * 5)
    room.call(code)
    before = room.version()
    room.clock.turn(minutes=45)
    assert room.running() is None
    assert room.calls() == ()
    assert room.version() is None
    assert before is not None


def test_one_that_is_over_by_the_clock_counts_as_changed_once(room: Classroom) -> None:
    room.start(minutes=5)
    before = room.version()
    room.clock.turn(minutes=5)
    over = room.version()
    assert over != before
    checkins.end_those_over(room.identity, room.now)
    assert room.version() == over


def test_those_over_are_ended_once_and_the_others_left(room: Classroom, code: str) -> None:
    room.answers(code, [Feeling.SAD] * 7)
    assert checkins.end_those_over(room.identity, room.now) == 0
    assert room.view().answers == 7
    room.clock.turn(minutes=60)
    other = room.start("lesson-2", by=2).view
    assert checkins.end_those_over(room.identity, room.now) == 1
    assert checkins.end_those_over(room.identity, room.now) == 0
    assert (counts_of(room).answers, counts_of(room).answers_told) == (7, 5)
    assert room.running("lesson-2") == other
    (entry,) = room.audit("checkin.end")
    assert (entry.actor, entry.detail) == ("system:checkin-end", {"answers": 7, "told": True})


def test_it_is_bounded_and_the_next_call_goes_on(room: Classroom, code: str) -> None:
    room.clock.turn(minutes=60)
    room.start("lesson-2", by=2)
    room.clock.turn(minutes=60)
    assert [checkins.end_those_over(room.identity, room.now, limit=1) for _ in range(3)] == [
        1,
        1,
        0,
    ]
    assert code


def test_after_the_end_no_hash_or_key_is_in_any_file(room: Classroom, code: str) -> None:
    if not room.identity.records.is_sqlite:
        pytest.skip("PostgreSQL's files are its own; its vacuum clears them")
    room.answers(code, [Feeling.SAD] * 5)
    with room.identity.records.reading() as session:
        row = session.query(CheckinRow).one()
        traces = [row.device_key or b"", code.encode()]
    room.clock.turn(minutes=45)
    checkins.end_those_over(room.identity, room.now)
    file = Path(str(room.identity.records.url.database))
    for path in file.parent.glob(f"{file.name}*"):
        content = path.read_bytes()
        assert not [trace for trace in traces if trace in content], path.name
