"""What the rooms deployment exports of readers' reports: counts of pictures, latencies, states.

Readers count from their own start; here the differences are added up, so that a reader that was
started anew does not look like a step back.
"""

from collections import Counter
from collections.abc import Iterable

from cluster.streams.reader.report import CameraReport, Report
from cluster.streams.source.state import StreamState
from serve_apps import metrics
from serve_apps.clients.types import CameraStatus

OUTCOMES = ("read", "late", "dropped")


class RoomMetrics:
    """The figures of all readers."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Counter[str]] = {}

    def take(self, report: Report) -> None:
        """Add a report."""
        for camera in report.cameras:
            self._take_camera(report.reader_id, camera)

    def states(self, cameras: Iterable[CameraStatus], readers: int, waiting: int) -> None:
        """Tell how many cameras are in which state, how many readers run, what waits."""
        counts = Counter(status.health.state for status in cameras)
        for state in StreamState:
            metrics.cameras_by_state().set(counts[state], tags={"state": str(state)})
        metrics.readers_running().set(readers)
        metrics.windows_waiting().set(waiting)

    def _take_camera(self, reader_id: str, camera: CameraReport) -> None:
        camera_id = camera.health.camera_id
        now = Counter(
            read=camera.frames_counted, late=camera.frames_late, dropped=camera.frames_dropped
        )
        before = self._known.get((reader_id, camera_id), now)  # counted before we were here
        for outcome in OUTCOMES:
            step = now[outcome] - before[outcome]
            if step > 0:
                tags = {"camera": camera_id, "outcome": outcome}
                metrics.frames().inc(step, tags=tags)
        self._known[reader_id, camera_id] = now
        for seconds in camera.latencies:
            metrics.latency_seconds().observe(seconds)

    def forget(self, readers: Iterable[str]) -> None:
        """Forget the readers that have ended."""
        gone = set(readers)
        for key in [key for key in self._known if key[0] in gone]:
            del self._known[key]
