"""Imports a timetable into the records: weekly CSV or a calendar become dated lessons.

    weekly CSV | iCalendar | CSV of dated lessons  ->  lessons of the file  ->  of the records

A lesson's id is derived from its content, or given in the file, so importing the same file again
changes nothing. A lesson that is no longer in the file is removed only if it has not begun, it has
no register, its room is in a school of the file, its day is between the file's first and last
lesson, and the file had no bad row. A file of dated lessons, which may be named in the settings
in addition to an imported timetable, removes only lessons with ids of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cluster.district import Lesson, Timetable
from cluster.records.db.database import Records
from cluster.records.db.models import (
    MAX_LESSON_LENGTH,
    LessonRow,
    Org,
    RegisterRow,
    SchoolClass,
)
from cluster.records.roster.csv_files import BadRow
from cluster.records.roster.import_result import (
    ImportResult,
    RowCounts,
    reject_mass_removal,
    sort_bad_rows,
)
from cluster.records.roster.upsert import Upsert
from cluster.records.timetable.dated_csv import is_dated_csv, read_dated
from cluster.records.timetable.icalendar_file import read_calendar
from cluster.records.timetable.lesson_plan import (
    LessonPlan,
    NameResolver,
    drop_overlaps,
    has_derived_id,
)
from cluster.records.timetable.weekly_csv import read_weekly
from cluster.settings import Settings

CALENDAR_SUFFIXES = {".ics", ".ical", ".ifb", ".icalendar"}


@dataclass(frozen=True, slots=True)
class _StoredLesson:
    """A lesson of the records."""

    lesson: LessonPlan
    has_register: bool


def preview_timetable(
    records: Records, settings: Settings, path: Path, *, now: datetime
) -> ImportResult:
    """Return what `import_timetable` would change, without changing the records.

    Raises:
        RosterError: The file cannot be read.
        RecordsError: The records cannot be reached.
    """
    with records.writing() as session:
        changes = import_timetable(session, settings, path, now=now, allow_many_removals=True)
        session.rollback()
    return changes


def import_timetable(
    session: Session,
    settings: Settings,
    path: Path,
    *,
    now: datetime,
    allow_many_removals: bool = False,
) -> ImportResult:
    """Import a timetable.

    Args:
        session: A session of `Records.writing`; the caller commits.
        settings: The settings with rooms and time zones.
        path: `.ics`, or CSV of weekly or dated lessons.
        now: Lessons that have begun are kept; recurring events are expanded around it.
        allow_many_removals: Accept a file that lacks over a quarter of the lessons to come.

    Raises:
        RosterError: The file cannot be read, or lacks too much; roll back.
        SettingsError: A file of dated lessons is wrong; the message names its line.
    """
    classes = _classes(session)
    lessons, bad_rows = read_timetable_file(path, settings, classes, now)
    counts = RowCounts()
    if lessons:
        _add_classes(session, settings, lessons, classes)
        stored = _stored_lessons(session, settings, lessons)
        removed = set() if bad_rows else _removable(stored, lessons, now)
        if is_dated_csv(path):
            removed = {key for key in removed if not has_derived_id(stored[key].lesson, settings)}
        if not allow_many_removals:
            to_come = sum(one.lesson.starts_at > now for one in stored.values())
            reject_mass_removal(
                "lessons", to_come, len(removed), command=f"homeroom roster timetable {path}"
            )
        clashes = _write(session, stored, removed, lessons, path.name, counts)
        bad_rows += clashes
    return ImportResult({"lessons": counts}, sort_bad_rows(bad_rows))


def read_timetable_file(
    path: Path, settings: Settings, classes: Mapping[str, tuple[str | None, str]], now: datetime
) -> tuple[list[LessonPlan], list[BadRow]]:
    """Return the lessons of a file of any of the formats, and the rows that were left out.

    Args:
        path: `.ics`, or CSV of weekly or dated lessons.
        settings: The settings with rooms and time zones.
        classes: Sourced id to (code, title).
        now: Recurring events are expanded around it.

    Raises:
        RosterError: The file cannot be read.
        SettingsError: A file of dated lessons is wrong; the message names its line.
    """
    names = NameResolver(settings, classes)
    if path.suffix.lower() in CALENDAR_SUFFIXES:
        lessons, bad_rows = read_calendar(path, names, now)
    elif is_dated_csv(path):
        return [
            replace(lesson, class_sourced_id=names.find_class(named) or named)
            for lesson in read_dated(path, settings)
            for named in [lesson.class_sourced_id]
        ], []
    else:
        lessons, bad_rows = read_weekly(path, names)
    lessons, overlaps = drop_overlaps(lessons, path.name)
    return lessons, [*bad_rows, *overlaps]


def timetable_from_records(
    session: Session, since: datetime | None = None, until: datetime | None = None
) -> Timetable:
    """The lessons of the records, for finding which one is on.

    Args:
        session: Reads.
        since: Leave out what ended before.
        until: Leave out what begins after.
    """
    query = select(
        LessonRow.id,
        LessonRow.room_id,
        LessonRow.class_sourced_id,
        LessonRow.starts_at,
        LessonRow.ends_at,
    )
    if since is not None:
        query = query.where(LessonRow.ends_at >= since)
    if until is not None:
        query = query.where(LessonRow.starts_at <= until)
    return Timetable(Lesson(*row) for row in session.execute(query))


def _classes(session: Session) -> dict[str, tuple[str | None, str]]:
    query = select(SchoolClass.sourced_id, SchoolClass.class_code, SchoolClass.title)
    return {key: (code, title) for key, code, title in session.execute(query)}


def _add_classes(
    session: Session,
    settings: Settings,
    lessons: list[LessonPlan],
    classes: Mapping[str, tuple[str | None, str]],
) -> None:
    """Add the classes that dated lessons name and the roster does not have.

    They belong to the school of the lesson's room. A roster that brings the class later replaces
    them.
    """
    for lesson in lessons:
        key = lesson.class_sourced_id
        if key in classes or session.get(SchoolClass, key) is not None:
            continue
        school = settings.schools_by_id[settings.rooms_by_id[lesson.room_id].school]
        if session.get(Org, school.id) is None:
            session.add(Org(sourced_id=school.id, name=school.name, type="school"))
            session.flush()
        session.add(
            SchoolClass(sourced_id=key, title=key, school_sourced_id=school.id, term_sourced_ids=[])
        )
        session.flush()


def _stored_lessons(
    session: Session, settings: Settings, lessons: list[LessonPlan]
) -> dict[str, _StoredLesson]:
    """Return the lessons of the records, by id, of the schools and days of the file."""
    schools = {settings.rooms_by_id[lesson.room_id].school for lesson in lessons}
    rooms = [room.id for room in settings.rooms if room.school in schools]
    first = min(lesson.starts_at for lesson in lessons) - MAX_LESSON_LENGTH
    last = max(lesson.ends_at for lesson in lessons) + MAX_LESSON_LENGTH
    query = (
        select(LessonRow, RegisterRow.id)
        .outerjoin(RegisterRow, RegisterRow.lesson_id == LessonRow.id)
        .where(
            LessonRow.room_id.in_(rooms), LessonRow.starts_at >= first, LessonRow.starts_at <= last
        )
    )
    return {
        row.id: _StoredLesson(
            LessonPlan(row.id, row.class_sourced_id, row.room_id, row.starts_at, row.ends_at, 0),
            register_id is not None,
        )
        for row, register_id in session.execute(query)
    }


def _removable(
    stored: dict[str, _StoredLesson], lessons: list[LessonPlan], now: datetime
) -> set[str]:
    """Return ids of lessons to come, without a register, that are no longer in the file."""
    stated = {lesson.id for lesson in lessons}
    first = min(lesson.starts_at for lesson in lessons).date()
    last = max(lesson.starts_at for lesson in lessons).date()
    return {
        key
        for key, one in stored.items()
        if key not in stated
        and one.lesson.starts_at > now
        and first <= one.lesson.starts_at.date() <= last
        and not one.has_register
    }


def _write(
    session: Session,
    stored: dict[str, _StoredLesson],
    removed: set[str],
    lessons: list[LessonPlan],
    file: str,
    counts: RowCounts,
) -> list[BadRow]:
    """Remove and upsert lessons; return those that overlap one that is kept."""
    stated = {lesson.id for lesson in lessons}
    kept = [one.lesson for key, one in stored.items() if key not in stated and key not in removed]
    good, clashes = drop_overlaps(lessons, file, kept)
    counts.kept = len(kept)
    table = Upsert(session, LessonRow, counts)
    table.remove(removed)
    _free_slots(session, stored, good)
    table.put_all(_row(lesson) for lesson in good)
    session.expire_all()
    return clashes


def _free_slots(
    session: Session, stored: dict[str, _StoredLesson], lessons: list[LessonPlan]
) -> None:
    """Move lessons whose room or start changes out of the way of the others.

    The records allow one lesson per room and start, also between two statements of the import.
    """
    moved = [
        lesson.id
        for lesson in lessons
        if lesson.id in stored
        and (lesson.room_id, lesson.starts_at)
        != (stored[lesson.id].lesson.room_id, stored[lesson.id].lesson.starts_at)
    ]
    for number, key in enumerate(moved):
        session.execute(update(LessonRow).where(LessonRow.id == key).values(room_id=f"~{number}"))


def _row(lesson: LessonPlan) -> dict[str, object]:
    return {
        "id": lesson.id,
        "class_sourced_id": lesson.class_sourced_id,
        "room_id": lesson.room_id,
        "starts_at": lesson.starts_at,
        "ends_at": lesson.ends_at,
    }
