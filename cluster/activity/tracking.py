"""Tracking of people from frame to frame, for the seconds that durations need.

ByteTrack (Zhang et al., 2022) from the `trackers` library, one tracker for each camera. Track ids
never leave this process (R2).
"""

import numpy as np
import numpy.typing as npt
import supervision as sv
from trackers import ByteTrackTracker

from cluster.activity.features import UNTRACKED
from cluster.vision.people import People

LOST_SECONDS = 3.0
MIN_OVERLAP = 0.1
MIN_TRACK_SCORE = 0.1
"""Minimum score that starts a track; detections below it may continue one."""

_BUFFER_FRAMES_PER_SECOND = 30  # the library counts its buffer in frames of 1/30 s


class PersonTracker:
    """Tracks the people of one camera.

    Args:
        rate: Frames a second, approximately.
    """

    def __init__(self, rate: float) -> None:
        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(LOST_SECONDS * _BUFFER_FRAMES_PER_SECOND),
            frame_rate=rate,
            track_activation_threshold=MIN_TRACK_SCORE,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=MIN_OVERLAP,
            high_conf_det_threshold=MIN_TRACK_SCORE,
        )

    def update(self, time_seconds: float, people: People) -> npt.NDArray[np.int64]:
        """Track the people of one frame.

        Args:
            time_seconds: Timestamp of the frame; must increase.
            people: The n people in it.

        Returns:
            (n,) track ids, in the order of `people`; `UNTRACKED` where there is none yet.
        """
        order = np.arange(len(people))
        detections = sv.Detections(
            xyxy=people.boxes.astype(np.float64),
            confidence=people.scores.astype(np.float64),
            data={"order": order},
        )
        tracked = self._tracker.update(detections, timestamp=time_seconds)
        track_ids = np.full(len(people), UNTRACKED, np.int64)
        if len(tracked) and tracked.tracker_id is not None:
            track_ids[np.asarray(tracked.data["order"])] = tracked.tracker_id
        return track_ids
