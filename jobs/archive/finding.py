"""Stage two: the pose model."""

import numpy as np
import numpy.typing as npt

from cluster.activity.durations import MEMORY_SECONDS
from cluster.settings import Settings
from cluster.vision.people import People
from cluster.vision.pose.estimator import PoseEstimator
from jobs.archive.segments import SEGMENT_SECONDS, Segment
from jobs.archive.stages import Row

FRAMES_AT_ONCE = 32
"""Frames given to the pose model in one call: bounds the memory of its input."""

SEGMENTS_REMEMBERED = 32


class FindPeople:
    """The pose model, one a GPU or CPU slot; replaces a row's pixels by its people.

    The frames of a lead-in were seen at the end of the segment before; where this actor had that
    segment, it looks up what it found.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._estimator = PoseEstimator.from_settings(settings)
        self._recent: dict[tuple[str, float], dict[float, People]] = {}

    def __call__(self, row: Row) -> Row:
        """Find the people of a segment's frames."""
        segment: Segment = row["segment"]
        camera = self._settings.cameras_by_id[segment.camera_id]
        moments: npt.NDArray[np.float64] = row["moments"]
        pixels: npt.NDArray[np.uint8] = row["pixels"]
        known = self._recent.pop((segment.camera_id, segment.starts), {})
        new = [i for i, moment in enumerate(moments) if float(moment) not in known]
        found: dict[float, People] = dict(known)
        for start in range(0, len(new), FRAMES_AT_ONCE):
            chosen = new[start : start + FRAMES_AT_ONCE]
            frames = [pixels[i] for i in chosen]
            for i, people in zip(
                chosen, self._estimator.estimate(frames, camera.input_size), strict=True
            ):
                found[float(moments[i])] = people
        self._remember(segment, found)
        return {
            "segment": segment,
            "reading": row["reading"],
            "moments": moments,
            "people": [found[float(moment)] for moment in moments],
            "frame_size": (pixels.shape[2], pixels.shape[1]),
        }

    def _remember(self, segment: Segment, found: dict[float, People]) -> None:
        """Keep the last seconds for the segment that follows; and only the last few of these."""
        after = segment.starts + SEGMENT_SECONDS
        self._recent[segment.camera_id, after] = {
            moment: people for moment, people in found.items() if moment >= after - MEMORY_SECONDS
        }
        while len(self._recent) > SEGMENTS_REMEMBERED:
            self._recent.pop(next(iter(self._recent)))
