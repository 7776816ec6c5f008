"""Registers for other programs: class periods, spreadsheets, and classes that are gone."""

import csv
import io
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from cluster.errors import NotAllowed
from cluster.records.db.models import Enrollment, LessonRow, SchoolClass, User
from cluster.records.repos.people import PersonDetails, seal_details
from cluster.records.roster.importer import import_roster
from cluster.register.export import to_csv, to_ed_fi
from cluster.register.service import RegisterService
from cluster.register.states import Status
from tests.records.rosters import enrollment, org, school_class, user, write_roster
from tests.register.school import CLASS, LESSON, MONDAY, School, student, teacher

AFTERNOON = "lesson-afternoon"


@pytest.fixture
def twice(school: School) -> School:
    """The class meets a second time on that day."""
    start = MONDAY + timedelta(hours=4)
    with school.audited.records.writing() as session:
        session.add(
            LessonRow(
                id=AFTERNOON,
                class_sourced_id=CLASS,
                room_id="room-1",
                starts_at=start,
                ends_at=start + timedelta(minutes=45),
            )
        )
    return school


def periods(school: School, lessons: Iterable[str] = (LESSON, AFTERNOON)) -> list[str]:
    """Mark a student in each lesson, and return the class periods of the events."""
    names = []
    for lesson in lessons:
        with school.audited.work(teacher(1)) as work:
            view = RegisterService(work, school.settings).mark(lesson, {student(1): Status.PRESENT})
            [event] = to_ed_fi(work, school.settings, view)
        [period] = event["classPeriods"]
        assert period["classPeriodReference"]["schoolId"] == 77
        names.append(period["classPeriodReference"]["classPeriodName"])
    return names


def test_events_of_a_class_that_meets_twice_a_day_name_its_periods(twice: School) -> None:
    assert periods(twice) == ["09:00-09:45", "13:00-13:45"]


def test_periods_have_the_names_of_the_roster_if_each_lesson_has_one(twice: School) -> None:
    with twice.audited.records.writing() as session:
        session.get_one(SchoolClass, CLASS).periods = ["P1", "P5"]
    assert periods(twice) == ["P1", "P5"]
    with twice.audited.records.writing() as session:
        session.get_one(SchoolClass, CLASS).periods = ["P1"]
    assert periods(twice) == ["09:00-09:45", "13:00-13:45"]


def test_a_period_of_the_timetable_comes_first(twice: School) -> None:
    with twice.audited.records.writing() as session:
        session.get_one(SchoolClass, CLASS).periods = ["P1", "P5"]
        session.get_one(LessonRow, LESSON).period = "Homeroom"
    assert periods(twice) == ["Homeroom", "P5"]


def test_a_register_opens_in_a_spreadsheet_of_any_language(school: School) -> None:
    with school.audited.records.writing() as session:
        details = PersonDetails("Jörg;=HYPERLINK(1)", "@Family")
        sealed = seal_details(school.audited.keys, student(1), details)
        session.execute(update(User).where(User.id == student(1)).values(sealed=sealed))
    with school.audited.work(teacher(1)) as work:
        view = RegisterService(work, school.settings).mark(LESSON, {student(1): Status.PRESENT})
        text = to_csv(work, view)
    assert text.encode().startswith(b"\xef\xbb\xbf")
    assert "Jörg;'=HYPERLINK(1) @Family" in text
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text[1:]), delimiter=separator):
            assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)


def import_without_the_class(school: School, folder: Path) -> None:
    """Import a roster of the next year: the teacher is in it, the class is not."""
    files = {
        "orgs": [org("hill", name="Hillside", identifier="77")],
        "classes": [school_class("class-2", schoolSourcedId="hill")],
        "users": [user("teacher-1", "teacher", orgSourcedIds="hill")],
        "enrollments": [enrollment("class-2", "teacher-1", "teacher")],
        "courses": [],
        "academicSessions": [],
    }
    import_roster(
        school.audited,
        "operator:test",
        write_roster(folder / "next", files),
        finish=lambda *_: None,
        allow_many_removals=True,
    )


def test_a_class_that_is_gone_keeps_its_registers_for_who_taught_it(
    school: School, tmp_path: Path
) -> None:
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).mark(LESSON, {student(1): Status.LATE})
    for _ in range(2):
        import_without_the_class(school, tmp_path)
        with school.audited.records.reading() as session:
            assert session.get_one(SchoolClass, CLASS).gone
            kept = session.scalars(
                select(Enrollment.user_id).where(Enrollment.class_sourced_id == CLASS)
            )
            assert set(kept) == {teacher(1)}
        with school.audited.work(teacher(1)) as work:
            view = RegisterService(work, school.settings).show(LESSON)
            assert "late" in to_csv(work, view)
            [event] = to_ed_fi(work, school.settings, view)
        assert event["sectionReference"]["localCourseCode"] == "SCI7"
        assert event["sectionReference"]["sessionName"] == "2025-26"
    with pytest.raises(NotAllowed), school.audited.work(teacher(2)) as work:
        RegisterService(work, school.settings).show(LESSON)
