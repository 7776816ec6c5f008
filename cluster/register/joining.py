"""Students who join a class while its register is open: they appear in it at once."""

from cluster.records.db.models import LessonRow, RegisterRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import registers
from cluster.records.repos.open_registers import registers_open_at
from cluster.register.access import students_of
from cluster.register.entries import new_entry
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings


def add_joined_students(
    work: UnitOfWork, settings: Settings, lesson: LessonRow, row: RegisterRow
) -> list[str]:
    """Add an entry for each student of the class who has none, and return their ids."""
    listed = {entry.student_id for entry in registers.entries_of(work.session, row.id)}
    joined = [one for one in students_of(work.session, settings, lesson) if one not in listed]
    for student_id in joined:
        entry = new_entry(work, student_id)
        entry.register_id = row.id
        registers.add_entry(work.session, entry)
    if joined:
        registers.increment_version(work.session, row)
        work.audit(AuditAction.REGISTER_JOIN, lesson.id, students=joined, version=row.version)
    return joined


def add_to_open_registers(work: UnitOfWork, settings: Settings) -> int:
    """Add those who have joined to all open registers, and return how many."""
    return sum(
        len(add_joined_students(work, settings, lesson, row))
        for lesson, row in registers_open_at(work.session, work.now)
        if lesson.room_id in settings.rooms_by_id
    )
