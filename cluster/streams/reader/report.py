"""What leaves a reader: health, numbers that may be told, and finished windows.

Windows are kept in the outbox until the receiver says that they are safe on a disk, so that the
receiver may die at any time and nothing is lost; sent twice, they are still one.
"""

from collections import deque
from dataclasses import dataclass, field

from cluster.activity.live import LiveCounts
from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow
from cluster.streams.reader.config import CameraHealth

MOST_WINDOWS = 20_000
"""A reader keeps so many at most: a day of a few cameras."""

WINDOWS_A_REPORT = 500


@dataclass(frozen=True, slots=True)
class CameraReport:
    """A camera since the last report.

    Attributes:
        health: Of its stream.
        numbers: The newest, None where no picture was counted since.
        frames_counted: Pictures that went into numbers, since the reader has the camera.
        frames_late: Dropped since they waited too long.
        frames_dropped: Dropped since the model's queue was full, or the model away.
        latencies: Seconds from picture to this report, one for each picture since the last one.
    """

    health: CameraHealth
    numbers: LiveCounts | None = None
    frames_counted: int = 0
    frames_late: int = 0
    frames_dropped: int = 0
    latencies: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a reader says.

    Attributes:
        reader_id: Who says it.
        node: Host name of its machine.
        cameras: Those of which there is something new; of the others each about once a second.
        windows: Finished, the oldest first; each comes again until it is acknowledged.
        clock_jumps: How often the machine's clock was set.
        windows_lost: Windows that the outbox had no room for.
    """

    reader_id: str
    node: str
    cameras: tuple[CameraReport, ...]
    windows: tuple[PublishedWindow, ...]
    clock_jumps: int = 0
    windows_lost: int = 0


@dataclass(frozen=True, slots=True)
class Ack:
    """The receiver's answer.

    Attributes:
        up_to: Windows up to this number are safe.
    """

    up_to: int


@dataclass(slots=True)
class Outbox:
    """Finished windows that are not safe yet."""

    windows: deque[PublishedWindow] = field(default_factory=deque)
    lost: int = 0
    _number: int = 0

    def add(self, camera_id: str, room_id: str, school_id: str, window: ActivityWindow) -> None:
        """Keep a window; the oldest is given up when there is no room."""
        self._number += 1
        self.windows.append(
            PublishedWindow(
                window=window,
                camera_id=camera_id,
                room_id=room_id,
                school_id=school_id,
                number=self._number,
            )
        )
        if len(self.windows) > MOST_WINDOWS:
            self.windows.popleft()
            self.lost += 1

    def next(self) -> tuple[PublishedWindow, ...]:
        """What to send."""
        return tuple(self.windows)[:WINDOWS_A_REPORT]

    def acknowledge(self, up_to: int) -> None:
        """Forget what is safe."""
        while self.windows and self.windows[0].number <= up_to:
            self.windows.popleft()
