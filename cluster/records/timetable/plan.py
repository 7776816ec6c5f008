"""Compares the lessons of a timetable's file with those of the records.

A lesson that is no longer in the file is removed only if it has not begun, it has no register, its
room is in a school of the file, its day is between the file's first and last lesson, and the file
had no bad row.

A year that is sent again changes nothing in the past: a lesson that has begun stays as it is, and
one before now is added only for a class that has no lesson then or later. Dated lessons are named
by their ids, so a file of them corrects the past too; it removes only lessons with ids of its own,
since the settings may name it in addition to an imported timetable.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cluster.records.db.models import (
    MAX_LESSON_LENGTH,
    Base,
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
from cluster.records.roster.staging import ImportPlan, StagedChanges, Values
from cluster.records.roster.upsert import Upsert
from cluster.records.timetable.dated_csv import is_dated_csv
from cluster.records.timetable.files import TimetableOptions, read_timetable_file
from cluster.records.timetable.lesson_plan import LessonPlan, NameResolver, has_derived_id
from cluster.records.timetable.overlaps import LessonCalendar, drop_overlaps
from cluster.settings import Settings

TABLES: tuple[type[Base], ...] = (Org, SchoolClass, LessonRow)
"""Each after those that it refers to."""


@dataclass(frozen=True, slots=True)
class _StoredLesson:
    """A lesson of the records."""

    lesson: LessonPlan
    has_register: bool


class TimetableImport:
    """Compares a timetable with the records.

    Attributes:
        staged: What it changes.
    """

    def __init__(
        self,
        session: Session,
        settings: Settings,
        path: Path,
        now: datetime,
        options: TimetableOptions,
    ) -> None:
        self._session = session
        self._settings = settings
        self._path = path
        self._now = now
        self._options = options
        self.staged = StagedChanges(session)
        self._classes, gone = class_names(session)
        names = NameResolver(settings, self._classes, gone)
        self._file = read_timetable_file(path, settings, names, now, options)
        self._is_dated = is_dated_csv(path)

    def plan(self) -> ImportPlan:
        """Stage what the file adds, changes and removes."""
        counts = RowCounts()
        bad_rows = list(self._file.bad_rows)
        if self._file.lessons:
            bad_rows += self._stage(counts)
        self.staged.analyze()
        result = ImportResult({"lessons": counts}, sort_bad_rows(bad_rows), self._file.closed)

        def apply(session: Session) -> None:
            if result.total:
                self.staged.apply(session, TABLES)

        return ImportPlan(result, apply)

    def _stage(self, counts: RowCounts) -> list[BadRow]:
        """Stage lessons, and return those that cannot take place beside one that is kept."""
        lessons = self._file.lessons
        stored = _stored_lessons(self._session, self._settings, lessons)
        if not self._is_dated:
            lessons, unchanged = self._leave_past(lessons, stored)
            counts.unchanged += unchanged
        removed = self._removable(stored)
        if not self._options.allow_many_removals:
            to_come = sum(one.lesson.starts_at > self._now for one in stored.values())
            reject_mass_removal(
                "lessons",
                to_come,
                len(removed),
                where=str(self._path),
                command=f"homeroom roster timetable {self._path}",
            )
        stated = {lesson.id for lesson in lessons}
        kept = [
            one.lesson for key, one in stored.items() if key not in stated and key not in removed
        ]
        good, clashes = drop_overlaps(lessons, self._path.name, kept)
        counts.kept = len(kept) - counts.unchanged
        self._add_classes(good)
        table = Upsert(self._session, self.staged, LessonRow, counts)
        table.remove(removed)
        table.put_all(_row(lesson) for lesson in good)
        return clashes

    def _leave_past(
        self, lessons: list[LessonPlan], stored: Mapping[str, _StoredLesson]
    ) -> tuple[list[LessonPlan], int]:
        """Return the lessons that may be written, and how many that have begun are stored."""
        last = _last_starts(self._session)
        in_records = LessonCalendar(one.lesson for one in stored.values())
        to_write, unchanged = [], 0
        for lesson in lessons:
            before = stored.get(lesson.id)
            if before is not None and before.lesson.starts_at <= self._now:
                unchanged += 1
            elif lesson.starts_at > self._now:
                to_write.append(lesson)
            else:
                last_start = last.get(lesson.class_sourced_id)
                is_settled = last_start is not None and lesson.starts_at <= last_start
                if not is_settled and not any(
                    in_records.overlapping("room", lesson.room_id, lesson)
                ):
                    to_write.append(lesson)
        return to_write, unchanged

    def _removable(self, stored: Mapping[str, _StoredLesson]) -> set[str]:
        """Return ids of lessons to come, without a register, that are no longer in the file."""
        if self._file.bad_rows:
            return set()
        lessons = self._file.lessons
        stated = {lesson.id for lesson in lessons}
        first = min(lesson.starts_at for lesson in lessons).date()
        last = max(lesson.starts_at for lesson in lessons).date()
        removable = {
            key
            for key, one in stored.items()
            if key not in stated
            and one.lesson.starts_at > self._now
            and first <= one.lesson.starts_at.date() <= last
            and not one.has_register
        }
        if self._is_dated:
            return {
                key for key in removable if not has_derived_id(stored[key].lesson, self._settings)
            }
        return removable

    def _add_classes(self, lessons: list[LessonPlan]) -> None:
        """Add the classes that dated lessons name and the roster does not have.

        They belong to the school of the lesson's room. A roster that brings the class later
        replaces them.
        """
        orgs: dict[str, Values] = {}
        classes: dict[str, Values] = {}
        for lesson in lessons:
            key = lesson.class_sourced_id
            if key in self._classes or key in classes:
                continue
            school = self._settings.schools_by_id[self._settings.rooms_by_id[lesson.room_id].school]
            if school.id not in orgs and self._session.get(Org, school.id) is None:
                orgs[school.id] = {
                    "sourced_id": school.id,
                    "name": school.name,
                    "type": "school",
                    "identifier": None,
                    "parent_sourced_id": None,
                }
            classes[key] = {
                "sourced_id": key,
                "title": key,
                "class_code": None,
                "school_sourced_id": school.id,
                "course_sourced_id": None,
                "term_sourced_ids": [],
                "location": None,
                "periods": [],
                "gone": False,
            }
        self.staged.add(Org, list(orgs.values()))
        self.staged.add(SchoolClass, list(classes.values()))


def class_names(session: Session) -> tuple[dict[str, tuple[str | None, str]], set[str]]:
    """Return code and title of each class by sourcedId, and which are gone from the roster."""
    query = select(
        SchoolClass.sourced_id, SchoolClass.class_code, SchoolClass.title, SchoolClass.gone
    )
    rows = session.execute(query).all()
    return {key: (code, title) for key, code, title, _ in rows}, {
        key for key, _, _, is_gone in rows if is_gone
    }


def _last_starts(session: Session) -> dict[str, datetime]:
    """Return the start of the last lesson of each class."""
    query = select(LessonRow.class_sourced_id, func.max(LessonRow.starts_at).label("last"))
    rows = session.execute(query.group_by(LessonRow.class_sourced_id))
    return {row.class_sourced_id: row.last for row in rows}


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


def _row(lesson: LessonPlan) -> Values:
    return {
        "id": lesson.id,
        "class_sourced_id": lesson.class_sourced_id,
        "room_id": lesson.room_id,
        "starts_at": lesson.starts_at,
        "ends_at": lesson.ends_at,
        "period": lesson.period,
    }
