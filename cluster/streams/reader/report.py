"""The reports of a reader: health, published counts, and finished windows.

Windows stay in the outbox until the receiver acknowledges that they are stored on disk, so that
none is lost when the receiver crashes; a window that is sent twice is stored once.
"""

from collections import deque
from dataclasses import dataclass, field

from cluster.activity.live import LiveCounts
from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow
from cluster.streams.capture.health import CameraHealth
from cluster.streams.reader.view_meter import ViewReport
from cluster.vision.pose.input_size import HeadSummary

MAX_WINDOWS = 20_000
"""Largest size of an outbox: a day of a few cameras."""

MAX_WINDOWS_PER_REPORT = 500


@dataclass(frozen=True, slots=True)
class MeasuredHeads:
    """How small the people are that a camera showed while its input size was not known.

    Attributes:
        heads: What was measured, in pixels of the downscaled frames.
        limit: Longer side of these frames at most, in pixels: the input size meanwhile.
        frame_size: (width, height) of the camera's own frames, in pixels.
    """

    heads: HeadSummary
    limit: int
    frame_size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class CameraReport:
    """A camera since the last report.

    Attributes:
        health: The state of its stream.
        numbers: The latest live counts; None where no frame was counted since.
        frames_counted: Frames that were counted, since the reader has the camera.
        frames_late: Frames dropped because they waited too long.
        frames_dropped: Frames dropped because the model was busy or unavailable.
        latencies: Seconds from frame to this report, for each frame counted since the last one.
        heads: Where its input size is to be measured and enough people were seen: what was
            measured. Each report repeats it, as one may be lost.
        view: What its view is like; None before the first frame.
    """

    health: CameraHealth
    numbers: LiveCounts | None = None
    frames_counted: int = 0
    frames_late: int = 0
    frames_dropped: int = 0
    latencies: tuple[float, ...] = ()
    heads: MeasuredHeads | None = None
    view: ViewReport | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a reader.

    Attributes:
        reader_id: Id of the reader.
        node: Host name of its machine.
        cameras: Cameras with new counts; the others each about once a second.
        windows: Finished windows, the oldest first; each is sent until it is acknowledged.
    """

    reader_id: str
    node: str
    cameras: tuple[CameraReport, ...]
    windows: tuple[PublishedWindow, ...]


@dataclass(frozen=True, slots=True)
class Ack:
    """The acknowledgement of a report.

    Attributes:
        up_to: Windows up to this number are stored.
    """

    up_to: int


@dataclass(slots=True)
class Outbox:
    """Finished windows that are not acknowledged yet."""

    windows: deque[PublishedWindow] = field(default_factory=deque)
    lost: int = 0
    _number: int = 0

    def add(
        self, camera_id: str, room_id: str, school_id: str, window: ActivityWindow, *, k: int
    ) -> None:
        """Add a window, counted with a `k`; drops the oldest one when the outbox is full."""
        self._number += 1
        self.windows.append(
            PublishedWindow(
                window=window,
                camera_id=camera_id,
                room_id=room_id,
                school_id=school_id,
                k=k,
                number=self._number,
            )
        )
        if len(self.windows) > MAX_WINDOWS:
            self.windows.popleft()
            self.lost += 1

    def next_batch(self) -> tuple[PublishedWindow, ...]:
        """Return the windows to send next, the oldest first."""
        return tuple(self.windows)[:MAX_WINDOWS_PER_REPORT]

    def acknowledge(self, up_to: int) -> None:
        """Remove the windows up to a number."""
        while self.windows and self.windows[0].number <= up_to:
            self.windows.popleft()
