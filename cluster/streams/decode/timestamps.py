"""Which timestamps of a file can be believed.

    one frame far from all others   0.1 0.2 9000.3 0.4 0.5   is left out
    a clock that starts again       0.1 0.2 0.0 0.1 0.2      ends the file: what follows has no time
    a counter of 33 bits that wraps 95443.6 95443.7 0.0 0.1  goes on
    a leap that stays               0.1 0.2 60.3 60.4        is a gap

All of it is decided on the order in which frames are stored, in which the frames of a healthy file
are displayed at most `MAX_REORDERED_FRAMES` places later or earlier.
"""

import math
import statistics
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

MAX_REORDERED_FRAMES = 16
"""The largest decoded picture buffer of H.264 and HEVC."""

MAX_BACKWARD_JUMP_SECONDS = 1.0
MIN_LEAP_SECONDS = 2.0
LONE_FRAME_SECONDS = 60.0
"""The first or last frame of a file is left out if it is this far from the others: nothing tells
then whether it leapt, and it would make the file hours long."""

USUAL_INTERVALS = 4.0
"""A leap is longer than this many of the file's usual intervals between frames."""

WRAP_TIME_BASE = Fraction(1, 90_000)
WRAP_SECONDS = float(2**33 * WRAP_TIME_BASE)
"""MPEG's timestamps have 33 bits (ISO/IEC 13818-1, 2.4.3.7): they wrap after 26.5 hours."""

MAX_STEP_OVER_WRAP_SECONDS = 10.0


class Unwrapper:
    """Continues the times of a stream whose counter wraps.

    Args:
        time_base: Of the stream; only MPEG's counter wraps.
    """

    def __init__(self, time_base: Fraction | None) -> None:
        self._may_wrap = time_base == WRAP_TIME_BASE
        self._wraps = 0
        self._previous: float | None = None

    @property
    def has_wrapped(self) -> bool:
        """Whether the counter wrapped so far."""
        return self._wraps > 0

    def unwrap(self, seconds: float) -> float:
        """Return the time of the next packet.

        It counts as wrapped only if it then continues from the packet before: a clock that starts
        again does not.
        """
        unwrapped = seconds + self._wraps * WRAP_SECONDS
        if (
            self._may_wrap
            and self._previous is not None
            and abs(unwrapped - self._previous) > WRAP_SECONDS / 2
        ):
            step = 1 if unwrapped < self._previous else -1
            shifted = unwrapped + step * WRAP_SECONDS
            if abs(shifted - self._previous) < MAX_STEP_OVER_WRAP_SECONDS:
                self._wraps += step
                unwrapped = shifted
        self._previous = unwrapped
        return unwrapped


class TimestampHistory:
    """The times of the frames so far, in the order in which they are stored."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=2 * MAX_REORDERED_FRAMES)
        self._latest = -math.inf
        self._settled = -math.inf
        self._previous_key = -math.inf

    @property
    def recent(self) -> list[float]:
        """The last times, in stored order."""
        return list(self._recent)

    @property
    def usual_interval(self) -> float:
        """Seconds between the last frames; infinite where there are fewer than two."""
        intervals = [b - a for a, b in pairwise(sorted(self._recent))]
        return statistics.median_low(intervals) if intervals else math.inf

    def extend(self, times: Sequence[float]) -> None:
        """Add times that are believed."""
        for time in times:
            if len(self._recent) >= MAX_REORDERED_FRAMES:
                self._settled = max(self._settled, self._recent[-MAX_REORDERED_FRAMES])
            self._recent.append(time)
            self._latest = max(self._latest, time)

    def find_restart(self, times: Sequence[float], next_key: float | None, *, has_key: bool) -> int:
        """Return the first of the next times that goes back for good; their number if none does.

        Args:
            times: Of the next frames, without those that are left out.
            next_key: Time of the key frame after them.
            has_key: Whether the first of them is a key frame.
        """
        if has_key and times:
            if times[0] < self._previous_key - MAX_BACKWARD_JUMP_SECONDS:
                return 0
            self._previous_key = times[0]
        lowest = max(self._latest, max(times, default=0.0)) - MAX_BACKWARD_JUMP_SECONDS
        if not times or min(times) >= lowest:
            return len(times)
        settled = self._settled
        stored = [*self._recent][-MAX_REORDERED_FRAMES:]
        ahead = len(stored)
        stored += times
        for index, time in enumerate(times):
            before = index + ahead - MAX_REORDERED_FRAMES
            if before >= 0:
                settled = max(settled, stored[before])
            if time < settled - MAX_BACKWARD_JUMP_SECONDS:
                later = times[index:] if next_key is None else [*times[index:], next_key]
                if max(later) < settled:
                    return index
        return len(times)


def find_outliers(
    times: Sequence[float], before: Sequence[float], next_key: float | None, min_leap: float
) -> list[int]:
    """Return which of some times belong to single frames that leapt.

    Args:
        times: Of frames, in stored order.
        before: Of the frames before them; empty at the start of a file.
        next_key: Of the key frame after them; None at the end of the file.
        min_leap: Shorter leaps are none, in seconds.
    """
    after = [] if next_key is None else [next_key]
    near = [*before[-1:], *times, *after]
    if before and max(near) - min(near) <= min_leap:
        return []
    ordered = sorted([*before, *times, *after])
    intervals = [b - a for a, b in pairwise(ordered)]
    if not intervals or max(intervals) <= min_leap:
        return []
    leap = max(min_leap, USUAL_INTERVALS * statistics.median_low(intervals))
    isolated = {
        time
        for place, time in enumerate(ordered)
        if (place == 0 or intervals[place - 1] > leap)
        and (place == len(intervals) or intervals[place] > leap)
    }
    return [
        index
        for index, time in enumerate(times)
        if time in isolated
        and _has_leapt(time, [*before, *times[:index]], [*times[index + 1 :], *after], leap)
    ]


def _has_leapt(time: float, earlier: Sequence[float], later: Sequence[float], leap: float) -> bool:
    """Whether an isolated frame is out of order, or far from all others at an end of the file."""
    far = max(leap, LONE_FRAME_SECONDS)
    first, last = min(later, default=math.inf), max(later, default=-math.inf)
    latest = max(earlier, default=-math.inf)
    if not earlier:
        return time > last or (len(later) > 3 and first - time > far)
    if not later:
        return time < latest or (len(earlier) > 3 and time - latest > far)
    return (time > latest and time > last) or (time < latest and time < first)
