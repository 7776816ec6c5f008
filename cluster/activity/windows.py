"""Ten seconds of a room: frames' counts added up, on the clock's own grid.

Windows start at multiples of ten seconds of UTC, whatever the file's start, so that cameras,
files and the live service agree on what a window is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cluster.activity.durations import FrameCounts
from cluster.vision.activity import Activity

WINDOW_SECONDS = 10


@dataclass(slots=True)
class WindowCounts:
    """What was counted in one window of one camera. Stays in this process.

    Attributes:
        window_start: UTC.
        frames: The frames' counts, in order.
    """

    window_start: datetime
    frames: list[FrameCounts] = field(default_factory=list)

    @property
    def people_max(self) -> int:
        """Most people in one frame."""
        return max((frame.people for frame in self.frames), default=0)

    @property
    def people_mean(self) -> float:
        """Mean number of people in a frame."""
        return sum(frame.people for frame in self.frames) / max(1, len(self.frames))


def window_start_of(moment: datetime) -> datetime:
    """The start of the window that a moment lies in, in UTC."""
    seconds = int(moment.timestamp() // WINDOW_SECONDS) * WINDOW_SECONDS
    return datetime.fromtimestamp(seconds, UTC)


def windows_of(frames: Iterable[tuple[datetime, FrameCounts]]) -> list[WindowCounts]:
    """Sort frames (UTC time, counts) into windows; a window without a frame does not appear."""
    windows: dict[datetime, WindowCounts] = {}
    for moment, counts in frames:
        start = window_start_of(moment)
        windows.setdefault(start, WindowCounts(start)).frames.append(counts)
    return [windows[start] for start in sorted(windows)]


def share_of(frames: Iterable[FrameCounts], activity: Activity) -> float:
    """The share of person-frames with an activity; 0 where there are no people."""
    people = matching = 0
    for frame in frames:
        people += frame.people
        matching += frame.activities[activity]
    return matching / people if people else 0.0
