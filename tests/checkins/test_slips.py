"""Slips: one for each student with an agreement, each valid once, nobody's in particular."""

import pytest

from cluster.checkins import Feeling
from cluster.errors import CheckinClosed, CheckinError
from cluster.records.db.checkin_models import CheckinRow
from tests.checkins.classroom import CLASS, LESSON, Classroom
from tests.register.school import student


def test_where_agreement_is_required_each_student_with_one_gets_a_slip(room: Classroom) -> None:
    room.configure(agreement_classes=[CLASS])
    room.agree(1, 2, 3, 4, 5, 6)
    started = room.start()
    assert started.view.kind == "slips"
    assert started.view.code is None
    assert len(set(started.slips)) == 6
    assert started.students == tuple(f"Given student-{n} Family" for n in range(1, 7))
    assert started.view.max_answers == 6
    assert started.view.can_be_published
    recorded = {entry.subject for entry in room.audit("checkin.show_agreed")}
    assert recorded == {student(n) for n in range(1, 7)}
    again = room.start()
    assert len(again.slips) == 6
    assert not set(again.slips) & set(started.slips)
    assert not [slip for slip in again.slips if slip in repr(started) + repr(again)]


def test_slips_are_replaced_on_each_start_until_one_is_used(room: Classroom) -> None:
    room.configure(agreement_classes=[CLASS])
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


def test_with_fewer_agreements_than_k_counts_cannot_be_published(room: Classroom) -> None:
    room.configure(agreement_classes=["*"])
    room.agree(1, 2, 3, 4)
    started = room.start()
    assert not started.view.can_be_published
    for slip in started.slips:
        room.answer(slip, Feeling.HAPPY)
    assert (room.view().answers, room.view().snapshot) == (4, None)


def test_without_agreements_a_checkin_cannot_start(room: Classroom) -> None:
    room.configure(agreement_classes=["*"])
    with pytest.raises(CheckinError, match="none in force"):
        room.start()


def test_nothing_records_which_student_has_which_slip(room: Classroom) -> None:
    room.configure(agreement_classes=["*"])
    room.agree(*range(1, 9))
    slips = room.start().slips
    with room.audited.records.reading() as session:
        row = session.query(CheckinRow).one()
        assert row.code is None
    entries = str(room.audit(""))
    assert not [slip for slip in slips if slip in entries]
