"""Timetables as school systems export them: each sample gives what its README says is right."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.records.db.database import Records
from cluster.records.repos.people import user_of
from cluster.records.timetable.importer import timetable_from_records
from cluster.register.service import RegisterService
from cluster.security.keys import KeyStore
from tests.records.exports import TODAY, SampleSchool, open_sample_school


@pytest.fixture
def school(samples: Path, tmp_path: Path, records: Records, keys: KeyStore) -> SampleSchool:
    """The school with its first roster."""
    school = open_sample_school(samples, tmp_path, records, keys)
    assert school.roster("roster-base").bad_rows == ()
    return school


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("until-date.ics", ["2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23"]),
        ("byhour.ics", ["2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23"]),
        ("two-calendars.ics", ["2026-11-02", "2026-11-03"]),
        ("same-lesson-twice.ics", ["2026-11-02"]),
        ("exdate-all-day.ics", ["2026-11-02", "2026-11-16", "2026-11-23"]),
        ("exdate-floating.ics", ["2026-11-02", "2026-11-16", "2026-11-23"]),
        ("timetable-semicolon.csv", ["2026-12-07", "2026-12-14", "2026-12-21"]),
    ],
)
def test_a_timetable_gives_its_lessons_without_a_bad_row(
    school: SampleSchool, name: str, days: list[str]
) -> None:
    assert school.timetable(name).bad_rows == ()
    assert school.lesson_days() == days
    assert school.timetable(name).total == 0


def test_events_of_one_uid_with_other_starts_are_series_of_their_own(school: SampleSchool) -> None:
    assert school.timetable("same-uid.ics").bad_rows == ()
    mondays = ["2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23"]
    assert school.lesson_days() == [day for day in mondays for _ in range(2)]
    assert Counter(f"{one.starts_at:%H:%M}" for one in school.lessons()) == {"08:00": 4, "12:00": 4}


def test_a_year_that_is_sent_again_changes_nothing_in_the_past(school: SampleSchool) -> None:
    assert school.timetable("year-room-12.csv").bad_rows == ()
    before = [one for one in school.lessons() if one.starts_at <= TODAY]
    assert school.timetable("year-room-13.csv", yes=True).bad_rows == ()
    lessons = school.lessons()
    past = [one for one in lessons if one.starts_at <= TODAY]
    assert Counter(one.room_id for one in past) == {"room-12": 15}
    assert [(one.id, one.starts_at, one.ends_at) for one in past] == [
        (one.id, one.starts_at, one.ends_at) for one in before
    ]
    assert {one.room_id for one in lessons if one.starts_at > TODAY} == {"room-13"}
    assert school.timetable("year-room-13.csv").total == 0


def test_classes_that_are_taught_together_have_a_lesson_and_a_register_each(
    school: SampleSchool,
) -> None:
    assert school.timetable("two-classes-one-room.csv").bad_rows == ()
    lessons = school.lessons()
    assert Counter(one.class_sourced_id for one in lessons) == {"c1": 3, "c2": 3}
    school.now = datetime(2026, 12, 7, 8, 5, tzinfo=UTC)
    students = {}
    for class_id, teacher in (("c1", "t1"), ("c2", "t2")):
        [lesson] = [
            one.id for one in lessons if one.class_sourced_id == class_id and one.starts_at.day == 7
        ]
        with school.audited.records.reading() as session:
            actor = user_of(session, teacher).id
        with school.audited.work(actor) as work:
            view = RegisterService(work, school.settings).open(lesson)
        students[class_id] = len(view.entries)
    assert students == {"c1": 4, "c2": 0}
    with school.audited.records.reading() as session:
        found = timetable_from_records(session).lesson_at("room-12", school.now)
    assert found is not None
    assert found.lesson_id == min(one.id for one in lessons if one.starts_at.day == 7)
