"""Live counting of a room: frames in, its current counts and its finished windows out.

    People -> RoomCounter -> trailing ten seconds -> suppression -> LiveCounts     (current)
                         └─> ten seconds of the clock -> suppression -> ActivityWindow (finished)

Shares leave the process as `ActivityWindow`s alone, so that R3 holds for the current counts as for
finished windows. Raised hands are counted in both by the same rules as in archives.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from cluster.activity.analysed_frame import AnalysedFrame
from cluster.activity.durations import FrameCounts
from cluster.activity.room import RoomCounter
from cluster.activity.suppression import ActivityWindow, max_published_hands, suppress_window
from cluster.activity.windows import WINDOW_SECONDS, WindowCounts, window_start_of
from cluster.settings import MIN_K, Polygon
from cluster.vision.activity import Activity
from cluster.vision.headcounts import HeadcountFactor

CLOCK_JUMP_SECONDS = 30.0
"""A longer gap between frames of a camera resets its tracks and durations."""


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """The current counts of one camera's room, after suppression.

    Attributes:
        as_of: When the newest frame was captured, UTC.
        people: People in the newest frame.
        hands_up: Raised hands in it; None where the window is suppressed, or it shows fewer than
            `k` people.
        window: The ten seconds up to it.
        k: See `PublishedWindow`.

    Raises:
        ValueError: Raised hands are given although the window's shares are suppressed.
    """

    as_of: datetime
    people: int
    hands_up: int | None
    window: ActivityWindow
    k: int = MIN_K

    def __post_init__(self) -> None:
        """Reject counts that must not be published (R3)."""
        if self.hands_up is not None and (
            self.window.suppressed or not 0 <= self.hands_up <= max_published_hands(self.people)
        ):
            raise ValueError("raised hands of a group that is too small")


class LiveCounter:
    """Counts one camera's live frames.

    Args:
        rate: Analysed frames a second.
        k: See `suppress_window`.
        headcount_only: See `suppress_window`.
        teacher_zone: See `RoomCounter`.
        factor: See `suppress_window`.
    """

    def __init__(
        self,
        rate: float,
        *,
        k: int,
        headcount_only: bool = False,
        teacher_zone: Polygon | None = None,
        factor: HeadcountFactor | None = None,
    ) -> None:
        self._rate = rate
        self._k = k
        self._headcount_only = headcount_only
        self._teacher_zone = teacher_zone
        self._factor = factor
        self._counter = RoomCounter(rate, teacher_zone)
        self._trailing: deque[tuple[datetime, FrameCounts]] = deque()
        self._open: WindowCounts | None = None
        self._closed: datetime | None = None

    def update(self, frame: AnalysedFrame) -> tuple[LiveCounts, list[ActivityWindow]]:
        """Count a frame; one from before the last resets the counter (the clock was set back).

        Returns:
            The current counts, and the windows that this frame finished.
        """
        finished = []
        if self._trailing and not _follows(self._trailing[-1][0], frame.captured_at):
            finished += self.finish()
        elif (
            self._open is not None and window_start_of(frame.captured_at) != self._open.window_start
        ):
            finished.append(self._close())
        counts = self._counter.update(frame)
        self._trailing.append((frame.captured_at, counts))
        trailing_start = frame.captured_at - timedelta(seconds=WINDOW_SECONDS)
        while self._trailing[0][0] <= trailing_start:
            self._trailing.popleft()
        start = window_start_of(frame.captured_at)
        if self._closed is None or start > self._closed:  # else its window has been published
            if self._open is None:
                self._open = WindowCounts(start)
            self._open.frames.append(counts)
        return self._live_counts(frame.captured_at, counts), finished

    def close_before(self, time: datetime) -> list[ActivityWindow]:
        """Finish the window that ended before a time although no later frame has arrived."""
        if self._open is None:
            return []
        ends_at = self._open.window_start + timedelta(seconds=WINDOW_SECONDS)
        return [self._close()] if ends_at <= time else []

    def finish(self) -> list[ActivityWindow]:
        """Finish the window in progress, and reset tracks and durations."""
        finished = [self._close()] if self._open is not None else []
        self._counter = RoomCounter(self._rate, self._teacher_zone)
        self._trailing.clear()
        self._closed = None
        return finished

    def _close(self) -> ActivityWindow:
        assert self._open is not None  # noqa: S101 (checked by the callers)
        window, self._open = self._open, None
        self._closed = window.window_start
        return self._suppress(window)

    def _suppress(self, counts: WindowCounts) -> ActivityWindow:
        return suppress_window(
            counts, k=self._k, headcount_only=self._headcount_only, factor=self._factor
        )

    def _live_counts(self, as_of: datetime, counts: FrameCounts) -> LiveCounts:
        trailing = WindowCounts(
            as_of - timedelta(seconds=WINDOW_SECONDS), [c for _, c in self._trailing]
        )
        window = self._suppress(trailing)
        hands = None
        if not window.suppressed and counts.people >= self._k:
            raised = counts.activities[Activity.HAND_RAISED]
            hands = min(raised, max_published_hands(counts.people))
        return LiveCounts(as_of, counts.people, hands, window, self._k)


def _follows(last: datetime, captured_at: datetime) -> bool:
    return timedelta(0) < captured_at - last <= timedelta(seconds=CLOCK_JUMP_SECONDS)
