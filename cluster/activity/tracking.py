"""Who in this frame is who in the last, for the seconds that durations need.

ByteTrack (Zhang et al., 2022) as the `trackers` library has it, one tracker a camera. Track
numbers stay in this process, and mean nothing outside it.
"""

import numpy as np
import numpy.typing as npt
import supervision as sv
from trackers import ByteTrackTracker

from cluster.activity.durations import UNTRACKED
from cluster.vision.people import People

LOST_SECONDS = 3.0
LEAST_OVERLAP = 0.1
TRACKED_SCORE = 0.3
"""Least score of somebody who starts a track; weaker ones may carry one on."""


_FRAMES_A_SECOND_OF_BUFFER = 30  # the library counts its buffer in thirtieths of a second


class PersonTracker:
    """Tracks the people of one camera.

    Args:
        rate: Frames a second that will come, about.
    """

    def __init__(self, rate: float) -> None:
        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(LOST_SECONDS * _FRAMES_A_SECOND_OF_BUFFER),
            frame_rate=rate,
            track_activation_threshold=TRACKED_SCORE,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=LEAST_OVERLAP,
            high_conf_det_threshold=TRACKED_SCORE,
        )

    def update(self, time_seconds: float, people: People) -> npt.NDArray[np.int64]:
        """Follow one frame.

        Args:
            time_seconds: Of the frame; must grow.
            people: n people in it.

        Returns:
            (n,) track numbers, in the order of `people`; `UNTRACKED` where there is none yet.
        """
        order = np.arange(len(people))
        detections = sv.Detections(
            xyxy=people.boxes.astype(np.float64),
            confidence=people.scores.astype(np.float64),
            data={"order": order},
        )
        tracked = self._tracker.update(detections, timestamp=time_seconds)
        numbers = np.full(len(people), UNTRACKED, np.int64)
        if len(tracked) and tracked.tracker_id is not None:
            numbers[np.asarray(tracked.data["order"])] = tracked.tracker_id
        return numbers
