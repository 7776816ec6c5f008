"""Registers for other programs: CSV, and Ed-Fi's StudentSectionAttendanceEvent.

Only confirmed entries are exported; an unconfirmed proposal is exported as not recorded (R7).
Source of the format: Ed-Fi Data Standard, StudentSectionAttendanceEvent; the descriptors are
Ed-Fi's own AttendanceEventCategoryDescriptor. An event names the class period of its lesson, so
that those of a class that meets twice a day differ.
"""

from typing import Any, Final

from cluster.district import local_date
from cluster.errors import RegisterError
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos.people import PersonDetails, names_of, section_of, sourced_ids_of
from cluster.register.periods import period_name
from cluster.register.states import EntryState, Status
from cluster.register.types import RegisterEntry, RegisterView
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings
from cluster.spreadsheet import to_spreadsheet_csv

CATEGORIES: Final = {
    Status.PRESENT: "In Attendance",
    Status.LATE: "Tardy",
    Status.ABSENT: "Unexcused Absence",
    Status.EXCUSED: "Excused Absence",
}
DESCRIPTOR: Final = "uri://ed-fi.org/AttendanceEventCategoryDescriptor#"
CSV_COLUMNS: Final = (
    "lesson_id", "class_id", "student_sourced_id", "name", "status", "method", "arrived_at",
    "changed_at",
)  # fmt: skip


def confirmed_status(entry: RegisterEntry) -> Status:
    """Return the status of an entry that may be exported."""
    confirmed = entry.mark.state is EntryState.CONFIRMED
    return entry.mark.status if confirmed else Status.NOT_RECORDED


def to_csv(work: UnitOfWork, view: RegisterView) -> str:
    """Return a register as CSV for spreadsheets (`cluster.spreadsheet`)."""
    names, keys = _people(work, view)
    rows = []
    for entry in view.entries:
        status = confirmed_status(entry)
        is_recorded = status is not Status.NOT_RECORDED
        rows.append(
            (
                view.lesson_id,
                view.class_id,
                keys.get(entry.student_id, ""),
                names[entry.student_id].display_name if entry.student_id in names else "",
                status,
                entry.mark.method if is_recorded and entry.mark.method else "",
                entry.arrived_at.isoformat() if is_recorded and entry.arrived_at else "",
                entry.changed_at.isoformat(),
            )
        )
    work.audit(AuditAction.REGISTER_EXPORT, view.lesson_id, form="csv")
    return to_spreadsheet_csv(CSV_COLUMNS, rows)


def to_ed_fi(work: UnitOfWork, settings: Settings, view: RegisterView) -> list[dict[str, Any]]:
    """Return a register as StudentSectionAttendanceEvents, without unrecorded students.

    Raises:
        RegisterError: The roster lacks a field of the section that Ed-Fi requires: a school number,
            a course code, or a term with its school year.
    """
    names, keys = _people(work, view)
    section = section_of(work.session, view.class_id)
    missing = [name for name, value in section.items() if value in (None, "")]
    if missing:
        raise RegisterError(
            f"Ed-Fi needs {', '.join(missing)}, which the roster lacks.",
            where=view.class_id,
            hint="Complete orgs, courses and academicSessions in OneRoster.",
        )
    day = local_date(settings, view.room_id, view.starts_at)
    period = {
        "classPeriodName": period_name(work.session, settings, view.lesson_id),
        "schoolId": section["schoolId"],
    }
    work.audit(AuditAction.REGISTER_EXPORT, view.lesson_id, form="ed-fi")
    return [
        {
            "attendanceEventCategoryDescriptor": DESCRIPTOR + CATEGORIES[confirmed_status(entry)],
            "classPeriods": [{"classPeriodReference": period}],
            "eventDate": day.isoformat(),
            "sectionReference": section,
            "studentReference": {
                "studentUniqueId": (names[entry.student_id].identifier or keys[entry.student_id])
            },
        }
        for entry in view.entries
        if confirmed_status(entry) in CATEGORIES and entry.student_id in names
    ]


def _people(
    work: UnitOfWork, view: RegisterView
) -> tuple[dict[str, PersonDetails], dict[str, str]]:
    ids = [entry.student_id for entry in view.entries]
    return dict(names_of(work.session, work.keys, ids)), sourced_ids_of(work.session, ids)
