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
from cluster.records.db.checkin_models import CheckinRow
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import checkins as rows
from cluster.records.repos.people import members, names_of
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings


@dataclass(frozen=True, slots=True)
class Started:
    """A check-in that is on.

    Attributes:
        view: How it stands.
        is_new: Its slips are new, or it was started now; else it was on already.
        slips: Codes to hand out, one each; given again, as others, while nobody has used one. In
            no order.
        students: Names of those who get one, by name; likewise.
    """

    view: CheckinView
    is_new: bool
    slips: tuple[str, ...] = field(default=(), repr=False)
    students: tuple[str, ...] = field(default=(), repr=False)


def start(
    work: UnitOfWork, settings: Settings, lesson_id: str, *, minutes: int | None = None
) -> Started:
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
    if settings.checkins.disabled_in(lesson.class_sourced_id):
        raise CheckinOff("the school has switched check-ins off here.", where=lesson_id)
    there = rows.of_lesson(work.session, lesson_id)
    if there is not None:
        if is_on(settings, there, work.now):
            if there.kind == "slips" and rows.is_unused(work.session, there.id):
                return _slips_anew(work, there)  # the page with them was lost on its way
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
    if settings.checkins.agreement_required_in(lesson.class_sourced_id):
        return _with_slips(work, lesson, row, students)
    row.kind, row.code = "board", _free_codes(work, 1)[0]
    rows.add(work.session, row, Feeling, [])
    work.audit(AuditAction.CHECKIN_START, lesson.id, kind=row.kind, students=len(students))
    return Started(view_of(work.session, row), is_new=True)


def _with_slips(
    work: UnitOfWork, lesson: LessonRow, row: CheckinRow, students: list[str]
) -> Started:
    agreed = sorted(in_force(work.session, students, work.now))
    if not agreed:
        raise CheckinError(
            "students of this class need a guardian's agreement, and there is none in force.",
            where=lesson.id,
            hint="The office records them: homeroom checkin agree STUDENT --by GUARDIAN",
        )
    codes = _free_codes(work, len(agreed))
    row.kind = "slips"
    rows.add(work.session, row, Feeling, _hashes(row, codes))
    work.audit(AuditAction.CHECKIN_START, lesson.id, kind=row.kind, students=len(agreed))
    return _with_codes(work, row, codes, agreed)


def _slips_anew(work: UnitOfWork, row: CheckinRow) -> Started:
    """Other slips in place of those that nobody has used; for those who agreed by now."""
    students = members(work.session, row.class_sourced_id, "student", row.day)
    agreed = sorted(in_force(work.session, students, work.now))
    codes = _free_codes(work, len(agreed))
    rows.replace_slips(work.session, row.id, _hashes(row, codes))
    row.version += 1
    work.session.flush()
    work.audit(AuditAction.CHECKIN_REISSUE_SLIPS, row.lesson_id, students=len(agreed))
    return _with_codes(work, row, codes, agreed)


def _hashes(row: CheckinRow, codes: list[str]) -> list[str]:
    """In an order of their own."""
    key = row.device_key or b""
    return sorted(keyed_hash(key, "slip", one.encode()) for one in codes)


def _with_codes(work: UnitOfWork, row: CheckinRow, codes: list[str], agreed: list[str]) -> Started:
    names = names_of(work.session, work.keys, agreed)
    for student_id in agreed:
        work.audit(AuditAction.CHECKIN_SHOW_AGREED, student_id, lesson=row.lesson_id)
    return Started(
        view_of(work.session, row),
        is_new=True,
        slips=tuple(codes),
        students=tuple(sorted(names[one].display_name for one in agreed)),
    )


def _free_codes(work: UnitOfWork, count: int) -> list[str]:
    """Codes that no check-in which is on has, all different."""
    found: set[str] = set()
    while len(found) < count:
        code = new_code()
        if not is_taken(work.session, code, work.now):
            found.add(code)
    return list(found)
