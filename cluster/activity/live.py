"""A live room: frames in, what may be told of it now, and its windows as they finish.

    People -> RoomCounter -> trailing ten seconds -> suppression -> LiveNumbers  (now)
                         └─> the clock's own ten seconds -> suppression -> ActivityWindow (finished)

Both leave the process as `ActivityWindow`s alone, so that rule 3 holds for what is told now as for
what is told later. A raised hand is counted in both by the same rules as in archives.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from cluster.activity.durations import FrameCounts
from cluster.activity.room import RoomCounter, SeenFrame
from cluster.activity.suppression import ActivityWindow, most_hands, published_window
from cluster.activity.windows import WINDOW_SECONDS, WindowCounts, window_start_of
from cluster.settings import Polygon
from cluster.vision.activity import Activity

CLOCK_JUMP_SECONDS = 30.0
"""Frames of one camera that lie further apart begin anew: tracks and durations do not bridge it."""


@dataclass(frozen=True, slots=True)
class LiveNumbers:
    """What may be told of one camera's room now.

    Attributes:
        as_of: When the newest picture was taken, UTC.
        people: People in the newest picture.
        hands_up: Raised hands in it; None where the window is suppressed, or it shows fewer than
            `k` people.
        window: The ten seconds up to it.

    Raises:
        ValueError: Hands are told where the window's shares are withheld.
    """

    as_of: datetime
    people: int
    hands_up: int | None
    window: ActivityWindow

    def __post_init__(self) -> None:
        """Refuse what must not be told."""
        if self.hands_up is not None and (
            self.window.suppressed or not 0 <= self.hands_up <= most_hands(self.people)
        ):
            raise ValueError("raised hands of a group that is too small")


class LiveCounter:
    """Counts one camera's live frames.

    Args:
        rate: Analysed frames a second.
        k: See `published_window`.
        headcount_only: See `published_window`.
        teacher_zone: See `RoomCounter`.
    """

    def __init__(
        self,
        rate: float,
        *,
        k: int,
        headcount_only: bool = False,
        teacher_zone: Polygon | None = None,
    ) -> None:
        self._rate = rate
        self._k = k
        self._headcount_only = headcount_only
        self._teacher_zone = teacher_zone
        self._counter = RoomCounter(rate, teacher_zone)
        self._trailing: deque[tuple[datetime, FrameCounts]] = deque()
        self._open: WindowCounts | None = None
        self._closed: datetime | None = None

    def update(self, frame: SeenFrame) -> tuple[LiveNumbers, list[ActivityWindow]]:
        """Count a frame; a frame from before the last begins anew (the clock was set back).

        Returns:
            What may be told now, and the windows that this frame finished.
        """
        finished = []
        if self._trailing and not _follows(self._trailing[-1][0], frame.moment):
            finished += self.finish()
        elif self._open is not None and window_start_of(frame.moment) != self._open.window_start:
            finished.append(self._close())
        counts = self._counter.update(frame)
        self._trailing.append((frame.moment, counts))
        begins = frame.moment - timedelta(seconds=WINDOW_SECONDS)
        while self._trailing[0][0] <= begins:
            self._trailing.popleft()
        start = window_start_of(frame.moment)
        if self._closed is None or start > self._closed:  # else its window has been told
            if self._open is None:
                self._open = WindowCounts(start)
            self._open.frames.append(counts)
        return self._numbers(frame.moment, counts), finished

    def close_before(self, moment: datetime) -> list[ActivityWindow]:
        """Finish the window that ended before a moment although no later frame has come."""
        if self._open is None:
            return []
        ends_at = self._open.window_start + timedelta(seconds=WINDOW_SECONDS)
        return [self._close()] if ends_at <= moment else []

    def finish(self) -> list[ActivityWindow]:
        """End here: give the window in progress, and forget tracks and durations."""
        finished = [self._close()] if self._open is not None else []
        self._counter = RoomCounter(self._rate, self._teacher_zone)
        self._trailing.clear()
        self._closed = None
        return finished

    def _close(self) -> ActivityWindow:
        assert self._open is not None  # noqa: S101 (callers have looked)
        window, self._open = self._open, None
        self._closed = window.window_start
        return published_window(window, k=self._k, headcount_only=self._headcount_only)

    def _numbers(self, moment: datetime, counts: FrameCounts) -> LiveNumbers:
        trailing = WindowCounts(
            moment - timedelta(seconds=WINDOW_SECONDS), [c for _, c in self._trailing]
        )
        window = published_window(trailing, k=self._k, headcount_only=self._headcount_only)
        hands = None
        if not window.suppressed and counts.people >= self._k:
            raised = counts.activities[Activity.HAND_RAISED]
            hands = min(raised, most_hands(counts.people))
        return LiveNumbers(moment, counts.people, hands, window)


def _follows(last: datetime, moment: datetime) -> bool:
    return timedelta(0) < moment - last <= timedelta(seconds=CLOCK_JUMP_SECONDS)
