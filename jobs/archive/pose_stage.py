"""Stage two: the pose model."""

import numpy as np
import numpy.typing as npt

from cluster.activity.durations import MEMORY_SECONDS
from cluster.vision.people import People
from cluster.vision.pose.estimator import PoseEstimator
from jobs.archive.segments import SEGMENT_SECONDS, Segment
from jobs.archive.stages import Row
from jobs.archive.worker_settings import WorkerSettings

FRAMES_PER_CALL = 32
"""Frames in one call of the pose model: bounds the memory of its input."""

MAX_CACHED_SEGMENTS = 32


class EstimatePoses:
    """The pose model, one a GPU or CPU slot; replaces a row's pixels by its people.

    The frames of a lead-in are also the last ones of the segment before; where this actor analysed
    that segment, it takes their people from its cache.

    Args:
        settings: The model's weights and settings.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._estimator = PoseEstimator.from_tables(
            settings.analysis, settings.weights, settings.cache_dir
        )
        self._cached: dict[tuple[str, float], dict[float, People]] = {}

    def __call__(self, row: Row) -> Row:
        """Find the people of a segment's frames.

        Args:
            row: As `DecodeSegments` yields it.

        Returns:
            `segment`, `read`, `timestamps` as they came, `people` of each frame, and
            `frame_size` (width, height) in pixels.
        """
        segment: Segment = row["segment"]
        camera = self._settings.cameras[segment.camera_id]
        timestamps: npt.NDArray[np.float64] = row["timestamps"]
        pixels: npt.NDArray[np.uint8] = row["pixels"]
        found = dict(self._cached.pop((segment.camera_id, segment.start), {}))
        new = [i for i, timestamp in enumerate(timestamps) if float(timestamp) not in found]
        for start in range(0, len(new), FRAMES_PER_CALL):
            chosen = new[start : start + FRAMES_PER_CALL]
            frames = [pixels[i] for i in chosen]
            for i, people in zip(
                chosen, self._estimator.estimate(frames, camera.input_size), strict=True
            ):
                found[float(timestamps[i])] = people
        self._cache_tail(segment, found)
        return {
            "segment": segment,
            "read": row["read"],
            "timestamps": timestamps,
            "people": [found[float(timestamp)] for timestamp in timestamps],
            "frame_size": (pixels.shape[2], pixels.shape[1]),
        }

    def _cache_tail(self, segment: Segment, found: dict[float, People]) -> None:
        """Keep the people of the last seconds for the segment that follows."""
        next_start = segment.start + SEGMENT_SECONDS
        self._cached[segment.camera_id, next_start] = {
            timestamp: people
            for timestamp, people in found.items()
            if timestamp >= next_start - MEMORY_SECONDS
        }
        while len(self._cached) > MAX_CACHED_SEGMENTS:
            self._cached.pop(next(iter(self._cached)))
