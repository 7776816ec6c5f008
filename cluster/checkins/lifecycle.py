"""Starting and ending check-ins; at the end, all but what is published is deleted (R10)."""

import logging
from datetime import datetime, timedelta

from cluster.checkins.codes import new_key
from cluster.checkins.feelings import Feeling
from cluster.checkins.lessons import (
    accepts_answers,
    checkin_of_lesson,
    taught_lesson,
)
from cluster.checkins.queries import load_view
from cluster.checkins.slips import replace_slips, start_with_slips, unused_codes
from cluster.checkins.suppression import snapshot_from_json
from cluster.checkins.types import EndedCheckin, StartedCheckin
from cluster.errors import CheckinError, CheckinOff, HomeroomError
from cluster.records.db.checkin_models import CheckinRow, CountsRow
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import AuditedRecords, UnitOfWork
from cluster.records.repos import checkins as rows
from cluster.records.repos import help_request_rows
from cluster.records.repos.checkin_counts import add_counts
from cluster.records.repos.people import members
from cluster.records.repos.registers import lesson_date
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings

logger = logging.getLogger(__name__)

ACTOR = "system:checkin-end"
MAX_ENDED_AT_ONCE = 1000


def start(
    work: UnitOfWork, settings: Settings, lesson_id: str, *, minutes: int | None = None
) -> StartedCheckin:
    """Start a lesson's check-in, or return the one that is running.

    Args:
        work: Of a teacher of the class.
        settings: They say where agreement is needed, and `k`.
        lesson_id: A lesson that is running.
        minutes: How long it accepts answers: until the lesson's end by default, and at most.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The actor does not teach its class.
        CheckinOff: The school has switched check-ins off for this class.
        CheckinError: The lesson is not running, has had its check-in, or nobody agreed.
    """
    lesson = taught_lesson(work, settings, lesson_id)
    if settings.checkins.disabled_in(lesson.class_sourced_id):
        raise CheckinOff("the school has switched check-ins off here.", where=lesson_id)
    existing = rows.of_lesson(work.session, lesson_id)
    if existing is not None:
        return _restart(work, settings, existing)
    if not lesson.starts_at <= work.now < lesson.ends_at:
        raise CheckinError(
            f"the lesson is from {lesson.starts_at:%Y-%m-%d %H:%M} to {lesson.ends_at:%H:%M} UTC, "
            f"and it is {work.now:%Y-%m-%d %H:%M} now.",
            where=lesson_id,
        )
    row = _new_row(work, settings, lesson, minutes)
    if settings.checkins.agreement_required_in(lesson.class_sourced_id):
        return start_with_slips(work, row)
    students = members(work.session, lesson.class_sourced_id, "student", row.day)
    row.kind, row.code = "board", unused_codes(work, 1)[0]
    rows.add(work.session, row, Feeling, [])
    work.audit(AuditAction.CHECKIN_START, lesson.id, kind=row.kind, students=len(students))
    return StartedCheckin(load_view(work.session, row), is_new=True)


def end(work: UnitOfWork, settings: Settings, lesson_id: str) -> EndedCheckin | None:
    """End a lesson's check-in; None if it had ended. Help requests remain until the lesson's end.

    The caller then calls `audited.records.scrub()`: until that clears it, SQLite's write-ahead log
    still contains the deleted rows.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The actor does not teach its class.
        CheckinError: No check-in was started in it.
    """
    taught_lesson(work, settings, lesson_id)
    row = checkin_of_lesson(work.session, lesson_id)
    return None if row.ended_at is not None else _end(work, row, min(work.now, row.ends_at))


def end_expired(audited: AuditedRecords, now: datetime, *, limit: int = MAX_ENDED_AT_ONCE) -> int:
    """End the check-ins whose time is up, and delete the help requests of lessons that are over.

    Repeating it changes nothing. A run that is killed leaves each check-in as it was, or ended.

    Args:
        audited: Records and keys.
        now: UTC.
        limit: End at most this many; the next run continues.

    Returns:
        The number of check-ins that it ended.
    """
    with audited.records.reading() as session:
        expired = rows.past_end(session, now, limit)
        has_expired_calls = help_request_rows.any_ended(session, now)
    if has_expired_calls:
        with audited.records.writing() as session:
            help_request_rows.delete_ended(session, now)
    ended = sum(_end_one(audited, checkin_id) for checkin_id in expired)
    if ended or has_expired_calls:
        audited.records.scrub()
    return ended


def _restart(work: UnitOfWork, settings: Settings, row: CheckinRow) -> StartedCheckin:
    """Return the running check-in, with new slips if nobody has used one.

    Raises:
        CheckinError: The check-in is over.
    """
    if not accepts_answers(settings, row, work.now):
        raise CheckinError("it has had its check-in; a lesson has one.", where=row.lesson_id)
    if row.kind == "slips" and rows.is_unused(work.session, row.id):
        return replace_slips(work, row)  # the teacher may have lost the page with the slips
    return StartedCheckin(load_view(work.session, row), is_new=False)


def _new_row(
    work: UnitOfWork, settings: Settings, lesson: LessonRow, minutes: int | None
) -> CheckinRow:
    ends_at = lesson.ends_at
    if minutes is not None:
        ends_at = min(ends_at, work.now + timedelta(minutes=max(1, minutes)))
    return CheckinRow(
        lesson_id=lesson.id,
        class_sourced_id=lesson.class_sourced_id,
        room_id=lesson.room_id,
        school_id=settings.rooms_by_id[lesson.room_id].school,
        day=lesson_date(settings, lesson),
        device_key=new_key(),
        k=settings.privacy.k,
        version=1,
        started_at=work.now,
        started_by=work.actor,
        ends_at=ends_at,
        calls_until=lesson.ends_at,
    )


def _end_one(audited: AuditedRecords, checkin_id: str) -> bool:
    """End an expired check-in; an error is logged, and does not stop the others."""
    try:
        with audited.work(ACTOR) as work:
            row = rows.by_id(work.session, checkin_id)
            if row is None or row.ended_at is not None:
                return False
            _end(work, row, row.ends_at)
    except HomeroomError as error:
        logger.warning("a check-in cannot be ended yet: %s", error)
        return False
    return True


def _end(work: UnitOfWork, row: CheckinRow, ended_at: datetime) -> EndedCheckin:
    answers = sum(rows.tallies_of(work.session, row.id).values())
    snapshot = snapshot_from_json(row.answers_told, row.told)
    add_counts(
        work.session,
        CountsRow(
            lesson_id=row.lesson_id,
            class_sourced_id=row.class_sourced_id,
            room_id=row.room_id,
            school_id=row.school_id,
            day=row.day,
            answers=answers,
            answers_told=row.answers_told,
            told=row.told,
        ),
    )
    rows.delete_answers(work.session, row.id)
    row.code = row.device_key = row.told = row.answers_told = None
    row.ended_at = ended_at
    row.version += 1
    work.session.flush()
    work.audit(AuditAction.CHECKIN_END, row.lesson_id, answers=answers, told=snapshot is not None)
    return EndedCheckin(answers, snapshot)
