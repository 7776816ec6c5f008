"""Help requests: a student who doesn't feel well asks this teacher, and nobody else, for help (R1).

A help request cannot be linked to an answer: it has another hash of the device, no time and no
order. It outlives a check-in that is ended early, so that the teacher does not miss it, and is
deleted at the end of the lesson.
"""

from dataclasses import dataclass, field

from cluster.checkins.answers import check_device_token
from cluster.checkins.codes import keyed_hash
from cluster.checkins.lessons import (
    checkin_of_lesson,
    closed_error,
    eligible_students,
    resolve_code,
    taught_lesson,
)
from cluster.errors import AlreadyAnswered, NotFound
from cluster.records.db.checkin_models import CheckinRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import checkins as rows
from cluster.records.repos import help_request_rows
from cluster.records.repos.people import names_of
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings


@dataclass(frozen=True, slots=True)
class NamedStudent:
    """A student and their name."""

    student_id: str
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HelpRequest:
    """A help request, as the teacher sees it.

    Attributes:
        id: Random.
        student: The student, if they chose to give their name.
        is_seen: The teacher has marked it.
    """

    id: str
    student: NamedStudent | None
    is_seen: bool


@dataclass(frozen=True, slots=True)
class NameChoice:
    """A name that a student may choose.

    Attributes:
        key: Identifies the student within this check-in only; phones receive no other id.
        name: Full name.
    """

    key: str
    name: str = field(repr=False)


def list_names(work: UnitOfWork, settings: Settings, code: str) -> tuple[NameChoice, ...]:
    """Return the names that a student may choose from, sorted; the access is recorded (R9).

    Raises:
        CheckinOff: The school has switched check-ins off.
        CheckinClosed: No check-in is open under this code.
    """
    row = resolve_code(work.session, settings, code, work.now).row
    students = eligible_students(work.session, row, work.now)
    names = names_of(work.session, work.keys, students)
    work.audit(AuditAction.CHECKIN_LIST_CLASS, row.lesson_id, students=len(names))
    listed = (
        NameChoice(_choice_key(row, one), details.display_name) for one, details in names.items()
    )
    return tuple(sorted(listed, key=lambda one: (one.name, one.key)))


def request_help(
    work: UnitOfWork, settings: Settings, code: str, device: bytes, choice: str | None = None
) -> None:
    """Add a help request, whether or not the same device answers.

    Args:
        work: Of `answers.STUDENT_ACTOR`.
        settings: They say where check-ins are off.
        code: As it was typed.
        device: See `answer`; a device, or a slip, requests help once.
        choice: The key of a `NameChoice`, if the student chose to give their name.

    Raises:
        CheckinOff: The school has switched check-ins off.
        CheckinClosed: No check-in is open under this code, or there are more anonymous requests
            than students.
        AlreadyAnswered: This device, or this slip, has requested help.
        NotFound: The name is not on the list.
        ValueError: The token does not have 16 bytes.
    """
    check_device_token(device)
    match = resolve_code(work.session, settings, code, work.now)
    row = match.row
    students = eligible_students(work.session, row, work.now)
    by_key = {_choice_key(row, one): one for one in students}
    if choice is not None and choice not in by_key:
        raise NotFound("there is no such name on the class list.")
    student_id = None if choice is None else by_key[choice]
    if not rows.add_device(work.session, row.id, match.hash_of("call", device)):
        raise AlreadyAnswered("this device has asked already; the teacher sees it.")
    anonymous = help_request_rows.count_anonymous(work.session, row.id)
    if student_id is None and anonymous >= len(students):
        raise closed_error()  # more than students is abuse; requests with a name are never limited
    help_request_rows.add(work.session, row.id, student_id)
    _changed(work, row)


def list_help_requests(
    work: UnitOfWork, settings: Settings, lesson_id: str
) -> tuple[HelpRequest, ...]:
    """Return the help requests while the lesson runs; access to each name is recorded (R9).

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The actor does not teach its class.
        CheckinError: No check-in was started in it.
    """
    row = _checkin_of_teacher(work, settings, lesson_id)
    if work.now >= row.calls_until:
        return ()
    found = help_request_rows.of_checkin(work.session, row.id)
    signed = [one.student_id for one in found if one.student_id is not None]
    names = names_of(work.session, work.keys, signed)
    for student_id in sorted(names):
        work.audit(AuditAction.CHECKIN_SHOW_HELP_REQUEST, student_id, lesson=lesson_id)
    return tuple(
        HelpRequest(
            one.id,
            NamedStudent(one.student_id, names[one.student_id].display_name)
            if one.student_id
            else None,
            one.seen_at is not None,
        )
        for one in found
    )


def mark_seen(work: UnitOfWork, settings: Settings, lesson_id: str, request_id: str) -> None:
    """Mark a help request as seen.

    Raises:
        NotFound: There is no such lesson, or no such help request (any more).
        NotAllowed: The actor does not teach its class.
        CheckinError: No check-in was started in it.
    """
    row = _checkin_of_teacher(work, settings, lesson_id)
    found = help_request_rows.of_checkin(work.session, row.id) if work.now < row.calls_until else []
    marked = next((one for one in found if one.id == request_id), None)
    if marked is None:
        raise NotFound("there is no such help request.", where=lesson_id)
    if marked.seen_at is None:
        marked.seen_at = work.now
        _changed(work, row)


def _choice_key(row: CheckinRow, student_id: str) -> str:
    return keyed_hash(row.device_key or b"", "name", student_id.encode())


def _checkin_of_teacher(work: UnitOfWork, settings: Settings, lesson_id: str) -> CheckinRow:
    taught_lesson(work, settings, lesson_id)
    return checkin_of_lesson(work.session, lesson_id)


def _changed(work: UnitOfWork, row: CheckinRow) -> None:
    row.version += 1
    work.session.flush()
