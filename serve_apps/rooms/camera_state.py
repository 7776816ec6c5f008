"""What the rooms deployment knows of one camera, and how current its live counts are.

Pure: time is passed in, nothing is read or written.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from cluster.activity.live import LiveCounts
from cluster.calibration.drift import CameraDrift, Drift
from cluster.settings import Camera, Room
from cluster.streams.capture.health import CameraHealth
from cluster.streams.reader.report import CameraReport
from cluster.streams.source.state import StreamReason, StreamState
from serve_apps.clients.types import CameraStatus, RoomStatus

LATE_AFTER = timedelta(seconds=3)
"""Counts of a camera that delivers frames are late when they are older than this."""

LATE_AFTER_KEY_FRAMES = timedelta(seconds=15)
LATENCY_SPAN = timedelta(seconds=30)
"""The latency percentile covers the frames that were reported within this time."""

NO_READER_DETAIL = (
    "no node has had a place for its reader for a while (CPU, or the resource `cameras`), or "
    "readers do not start there."
)


@dataclass(slots=True)
class CameraState:
    """The newest report of a camera, and who sent it.

    Attributes:
        report: Its newest report.
        reader_id: The reader that hosts it; None where none does.
        node: Host name of the reader's machine.
        counts: Its newest live counts; None before the first.
        latencies: (time of the report in UTC, seconds from frame to report) of recent frames.
        drift: Whether it shows something else than at first.
    """

    report: CameraReport
    reader_id: str | None = None
    node: str | None = None
    counts: LiveCounts | None = None
    latencies: deque[tuple[datetime, float]] = field(default_factory=deque)
    drift: CameraDrift = field(default_factory=CameraDrift)

    def apply_report(
        self, report: CameraReport, *, reader_id: str, node: str, now: datetime
    ) -> None:
        """Replace the report, and keep the counts before it where it brings none."""
        self.report, self.reader_id, self.node = report, reader_id, node
        self.latencies.extend((now, seconds) for seconds in report.latencies)
        while self.latencies and now - self.latencies[0][0] > LATENCY_SPAN:
            self.latencies.popleft()
        if report.numbers is not None:
            self.counts = report.numbers

    @property
    def shows_nothing(self) -> bool:
        """Whether its picture shows nothing, so that its counts say nothing either."""
        return self.drift.hides_all

    def mark_lost(self, health: CameraHealth) -> None:
        """Record that no reader hosts the camera."""
        self.report = replace(self.report, health=health)
        self.reader_id = self.node = None

    def status(self, room: Room) -> CameraStatus:
        """Return the camera's status for operators."""
        return CameraStatus(
            health=self.report.health,
            room_id=room.id,
            school_id=room.school,
            reader_id=self.reader_id,
            node=self.node,
            frames_late=self.report.frames_late,
            frames_dropped=self.report.frames_dropped,
            latency_p95_seconds=self._latency_p95_seconds(),
            drift=self.drift,
        )

    def _latency_p95_seconds(self) -> float | None:
        if not self.latencies:
            return None
        return round(float(np.percentile([seconds for _, seconds in self.latencies], 95)), 3)


def lost_health(
    camera_id: str, state: CameraState | None, now: datetime, *, is_overdue: bool
) -> CameraHealth:
    """Return the health of a camera that no reader hosts.

    Args:
        camera_id: The camera.
        state: Its state so far; None where it was never reported.
        now: UTC.
        is_overdue: It has waited for a reader longer than a reader takes to start.
    """
    was_read = state is not None and (
        state.reader_id is not None or state.report.health.state is not StreamState.STARTING
    )
    stream_state = StreamState.RECONNECTING if was_read else StreamState.STARTING
    if is_overdue:
        return CameraHealth(camera_id, stream_state, StreamReason.NO_READER, now, NO_READER_DETAIL)
    reason = StreamReason.READER_LOST if was_read else StreamReason.ASSIGNED
    return CameraHealth(camera_id, stream_state, reason, now, "")


def room_status_of(
    camera: Camera, state: CameraState | None, now: datetime, *, stall_seconds: float
) -> tuple[RoomStatus, str]:
    """Return how current a camera's counts are, and the machine-readable reason.

    Args:
        camera: Its settings.
        state: Its state; None where it was never reported.
        now: UTC.
        stall_seconds: Counts that are late by more than this are `down`.
    """
    if state is None:
        return "down", str(StreamReason.NO_READER)
    if state.shows_nothing:
        return "down", str(Drift.COVERED)
    health = state.report.health
    if state.counts is None:
        return "down", str(health.reason)
    age = now - state.counts.as_of
    limit = LATE_AFTER_KEY_FRAMES if camera.decode == "key_frames" else LATE_AFTER
    if age <= limit:
        return "live", "live"
    if age <= limit + timedelta(seconds=stall_seconds):
        return "late", "late"
    return "down", str(
        StreamReason.NO_PICTURE if health.state is StreamState.LIVE else health.reason
    )
