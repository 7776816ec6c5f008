"""Taking the attendance of one lesson.

    open ──> propose (faces) ─┐
        └──> badge ───────────┼──> mark, confirm, undo (teacher) ──> close ──> export
        └──> mark (teacher) ──┘

A register is open for some minutes, and accepts faces and badges only then (R6). A teacher's marks
are accepted at any time. The history keeps every change: who, when, and the mark before. Each
change raises the register's version; a change that rests on an older version is rejected.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cluster.errors import NotFound, RegisterError
from cluster.records.db.models import EntryRow, LessonRow, RegisterRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import registers
from cluster.register import badges
from cluster.register.access import students_of, taught_lesson
from cluster.register.entries import change_entry, mark_of, new_entry, write_entry
from cluster.register.joining import add_joined_students
from cluster.register.queries import entries_by_student, is_open, load_view, locked_row, was_opened
from cluster.register.states import (
    BLANK,
    UNSURE,
    EntryState,
    Mark,
    Method,
    Status,
    confirmed,
    is_allowed,
)
from cluster.register.types import BadgeScan, FaceMatch, RegisterView
from cluster.register.undo import last_changes, marks_to_restore
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings


class RegisterService:
    """The registers of an installation, within one transaction.

    Every method but `propose` and `check_version` raises `NotAllowed` unless the actor teaches the
    lesson's class, and all raise `NotFound` if there is no such lesson.

    Args:
        work: Its session, audit log and actor.
        settings: How long a register is open, and when a student is late.
    """

    def __init__(self, work: UnitOfWork, settings: Settings) -> None:
        self._work = work
        self._settings = settings

    def open(self, lesson_id: str) -> RegisterView:
        """Open the register of a lesson that is running or about to start.

        Raises:
            RegisterError: It was opened before, or the lesson is not running.
        """
        work, lesson = self._work, self._taught(lesson_id)
        row = registers.register_of(work.session, lesson_id, lock=True)
        if row is not None and was_opened(row):
            raise RegisterError("its register was opened before.", where=lesson_id)
        early = timedelta(minutes=self._settings.registers.minutes)
        if not lesson.starts_at - early <= work.now < lesson.ends_at:
            raise RegisterError(
                f"the lesson is from {lesson.starts_at:%Y-%m-%d %H:%M} to "
                f"{lesson.ends_at:%H:%M} UTC, and it is {work.now:%Y-%m-%d %H:%M} now.",
                where=lesson_id,
                hint="Its attendance can be marked by hand at any time: `register mark`.",
            )
        if row is None:
            return load_view(work, lesson, self._create(lesson, is_open=True))
        # A teacher has marked entries before; these stay.
        row.state, row.opened_at, row.opened_by = "open", work.now, work.actor
        row.closes_at, row.closed_at, row.closed_by = self._closing_time(lesson), None, None
        return self._changed(lesson, row, AuditAction.REGISTER_OPEN, [])

    def ensure_opened(self, lesson_id: str) -> None:
        """Open a register unless it was opened before, as the setting `open_with_lesson` has it.

        Raises:
            RegisterError: The lesson is not running.
        """
        row = registers.register_of(self._work.session, lesson_id)
        if row is None or not was_opened(row):
            self.open(lesson_id)

    def show(self, lesson_id: str) -> RegisterView:
        """Return a register; the access is recorded (R9).

        Raises:
            NotFound: The lesson has no register.
        """
        lesson, row = self._taught(lesson_id), locked_row(self._work, lesson_id)
        self._add_joined(lesson, row)
        return self._show(lesson, row)

    def mark(
        self, lesson_id: str, marks: Mapping[str, Status], *, version: int | None = None
    ) -> RegisterView:
        """Write a teacher's marks, whether the register is open or not; creates it if needed.

        Args:
            lesson_id: The lesson.
            marks: Status by student.
            version: The version that the teacher saw; None: any.

        Raises:
            RegisterChanged: The register has another version by now.
            NotFound: A student is not in the class.
        """
        lesson = self._taught(lesson_id)
        if registers.register_of(self._work.session, lesson_id) is None:
            self._create(lesson, is_open=False)
        row = locked_row(self._work, lesson_id, version)
        entries = entries_by_student(self._work.session, row)
        for student_id, status in marks.items():
            entry = entries.get(student_id) or self._add_late_joiner(lesson, row, student_id)
            mark = Mark(status, Method.TEACHER, EntryState.CONFIRMED)
            change_entry(self._work, entry, mark, entry.arrived_at)
        return self._changed(lesson, row, AuditAction.REGISTER_MARK, list(marks))

    def check_version(self, lesson_id: str, version: int) -> None:
        """Check that a register still has a version.

        Raises:
            RegisterChanged: It has another.
            NotFound: The lesson has no register.
        """
        locked_row(self._work, lesson_id, version)

    def marks_for_unconfirmed(self, lesson_id: str, status: Status) -> dict[str, Status]:
        """Return a status for every student without a confirmed entry ("all present but…")."""
        lesson = self._taught(lesson_id)
        row = registers.register_of(self._work.session, lesson_id)
        if row is None:
            return dict.fromkeys(students_of(self._work.session, self._settings, lesson), status)
        return {
            student_id: status
            for student_id, entry in entries_by_student(self._work.session, row).items()
            if entry.state != EntryState.CONFIRMED
        }

    def confirm(
        self, lesson_id: str, *, version: int, students: Iterable[str] | None = None
    ) -> RegisterView:
        """Confirm proposals: all of them, or those of some students (R7).

        Args:
            lesson_id: The lesson.
            version: The version that the teacher saw.
            students: Whose proposals; None: all.

        Raises:
            RegisterChanged: The register was changed after the teacher saw it.
            RegisterError: Nothing is proposed, or not for a student who was named.
        """
        lesson, row = self._taught(lesson_id), locked_row(self._work, lesson_id, version)
        proposed = {
            student_id: entry
            for student_id, entry in entries_by_student(self._work.session, row).items()
            if entry.state == EntryState.PROPOSED
        }
        chosen = list(proposed) if students is None else list(students)
        if not chosen or not set(chosen) <= set(proposed):
            raise RegisterError("nothing is proposed that could be confirmed.", where=lesson_id)
        for student_id in chosen:
            entry = proposed[student_id]
            write_entry(self._work, entry, confirmed(mark_of(entry)), entry.arrived_at)
        return self._changed(lesson, row, AuditAction.REGISTER_CONFIRM, chosen)

    def undo(self, lesson_id: str) -> RegisterView:
        """Undo the actor's last change (`cluster.register.undo`).

        Raises:
            NotFound: The lesson has no register.
            RegisterError: The actor has changed nothing, or others have changed it since.
        """
        lesson, row = self._taught(lesson_id), locked_row(self._work, lesson_id)
        entries = entries_by_student(self._work.session, row)
        restored = marks_to_restore(self._work, row, entries)
        if not restored:
            raise RegisterError("there is no change of yours to undo.", where=lesson_id)
        for student_id, mark in restored.items():
            entry = entries[student_id]
            write_entry(self._work, entry, mark, None if mark == BLANK else entry.arrived_at)
        return self._changed(lesson, row, AuditAction.REGISTER_UNDO, list(restored))

    def can_undo(self, lesson_id: str) -> bool:
        """Whether the actor has changed anything in a register."""
        self._taught(lesson_id)
        return bool(last_changes(self._work, locked_row(self._work, lesson_id)))

    def propose(self, lesson_id: str, matches: Iterable[FaceMatch]) -> RegisterView:
        """Write face matches into an open register; entries that a person confirmed stay (R7).

        Raises:
            RegisterError: The register is not open.
        """
        lesson = registers.lesson_of(self._work.session, lesson_id)
        row = locked_row(self._work, lesson_id)
        self._check_open(row)
        self._add_joined(lesson, row)
        entries, changed = entries_by_student(self._work.session, row), []
        for match in matches:
            entry = entries.get(match.student_id)
            if entry is None:
                continue  # erased since the register was opened
            mark, arrived_at = UNSURE, None
            if match.is_certain:
                arrived_at = min(entry.arrived_at or match.seen_at, match.seen_at)
                status = self._status_at(lesson, arrived_at)
                mark = Mark(status, Method.FACE, EntryState.PROPOSED)
            if mark != mark_of(entry) and is_allowed(mark_of(entry), mark):
                change_entry(self._work, entry, mark, arrived_at)
                changed.append(match.student_id)
        if not changed:
            return load_view(self._work, lesson, row)
        return self._changed(lesson, row, AuditAction.REGISTER_PROPOSE, changed)

    def scan_badge(self, lesson_id: str, token: str) -> RegisterView:
        """Verify a badge, and record its student as present or late; `badge` has what it did.

        Raises:
            BadgeRefused: The badge is forged, expired or replaced.
            RegisterError: The register is not open.
            NotFound: The student is not in the class, or the lesson has no register.
        """
        lesson = self._taught(
            lesson_id
        )  # before the badge is verified, which would reveal whether it is valid
        return self._record_badge(lesson, badges.verify(self._work, token))

    def record_badge(self, lesson_id: str, student_id: str) -> RegisterView:
        """Record a student, whose badge was verified, as present or late.

        Raises:
            RegisterError: The register is not open.
            NotFound: The student is not in the class, or the lesson has no register.
        """
        return self._record_badge(self._taught(lesson_id), student_id)

    def _record_badge(self, lesson: LessonRow, student_id: str) -> RegisterView:
        row = locked_row(self._work, lesson.id)
        self._check_open(row)
        entries = entries_by_student(self._work.session, row)
        entry = entries.get(student_id) or self._add_late_joiner(lesson, row, student_id)
        arrived_at = min(entry.arrived_at or self._work.now, self._work.now)
        mark = Mark(self._status_at(lesson, arrived_at), Method.BADGE, EntryState.CONFIRMED)
        if not is_allowed(mark_of(entry), mark):  # confirmed before: the teacher decides (R7)
            view = self._show(lesson, row)
            return replace(view, badge=BadgeScan(student_id, changed=False))
        change_entry(self._work, entry, mark, arrived_at)
        view = self._changed(lesson, row, AuditAction.REGISTER_BADGE, [student_id])
        return replace(view, badge=BadgeScan(student_id, changed=True))

    def close(self, lesson_id: str) -> RegisterView:
        """Close a register before its time is up.

        Raises:
            RegisterError: It is closed already.
        """
        lesson, row = self._taught(lesson_id), locked_row(self._work, lesson_id)
        self._check_open(row)
        row.state, row.closed_at, row.closed_by = "closed", self._work.now, self._work.actor
        return self._changed(lesson, row, AuditAction.REGISTER_CLOSE, [])

    def history(self, lesson_id: str) -> list[dict[str, Any]]:
        """Return every change of a register's entries, oldest first; the access is recorded."""
        self._taught(lesson_id)
        row = locked_row(self._work, lesson_id)
        self._work.audit(AuditAction.REGISTER_HISTORY, lesson_id)
        return [
            {
                "student_id": change.student_id,
                "changed_at": change.changed_at,
                "changed_by": change.changed_by,
                "was": change.was,
                "became": change.became,
            }
            for change in registers.changes_of(self._work.session, row.id)
        ]

    def _taught(self, lesson_id: str) -> LessonRow:
        return taught_lesson(self._work, self._settings, lesson_id)

    def _add_joined(self, lesson: LessonRow, row: RegisterRow) -> None:
        """Add those to an open register who have joined the class since it was opened."""
        if is_open(row, self._work.now):
            add_joined_students(self._work, self._settings, lesson, row)

    def _show(self, lesson: LessonRow, row: RegisterRow) -> RegisterView:
        self._work.audit(AuditAction.REGISTER_SHOW, lesson.id, version=row.version)
        return load_view(self._work, lesson, row)

    def _create(self, lesson: LessonRow, *, is_open: bool) -> RegisterRow:
        """Create a register with an entry for each student of the class."""
        work = self._work
        row = RegisterRow(
            lesson_id=lesson.id,
            state="open" if is_open else "closed",
            opened_at=work.now,
            opened_by=work.actor,
            closes_at=self._closing_time(lesson) if is_open else work.now,
            closed_at=None if is_open else work.now,
            closed_by=None if is_open else work.actor,
        )
        students = students_of(work.session, self._settings, lesson)
        registers.add_register(work.session, row, [new_entry(work, one) for one in students])
        work.audit(AuditAction.REGISTER_OPEN, lesson.id, students=len(students), open=is_open)
        return row

    def _closing_time(self, lesson: LessonRow) -> datetime:
        duration = timedelta(minutes=self._settings.registers.minutes)
        return min(self._work.now + duration, lesson.ends_at)

    def _check_open(self, row: RegisterRow) -> None:
        """Check that a register accepts faces and badges.

        Raises:
            RegisterError: It does not.
        """
        if not is_open(row, self._work.now):
            raise RegisterError(
                f"the register is not open (it closed at {row.closed_at or row.closes_at:%H:%M} "
                "UTC).",
                where=row.lesson_id,
                hint="The teacher can still mark it by hand.",
            )

    def _status_at(self, lesson: LessonRow, arrived_at: datetime) -> Status:
        grace = timedelta(minutes=self._settings.registers.grace_minutes)
        return Status.PRESENT if arrived_at <= lesson.starts_at + grace else Status.LATE

    def _add_late_joiner(self, lesson: LessonRow, row: RegisterRow, student_id: str) -> EntryRow:
        """Add an entry for a student who joined the class after the register was created.

        Raises:
            NotFound: The student is not in the class on that date.
        """
        if student_id not in students_of(self._work.session, self._settings, lesson):
            raise NotFound("this student is not in the class on that day.", where=lesson.id)
        entry = new_entry(self._work, student_id)
        entry.register_id = row.id
        registers.add_entry(self._work.session, entry)
        return entry

    def _changed(
        self, lesson: LessonRow, row: RegisterRow, action: AuditAction, students: list[str]
    ) -> RegisterView:
        """Raise the version, record the action, and return the register."""
        registers.increment_version(self._work.session, row)
        self._work.audit(action, lesson.id, students=students, version=row.version)
        return load_view(self._work, lesson, row)
