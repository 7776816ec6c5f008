"""Data types of check-ins, frozen and independent of the database."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cluster.checkins.suppression import PublishedCounts

Kind = Literal["board", "slips"]
State = Literal["off", "ready", "running", "over"]


@dataclass(frozen=True, slots=True)
class OpenCheckin:
    """What a phone is sent about a running check-in.

    Attributes:
        class_id: The class.
        ends_at: UTC.
        is_used: The slip has answered already; always False with a code from the board.
    """

    class_id: str
    ends_at: datetime
    is_used: bool


@dataclass(frozen=True, slots=True)
class CheckinView:
    """A running check-in, as its teacher may see it. It may be shown to the class.

    Attributes:
        lesson_id: The lesson.
        class_id: The lesson's class.
        room_id: The lesson's room.
        kind: With one code on the board, or a slip for each student who may take part.
        code: For the board; None with slips.
        version: Raised by every change.
        started_at: UTC.
        ends_at: When it ends by itself, UTC.
        k: Counts are published at `k` answers, and again after another `k`.
        answers: Number of answers.
        max_answers: Further answers are rejected.
        snapshot: The last published counts; None below `k` answers.
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
    max_answers: int
    snapshot: PublishedCounts | None

    @property
    def can_be_published(self) -> bool:
        """Enough students may answer for counts to be published."""
        return self.max_answers >= self.k


@dataclass(frozen=True, slots=True)
class CheckinStatus:
    """The state of a lesson's check-in, whether it was started, runs or is over.

    Attributes:
        state: `off`: the school has switched check-ins off; `ready`: not started yet.
        version: See `get_versions`; 0 without a check-in.
        needs_agreement: It uses slips, for students whose guardian agreed.
        running: The check-in while it runs.
        answers: Number of answers.
        snapshot: The last published counts; None with too few answers.
        waiting_calls: Number of help requests that the teacher has not seen.
        has_calls: There are help requests, seen or not.
    """

    state: State
    version: int
    needs_agreement: bool
    running: CheckinView | None = None
    answers: int = 0
    snapshot: PublishedCounts | None = None
    waiting_calls: int = 0
    has_calls: bool = False


@dataclass(frozen=True, slots=True)
class StartedCheckin:
    """The result of starting a check-in.

    Attributes:
        view: The check-in.
        is_new: It was started now, or its slips are new; otherwise it was running already.
        slips: Codes to hand out, one each, in no order. They are replaced on each start until one
            is used, and empty afterwards.
        students: Names of the students who get one, sorted; empty like `slips`.
    """

    view: CheckinView
    is_new: bool
    slips: tuple[str, ...] = field(default=(), repr=False)
    students: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class EndedCheckin:
    """What remains of a check-in.

    Attributes:
        answers: Number of answers.
        snapshot: The last published counts; None below `k` answers.
    """

    answers: int
    snapshot: PublishedCounts | None
