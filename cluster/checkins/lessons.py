"""Whose lesson it is, and whether a check-in may be on in it: asked anew each time."""

from datetime import date, datetime

from cluster.checkins.agreements import in_force
from cluster.district import local_date
from cluster.errors import CheckinError, NotAllowed
from cluster.records.db.checkin_models import CheckinRow
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import Session, UnitOfWork
from cluster.records.repos import checkins as rows
from cluster.records.repos.people import members
from cluster.records.repos.registers import lesson_of
from cluster.settings import Settings


def day_of(settings: Settings, lesson: LessonRow) -> date:
    """The lesson's date at its school.

    Raises:
        NotFound: The settings do not know its room.
    """
    return local_date(settings, lesson.room_id, lesson.starts_at)


def teaches(session: Session, settings: Settings, lesson: LessonRow, user_id: str) -> bool:
    """Whether somebody teaches a lesson's class on its day."""
    day = day_of(settings, lesson)
    return user_id in members(session, lesson.class_sourced_id, "teacher", day)


def taught(work: UnitOfWork, settings: Settings, lesson_id: str) -> LessonRow:
    """A lesson, if the actor teaches its class that day.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The actor does not teach its class.
    """
    lesson = lesson_of(work.session, lesson_id)
    if not teaches(work.session, settings, lesson, work.actor):
        raise NotAllowed("who holds a check-in must teach the class.", where=lesson_id)
    return lesson


def is_on(settings: Settings, row: CheckinRow, now: datetime) -> bool:
    """Whether it takes answers: its time is not over, and the school allows it as it is."""
    if row.ended_at is not None or not row.started_at <= now < row.ends_at:
        return False
    if settings.checkins.disabled_in(row.class_sourced_id):
        return False
    return row.kind == "slips" or not settings.checkins.agreement_required_in(row.class_sourced_id)


def checkin_of(session: Session, lesson_id: str) -> CheckinRow:
    """A lesson's check-in.

    Raises:
        CheckinError: It has had none.
    """
    row = rows.of_lesson(session, lesson_id)
    if row is None:
        raise CheckinError("no check-in has been started in it.", where=lesson_id)
    return row


def may_take_part(session: Session, row: CheckinRow, now: datetime) -> list[str]:
    """Ids of the students who may: of the class on that day; with slips, those who agreed."""
    students = members(session, row.class_sourced_id, "student", row.day)
    if row.kind == "board":
        return students
    agreed = in_force(session, students, now)
    return [student for student in students if student in agreed]


def most_answers(session: Session, row: CheckinRow) -> int:
    """How many answers are taken: as many as students are enrolled, and slips were given out."""
    enrolled = len(members(session, row.class_sourced_id, "student", row.day))
    return enrolled if row.kind == "board" else min(enrolled, rows.slips_of(session, row.id))
