"""The sample roster: small, fictitious, and imported without a bad row."""

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from cluster.demo.sample_roster import write_sample_roster
from cluster.errors import RosterError
from cluster.records.db.database import Records
from cluster.records.db.models import Enrollment, Guardian, User
from cluster.records.repos.class_list import students_of
from cluster.records.roster.importer import import_roster_in
from cluster.records.roster.oneroster import open_roster
from cluster.records.timetable.importer import import_timetable_in, timetable_from_records
from cluster.security.keys import KeyStore
from cluster.settings import Room, School, Settings

TODAY = date(2026, 11, 3)
NOW = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Return the folder of the sample roster."""
    write_sample_roster(tmp_path / "sample", today=TODAY)
    return tmp_path / "sample"


@pytest.fixture
def imported(records: Records, keys: KeyStore, sample: Path) -> Records:
    """Return records with the sample roster."""
    with open_roster(sample) as source, records.writing() as session:
        assert import_roster_in(session, keys, source, now=NOW).bad_rows == ()
    return records


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_it_is_oneroster_1_2_with_as_many_cells_as_columns(sample: Path) -> None:
    assert {"propertyName": "oneroster.version", "value": "1.2"} in table(sample, "manifest")
    for file in sample.glob("*.csv"):
        with file.open(newline="") as stream:
            assert len({len(row) for row in csv.reader(stream)}) == 1, file.name


def test_a_class_has_eight_students_and_a_teacher(imported: Records, keys: KeyStore) -> None:
    with imported.reading() as session:
        found = students_of(session, keys, "class-7b-science", TODAY)
        assert sorted(one.sourced_id for one in found) == [f"student-{n}" for n in range(1, 9)]
        assert len({one.name for one in found}) == 8
        query = (
            select(User.sourced_id, Enrollment.class_sourced_id)
            .join(Enrollment, Enrollment.user_id == User.id)
            .where(Enrollment.role == "teacher")
        )
        assert set(session.execute(query).all()) == {
            ("teacher-1", "class-7b-science"),
            ("teacher-2", "class-7b-art"),
        }


def test_every_student_has_a_guardian_two_share_one_and_one_has_two(imported: Records) -> None:
    with imported.reading() as session:
        names = dict(session.execute(select(User.id, User.sourced_id)).all())
        guardians: dict[str, set[str]] = {}
        for student, guardian in session.execute(select(Guardian.student_id, Guardian.guardian_id)):
            guardians.setdefault(names[student], set()).add(names[guardian])
    assert len(guardians) == 8
    assert guardians["student-1"] == guardians["student-2"] == {"guardian-1"}
    assert guardians["student-3"] == {"guardian-2", "guardian-3"}
    assert all(len(guardians[f"student-{number}"]) == 1 for number in range(4, 9))


def test_there_is_a_school_leader_and_an_administrator(imported: Records) -> None:
    with imported.reading() as session:
        roles = dict(session.execute(select(User.sourced_id, User.role)).all())
    assert (roles["leader-1"], roles["officer-1"]) == ("principal", "districtadministrator")


def test_its_timetable_has_lessons_today_and_in_both_calendar_years(
    imported: Records, sample: Path
) -> None:
    settings = Settings(
        schools=[School(id="hillside-school", name="Hillside School", timezone="Europe/London")],
        rooms=[Room(id="room-12", school="hillside-school", name="Room 12")],
    )
    with imported.writing() as session:
        now = datetime(2026, 11, 3, tzinfo=UTC)
        changes = import_timetable_in(session, settings, sample / "timetable.csv", now=now)
        assert changes.bad_rows == ()
        timetable = timetable_from_records(session)
    found = timetable.lesson_at("room-12", datetime(2026, 11, 3, 13, 30, tzinfo=UTC))
    assert found is not None
    assert found.class_id == "class-7b-art"
    assert {one.starts_at.year for one in timetable.lessons} == {2026, 2027}


@pytest.mark.parametrize(("today", "year"), [(date(2026, 7, 31), 2025), (date(2026, 8, 1), 2026)])
def test_the_school_year_contains_today(tmp_path: Path, today: date, year: int) -> None:
    write_sample_roster(tmp_path, today=today)
    [session] = table(tmp_path, "academicSessions")
    assert session["startDate"] == f"{year}-08-01"
    assert {row["from"] for row in table(tmp_path, "timetable")} == {f"{year}-08-01"}


@pytest.mark.parametrize("students", [1, 2, 3, 30])
def test_it_has_the_requested_number_of_students(
    records: Records, keys: KeyStore, tmp_path: Path, students: int
) -> None:
    write_sample_roster(tmp_path / "sample", students, today=TODAY)
    with open_roster(tmp_path / "sample") as source, records.writing() as session:
        assert import_roster_in(session, keys, source, now=NOW).bad_rows == ()
        session.commit()
    with records.reading() as session:
        assert len(students_of(session, keys, "class-7b-science", TODAY)) == students


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RosterError, match="cannot be written"):
        write_sample_roster(tmp_path / "file" / "sample", today=TODAY)
