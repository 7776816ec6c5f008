"""The end of a check-in: what may be told is kept, all else is deleted."""

import logging
from dataclasses import dataclass
from datetime import datetime

from cluster.checkins.lessons import checkin_of, taught
from cluster.checkins.suppression import PublishedCounts
from cluster.checkins.views import told_of
from cluster.errors import HomeroomError
from cluster.records.db.checkin_models import CheckinRow, CountsRow
from cluster.records.db.unit_of_work import AuditedRecords, UnitOfWork
from cluster.records.repos import checkins as rows
from cluster.records.repos import help_request_rows
from cluster.records.repos.checkin_counts import add_counts
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings

logger = logging.getLogger(__name__)

ACTOR = "system:checkin-end"
MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of a check-in.

    Attributes:
        answers: How many came.
        told: The last snapshot; None: fewer than `k` came, or it had ended before.
    """

    answers: int
    told: PublishedCounts | None


def end(work: UnitOfWork, settings: Settings, lesson_id: str) -> Ended | None:
    """End a lesson's check-in; calls stay until the lesson's end. None where it had ended.

    What is deleted stands in the write-ahead log until that is cleared: the caller does so
    afterwards (`identity.records.scrub()`).

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The actor does not teach its class.
        CheckinError: No check-in was started in it.
    """
    taught(work, settings, lesson_id)
    row = checkin_of(work.session, lesson_id)
    return None if row.ended_at is not None else _finish(work, row, min(work.now, row.ends_at))


def end_those_over(identity: AuditedRecords, now: datetime, *, limit: int = MOST_AT_ONCE) -> int:
    """End the check-ins whose time is over, and forget the calls of lessons that are.

    Running it again changes nothing. A killed run leaves each check-in as it was, or ended.

    Args:
        identity: Records and keys.
        now: UTC.
        limit: Most check-ins that are ended in one call; the next goes on.

    Returns:
        How many it ended.
    """
    with identity.records.reading() as session:
        over = rows.past_end(session, now, limit)
        calls_left = help_request_rows.any_ended(session, now)
    if calls_left:
        with identity.records.writing() as session:
            help_request_rows.delete_ended(session, now)
    ended = sum(_end_one(identity, checkin_id) for checkin_id in over)
    if ended or calls_left:
        identity.records.scrub()
    return ended


def _end_one(identity: AuditedRecords, checkin_id: str) -> bool:
    """End a check-in whose time is over; one that cannot be ended does not hold up the others."""
    try:
        with identity.work(ACTOR) as work:
            row = rows.by_id(work.session, checkin_id)
            if row is None or row.ended_at is not None:
                return False
            _finish(work, row, row.ends_at)
    except HomeroomError as error:
        logger.warning("a check-in cannot be ended yet: %s", error)
        return False
    return True


def _finish(work: UnitOfWork, row: CheckinRow, ended_at: datetime) -> Ended:
    answers = sum(rows.tallies_of(work.session, row.id).values())
    told = told_of(row.answers_told, row.told)
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
    work.audit(AuditAction.CHECKIN_END, row.lesson_id, answers=answers, told=told is not None)
    return Ended(answers, told)
