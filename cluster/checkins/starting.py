"""Starting a check-in: with one code for the board, or with a slip for each who agreed."""

from dataclasses import dataclass, field
from datetime import timedelta

from cluster.checkins.agreements import in_force
from cluster.checkins.codes import keyed_hash, new_code, new_key
from cluster.checkins.feelings import Feeling
from cluster.checkins.finding import is_taken
from cluster.checkins.lessons import day_of, is_on, taught
from cluster.checkins.views import CheckinView, view_of
from cluster.errors import CheckinError, CheckinOff
from cluster.records import checkins as rows
from cluster.records.checkin_models import CheckinRow
from cluster.records.identity import Work
from cluster.records.models import LessonRow
from cluster.records.people import members, names_of
from cluster.settings import Settings


@dataclass(frozen=True, slots=True)
class Started:
    """A check-in that is on.

    Attributes:
        view: How it stands.
        is_new: It was started now; else it was on already.
        slips: Codes to hand out, one each; given once, when it is new. In no order.
        students: Names of those who get one, by name; likewise.
    """

    view: CheckinView
    is_new: bool
    slips: tuple[str, ...] = field(default=(), repr=False)
    students: tuple[str, ...] = field(default=(), repr=False)


def start(work: Work, settings: Settings, lesson_id: str, *, minutes: int | None = None) -> Started:
    """Start a lesson's check-in; where it is on already, give that.

    Args:
        work: A teacher of the class.
        settings: They say where agreement is needed, and how many answers are enough.
        lesson_id: Of a lesson that is on.
        minutes: How long it takes answers; until the lesson's end unless given, and at most.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The actor does not teach its class.
        CheckinOff: The school has switched them off for this class.
        CheckinError: The lesson is not on, it has had its check-in, or nobody agreed.
    """
    lesson = taught(work, settings, lesson_id)
    if settings.checkins.are_off_in(lesson.class_sourced_id):
        raise CheckinOff("the school has switched check-ins off here.", where=lesson_id)
    there = rows.of_lesson(work.session, lesson_id)
    if there is not None:
        if is_on(settings, there, work.now):
            return Started(view_of(work.session, there), is_new=False)
        raise CheckinError("it has had its check-in; a lesson has one.", where=lesson_id)
    if not lesson.starts_at <= work.now < lesson.ends_at:
        raise CheckinError(
            f"the lesson is from {lesson.starts_at:%Y-%m-%d %H:%M} to {lesson.ends_at:%H:%M} UTC, "
            f"and it is {work.now:%Y-%m-%d %H:%M} now.",
            where=lesson_id,
        )
    ends_at = lesson.ends_at
    if minutes is not None:
        ends_at = min(ends_at, work.now + timedelta(minutes=max(1, minutes)))
    students = members(work.session, lesson.class_sourced_id, "student", day_of(settings, lesson))
    row = CheckinRow(
        lesson_id=lesson.id,
        class_sourced_id=lesson.class_sourced_id,
        room_id=lesson.room_id,
        school_id=settings.rooms_by_id[lesson.room_id].school,
        day=day_of(settings, lesson),
        device_key=new_key(),
        k=settings.privacy.k,
        version=1,
        started_at=work.now,
        started_by=work.actor,
        ends_at=ends_at,
        calls_until=lesson.ends_at,
    )
    if settings.checkins.need_agreement_in(lesson.class_sourced_id):
        return _with_slips(work, lesson, row, students)
    row.kind, row.code = "board", _free_codes(work, 1)[0]
    rows.add(work.session, row, Feeling, [])
    work.audit("checkin.start", lesson.id, kind=row.kind, students=len(students))
    return Started(view_of(work.session, row), is_new=True)


def _with_slips(work: Work, lesson: LessonRow, row: CheckinRow, students: list[str]) -> Started:
    agreed = sorted(in_force(work.session, students, work.now))
    if not agreed:
        raise CheckinError(
            "students of this class need a guardian's agreement, and there is none in force.",
            where=lesson.id,
            hint="The office records them: homeroom checkin agree STUDENT --by GUARDIAN",
        )
    codes = _free_codes(work, len(agreed))
    row.kind, key = "slips", row.device_key or b""
    rows.add(
        work.session, row, Feeling, sorted(keyed_hash(key, "slip", one.encode()) for one in codes)
    )
    work.audit("checkin.start", lesson.id, kind=row.kind, students=len(agreed))
    names = names_of(work.session, work.keys, agreed)
    for student_id in agreed:
        work.audit("checkin.show_agreed", student_id, lesson=lesson.id)
    return Started(
        view_of(work.session, row),
        is_new=True,
        slips=tuple(codes),
        students=tuple(sorted(names[one].shown for one in agreed)),
    )


def _free_codes(work: Work, count: int) -> list[str]:
    """Codes that no check-in which is on has, all different."""
    found: set[str] = set()
    while len(found) < count:
        code = new_code()
        if not is_taken(work.session, code, work.now):
            found.add(code)
    return list(found)
