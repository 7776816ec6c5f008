"""Slips: one single-use code for each student who may take part. Nobody knows whose is whose."""

from cluster.checkins import agreements
from cluster.checkins.codes import keyed_hash, new_code
from cluster.checkins.feelings import Feeling
from cluster.checkins.lessons import is_code_in_use
from cluster.checkins.queries import load_view
from cluster.checkins.types import StartedCheckin
from cluster.errors import CheckinError
from cluster.records.db.checkin_models import CheckinRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import checkins as rows
from cluster.records.repos.people import members, names_of
from cluster.security.audit_actions import AuditAction


def start_with_slips(work: UnitOfWork, row: CheckinRow) -> StartedCheckin:
    """Store a new check-in with a slip for each student with an agreement in force.

    Raises:
        CheckinError: There is no agreement in force.
    """
    agreed = _students_with_agreement(work, row)
    if not agreed:
        raise CheckinError(
            "students of this class need a guardian's agreement, and there is none in force.",
            where=row.lesson_id,
            hint="The office records them: homeroom checkin agree STUDENT --by GUARDIAN",
        )
    codes = unused_codes(work, len(agreed))
    row.kind = "slips"
    rows.add(work.session, row, Feeling, _hashes(row, codes))
    work.audit(AuditAction.CHECKIN_START, row.lesson_id, kind=row.kind, students=len(agreed))
    return _with_slips(work, row, codes, agreed)


def replace_slips(work: UnitOfWork, row: CheckinRow) -> StartedCheckin:
    """Replace slips that nobody has used, for the students with an agreement in force by now."""
    agreed = _students_with_agreement(work, row)
    codes = unused_codes(work, len(agreed))
    rows.replace_slips(work.session, row.id, _hashes(row, codes))
    row.version += 1
    work.session.flush()
    work.audit(AuditAction.CHECKIN_REISSUE_SLIPS, row.lesson_id, students=len(agreed))
    return _with_slips(work, row, codes, agreed)


def unused_codes(work: UnitOfWork, count: int) -> list[str]:
    """Return distinct codes that no running check-in uses."""
    found: set[str] = set()
    while len(found) < count:
        code = new_code()
        if not is_code_in_use(work.session, code, work.now):
            found.add(code)
    return list(found)


def _students_with_agreement(work: UnitOfWork, row: CheckinRow) -> list[str]:
    students = members(work.session, row.class_sourced_id, "student", row.day)
    return sorted(agreements.in_force(work.session, students, work.now))


def _hashes(row: CheckinRow, codes: list[str]) -> list[str]:
    """Return the hashes of codes, sorted, so that their order reveals nothing."""
    key = row.device_key or b""
    return sorted(keyed_hash(key, "slip", code.encode()) for code in codes)


def _with_slips(
    work: UnitOfWork, row: CheckinRow, codes: list[str], agreed: list[str]
) -> StartedCheckin:
    names = names_of(work.session, work.keys, agreed)
    for student_id in agreed:
        work.audit(AuditAction.CHECKIN_SHOW_AGREED, student_id, lesson=row.lesson_id)
    return StartedCheckin(
        load_view(work.session, row),
        is_new=True,
        slips=tuple(codes),
        students=tuple(sorted(names[student_id].display_name for student_id in agreed)),
    )
