"""Starting and ending: who may, when, once a lesson; what remains, whoever ends it."""

from datetime import timedelta
from pathlib import Path

import pytest

from cluster import checkins
from cluster.checkins import Feeling
from cluster.checkins.codes import parse_code
from cluster.errors import CheckinClosed, CheckinError, CheckinOff, NotAllowed, NotFound
from cluster.records.db.checkin_models import CheckinRow, CountsRow
from cluster.records.repos.checkin_counts import all_counts
from tests.checkins.classroom import CLASS, CLASS_SIZE, LESSON, Classroom
from tests.register.school import MONDAY, student


def counts_of(room: Classroom) -> CountsRow:
    with room.audited.records.reading() as session:
        (row,) = all_counts(session)
    return row


@pytest.fixture
def code(room: Classroom) -> str:
    return room.start().view.code or ""


def test_a_teacher_of_the_class_starts_a_checkin_with_a_code_for_the_board(room: Classroom) -> None:
    started = room.start()
    view = started.view
    assert started.is_new
    assert (started.slips, started.students) == ((), ())
    assert (view.lesson_id, view.class_id, view.room_id) == (LESSON, CLASS, "room-1")
    assert view.kind == "board"
    assert parse_code(view.code or "") == view.code
    assert (view.answers, view.max_answers, view.snapshot) == (0, CLASS_SIZE, None)
    assert view.ends_at == MONDAY + timedelta(minutes=45)
    assert view.can_be_published
    assert room.view() == view
    assert [entry.subject for entry in room.audit("checkin.start")] == [LESSON]
    assert str(view.code) not in str(room.audit("checkin.start")), "the audit log has the code"


def test_starting_again_returns_the_running_checkin(room: Classroom) -> None:
    first = room.start()
    again = room.start()
    assert again.view == first.view
    assert not again.is_new
    assert len(room.audit("checkin.start")) == 1


def test_a_lesson_has_no_second_checkin_after_the_first_has_ended(room: Classroom) -> None:
    room.start()
    room.end()
    with pytest.raises(CheckinError, match="has had its check-in"):
        room.start()


def test_an_expired_checkin_is_not_restarted(room: Classroom) -> None:
    assert room.start(minutes=10).view.ends_at == MONDAY + timedelta(minutes=10)
    room.clock.advance(minutes=10)
    with pytest.raises(CheckinError, match="has had its check-in"):
        room.start()


def test_a_checkin_never_outlasts_its_lesson(room: Classroom) -> None:
    room.clock.advance(minutes=40)
    assert room.start(minutes=600).view.ends_at == MONDAY + timedelta(minutes=45)


def test_a_teacher_of_another_class_is_denied_and_recorded(room: Classroom) -> None:
    with pytest.raises(NotAllowed, match="must teach the class"):
        room.start(by=2)
    assert room.running() is None
    assert [entry.subject for entry in room.audit("refused")] == [LESSON]


def test_only_a_lesson_that_exists_and_is_running_has_a_checkin(room: Classroom) -> None:
    with pytest.raises(NotFound):
        room.start("no-lesson")
    for minutes in (-1, 46):
        room.clock.advance(minutes=minutes)
        with pytest.raises(CheckinError, match="the lesson is from"):
            room.start()


def test_a_school_switches_checkins_off_for_all_or_for_a_class(room: Classroom) -> None:
    for off in ({"enabled": False}, {"off_in_classes": [CLASS]}):
        room.configure(**off)
        with pytest.raises(CheckinOff):
            room.start()
    room.configure(off_in_classes=["class-2"])
    assert room.start().is_new


def test_a_running_checkin_that_is_switched_off_accepts_and_shows_nothing(room: Classroom) -> None:
    code = room.start().view.code or ""
    room.configure(off_in_classes=[CLASS])
    assert room.running() is None
    with pytest.raises(CheckinClosed):
        room.answer(code, Feeling.SAD)
    room.configure(enabled=False)
    with pytest.raises(CheckinOff):
        room.answer(code, Feeling.SAD)
    room.configure(agreement_classes=["*"])
    with pytest.raises(CheckinClosed):
        room.answer(code, Feeling.SAD)


