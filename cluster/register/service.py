"""Taking the attendance of one lesson.

    open ──> propose (faces) ─┐
        └──> badge ───────────┼──> mark, confirm (teacher) ──> close ──> export
        └──> mark (teacher) ──┘

A register is open for some minutes: so long faces and badges count. What the teacher says counts
at any time. Every change keeps who, when and what it was; each raises the register's version, and
who confirms on an older one is told.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from cluster.district import local_date
from cluster.errors import NotAllowed, NotFound, RegisterChanged, RegisterError
from cluster.records.db.models import EntryRow, LessonRow, RegisterRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import registers
from cluster.records.repos.people import members
from cluster.register import badges
from cluster.register.entries import write_entry
from cluster.register.states import (
    BLANK,
    UNSURE,
    EntryState,
    Mark,
    Method,
    Status,
    check_allowed,
    confirmed,
    is_allowed,
)
from cluster.register.views import RegisterView, Sighted, mark_of, view_of
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings


class RegisterService:
    """The registers of an installation, worked on in one transaction.

    Args:
        work: Its session, log and actor.
        settings: They say how long a register is open, and who is late.
    """

    def __init__(self, work: UnitOfWork, settings: Settings) -> None:
        self._work = work
        self._settings = settings

    def open(self, lesson_id: str) -> RegisterView:
        """Open the register of a lesson that is on or about to begin.

        Raises:
            NotFound: There is no such lesson.
            NotAllowed: The actor does not teach this class.
            RegisterError: It was opened before, or the lesson is not on.
        """
        work, lesson = self._work, self._taught(lesson_id)
        begun = registers.register_of(work.session, lesson_id, lock=True)
        if begun is not None and begun.closes_at > begun.opened_at:
            raise RegisterError("its register was opened before.", where=lesson_id)
        early = timedelta(minutes=self._settings.registers.minutes)
        if not lesson.starts_at - early <= work.now < lesson.ends_at:
            raise RegisterError(
                f"the lesson is from {lesson.starts_at:%Y-%m-%d %H:%M} to "
                f"{lesson.ends_at:%H:%M} UTC, and it is {work.now:%Y-%m-%d %H:%M} now.",
                where=lesson_id,
                hint="Its attendance can be marked by hand at any time: `register mark`.",
            )
        if begun is None:
            return self._begin(lesson, is_open=True)
        # A teacher has written something by hand before; that stays.
        begun.state, begun.opened_at, begun.opened_by = "open", work.now, work.actor
        begun.closes_at, begun.closed_at, begun.closed_by = self._closing_time(lesson), None, None
        return self._changed(lesson, begun, AuditAction.REGISTER_OPEN, [])

    def open_if_new(self, lesson_id: str) -> None:
        """Open a register that was never opened, as the setting `open_with_lesson` has it.

        Raises:
            NotAllowed: See `open`.
            RegisterError: The lesson is not on.
        """
        row = registers.register_of(self._work.session, lesson_id)
        if row is None or row.closes_at <= row.opened_at:
            self.open(lesson_id)

    def show(self, lesson_id: str) -> RegisterView:
        """A register; a look at it is recorded.

        Raises:
            NotFound: There is no such lesson, or no register of it.
            NotAllowed: The actor does not teach this class.
        """
        lesson = self._taught(lesson_id)
        return self._shown(lesson, self._row(lesson_id))

    def mark(
        self, lesson_id: str, marks: Mapping[str, Status], *, version: int | None = None
    ) -> RegisterView:
        """Write what the teacher says, open or closed; a register is begun where there is none.

        Args:
            lesson_id: Of which lesson.
            marks: Status by student.
            version: The version that the teacher saw; None: whatever it is.

        Raises:
            RegisterChanged: It is another by now.
            NotFound: A student is not in the class.
        """
        lesson = self._taught(lesson_id)
        if registers.register_of(self._work.session, lesson_id) is None:
            self._begin(lesson, is_open=False)
        row = self._row(lesson_id, version)
        entries = self._entries(row)
        for student_id, status in marks.items():
            entry = entries.get(student_id) or self._late_comer(lesson, row, student_id)
            mark = Mark(status, Method.TEACHER, EntryState.CONFIRMED)
            self._change(entry, mark, entry.arrived_at)
        return self._changed(lesson, row, AuditAction.REGISTER_MARK, list(marks))

    def row_of(self, lesson_id: str) -> RegisterRow:
        """A register's row, for a teacher of the class.

        Raises:
            NotFound: There is no such lesson, or no register of it.
            NotAllowed: The actor does not teach this class.
        """
        self._taught(lesson_id)
        return self._row(lesson_id)

    def restore(self, lesson_id: str, marks: Mapping[str, Mark]) -> RegisterView:
        """Make entries say again what they said before; see `cluster.register.undoing`.

        Raises:
            NotFound: There is no such lesson, or no register of it.
            NotAllowed: The actor does not teach this class.
        """
        lesson, row = self._taught(lesson_id), self._row(lesson_id)
        entries = self._entries(row)
        for student_id, mark in marks.items():
            entry = entries[student_id]
            arrived_at = None if mark == BLANK else entry.arrived_at
            write_entry(self._work, entry, mark, arrived_at)
        return self._changed(lesson, row, AuditAction.REGISTER_UNDO, list(marks))

    def must_be_at(self, lesson_id: str, version: int) -> None:
        """Go on only if the register is still at a version.

        Raises:
            RegisterChanged: It is another by now.
            NotFound: There is none.
        """
        self._row(lesson_id, version)

    def unconfirmed(self, lesson_id: str, status: Status) -> dict[str, Status]:
        """The same status for everybody of whom nothing is confirmed yet ("all present but…")."""
        lesson = self._taught(lesson_id)
        row = registers.register_of(self._work.session, lesson_id)
        if row is None:
            students = members(
                self._work.session, lesson.class_sourced_id, "student", self._day(lesson)
            )
            return dict.fromkeys(students, status)
        return {
            student_id: status
            for student_id, entry in self._entries(row).items()
            if entry.state != EntryState.CONFIRMED
        }

    def confirm(
        self, lesson_id: str, *, version: int, students: Iterable[str] | None = None
    ) -> RegisterView:
        """Confirm what is proposed: all of it, or some students'.

        Args:
            lesson_id: Of which lesson.
            version: The version that the teacher saw.
            students: Whose proposals; None: all.

        Raises:
            RegisterChanged: Somebody changed it after the teacher saw it.
            RegisterError: Nothing is proposed (for a student who was named).
        """
        lesson, row = self._taught(lesson_id), self._row(lesson_id, version)
        proposed = {
            student_id: entry
            for student_id, entry in self._entries(row).items()
            if entry.state == EntryState.PROPOSED
        }
        chosen = list(proposed) if students is None else list(students)
        if not chosen or not set(chosen) <= set(proposed):
            raise RegisterError("nothing is proposed that could be confirmed.", where=lesson_id)
        for student_id in chosen:
            entry = proposed[student_id]
            write_entry(self._work, entry, confirmed(mark_of(entry)), entry.arrived_at)
        return self._changed(lesson, row, AuditAction.REGISTER_CONFIRM, chosen)

    def propose(self, lesson_id: str, sighted: Iterable[Sighted]) -> RegisterView:
        """Write what faces say, into an open register; nothing that a person said is touched.

        Raises:
            RegisterError: The register is not open.
        """
        lesson, row = registers.lesson_of(self._work.session, lesson_id), self._row(lesson_id)
        self._must_be_open(row)
        entries, touched = self._entries(row), []
        for one in sighted:
            entry = entries.get(one.student_id)
            if entry is None:
                continue  # erased since the register was opened
            mark, arrived_at = UNSURE, None
            if one.sure:
                arrived_at = min(entry.arrived_at or one.seen_at, one.seen_at)
                mark = Mark(self._on_time(lesson, arrived_at), Method.FACE, EntryState.PROPOSED)
            if mark != mark_of(entry) and is_allowed(mark_of(entry), mark):
                self._change(entry, mark, arrived_at)
                touched.append(one.student_id)
        if not touched:
            return view_of(self._work, lesson, row)
        return self._changed(lesson, row, AuditAction.REGISTER_PROPOSE, touched)

    def badge(self, lesson_id: str, student_id: str) -> RegisterView:
        """Write that a student showed a badge, which was read before.

        Raises:
            NotAllowed: The actor does not teach this class.
            RegisterError: The register is not open.
            NotFound: The student is not in the class, or there is no register.
        """
        return self._badge(self._taught(lesson_id), student_id)

    def take_badge(self, lesson_id: str, token: str) -> RegisterView:
        """Read a badge, and write whose it is; who does not teach the class reads none.

        Raises:
            NotAllowed: The actor does not teach this class.
            BadgeRefused: It is not ours, has expired, or was replaced by a newer one.
            RegisterError: The register is not open.
            NotFound: The student is not in the class, or there is no register.
        """
        lesson = self._taught(lesson_id)
        return self._badge(lesson, badges.read(self._work, token))

    def _badge(self, lesson: LessonRow, student_id: str) -> RegisterView:
        row = self._row(lesson.id)
        self._must_be_open(row)
        entry = self._entries(row).get(student_id) or self._late_comer(lesson, row, student_id)
        arrived_at = min(entry.arrived_at or self._work.now, self._work.now)
        mark = Mark(self._on_time(lesson, arrived_at), Method.BADGE, EntryState.CONFIRMED)
        if not is_allowed(mark_of(entry), mark):  # the teacher has spoken: it is but a look
            return self._shown(lesson, row)
        self._change(entry, mark, arrived_at)
        return self._changed(lesson, row, AuditAction.REGISTER_BADGE, [student_id])

    def close(self, lesson_id: str) -> RegisterView:
        """Close a register before its time is up.

        Raises:
            RegisterError: It is closed already.
        """
        lesson, row = self._taught(lesson_id), self._row(lesson_id)
        self._must_be_open(row)
        row.state, row.closed_at, row.closed_by = "closed", self._work.now, self._work.actor
        return self._changed(lesson, row, AuditAction.REGISTER_CLOSE, [])

    def history(self, lesson_id: str) -> list[dict[str, Any]]:
        """Every change of a register's entries: who, when, what it was; the look is recorded."""
        self._taught(lesson_id)
        row = self._row(lesson_id)
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

    def _shown(self, lesson: LessonRow, row: RegisterRow) -> RegisterView:
        self._work.audit(AuditAction.REGISTER_SHOW, lesson.id, version=row.version)
        return view_of(self._work, lesson, row)

    def _begin(self, lesson: LessonRow, *, is_open: bool) -> RegisterView:
        work = self._work
        closes_at = self._closing_time(lesson)
        row = RegisterRow(
            lesson_id=lesson.id,
            state="open" if is_open else "closed",
            opened_at=work.now,
            opened_by=work.actor,
            closes_at=closes_at if is_open else work.now,
            closed_at=None if is_open else work.now,
            closed_by=None if is_open else work.actor,
        )
        entries = [
            EntryRow(
                student_id=student_id,
                status=Status.NOT_RECORDED,
                changed_at=work.now,
                changed_by=work.actor,
            )
            for student_id in members(
                work.session, lesson.class_sourced_id, "student", self._day(lesson)
            )
        ]
        registers.add_register(work.session, row, entries)
        work.audit(AuditAction.REGISTER_OPEN, lesson.id, students=len(entries), open=is_open)
        return view_of(self._work, lesson, row)

    def _closing_time(self, lesson: LessonRow) -> datetime:
        length = timedelta(minutes=self._settings.registers.minutes)
        return min(self._work.now + length, lesson.ends_at)

    def _taught(self, lesson_id: str) -> LessonRow:
        """The lesson, if the actor teaches its class that day."""
        lesson = registers.lesson_of(self._work.session, lesson_id)
        actor = self._work.actor
        teachers = members(
            self._work.session, lesson.class_sourced_id, "teacher", self._day(lesson)
        )
        if actor not in teachers and not actor.startswith("system:"):
            raise NotAllowed(
                "who takes a register must teach the class.",
                where=lesson_id,
                hint="Name a teacher of the class with --by.",
            )
        return lesson

    def _day(self, lesson: LessonRow) -> date:
        """The lesson's date at its school."""
        return local_date(self._settings, lesson.room_id, lesson.starts_at)

    def _row(self, lesson_id: str, version: int | None = None) -> RegisterRow:
        row = registers.register_of(self._work.session, lesson_id, lock=True)
        if row is None:
            raise NotFound(
                "its register has not been opened.",
                where=lesson_id,
                hint=f"homeroom register open {lesson_id}",
            )
        if version is not None and row.version != version:
            raise RegisterChanged(
                f"somebody else changed it in between (version {row.version}, not {version}).",
                where=lesson_id,
                hint="Look at it again, then decide anew.",
            )
        return row

    def _must_be_open(self, row: RegisterRow) -> None:
        if row.state != "open" or not row.opened_at <= self._work.now < row.closes_at:
            raise RegisterError(
                f"the register is not open (it closed at {row.closed_at or row.closes_at:%H:%M} "
                "UTC).",
                where=row.lesson_id,
                hint="The teacher can still mark it by hand.",
            )

    def _on_time(self, lesson: LessonRow, seen_at: datetime) -> Status:
        grace = timedelta(minutes=self._settings.registers.grace_minutes)
        return Status.PRESENT if seen_at <= lesson.starts_at + grace else Status.LATE

    def _late_comer(self, lesson: LessonRow, row: RegisterRow, student_id: str) -> EntryRow:
        """An entry for somebody who joined the class after the register was begun.

        Raises:
            NotFound: The student is not in the class on that day.
        """
        day = self._day(lesson)
        if student_id not in members(self._work.session, lesson.class_sourced_id, "student", day):
            raise NotFound("this student is not in the class on that day.", where=lesson.id)
        entry = EntryRow(
            register_id=row.id,
            student_id=student_id,
            status=Status.NOT_RECORDED,
            changed_at=self._work.now,
            changed_by=self._work.actor,
        )
        registers.add_entry(self._work.session, entry)
        return entry

    def _entries(self, row: RegisterRow) -> dict[str, EntryRow]:
        return {e.student_id: e for e in registers.entries_of(self._work.session, row.id)}

    def _change(self, entry: EntryRow, mark: Mark, arrived_at: datetime | None) -> None:
        check_allowed(mark_of(entry), mark)
        write_entry(self._work, entry, mark, arrived_at)

    def _changed(
        self, lesson: LessonRow, row: RegisterRow, action: AuditAction, students: list[str]
    ) -> RegisterView:
        """Raise the version, and record what was done."""
        registers.increment_version(self._work.session, row)
        self._work.audit(action, lesson.id, students=students, version=row.version)
        return view_of(self._work, lesson, row)
