"""One camera of a reader: its source, its counter, and what is to be reported of it."""

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from cluster.activity.analysed_frame import AnalysedFrame
from cluster.activity.live import LiveCounter, LiveCounts
from cluster.activity.suppression import ActivityWindow
from cluster.streams.capture.camera import CameraSource
from cluster.streams.capture.frame import LiveFrame
from cluster.streams.capture.health import StreamMetrics
from cluster.streams.reader.head_meter import HeadMeter
from cluster.streams.reader.report import CameraReport, MeasuredHeads
from cluster.streams.reader.view_meter import ViewMeter
from cluster.streams.source.config import CameraConfig
from cluster.vision.people import People

HEALTH_SECONDS = 1.0
"""A camera without new counts is reported this often."""

MAX_LATENCIES = 1000


@dataclass(slots=True)
class AssignedCamera:
    """A camera that a reader reads and counts."""

    config: CameraConfig
    source: CameraSource
    counter: LiveCounter
    frames_dropped: int = 0
    _counts: LiveCounts | None = None
    _frames_counted: int = 0
    _unreported: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_LATENCIES))
    """When the frames were taken that were counted since the last report."""

    _reported_at: float = -math.inf
    _meter: HeadMeter | None = field(init=False)
    _heads: MeasuredHeads | None = None
    _view: ViewMeter = field(init=False)

    def __post_init__(self) -> None:
        """Begin to measure its view, and heads where its input size is to be chosen."""
        self._view = ViewMeter(self.config)
        self._meter = HeadMeter(self.config.rate) if self.config.measures_heads else None

    def count(self, frame: LiveFrame, people: People, taken_at: datetime) -> list[ActivityWindow]:
        """Count a frame.

        Args:
            frame: The frame.
            people: Found in it, in its pixels.
            taken_at: When it was taken, UTC.

        Returns:
            The windows that it finished.
        """
        height, width = frame.pixels.shape[:2]
        seen = AnalysedFrame(taken_at, people, (width, height))
        if frame.full is None:  # else the frame may be of another stream than the usual one
            self._view.add(frame.pixels, people, frame.taken_at, taken_at)
            if self._meter is not None:
                self._meter.add(people)
        self._counts, finished = self.counter.update(seen)
        self._frames_counted += 1
        self._unreported.append(frame.taken_at)
        return finished

    def is_due(self, now: float) -> bool:
        """Whether the next report includes it."""
        return self._counts is not None or now - self._reported_at >= HEALTH_SECONDS

    def report(self, now: float, *, frames_late: int) -> CameraReport:
        """Return what is new since the last call.

        Args:
            now: `time.monotonic()`.
            frames_late: Frames that were dropped before they were counted.
        """
        counts, self._counts = self._counts, None
        self._reported_at = now
        latencies = tuple(now - taken_at for taken_at in self._unreported)
        self._unreported.clear()
        health = self.source.health()
        self._finish_measuring(health.metrics)
        return CameraReport(
            health,
            counts,
            frames_counted=self._frames_counted,
            frames_late=frames_late,
            frames_dropped=self.frames_dropped,
            latencies=latencies,
            heads=self._heads,
            view=self._view.report(now),
        )

    def _finish_measuring(self, stream: StreamMetrics) -> None:
        """Keep what was measured of the stream as it is now, once that is enough."""
        if self._meter is not None and self._meter.summary is not None:
            size = (stream.width, stream.height)
            self._heads = MeasuredHeads(self._meter.summary, self.config.input_size, size)
            self._meter = None
