"""Loading check-ins from the records; callers check that the teacher teaches the class."""

from collections.abc import Collection, Mapping
from datetime import datetime

from cluster.checkins.lessons import accepts_answers, max_answers
from cluster.checkins.suppression import snapshot_from_json
from cluster.checkins.types import CheckinStatus, CheckinView
from cluster.records.db.checkin_models import CheckinRow
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import checkins as rows
from cluster.records.repos import help_request_rows
from cluster.records.repos.checkin_counts import counts_of
from cluster.records.repos.registers import lesson_of
from cluster.settings import Settings


def get_running(
    session: Session, settings: Settings, lesson_id: str, now: datetime
) -> CheckinView | None:
    """Return the check-in of a lesson while it runs."""
    row = rows.of_lesson(session, lesson_id)
    if row is None or not accepts_answers(settings, row, now):
        return None
    return load_view(session, row)


def get_versions(session: Session, lesson_ids: Collection[str], now: datetime) -> Mapping[str, int]:
    """Return the versions of check-ins by lesson: one cheap query, for a page that polls.

    A version changes with every answer and help request, and when the check-in ends, also by the
    clock. Lessons without a check-in, and lessons that are over, are left out.
    """
    return rows.versions(session, lesson_ids, now)


def get_status(
    session: Session, settings: Settings, lesson_id: str, now: datetime
) -> CheckinStatus:
    """Return the state of a lesson's check-in.

    Raises:
        NotFound: There is no such lesson.
    """
    class_id = lesson_of(session, lesson_id).class_sourced_id
    version = get_versions(session, [lesson_id], now).get(lesson_id, 0)
    needs_agreement = settings.checkins.agreement_required_in(class_id)
    row = rows.of_lesson(session, lesson_id)
    if row is None:
        is_off = settings.checkins.disabled_in(class_id)
        return CheckinStatus("off" if is_off else "ready", version, needs_agreement)
    calls = help_request_rows.of_checkin(session, row.id) if now < row.calls_until else []
    view = get_running(session, settings, lesson_id, now)
    stored = counts_of(session, lesson_id)
    if view is not None:
        answers, snapshot = view.answers, view.snapshot
    elif stored is not None:
        answers, snapshot = stored.answers, snapshot_from_json(stored.answers_told, stored.told)
    else:  # expired, and not ended yet
        answers = sum(rows.tallies_of(session, row.id).values())
        snapshot = snapshot_from_json(row.answers_told, row.told)
    return CheckinStatus(
        state="over" if view is None else "running",
        version=version,
        needs_agreement=needs_agreement,
        running=view,
        answers=answers,
        snapshot=snapshot,
        waiting_calls=sum(call.seen_at is None for call in calls),
        has_calls=bool(calls),
    )


def load_view(session: Session, row: CheckinRow) -> CheckinView:
    """Load a running check-in."""
    return CheckinView(
        lesson_id=row.lesson_id,
        class_id=row.class_sourced_id,
        room_id=row.room_id,
        kind="board" if row.kind == "board" else "slips",
        code=row.code,
        version=row.version,
        started_at=row.started_at,
        ends_at=row.ends_at,
        k=row.k,
        answers=sum(rows.tallies_of(session, row.id).values()),
        max_answers=max_answers(session, row),
        snapshot=snapshot_from_json(row.answers_told, row.told),
    )
