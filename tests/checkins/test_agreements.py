"""Agreements to check-ins: recording them, and when they are in force (R5)."""

from datetime import timedelta

import pytest

from cluster.checkins import agreements
from cluster.errors import NotAllowed, NotFound
from cluster.records.db.models import Guardian
from cluster.records.repos.people import remove_user, user_of
from tests.checkins.classroom import OFFICE, Classroom
from tests.register.school import guardian, student


def in_force(room: Classroom, *numbers: int) -> set[int]:
    ids = {student(number): number for number in numbers}
    with room.audited.records.reading() as session:
        return {ids[one] for one in agreements.in_force(session, list(ids), room.now)}


def withdraw(room: Classroom, number: int, person: str) -> None:
    with room.audited.work(OFFICE) as work:
        agreements.withdraw(work, f"student-{number}", person)


def test_an_agreement_is_in_force_until_it_expires(room: Classroom) -> None:
    with room.audited.work(OFFICE) as work:
        until = room.now + timedelta(days=10)
        agreement = agreements.agree(work, "student-1", "guardian-1", expires_at=until)
    assert (agreement.student_id, agreement.until) == (student(1), until)
    assert in_force(room, 1, 2) == {1}
    room.clock.advance(days=10)
    assert in_force(room, 1, 2) == set()
    (entry,) = room.audit("checkin.agree")
    assert (entry.subject, entry.detail["said_by"]) == (student(1), guardian(1))


def test_an_agreement_lasts_a_year_by_default_and_at_most(room: Classroom) -> None:
    room.agree(1)
    with room.audited.work(OFFICE) as work:
        for duration in (timedelta(days=366), timedelta(0), timedelta(days=-1)):
            with pytest.raises(NotAllowed, match="within a year"):
                agreements.agree(work, "student-1", "guardian-1", expires_at=room.now + duration)
    room.clock.advance(days=364)
    assert in_force(room, 1) == {1}
    room.clock.advance(days=1)
    assert in_force(room, 1) == set()


def test_only_a_guardian_agrees(room: Classroom) -> None:
    for person in ("guardian-2", "student-1", "teacher-1"):
        with room.audited.work(OFFICE) as work, pytest.raises(NotAllowed):
            agreements.agree(work, "student-1", person)
    with room.audited.work(OFFICE) as work, pytest.raises(NotFound):
        agreements.agree(work, "student-1", "nobody")
    assert in_force(room, 1) == set()


def test_a_guardian_or_the_student_withdraws_and_it_can_be_renewed(
    room: Classroom,
) -> None:
    for person in ("guardian-1", "student-1"):
        room.agree(1, 2)
        assert in_force(room, 1, 2) == {1, 2}
        withdraw(room, 1, person)
        assert in_force(room, 1, 2) == {2}
    with pytest.raises(NotAllowed, match="neither"):
        withdraw(room, 1, "guardian-2")


def test_another_guardian_may_withdraw(room: Classroom) -> None:
    with room.audited.records.writing() as session:
        session.add(Guardian(student_id=student(1), guardian_id=guardian(2)))
    room.agree(1)
    withdraw(room, 1, "guardian-2")
    assert in_force(room, 1) == set()


def test_a_former_guardians_agreement_does_not_count_and_they_withdraw_only_their_own(
    room: Classroom,
) -> None:
    with room.audited.records.writing() as session:
        session.add(Guardian(student_id=student(1), guardian_id=guardian(2)))
    with room.audited.work(OFFICE) as work:
        agreements.agree(work, "student-1", "guardian-2")
    with room.audited.records.writing() as session:
        session.delete(session.get_one(Guardian, (student(1), guardian(2))))
    assert in_force(room, 1) == set()
    room.agree(1)
    withdraw(room, 1, "guardian-2")
    assert in_force(room, 1) == {1}


def test_the_ledger_outlives_the_student_without_naming_them(room: Classroom) -> None:
    room.agree(1)
    before = room.rows()["checkin_agreements"]
    with room.audited.work(OFFICE) as work:
        remove_user(work.session, user_of(work.session, "student-1"))
    assert room.rows()["checkin_agreements"] == before == 1
    assert in_force(room, 1) == set()
