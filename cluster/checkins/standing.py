"""How the check-in of a lesson stands, whatever it is: for the page of a teacher of the class."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cluster.checkins.suppression import PublishedCounts
from cluster.checkins.views import CheckinView, running, told_of, versions
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import checkins as rows
from cluster.records.repos import help_request_rows
from cluster.records.repos.checkin_counts import counts_of
from cluster.records.repos.registers import lesson_of
from cluster.settings import Settings

State = Literal["off", "ready", "running", "over"]


@dataclass(frozen=True, slots=True)
class CheckinStatus:
    """How it stands.

    Attributes:
        state: `off`: the school has switched check-ins off; `ready`: none was started yet.
        version: See `versions`; 0 where there is none.
        needs_agreement: It is held with slips, for those whose guardian agreed.
        running: While it is on.
        answers: How many have come.
        told: The last snapshot; None: too few have come.
        waiting_calls: Students who would like to be asked, and of whom the teacher knows nothing.
        has_calls: There are calls, seen or not.
    """

    state: State
    version: int
    needs_agreement: bool
    running: CheckinView | None = None
    answers: int = 0
    told: PublishedCounts | None = None
    waiting_calls: int = 0
    has_calls: bool = False


def standing_of(
    session: Session, settings: Settings, lesson_id: str, now: datetime
) -> CheckinStatus:
    """How a lesson's check-in stands. Whose business it is, the caller asks (`teaches`).

    Raises:
        NotFound: There is no such lesson.
    """
    class_id = lesson_of(session, lesson_id).class_sourced_id
    version = versions(session, [lesson_id], now).get(lesson_id, 0)
    needs_agreement = settings.checkins.agreement_required_in(class_id)
    row = rows.of_lesson(session, lesson_id)
    if row is None:
        is_off = settings.checkins.disabled_in(class_id)
        return CheckinStatus("off" if is_off else "ready", version, needs_agreement)
    calls = help_request_rows.of_checkin(session, row.id) if now < row.calls_until else []
    waiting = sum(one.seen_at is None for one in calls)
    view = running(session, settings, lesson_id, now)
    kept = counts_of(session, lesson_id)
    if view is not None:
        answers, told = view.answers, view.told
    elif kept is not None:
        answers, told = kept.answers, told_of(kept.answers_told, kept.told)
    else:  # its time is over, and nobody has ended it yet
        answers = sum(rows.tallies_of(session, row.id).values())
        told = told_of(row.answers_told, row.told)
    return CheckinStatus(
        state="over" if view is None else "running",
        version=version,
        needs_agreement=needs_agreement,
        running=view,
        answers=answers,
        told=told,
        waiting_calls=waiting,
        has_calls=bool(calls),
    )
