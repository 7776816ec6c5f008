"""Imports a OneRoster roster into the records: all of it, or nothing.

    result = import_roster(audited, actor, path, finish=…)

The files are read, compared and encrypted before the writers' lock is taken
(`cluster.records.roster.staging`), so that sign-ins and registers wait for the last step alone. A
row is matched by its `sourcedId`, and written only where it differs: importing the same roster
again changes nothing. Rows that are no longer in the roster are removed under these rules:

- A **delta** removes the rows that it calls `tobedeleted`, and nothing else.
- A **bulk** file also removes the rows that it lacks, but only if it was read to its end without a
  bad row. Over a quarter at once is an error unless the caller allows it: a list that was truncated
  between two lines looks complete.
- **Users** are marked as gone, never deleted: registers and consents refer to them. What was agreed
  to for a student ends with that. The guardians of a student change only with the student's own
  row.
- **Classes** are removed when no lesson and no enrollment refers to them. Until then they are kept,
  marked as gone, since `lessons` and their registers are deleted with their class; the enrollments
  of their teachers are kept too, who may read these registers. **Orgs**, courses and terms are
  kept as long as a class refers to them.

What a row refers to must be in the roster or, where the file of that is a delta, absent or has bad
rows, in the records; else it is a bad row too. Courses, terms and parent orgs are labels, and are
not followed.
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.records.db.database import Records
from cluster.records.db.models import (
    AcademicSession,
    Base,
    Course,
    Enrollment,
    Guardian,
    LessonRow,
    Org,
    SchoolClass,
    User,
    UserOrg,
)
from cluster.records.db.unit_of_work import AuditedRecords, UnitOfWork
from cluster.records.roster.csv_cells import quoted
from cluster.records.roster.departures import end_agreements
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
from cluster.records.roster.staging import (
    ImportPlan,
    StagedChanges,
    Values,
    apply_audited,
    apply_here,
    chunks,
    planned,
)
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
TABLES: tuple[type[Base], ...] = (
    Org,
    AcademicSession,
    Course,
    SchoolClass,
    User,
    UserOrg,
    Guardian,
    Enrollment,
)
"""Each after those that it refers to."""

TEACHER = "teacher"
REFERENCES = select(
    SchoolClass.sourced_id,
    SchoolClass.school_sourced_id,
    SchoolClass.course_sourced_id,
    SchoolClass.term_sourced_ids,
)


def preview_roster(records: Records, keys: KeyStore, path: Path) -> ImportResult:
    """Return what `import_roster` would change, without changing the records.

    Raises:
        RosterError: See `cluster.records.roster.oneroster.OneRoster`.
        RecordsError: The records cannot be reached.
    """

    def plan(session: Session) -> ImportPlan:
        with open_roster(path) as source:
            return RosterImport(session, keys, source, allow_many_removals=True).plan()

    with planned(records, plan) as (_, found):
        return found.result


def import_roster(
    audited: AuditedRecords,
    actor: str,
    path: Path,
    *,
    finish: Callable[[UnitOfWork, ImportResult], None],
    allow_many_removals: bool = False,
) -> ImportResult:
    """Import a roster, in one short transaction.

    Args:
        audited: The records.
        actor: Who imports.
        path: A folder or ZIP.
        finish: What belongs into the same transaction, such as the entry of the audit log.
        allow_many_removals: Accept a bulk file that lacks over a quarter of the rows.

    Raises:
        RosterError: A whole file cannot be used, or lacks too much; nothing is changed.
        RecordsError: The records cannot be reached or written.
    """

    def plan(session: Session) -> ImportPlan:
        with open_roster(path) as source:
            importing = RosterImport(
                session, audited.keys, source, allow_many_removals=allow_many_removals
            )
            return importing.plan(now=audited.clock(), actor=actor)

    return apply_audited(audited, actor, plan, finish)


def import_roster_in(
    session: Session,
    keys: KeyStore,
    source: OneRoster,
    *,
    now: datetime,
    actor: str = "system:roster",
    allow_many_removals: bool = False,
) -> ImportResult:
    """Import a roster in a session that has the writers' lock, and keeps it all the while.

    For small rosters; the caller commits.

    Args:
        session: A session of `Records.writing`.
        keys: The keys that encrypt names.
        source: An opened roster, not read yet.
        now: UTC.
        actor: Who imports.
        allow_many_removals: See `import_roster`.

    Raises:
        RosterError: See `import_roster`; roll back.
    """
    importing = RosterImport(session, keys, source, allow_many_removals=allow_many_removals)
    return apply_here(session, importing.plan(now=now, actor=actor), importing.staged)


@dataclass(frozen=True, slots=True)
class _ClassReferences:
    """What a class refers to."""

    school: str
    course: str | None
    terms: Sequence[str]


class RosterImport:
    """Compares a roster with the records.

    Attributes:
        staged: What it changes.
    """

    def __init__(
        self, session: Session, keys: KeyStore, source: OneRoster, *, allow_many_removals: bool
    ) -> None:
        self._session = session
        self.staged = StagedChanges(session)
        self._keys = keys
        self._source = source
        self._allow_many = allow_many_removals
        self._counts = {kind: RowCounts() for kind in KINDS}
        self._deleted: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self._references = {
            row.sourced_id: _ClassReferences(
                row.school_sourced_id, row.course_sourced_id, row.term_sourced_ids
            )
            for row in session.execute(REFERENCES)
        }
        query = select(Enrollment.sourced_id, Enrollment.class_sourced_id, Enrollment.role)
        self._enrolled = {key: (of, role) for key, of, role in session.execute(query)}

    def plan(self, *, now: datetime | None = None, actor: str = "") -> ImportPlan:
        """Stage rows in the order in which they refer to each other; then remove in reverse.

        Args:
            now: When the changes are applied, UTC; None of a plan that is only shown.
            actor: Who imports.
        """
        orgs = self._upsert(Org, "orgs")
        orgs.put_all(self._values(RosterOrg))
        sessions = self._upsert(AcademicSession, "academicSessions")
        sessions.put_all(self._values(RosterSession))
        courses = self._upsert(Course, "courses")
        courses.put_all(self._values(RosterCourse))

        known_orgs = self._referable("orgs", orgs)
        classes = self._upsert(SchoolClass, "classes")
        classes.put_all(self._classes(known_orgs))

        users = UserImporter(
            self._session, self.staged, self._keys, self._source, known_orgs, self._counts
        )
        users.run()
        enrollments = self._upsert(Enrollment, "enrollments")
        enrollments.put_all(
            self._enrollments(self._referable("classes", classes), users.referable())
        )

        self._remove_classes(classes, enrollments)
        users.mark_absent_gone(allow_many=self._allow_many)
        of_classes = [self._references[one] for one in classes.ids()]
        self._remove_unused("courses", courses, {one.course for one in of_classes if one.course})
        terms = {term for one in of_classes for term in one.terms}
        self._remove_unused("academicSessions", sessions, terms)
        self._remove_unused("orgs", orgs, {one.school for one in of_classes})
        self.staged.analyze()

        def apply(session: Session) -> None:
            self.staged.apply(session, TABLES)
            if now is not None:
                end_agreements(session, users.moved, now=now, actor=actor)

        return ImportPlan(ImportResult(self._counts, sort_bad_rows(self._source.bad_rows)), apply)

    def _upsert(self, model: type[Base], kind: str) -> Upsert:
        return Upsert(self._session, self.staged, model, self._counts[kind])

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
                self._references[row.sourced_id] = _ClassReferences(
                    row.school_sourced_id, row.course_sourced_id, row.term_sourced_ids
                )
                yield row.model_dump() | {
                    "term_sourced_ids": list(row.term_sourced_ids),
                    "periods": list(row.periods),
                    "gone": False,
                }

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
                self._enrolled[row.sourced_id] = (row.class_sourced_id, row.role)
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
            reject_mass_removal(
                kind, len(stored), len(absent - in_use), where=f"{kind}.csv", command=IMPORT_COMMAND
            )
        return absent | self._deleted[kind]

    def _remove_classes(self, classes: Upsert, enrollments: Upsert) -> None:
        """Remove enrollments, and classes that nothing refers to; mark those as gone that stay."""
        taught = set(self._session.scalars(select(LessonRow.class_sourced_id).distinct()))
        absent = self._absent("classes", classes, taught | self._classes_of_enrollments())
        kept = {
            key
            for key, (of, role) in self._enrolled.items()
            if of in absent and of in taught and role == TEACHER
        }
        leaving = self._absent("enrollments", enrollments, kept)
        called_deleted = self._deleted["classes"]
        leaving |= {key for key, (of, _) in self._enrolled.items() if of in called_deleted}
        enrollments.remove(leaving - kept)
        self._counts["enrollments"].kept += len(leaving & kept)
        for key in leaving - kept:
            self._enrolled.pop(key, None)
        in_use = taught | self._classes_of_enrollments()
        self._remove_unused("classes", classes, in_use)
        gone = set(self._session.scalars(select(SchoolClass.sourced_id).where(SchoolClass.gone)))
        for chunk in chunks(sorted((absent & in_use & classes.ids()) - gone)):
            self.staged.mark_gone(SchoolClass, [{"sourced_id": one} for one in chunk])

    def _classes_of_enrollments(self) -> set[str]:
        return {of for of, _ in self._enrolled.values()}

    def _remove_unused(self, kind: str, table: Upsert, in_use: set[str]) -> None:
        absent = self._absent(kind, table, in_use)
        self._counts[kind].kept += len(absent & in_use)
        table.remove(absent - in_use)
