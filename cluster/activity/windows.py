"""Windows: the frame counts of a room, grouped by ten seconds of the clock.

Windows start at multiples of ten seconds of UTC, independent of a file's start, so that cameras,
files and the live service have the same windows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cluster.activity.durations import FrameCounts
from cluster.vision.activity import Activity

WINDOW_SECONDS = 10


@dataclass(slots=True)
class WindowCounts:
    """The counts of one camera's window before suppression. They stay in this process.

    Attributes:
        window_start: UTC.
        frames: The counts of its frames, by time.
    """

    window_start: datetime
    frames: list[FrameCounts] = field(default_factory=list)

    @property
    def people_max(self) -> int:
        """The most people in one frame."""
        return max((frame.people for frame in self.frames), default=0)

    @property
    def people_mean(self) -> float:
        """The mean number of people in a frame."""
        return sum(frame.people for frame in self.frames) / max(1, len(self.frames))


def window_start_of(time: datetime) -> datetime:
    """Return the start of the window that contains a time, in UTC."""
    seconds = int(time.timestamp() // WINDOW_SECONDS) * WINDOW_SECONDS
    return datetime.fromtimestamp(seconds, UTC)


def group_into_windows(frames: Iterable[tuple[datetime, FrameCounts]]) -> list[WindowCounts]:
    """Group frames (UTC time, counts) into windows; windows without frames are left out."""
    windows: dict[datetime, WindowCounts] = {}
    for time, counts in frames:
        start = window_start_of(time)
        windows.setdefault(start, WindowCounts(start)).frames.append(counts)
    return [windows[start] for start in sorted(windows)]


def share_of(frames: Iterable[FrameCounts], *activities: Activity) -> float:
    """Return the share of person-frames with one of some activities; 0 where nobody is."""
    people = matching = 0
    for frame in frames:
        people += frame.people
        matching += sum(frame.activities[activity] for activity in activities)
    return matching / people if people else 0.0
