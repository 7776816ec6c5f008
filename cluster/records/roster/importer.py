"""A OneRoster roster into the records: all of it, or nothing.

    with open_roster(path) as source, records.writing() as session:
        changes = import_roster(session, keys, source)

A row is found again by its `sourcedId`, and written only where it differs: the same roster a second
time changes nothing. What is no longer in the roster goes under these rules:

- A **delta** removes what it calls `tobedeleted`, and nothing else.
- A **bulk** file also removes what it lacks, but only if it was read to its end without one bad
  row. Over a quarter at once is refused unless the caller allows it: a list that was cut off
  between two lines looks whole.
- **Users** are switched off, never deleted: registers and consents speak of them. Who speaks for a
  student changes only with that student's own row.
- **Classes** go when no lesson and no enrollment refers to them any more, and are kept until then:
  a lesson may have a register, and `lessons` go with their class. **Orgs** stay as long as a class
  is theirs.

What a row refers to must be in the roster or, where the file of that is a delta, absent or has bad
rows, in the records; else it is a bad row too. Courses, terms and parent orgs are labels, and are
not followed.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.records.db.database import Records
from cluster.records.db.models import (
    AcademicSession,
    Base,
    Course,
    Enrollment,
    LessonRow,
    Org,
    SchoolClass,
)
from cluster.records.roster.csv_cells import quoted
from cluster.records.roster.import_result import (
    ImportResult,
    RowCounts,
    reject_mass_removal,
    sort_bad_rows,
)
from cluster.records.roster.oneroster import OneRoster, open_roster
from cluster.records.roster.oneroster_rows import CourseLine, DeletedRow, OrgLine, SessionLine
from cluster.records.roster.upsert import Upsert
from cluster.records.roster.user_importer import UserImporter
from cluster.security.keys import KeyStore

KINDS = (
    "orgs",
    "academicSessions",
    "courses",
    "classes",
    "users",
    "roles",
    "guardians",
    "enrollments",
)


def preview_roster(records: Records, keys: KeyStore, path: Path) -> ImportResult:
    """What `import_roster` would change; the records stay as they are.

    Raises:
        RosterError: See `cluster.records.roster.oneroster.OneRoster`.
        RecordsError: The records cannot be reached.
    """
    with open_roster(path) as source, records.writing() as session:
        changes = import_roster(session, keys, source, allow_many_removals=True)
        session.rollback()
    return changes


def import_roster(
    session: Session, keys: KeyStore, source: OneRoster, *, allow_many_removals: bool = False
) -> ImportResult:
    """Bring the records to what a roster says.

    Args:
        session: Of `Records.writing`; the caller commits.
        keys: They seal names.
        source: An opened roster, not read yet.
        allow_many_removals: Take it that a bulk file lacks over a quarter of what there was.

    Raises:
        RosterError: A whole file cannot be used, or lacks too much; roll back.
    """
    changes = _Import(session, keys, source, allow_many_removals=allow_many_removals).run()
    session.expire_all()  # what was loaded before, the statements above have passed by
    return changes


class _Import:
    def __init__(
        self, session: Session, keys: KeyStore, source: OneRoster, *, allow_many_removals: bool
    ) -> None:
        self._session = session
        self._keys = keys
        self._source = source
        self._allow_many = allow_many_removals
        self._counts = {kind: RowCounts() for kind in KINDS}
        self._gone: dict[str, set[str]] = {kind: set() for kind in KINDS}

    def run(self) -> ImportResult:
        """Everything, in the order in which rows refer to each other; then what goes, backwards."""
        orgs = self._table(Org, "orgs")
        orgs.put_all(self._plain("orgs", self._source.orgs()))
        sessions = self._table(AcademicSession, "academicSessions")
        sessions.put_all(self._plain("academicSessions", self._source.academic_sessions()))
        courses = self._table(Course, "courses")
        courses.put_all(self._plain("courses", self._source.courses()))

        known_orgs = self._referable("orgs", orgs)
        classes = self._table(SchoolClass, "classes")
        classes.put_all(self._classes(known_orgs))

        users = UserImporter(self._session, self._keys, self._source, known_orgs, self._counts)
        users.run()
        enrollments = self._table(Enrollment, "enrollments")
        enrollments.put_all(
            self._enrollments(self._referable("classes", classes), users.referable())
        )

        enrollments.remove(self._absent("enrollments", enrollments))
        self._remove_classes(classes, enrollments)
        users.switch_off(allow_many=self._allow_many)
        courses.remove(self._absent("courses", courses))
        sessions.remove(self._absent("academicSessions", sessions))
        in_use = set(self._session.scalars(select(SchoolClass.school_sourced_id).distinct()))
        self._remove_unused("orgs", orgs, in_use)
        return ImportResult(self._counts, sort_bad_rows(self._source.bad_rows))

    def _table(self, model: type[Base], kind: str) -> Upsert:
        return Upsert(self._session, model, self._counts[kind])

    def _plain(
        self, kind: str, rows: Iterator[OrgLine | SessionLine | CourseLine | DeletedRow]
    ) -> Iterator[dict[str, Any]]:
        for row in rows:
            if isinstance(row, DeletedRow):
                self._gone[kind].add(row.sourced_id)
            else:
                yield asdict(row)

    def _classes(self, known_orgs: set[str]) -> Iterator[dict[str, Any]]:
        for row in self._source.classes():
            if isinstance(row, DeletedRow):
                self._gone["classes"].add(row.sourced_id)
            elif row.school_sourced_id not in known_orgs:
                reason = f"no org is {quoted(row.school_sourced_id)}"
                self._source.reject("classes", row.line, "schoolSourcedId", reason)
            else:
                yield {
                    "sourced_id": row.sourced_id,
                    "title": row.title,
                    "class_code": row.class_code,
                    "school_sourced_id": row.school_sourced_id,
                    "course_sourced_id": row.course_sourced_id,
                    "term_sourced_ids": list(row.term_sourced_ids),
                    "location": row.location,
                }

    def _enrollments(self, classes: set[str], users: dict[str, str]) -> Iterator[dict[str, Any]]:
        for row in self._source.enrollments():
            if isinstance(row, DeletedRow):
                self._gone["enrollments"].add(row.sourced_id)
            elif row.class_sourced_id not in classes:
                reason = f"no class is {quoted(row.class_sourced_id)}"
                self._source.reject("enrollments", row.line, "classSourcedId", reason)
            elif row.user_sourced_id not in users:
                reason = f"no user is {quoted(row.user_sourced_id)}"
                self._source.reject("enrollments", row.line, "userSourcedId", reason)
            else:
                yield {
                    "sourced_id": row.sourced_id,
                    "class_sourced_id": row.class_sourced_id,
                    "user_id": users[row.user_sourced_id],
                    "role": row.role,
                    "begin_date": row.begin_date,
                    "end_date": row.end_date,
                }

    def _referable(self, kind: str, table: Upsert) -> set[str]:
        """Keys that other rows may refer to: those of a whole list, else of the records too."""
        there = table.ids() - self._gone[kind]
        return there & self._source.seen[kind].keys() if self._source.replaces(kind) else there

    def _absent(self, kind: str, table: Upsert, in_use: AbstractSet[str] = frozenset()) -> set[str]:
        """Keys that are over: called deleted, or absent from a whole list."""
        if not self._source.replaces(kind):
            return self._gone[kind]
        there = table.ids()
        absent = there - self._source.seen[kind].keys()
        if not self._allow_many:
            reject_mass_removal(kind, len(there), len(absent - in_use))
        return absent | self._gone[kind]

    def _remove_classes(self, classes: Upsert, enrollments: Upsert) -> None:
        """Remove classes that nothing refers to; one called deleted loses its enrollments first."""
        if self._gone["classes"]:
            query = select(Enrollment.sourced_id, Enrollment.class_sourced_id)
            ended = self._session.execute(query)
            enrollments.remove(
                [sourced_id for sourced_id, of in ended if of in self._gone["classes"]]
            )
        in_use = set(self._session.scalars(select(LessonRow.class_sourced_id).distinct()))
        in_use |= set(self._session.scalars(select(Enrollment.class_sourced_id).distinct()))
        self._remove_unused("classes", classes, in_use)

    def _remove_unused(self, kind: str, table: Upsert, in_use: set[str]) -> None:
        over = self._absent(kind, table, in_use)
        self._counts[kind].kept += len(over & in_use)
        table.remove(over - in_use)
