"""Stage three: activity, windows and suppression; its results may leave the process."""

from cluster.activity.analysed_frame import AnalysedFrame
from cluster.activity.room import count_windows
from jobs.archive.segments import SEGMENT_SECONDS, Segment, utc_from_timestamp
from jobs.archive.stages import Row, SegmentResult
from jobs.archive.worker_settings import WorkerSettings


class CountActivity:
    """Turns a segment's people into windows as they may be published (R3).

    Args:
        settings: How each camera's footage is analysed.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings

    def __call__(self, row: Row) -> Row:
        """Count a segment.

        Args:
            row: As `EstimatePoses` returns it.

        Returns:
            `result`: the segment's `SegmentResult`.
        """
        segment: Segment = row["segment"]
        camera = self._settings.cameras[segment.camera_id]
        frames = [
            AnalysedFrame(utc_from_timestamp(float(timestamp)), people, row["frame_size"])
            for timestamp, people in zip(row["timestamps"], row["people"], strict=True)
        ]
        windows = count_windows(
            frames,
            rate=self._settings.analysis.rate,
            starts_at=utc_from_timestamp(segment.start),
            ends_at=utc_from_timestamp(segment.start + SEGMENT_SECONDS),
            k=self._settings.k,
            headcount_only=camera.headcount_only,
            teacher_zone=camera.teacher_zone,
            factor=camera.factor,
        )
        return {"result": SegmentResult(segment, tuple(windows), row["read"])}
