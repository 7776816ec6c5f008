"""What a check-in looks like from outside: frozen, and free of the database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cluster.checkins.lessons import is_on, most_answers
from cluster.checkins.suppression import PublishedCounts
from cluster.records.db.checkin_models import CheckinRow
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import checkins as rows
from cluster.settings import Settings

Kind = Literal["board", "slips"]


@dataclass(frozen=True, slots=True)
class CheckinView:
    """A check-in that is on, as its teacher may see it. It may be shown to the class.

    Attributes:
        lesson_id: Of which lesson.
        class_id: Whose.
        room_id: Where.
        kind: With one code on the board, or a slip for each who agreed.
        code: For the board; None with slips.
        version: Raised by every change.
        started_at: UTC.
        ends_at: When it ends by itself, UTC.
        k: Counts are told at `k` answers, and again when another `k` have come.
        answers: How many have come.
        most_answers: More are not taken.
        told: The last snapshot; None: fewer than `k` have come.
    """

    lesson_id: str
    class_id: str
    room_id: str
    kind: Kind
    code: str | None = field(repr=False)
    version: int
    started_at: datetime
    ends_at: datetime
    k: int
    answers: int
    most_answers: int
    told: PublishedCounts | None

    @property
    def can_be_told(self) -> bool:
        """So many may answer that counts could be told; where not, the class should know."""
        return self.most_answers >= self.k


def running(
    session: Session, settings: Settings, lesson_id: str, now: datetime
) -> CheckinView | None:
    """A lesson's check-in while it is on. Whose business it is, the caller asks (`teaches`)."""
    row = rows.of_lesson(session, lesson_id)
    if row is None or not is_on(settings, row, now):
        return None
    return view_of(session, row)


def versions(session: Session, lesson_ids: Collection[str], now: datetime) -> Mapping[str, int]:
    """The versions of some lessons' check-ins: one cheap query, for a page that watches.

    A version changes when a check-in ends, whoever ends it; calls come and are seen under it too.
    Lessons without a check-in, and those that are over, are not among them.
    """
    return rows.versions(session, lesson_ids, now)


def view_of(session: Session, row: CheckinRow) -> CheckinView:
    """A check-in that is on, as it stands."""
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
        most_answers=most_answers(session, row),
        told=told_of(row.answers_told, row.told),
    )


def told_of(answers: int | None, cells: Mapping[str, object] | None) -> PublishedCounts | None:
    """A snapshot as the records keep it."""
    return None if answers is None or cells is None else PublishedCounts.from_json(answers, cells)
