"""The settings' timetable becomes lessons of the records, which everything else reads."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from cluster.errors import RosterError, SettingsError
from cluster.records.db.database import open_records, records_exist
from cluster.records.db.models import LessonRow, Org, RegisterRow, SchoolClass
from cluster.records.timetable.importer import import_timetable_in
from cluster.records.timetable.lessons import (
    SettingsTimetable,
    load_timetable,
    preview_lessons,
    read_timetable,
)
from cluster.settings import Settings, load_settings
from tests.conftest import write_settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HEADER = "lesson_id,room_id,class_id,starts_at,ends_at"
FIRST = "l1,r1,7b,2026-03-02T09:00:00Z,2026-03-02T09:45:00Z"
SECOND = "l2,r1,8a,2026-03-02T10:00:00Z,2026-03-02T10:45:00Z"


def name_timetable(folder: Path, *rows: str) -> Settings:
    """The settings of a small school that names a file with these rows."""
    path = write_settings(folder)
    path.write_text('timetable = "lessons.csv"\n' + path.read_text())
    (folder / "lessons.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return load_settings(path)


def lessons_of(settings: Settings) -> list[tuple[str, str, str]]:
    """Id, class and start of each lesson in the records."""
    return [
        (lesson.lesson_id, lesson.class_id, f"{lesson.starts_at:%d %H:%M}")
        for lesson in read_timetable(settings).lessons
    ]


def add_class(settings: Settings, sourced_id: str, code: str, title: str) -> None:
    records = open_records(settings)
    with records.writing() as session:
        session.merge(Org(sourced_id="org-1", name="Hill", type="school"))
        session.flush()
        session.add(
            SchoolClass(
                sourced_id=sourced_id,
                class_code=code,
                title=title,
                school_sourced_id="org-1",
                term_sourced_ids=[],
            )
        )
    records.close()


def test_without_a_timetable_and_records_there_is_no_lesson_and_nothing_is_made(
    school: Settings,
) -> None:
    assert load_timetable(school, now=NOW).timetable.lessons == ()
    assert preview_lessons(school, now=NOW).timetable.lessons == ()
    assert not records_exist(school)


def test_the_settings_file_alone_gives_lessons_with_its_own_ids(tmp_path: Path) -> None:
    settings = name_timetable(tmp_path, FIRST, SECOND)
    loaded = load_timetable(settings, now=NOW)
    assert [lesson.lesson_id for lesson in loaded.timetable.lessons] == ["l1", "l2"]
    assert loaded.bad_rows == ()
    assert lessons_of(settings) == [("l1", "7b", "02 09:00"), ("l2", "8a", "02 10:00")]


def test_lessons_of_the_past_are_imported_too(tmp_path: Path) -> None:
    settings = name_timetable(tmp_path, FIRST)
    load_timetable(settings, now=NOW + timedelta(days=400))
    assert len(lessons_of(settings)) == 1


def test_a_class_is_found_by_id_code_or_title_and_added_where_there_is_none(
    tmp_path: Path,
) -> None:
    settings = name_timetable(tmp_path, FIRST, SECOND)
    add_class(settings, "class-1", "7b", "Science")
    load_timetable(settings, now=NOW)
    assert [named for _, named, _ in lessons_of(settings)] == ["class-1", "8a"]
    records = open_records(settings)
    with records.reading() as session:
        added = session.get(SchoolClass, "8a")
        assert added is not None
        assert (added.title, added.school_sourced_id) == ("8a", "hill")
    records.close()


def test_what_changes_in_the_file_changes_in_the_records(tmp_path: Path) -> None:
    load_timetable(name_timetable(tmp_path, FIRST, SECOND), now=NOW)
    settings = name_timetable(tmp_path, FIRST.replace("09:45", "09:50"))
    # A file of one lesson ends before the second one would have begun; its day is the file's.
    load_timetable(settings, now=NOW)
    assert lessons_of(settings) == [("l1", "7b", "02 09:00")]


def test_two_lessons_may_change_places(tmp_path: Path) -> None:
    load_timetable(name_timetable(tmp_path, FIRST, SECOND), now=NOW)
    exchanged = [FIRST.replace("l1", "l2"), SECOND.replace("l2", "l1"), "", ""]
    settings = name_timetable(tmp_path, *exchanged[:2])
    assert load_timetable(settings, now=NOW).bad_rows == ()
    assert lessons_of(settings) == [("l2", "7b", "02 09:00"), ("l1", "8a", "02 10:00")]


def test_an_imported_timetable_stays_beside_the_settings_file(tmp_path: Path) -> None:
    early = SECOND.replace("l2", "l3").replace("T10:00", "T09:15").replace("T10", "T09")
    settings = name_timetable(tmp_path, SECOND, early)
    add_class(settings, "class-1", "7b", "Science")
    weekly = tmp_path / "weekly.csv"
    rows = ["class,room,weekday,start,end,from,to"]
    rows += [f"7b,r1,Mon,{hour},2026-03-02,2026-03-02" for hour in ("10:00,10:45", "14:00,14:45")]
    weekly.write_text("\n".join(rows) + "\n")
    records = open_records(settings)
    with records.writing() as session:
        import_timetable_in(session, settings, weekly, now=NOW)
    records.close()

    loaded = load_timetable(settings, now=NOW)

    [left_out] = loaded.bad_rows
    assert str(left_out).startswith("lessons.csv:3: overlaps the lesson 'r1-20260302-1000-")
    assert str(left_out).endswith("in room 'r1' (2026-03-02 09:15Z); skipped")
    starts = [start for _, _, start in lessons_of(settings)]
    assert starts == ["02 09:00", "02 10:00", "02 13:00"]  # 10:00 and 14:00 in Oslo, and l2


def test_a_lesson_with_a_register_stays_when_the_file_loses_it(tmp_path: Path) -> None:
    settings = name_timetable(tmp_path, FIRST, SECOND)
    load_timetable(settings, now=NOW)
    records = open_records(settings)
    with records.writing() as session:
        session.add(
            RegisterRow(
                lesson_id="l2",
                state="open",
                version=1,
                opened_at=NOW,
                opened_by="operator:x",
                closes_at=NOW + timedelta(minutes=10),
            )
        )
    records.close()
    load_timetable(name_timetable(tmp_path, FIRST), now=NOW)
    assert len(lessons_of(settings)) == 2


def test_a_file_that_lost_most_lessons_is_rejected_with_what_to_do(tmp_path: Path) -> None:
    many = [
        FIRST.replace("l1", f"m{day}").replace("-03-02T", f"-03-{day}T") for day in range(10, 31)
    ]
    load_timetable(name_timetable(tmp_path, *many), now=NOW)
    with pytest.raises(RosterError, match=r"19 of 21 lessons .* --yes"):
        load_timetable(name_timetable(tmp_path, many[0], many[-1]), now=NOW)


def test_a_preview_gives_the_same_lessons_and_changes_nothing(tmp_path: Path) -> None:
    settings = name_timetable(tmp_path, FIRST, SECOND)
    assert len(preview_lessons(settings, now=NOW).timetable.lessons) == 2
    assert not records_exist(settings)
    load_timetable(settings, now=NOW)
    third = SECOND.replace("l2", "l3").replace("T10", "T12")
    settings = name_timetable(tmp_path, FIRST, SECOND, third)
    assert len(preview_lessons(settings, now=NOW).timetable.lessons) == 3
    assert len(lessons_of(settings)) == 2


def test_a_file_is_imported_again_only_when_it_has_changed(tmp_path: Path) -> None:
    settings = name_timetable(tmp_path, FIRST)
    file = SettingsTimetable()
    file.import_if_changed(settings, now=NOW)
    records = open_records(settings)
    with records.writing() as session:
        session.execute(delete(LessonRow))
    records.close()
    file.import_if_changed(settings, now=NOW)
    assert lessons_of(settings) == []
    name_timetable(tmp_path, FIRST, SECOND)
    file.import_if_changed(settings, now=NOW)
    assert len(lessons_of(settings)) == 2


def test_a_wrong_row_is_left_out_and_named_with_its_line(tmp_path: Path) -> None:
    settings = name_timetable(tmp_path, FIRST.replace("r1", "r9"), SECOND)
    [bad] = SettingsTimetable().import_if_changed(settings, now=NOW)
    assert str(bad) == "lessons.csv:2: room_id: there is no room 'r9' in the settings"
    assert [lesson for lesson, _, _ in lessons_of(settings)] == ["l2"]


def test_a_wrong_file_is_an_error_each_time(tmp_path: Path) -> None:
    settings = name_timetable(tmp_path)
    assert settings.timetable is not None
    settings.timetable.write_text("lesson_id,class_id\n")
    file = SettingsTimetable()
    for _ in range(2):
        with pytest.raises(SettingsError, match="room_id"):
            file.import_if_changed(settings, now=NOW)
    (tmp_path / "lessons.csv").unlink()
    with pytest.raises(RosterError, match="cannot be read"):
        load_timetable(settings, now=NOW)


def test_the_lessons_around_a_time_are_read_alone(tmp_path: Path) -> None:
    settings = name_timetable(tmp_path, FIRST, SECOND.replace("03-02", "03-09"))
    load_timetable(settings, now=NOW)
    around = read_timetable(settings, around=datetime(2026, 3, 9, 10, tzinfo=UTC))
    assert [lesson.lesson_id for lesson in around.lessons] == ["l2"]


def test_weekly_hours_may_be_named_in_the_settings_as_well(tmp_path: Path) -> None:
    settings = name_timetable(tmp_path)
    add_class(settings, "class-1", "7b", "Science")
    assert settings.timetable is not None
    settings.timetable.write_text(
        "class,room,weekday,start,end,from,to\n7b,r1,Mon,10:00,10:45,2026-03-02,2026-03-09\n"
    )
    assert len(load_timetable(settings, now=NOW).timetable.lessons) == 2


WEEKLY = "class,room,weekday,period,week,from,to\n7b,r1,Monday,P1,A,2026-03-02,2026-03-30\n"


def name_weekly(folder: Path, more: str = "") -> Settings:
    """The settings of a small school that names weekly hours by period."""
    path = write_settings(folder)
    path.write_text(f'timetable = "hours.csv"\nbells = "bells.csv"\n{more}' + path.read_text())
    (folder / "hours.csv").write_text(WEEKLY)
    (folder / "bells.csv").write_text("period,start,end\nP1,08:00,08:45\n")
    settings = load_settings(path)
    add_class(settings, "7b", "7B", "Art")
    return settings


def test_the_settings_name_bells_closures_and_the_a_week(tmp_path: Path) -> None:
    more = 'closures = "closed.csv"\nweek_a = 2026-03-09\n'
    settings = name_weekly(tmp_path, more)
    (tmp_path / "closed.csv").write_text("from\n2026-03-23\n")
    assert len(preview_lessons(settings, now=NOW).timetable.lessons) == 1
    assert load_timetable(settings, now=NOW).bad_rows == ()
    assert [when for _, _, when in lessons_of(settings)] == ["09 07:00"]  # 08:00 in Oslo


def test_bells_and_closures_that_change_are_imported_again(tmp_path: Path) -> None:
    settings = name_weekly(tmp_path, 'closures = "closed.csv"\n')
    closed = tmp_path / "closed.csv"
    closed.write_text("from\n")
    imported = SettingsTimetable()
    imported.import_if_changed(settings, now=NOW)
    assert [when for _, _, when in lessons_of(settings)] == ["02 07:00", "16 07:00", "30 06:00"]
    closed.write_text("from\n2026-03-16\n")
    imported.import_if_changed(settings, now=NOW)
    (tmp_path / "bells.csv").write_text("period,start,end\nP1,10:00,10:45\n")
    imported.import_if_changed(settings, now=NOW)
    assert [when for _, _, when in lessons_of(settings)] == ["02 09:00", "30 08:00"]
