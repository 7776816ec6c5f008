"""Lessons and their check-ins: found by lesson or by code, whether open, and for whom.

An unknown code, a code of an ended check-in and one of a class where check-ins were switched off
give the same error, so that guessing codes reveals nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cluster.checkins import agreements
from cluster.checkins.codes import keyed_hash, parse_code
from cluster.checkins.types import OpenCheckin
from cluster.errors import CheckinClosed, CheckinError, CheckinOff, NotAllowed
from cluster.records.db.checkin_models import CheckinRow, SlipRow
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import Session, UnitOfWork
from cluster.records.repos import checkins as rows
from cluster.records.repos.people import members
from cluster.records.repos.registers import lesson_date, lesson_of
from cluster.settings import Settings


@dataclass(frozen=True, slots=True)
class CodeMatch:
    """A running check-in, and the slip by whose code it was found.

    Attributes:
        row: The check-in.
        slip: None if the code is on the board.
        code: The code, normalised.
    """

    row: CheckinRow
    slip: SlipRow | None
    code: str

    def hash_of(self, purpose: Literal["answer", "call"], device: bytes) -> str:
        """Return the hash that marks the device, or the slip, as having answered or called."""
        value = device if self.slip is None else self.code.encode()
        return keyed_hash(self.row.device_key or b"", purpose, value)


def find_by_code(session: Session, settings: Settings, code: str, now: datetime) -> OpenCheckin:
    """Return the check-in that a code opens, from the board or a slip.

    Raises:
        CheckinOff: The school has switched check-ins off.
        CheckinClosed: No check-in is open under this code.
    """
    match = resolve_code(session, settings, code, now)
    is_used = match.slip is not None and match.slip.used
    return OpenCheckin(match.row.class_sourced_id, match.row.ends_at, is_used)


def resolve_code(session: Session, settings: Settings, typed: str, now: datetime) -> CodeMatch:
    """Return the rows of the check-in that a code opens; see `find_by_code`."""
    if not settings.checkins.enabled:
        raise CheckinOff("the school has switched check-ins off.")
    code = parse_code(typed)
    match = None if code is None else _match_code(session, code, now)
    if match is None or not accepts_answers(settings, match.row, now):
        raise closed_error()
    return match


def closed_error() -> CheckinClosed:
    """Return the one error for every code that opens nothing."""
    return CheckinClosed(
        "no check-in is open under this code.", hint="Look at the code again, or ask the teacher."
    )


def is_code_in_use(session: Session, code: str, now: datetime) -> bool:
    """Whether a running check-in, or one of its slips, has this code."""
    return _match_code(session, code, now) is not None


def teaches(session: Session, settings: Settings, lesson: LessonRow, user_id: str) -> bool:
    """Whether a user teaches a lesson's class on its date."""
    day = lesson_date(settings, lesson)
    return user_id in members(session, lesson.class_sourced_id, "teacher", day)


def taught_lesson(work: UnitOfWork, settings: Settings, lesson_id: str) -> LessonRow:
    """Return a lesson, if the actor teaches its class on its date.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The actor does not teach its class.
    """
    lesson = lesson_of(work.session, lesson_id)
    if not teaches(work.session, settings, lesson, work.actor):
        raise NotAllowed("who holds a check-in must teach the class.", where=lesson_id)
    return lesson


def accepts_answers(settings: Settings, row: CheckinRow, now: datetime) -> bool:
    """Whether a check-in is running, and the settings allow it as it is."""
    if row.ended_at is not None or not row.started_at <= now < row.ends_at:
        return False
    if settings.checkins.disabled_in(row.class_sourced_id):
        return False
    return row.kind == "slips" or not settings.checkins.agreement_required_in(row.class_sourced_id)


def checkin_of_lesson(session: Session, lesson_id: str) -> CheckinRow:
    """Return a lesson's check-in.

    Raises:
        CheckinError: It has had none.
    """
    row = rows.of_lesson(session, lesson_id)
    if row is None:
        raise CheckinError("no check-in has been started in it.", where=lesson_id)
    return row


def eligible_students(session: Session, row: CheckinRow, now: datetime) -> list[str]:
    """Return the ids of the students who may take part; with slips, only those with agreement."""
    students = members(session, row.class_sourced_id, "student", row.day)
    if row.kind == "board":
        return students
    agreed = agreements.in_force(session, students, now)
    return [student for student in students if student in agreed]


def max_answers(session: Session, row: CheckinRow) -> int:
    """Return how many answers are accepted: one per enrolled student, and per slip."""
    enrolled = len(members(session, row.class_sourced_id, "student", row.day))
    return enrolled if row.kind == "board" else min(enrolled, rows.slips_of(session, row.id))


def _match_code(session: Session, code: str, now: datetime) -> CodeMatch | None:
    row = rows.with_code(session, code)
    if row is not None:
        return CodeMatch(row, None, code)
    # Each check-in hashes with its own key; a district has few with slips at a time.
    with_slips = {row.id: row for row in rows.with_slips(session, now)}
    hashes = [
        keyed_hash(row.device_key or b"", "slip", code.encode()) for row in with_slips.values()
    ]
    slip = rows.slip_of(session, hashes) if hashes else None
    return None if slip is None else CodeMatch(with_slips[slip.checkin_id], slip, code)
