"""Metrics of the rooms deployment from readers' reports: frames, latencies, camera states.

Readers count from their own start; here the differences are added up, so that a restarted reader
does not make a counter go down.
"""

from collections import Counter
from collections.abc import Iterable

from cluster.calibration.drift import Drift
from cluster.streams.reader.report import CameraReport, Report
from cluster.streams.source.state import StreamState
from serve_apps import metrics
from serve_apps.clients.types import CameraStatus

OUTCOMES = ("read", "late", "dropped")


class RoomMetrics:
    """Metrics of all readers."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, str], Counter[str]] = {}

    def record_report(self, report: Report) -> None:
        """Add a report to the counters."""
        for camera in report.cameras:
            self._record_camera(report.reader_id, camera)

    def set_gauges(self, cameras: Iterable[CameraStatus], readers: int, waiting: int) -> None:
        """Set the numbers of cameras by state and drift, of readers, and of windows that wait."""
        cameras = list(cameras)
        drifts = Counter(status.drift.kind for status in cameras)
        for drift in Drift:
            metrics.cameras_by_drift().set(drifts[drift], tags={"state": str(drift)})
        counts = Counter(status.health.state for status in cameras)
        for state in StreamState:
            metrics.cameras_by_state().set(counts[state], tags={"state": str(state)})
        metrics.readers_running().set(readers)
        metrics.windows_waiting().set(waiting)

    def _record_camera(self, reader_id: str, camera: CameraReport) -> None:
        camera_id = camera.health.camera_id
        totals = Counter(
            read=camera.frames_counted, late=camera.frames_late, dropped=camera.frames_dropped
        )
        # What a reader counted before its first report here, an earlier replica has exported.
        previous = self._totals.get((reader_id, camera_id), totals)
        for outcome in OUTCOMES:
            increment = totals[outcome] - previous[outcome]
            if increment > 0:
                tags = {"camera": camera_id, "outcome": outcome}
                metrics.frames().inc(increment, tags=tags)
        self._totals[reader_id, camera_id] = totals
        for seconds in camera.latencies:
            metrics.latency_seconds().observe(seconds)

    def forget(self, readers: Iterable[str]) -> None:
        """Drop the totals of readers that have ended."""
        ended = set(readers)
        for key in [key for key in self._totals if key[0] in ended]:
            del self._totals[key]
