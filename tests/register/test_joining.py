"""Students who join a class while its register is open appear in it."""

from datetime import date

import pytest

from cluster.records.db.models import Enrollment, User
from cluster.records.repos.people import PersonDetails, seal_details
from cluster.register.faces.consent import ConsentReason
from cluster.register.joining import add_to_open_registers
from cluster.register.service import RegisterService
from cluster.register.states import BLANK
from tests.register.school import CLASS, LESSON, School, student, teacher

NEW = 77


def join(school: School, number: int = NEW, begin: date | None = None) -> None:
    """Enrol a new student in the class."""
    details = PersonDetails("Given new", "Family")
    with school.audited.records.writing() as session:
        session.add(
            User(
                id=student(number),
                sourced_id=f"student-{number}",
                role="student",
                enabled=False,
                sealed=seal_details(school.audited.keys, student(number), details),
            )
        )
        session.flush()
        session.add(
            Enrollment(
                sourced_id=f"{CLASS}/new/{number}",
                class_sourced_id=CLASS,
                user_id=student(number),
                role="student",
                begin_date=begin,
            )
        )


def listed(school: School) -> set[str]:
    return {entry.student_id for entry in school.show().entries}


def test_who_joins_during_an_open_register_appears_in_it(school: School) -> None:
    before = school.open()
    join(school)
    after = school.show()
    [entry] = [one for one in after.entries if one.student_id == student(NEW)]
    assert entry.mark == BLANK
    assert len(after.entries) == len(before.entries) + 1
    assert after.version == before.version + 1
    assert school.show().version == after.version


def test_an_import_adds_them_and_raises_the_version_that_pages_poll(school: School) -> None:
    before = school.open()
    join(school)
    with school.audited.work("operator:test") as work:
        assert add_to_open_registers(work, school.settings) == 1
        assert add_to_open_registers(work, school.settings) == 0
    assert school.show().version == before.version + 1
    assert school.verify()


def test_who_joins_after_it_has_closed_or_from_tomorrow_does_not(school: School) -> None:
    school.open()
    join(school, begin=date(2026, 3, 3))
    assert student(NEW) not in listed(school)
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).close(LESSON)
    join(school, NEW + 1)
    with school.audited.work("operator:test") as work:
        assert add_to_open_registers(work, school.settings) == 0
    assert student(NEW + 1) not in listed(school)


@pytest.mark.parametrize("number", [NEW])
def test_a_face_of_somebody_who_joined_is_compared_under_the_same_rules(
    school: School, number: int
) -> None:
    school.open()
    join(school, number)
    with school.audited.records.reading() as session:
        decision = school.permission.may_compare(
            session, [student(number)], LESSON, school.clock.now
        )[student(number)]
    assert decision.reason is ConsentReason.NO_GRANT
