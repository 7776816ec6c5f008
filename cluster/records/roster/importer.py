"""Imports a OneRoster roster into the records: all of it, or nothing.

    with open_roster(path) as source, records.writing() as session:
        result = import_roster(session, keys, source)

A row is matched by its `sourcedId`, and written only where it differs: importing the same roster
again changes nothing. Rows that are no longer in the roster are removed under these rules:

- A **delta** removes the rows that it calls `tobedeleted`, and nothing else.
- A **bulk** file also removes the rows that it lacks, but only if it was read to its end without a
  bad row. Over a quarter at once is an error unless the caller allows it: a list that was truncated
  between two lines looks complete.
- **Users** are disabled, never deleted: registers and consents refer to them. The guardians of a
  student change only with the student's own row.
- **Classes** are removed when no lesson and no enrollment refers to them, and kept until then: a
  lesson may have a register, and `lessons` are deleted with their class. **Orgs** are kept as long
  as they have a class.

What a row refers to must be in the roster or, where the file of that is a delta, absent or has bad
rows, in the records; else it is a bad row too. Courses, terms and parent orgs are labels, and are
not followed.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

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
    IMPORT_COMMAND,
    ImportResult,
    RowCounts,
    reject_mass_removal,
    sort_bad_rows,
)
from cluster.records.roster.oneroster import OneRoster, open_roster
from cluster.records.roster.oneroster_rows import (
    DeletedRow,
    RosterClass,
    RosterCourse,
    RosterEnrollment,
    RosterOrg,
    RosterSession,
)
from cluster.records.roster.upsert import Upsert, Values
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
    """Return what `import_roster` would change, without changing the records.

    Raises:
        RosterError: See `cluster.records.roster.oneroster.OneRoster`.
        RecordsError: The records cannot be reached.
    """
    with open_roster(path) as source, records.writing() as session:
        result = import_roster(session, keys, source, allow_many_removals=True)
        session.rollback()
    return result


def import_roster(
    session: Session, keys: KeyStore, source: OneRoster, *, allow_many_removals: bool = False
) -> ImportResult:
    """Import a roster.

    Args:
        session: A session of `Records.writing`; the caller commits.
        keys: The keys that encrypt names.
        source: An opened roster, not read yet.
        allow_many_removals: Accept a bulk file that lacks over a quarter of the rows.

    Raises:
        RosterError: A whole file cannot be used, or lacks too much; roll back.
    """
    result = _Import(session, keys, source, allow_many_removals=allow_many_removals).run()
    session.expire_all()  # the statements above did not update loaded objects
    return result


class _Import:
    def __init__(
        self, session: Session, keys: KeyStore, source: OneRoster, *, allow_many_removals: bool
    ) -> None:
        self._session = session
        self._keys = keys
        self._source = source
        self._allow_many = allow_many_removals
        self._counts = {kind: RowCounts() for kind in KINDS}
        self._deleted: dict[str, set[str]] = {kind: set() for kind in KINDS}

    def run(self) -> ImportResult:
        """Write rows in the order in which they refer to each other; then remove in reverse."""
        orgs = self._upsert(Org, "orgs")
        orgs.put_all(self._values(RosterOrg))
        sessions = self._upsert(AcademicSession, "academicSessions")
        sessions.put_all(self._values(RosterSession))
        courses = self._upsert(Course, "courses")
        courses.put_all(self._values(RosterCourse))

        known_orgs = self._referable("orgs", orgs)
        classes = self._upsert(SchoolClass, "classes")
        classes.put_all(self._classes(known_orgs))

        users = UserImporter(self._session, self._keys, self._source, known_orgs, self._counts)
        users.run()
        enrollments = self._upsert(Enrollment, "enrollments")
        enrollments.put_all(
            self._enrollments(self._referable("classes", classes), users.referable())
        )

        enrollments.remove(self._absent("enrollments", enrollments))
        self._remove_classes(classes, enrollments)
        users.disable_absent(allow_many=self._allow_many)
        courses.remove(self._absent("courses", courses))
        sessions.remove(self._absent("academicSessions", sessions))
        in_use = set(self._session.scalars(select(SchoolClass.school_sourced_id).distinct()))
        self._remove_unused("orgs", orgs, in_use)
        return ImportResult(self._counts, sort_bad_rows(self._source.bad_rows))

    def _upsert(self, model: type[Base], kind: str) -> Upsert:
        return Upsert(self._session, model, self._counts[kind])

    def _values(self, model: type[RosterOrg | RosterSession | RosterCourse]) -> Iterator[Values]:
        for row in self._source.read(model):
            if isinstance(row, DeletedRow):
                self._deleted[model.FILE].add(row.sourced_id)
            else:
                yield row.model_dump()

    def _classes(self, known_orgs: set[str]) -> Iterator[Values]:
        for row in self._source.read(RosterClass):
            if isinstance(row, DeletedRow):
                self._deleted["classes"].add(row.sourced_id)
            elif row.school_sourced_id not in known_orgs:
                reason = f"no org is {quoted(row.school_sourced_id)}"
                self._source.reject("classes", row.line, "schoolSourcedId", reason)
            else:
                yield row.model_dump() | {"term_sourced_ids": list(row.term_sourced_ids)}

    def _enrollments(self, classes: set[str], users: dict[str, str]) -> Iterator[Values]:
        for row in self._source.read(RosterEnrollment):
            if isinstance(row, DeletedRow):
                self._deleted["enrollments"].add(row.sourced_id)
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
        """Return the keys that other rows may refer to: of a complete file, else of the records."""
        stored = table.ids() - self._deleted[kind]
        return stored & self._source.seen[kind].keys() if self._source.replaces(kind) else stored

    def _absent(self, kind: str, table: Upsert, in_use: AbstractSet[str] = frozenset()) -> set[str]:
        """Return the keys to remove: called deleted, or absent from a complete file."""
        if not self._source.replaces(kind):
            return self._deleted[kind]
        stored = table.ids()
        absent = stored - self._source.seen[kind].keys()
        if not self._allow_many:
            reject_mass_removal(kind, len(stored), len(absent - in_use), command=IMPORT_COMMAND)
        return absent | self._deleted[kind]

    def _remove_classes(self, classes: Upsert, enrollments: Upsert) -> None:
        """Remove classes that nothing refers to; one called deleted loses its enrollments first."""
        deleted = self._deleted["classes"]
        if deleted:
            query = select(Enrollment.sourced_id, Enrollment.class_sourced_id)
            rows = self._session.execute(query)
            enrollments.remove([sourced_id for sourced_id, of in rows if of in deleted])
        in_use = set(self._session.scalars(select(LessonRow.class_sourced_id).distinct()))
        in_use |= set(self._session.scalars(select(Enrollment.class_sourced_id).distinct()))
        self._remove_unused("classes", classes, in_use)

    def _remove_unused(self, kind: str, table: Upsert, in_use: set[str]) -> None:
        absent = self._absent(kind, table, in_use)
        self._counts[kind].kept += len(absent & in_use)
        table.remove(absent - in_use)