def test_a_code_in_use_is_not_issued_again(
    room: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cluster.checkins import slips

    code = room.start().view.code or ""
    codes = iter([code, code, "234567"])
    monkeypatch.setattr(slips, "new_code", lambda: next(codes))
    room.clock.advance(hours=1)  # the first has expired and was not ended; its code is still stored
    assert room.start("lesson-2", by=2).view.code == "234567"


def test_ending_keeps_the_last_snapshot_and_deletes_all_else(room: Classroom, code: str) -> None:
    room.give_answers(code, [Feeling.SAD] * 3 + [Feeling.HAPPY] * 2 + [Feeling.ANGRY] * 4)
    room.request_help(code, student(1))
    snapshot = room.view().snapshot
    ended = room.end()
    assert ended is not None
    assert (ended.answers, ended.snapshot) == (9, snapshot)
    kept = counts_of(room)
    assert (kept.lesson_id, kept.school_id, str(kept.day)) == (LESSON, "hill", "2026-03-02")
    assert (kept.answers, kept.answers_told) == (9, 5)
    assert kept.told is not None
    assert (kept.told["sad"], kept.told["happy"], kept.told["angry"]) == (3, 2, "few")
    room.clock.advance(minutes=45)
    checkins.end_expired(room.audited, room.now)
    assert {name for name, rows in room.rows().items() if rows} == {"checkins", "checkin_counts"}
    with room.audited.records.reading() as session:
        row = session.query(CheckinRow).one()
        assert [row.code, row.device_key, row.told, row.answers_told] == [None] * 4


def test_below_k_ending_keeps_only_the_number_of_answers(room: Classroom, code: str) -> None:
    room.give_answers(code, [Feeling.SAD] * 4)
    room.end()
    kept = counts_of(room)
    assert (kept.answers, kept.answers_told, kept.told) == (4, None, None)


def test_ending_twice_changes_nothing(room: Classroom, code: str) -> None:
    room.give_answers(code, [Feeling.SAD] * 5)
    assert room.end() is not None
    version = room.version()
    assert room.end() is None
    assert room.version() == version
    assert len(room.audit("checkin.end")) == 1
    assert counts_of(room).answers == 5


def test_a_teacher_of_another_class_cannot_end_it(room: Classroom, code: str) -> None:
    with pytest.raises(NotAllowed):
        room.end(by=2)
    assert room.view().code == code


def test_ending_without_a_checkin_is_an_error(room: Classroom) -> None:
    with pytest.raises(CheckinError, match="no check-in"):
        room.end()


def test_an_expired_checkin_shows_nothing_before_it_is_ended(room: Classroom, code: str) -> None:
    room.give_answers(code, [Feeling.SAD] * 5)
    room.request_help(code)
    before = room.version()
    room.clock.advance(minutes=45)
    assert room.running() is None
    assert room.help_requests() == ()
    assert room.version() is None
    assert before is not None


def test_expiry_changes_the_version_once(room: Classroom) -> None:
    room.start(minutes=5)
    before = room.version()
    room.clock.advance(minutes=5)
    expired = room.version()
    assert expired != before
    checkins.end_expired(room.audited, room.now)
    assert room.version() == expired


def test_expired_checkins_are_ended_once_and_running_ones_are_not(
    room: Classroom, code: str
) -> None:
    room.give_answers(code, [Feeling.SAD] * 7)
    assert checkins.end_expired(room.audited, room.now) == 0
    assert room.view().answers == 7
    room.clock.advance(minutes=60)
    other = room.start("lesson-2", by=2).view
    assert checkins.end_expired(room.audited, room.now) == 1
    assert checkins.end_expired(room.audited, room.now) == 0
    assert (counts_of(room).answers, counts_of(room).answers_told) == (7, 5)
    assert room.running("lesson-2") == other
    (entry,) = room.audit("checkin.end")
    assert (entry.actor, entry.detail) == ("system:checkin-end", {"answers": 7, "told": True})


def test_ending_expired_checkins_continues_in_the_next_call(room: Classroom, code: str) -> None:
    room.clock.advance(minutes=60)
    room.start("lesson-2", by=2)
    room.clock.advance(minutes=60)
    assert [checkins.end_expired(room.audited, room.now, limit=1) for _ in range(3)] == [
        1,
        1,
        0,
    ]
    assert code


def test_after_the_end_no_file_contains_a_hash_or_key(room: Classroom, code: str) -> None:
    """R10: what has expired is deleted."""
    if not room.audited.records.is_sqlite:
        pytest.skip("PostgreSQL's files are its own; its vacuum clears them")
    room.give_answers(code, [Feeling.SAD] * 5)
    with room.audited.records.reading() as session:
        row = session.query(CheckinRow).one()
        secrets = [row.device_key or b"", code.encode()]
    room.clock.advance(minutes=45)
    checkins.end_expired(room.audited, room.now)
    file = Path(str(room.audited.records.url.database))
    for path in file.parent.glob(f"{file.name}*"):
        content = path.read_bytes()
        assert not [one for one in secrets if one in content], path.name
