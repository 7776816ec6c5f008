"""Calls: who doesn't feel well and would like to be asked tells this teacher, and no one else.

Apart from the answer in every way: another hash of the device, no time, no order. A call outlives a
check-in that is ended early, so that none is lost before the teacher has looked; it is gone with
the lesson.
"""

from dataclasses import dataclass, field

from cluster.checkins.answers import must_be_token
from cluster.checkins.codes import keyed_hash
from cluster.checkins.finding import closed, find
from cluster.checkins.lessons import checkin_of, may_take_part, taught
from cluster.errors import AlreadyAnswered, NotFound
from cluster.records.db.checkin_models import CheckinRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import checkins as rows
from cluster.records.repos import help_request_rows
from cluster.records.repos.people import names_of
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings


@dataclass(frozen=True, slots=True)
class Named:
    """A student by name."""

    student_id: str
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HelpRequest:
    """Somebody would like to be asked.

    Attributes:
        id: Random.
        student: Who, if they chose to say so.
        is_seen: The teacher has marked it.
    """

    id: str
    student: Named | None
    is_seen: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A name that a student may choose.

    Attributes:
        key: For this check-in alone: a phone learns no id that stands anywhere else.
        name: As people say it.
    """

    key: str
    name: str = field(repr=False)


def class_list(work: UnitOfWork, settings: Settings, code: str) -> tuple[Choice, ...]:
    """The names that a student may choose from, by name; that they were shown is recorded.

    Raises:
        CheckinOff: The school has switched check-ins off.
        CheckinClosed: No check-in is open under this code.
    """
    row = find(work.session, settings, code, work.now).row
    students = may_take_part(work.session, row, work.now)
    names = names_of(work.session, work.keys, students)
    work.audit(AuditAction.CHECKIN_LIST_CLASS, row.lesson_id, students=len(names))
    listed = (Choice(_choice(row, one), details.display_name) for one, details in names.items())
    return tuple(sorted(listed, key=lambda one: (one.name, one.key)))


def call(
    work: UnitOfWork, settings: Settings, code: str, device: bytes, choice: str | None = None
) -> None:
    """Ask to be asked; whether or not the same device answers.

    Args:
        work: As `answering.STUDENTS`.
        settings: They say where check-ins are off.
        code: As it was typed.
        device: See `answer`; a device, or a slip, calls once.
        choice: The key of a name on the list, if they chose to say who they are.

    Raises:
        CheckinOff: The school has switched check-ins off.
        CheckinClosed: No check-in is open under this code, or more call than are in the class.
        AlreadyAnswered: This device, or this slip, has called.
        NotFound: The name is not on the list.
        ValueError: The token is not of 16 bytes.
    """
    must_be_token(device)
    found = find(work.session, settings, code, work.now)
    row = found.row
    students = may_take_part(work.session, row, work.now)
    chosen = {_choice(row, one): one for one in students}
    if choice is not None and choice not in chosen:
        raise NotFound("there is no such name on the class list.")
    student_id = None if choice is None else chosen[choice]
    if not rows.add_device(work.session, row.id, found.hash_of("call", device)):
        raise AlreadyAnswered("this device has asked already; the teacher sees it.")
    nameless = help_request_rows.count_anonymous(work.session, row.id)
    if student_id is None and nameless >= len(students):
        raise closed()  # more than the class has is a prank; a name is always let through
    help_request_rows.add(work.session, row.id, student_id)
    _changed(work, row)


def calls(work: UnitOfWork, settings: Settings, lesson_id: str) -> tuple[HelpRequest, ...]:
    """Who would like to be asked, while the lesson is on; each name that is shown is recorded.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The actor does not teach its class.
        CheckinError: No check-in was started in it.
    """
    row = _of_teacher(work, settings, lesson_id)
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
            Named(one.student_id, names[one.student_id].display_name) if one.student_id else None,
            one.seen_at is not None,
        )
        for one in found
    )


def seen(work: UnitOfWork, settings: Settings, lesson_id: str, call_id: str) -> None:
    """Mark a call as seen.

    Raises:
        NotFound: There is no such lesson, or no such call (any more).
        NotAllowed: The actor does not teach its class.
        CheckinError: No check-in was started in it.
    """
    row = _of_teacher(work, settings, lesson_id)
    found = help_request_rows.of_checkin(work.session, row.id) if work.now < row.calls_until else []
    marked = next((one for one in found if one.id == call_id), None)
    if marked is None:
        raise NotFound("there is no such call.", where=lesson_id)
    if marked.seen_at is None:
        marked.seen_at = work.now
        _changed(work, row)


def _choice(row: CheckinRow, student_id: str) -> str:
    return keyed_hash(row.device_key or b"", "name", student_id.encode())


def _of_teacher(work: UnitOfWork, settings: Settings, lesson_id: str) -> CheckinRow:
    taught(work, settings, lesson_id)
    return checkin_of(work.session, lesson_id)


def _changed(work: UnitOfWork, row: CheckinRow) -> None:
    row.version += 1
    work.session.flush()
