"""Stage three: activity, windows and suppression; what it gives may leave the process."""

from cluster.activity.room import AnalysedFrame, published_windows
from cluster.district import place_of
from cluster.settings import Settings
from jobs.archive.segments import SEGMENT_SECONDS, Segment, moment_of
from jobs.archive.stages import Row, SegmentResult


class CountSegment:
    """Activity, windows and suppression; what it gives may leave the process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, row: Row) -> Row:
        """Count a segment."""
        segment: Segment = row["segment"]
        place = place_of(self._settings, segment.camera_id)
        frames = [
            AnalysedFrame(moment_of(float(moment)), people, row["frame_size"])
            for moment, people in zip(row["moments"], row["people"], strict=True)
        ]
        windows = published_windows(
            frames,
            rate=self._settings.analysis.rate,
            starts_at=moment_of(segment.starts),
            ends_at=moment_of(segment.starts + SEGMENT_SECONDS),
            k=self._settings.privacy.k,
            headcount_only=place.room.kind == "vehicle",
            teacher_zone=place.camera.teacher_zone,
        )
        return {"result": SegmentResult(segment, tuple(windows), row["reading"])}
