"""From one camera's people, frame by frame, to its windows after suppression.

    People -> without duplicates and teacher -> tracks -> activities -> counts -> windows
           -> suppression

The live service and the archive job both go through here; R2 and R3 are enforced here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
import numpy.typing as npt

from cluster.activity.durations import (
    DEFAULT_HAND_THRESHOLDS,
    ActivityCounter,
    CurrentActivity,
    FrameCounts,
    HandThresholds,
    count_activities,
)
from cluster.activity.suppression import ActivityWindow, suppress_window
from cluster.activity.tracking import PersonTracker
from cluster.activity.windows import group_into_windows
from cluster.settings import Polygon
from cluster.vision.headcounts import HeadcountFactor
from cluster.vision.people import People


@dataclass(frozen=True, slots=True)
class AnalysedFrame:
    """The people of one analysed frame.

    Attributes:
        captured_at: When it was captured, UTC.
        people: Their boxes and keypoints, in the frame's pixels.
        frame_size: (width, height) of the frame, in pixels.
    """

    captured_at: datetime
    people: People
    frame_size: tuple[int, int]


class RoomCounter:
    """Counts the people of one camera's room.

    Args:
        rate: Analysed frames a second.
        teacher_zone: People whose feet are in this polygon (corners from 0 to 1) are not counted.
        hand_thresholds: How sure the classifier must be of a raised hand.
    """

    def __init__(
        self,
        rate: float,
        teacher_zone: Polygon | None = None,
        hand_thresholds: HandThresholds = DEFAULT_HAND_THRESHOLDS,
    ) -> None:
        self._tracker = PersonTracker(rate)
        self._counter = ActivityCounter(hand_thresholds=hand_thresholds)
        self._teacher_zone = teacher_zone

    def update(self, frame: AnalysedFrame) -> FrameCounts:
        """Count one frame; timestamps must increase."""
        _, current = self.classify(frame)
        return count_activities(frame.captured_at.timestamp(), current)

    def classify(self, frame: AnalysedFrame) -> tuple[People, list[CurrentActivity]]:
        """Classify the people of one frame, who never leave this process with it (R2).

        A frame goes through this or through `update`, not through both.

        Returns:
            The people that are counted, and the activity of each.
        """
        people = frame.people
        if self._teacher_zone is not None:
            people = people.select(~is_in_zone(people, self._teacher_zone, frame.frame_size))
        time = frame.captured_at.timestamp()
        track_ids = self._tracker.update(time, people)
        return people, self._counter.classify(time, track_ids, people, frame.frame_size)


def count_windows(
    frames: Iterable[AnalysedFrame],
    *,
    rate: float,
    starts_at: datetime,
    ends_at: datetime,
    k: int,
    headcount_only: bool = False,
    teacher_zone: Polygon | None = None,
    factor: HeadcountFactor | None = None,
) -> list[ActivityWindow]:
    """Count a segment of frames, and return its windows after suppression.

    Args:
        frames: By increasing time; those before `starts_at` are lead-in, which tracks and
            durations need and which is not counted.
        rate: Analysed frames a second.
        starts_at: Start of the segment, UTC.
        ends_at: Its end, exclusive.
        k: See `suppress_window`.
        headcount_only: See `suppress_window`.
        teacher_zone: See `RoomCounter`.
        factor: See `suppress_window`.
    """
    counter = RoomCounter(rate, teacher_zone)
    counted = [(frame.captured_at, counter.update(frame)) for frame in frames]
    windows = group_into_windows(
        (time, counts) for time, counts in counted if starts_at <= time < ends_at
    )
    return [
        suppress_window(window, k=k, headcount_only=headcount_only, factor=factor)
        for window in windows
    ]


def is_in_zone(people: People, zone: Polygon, frame_size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return (n,) whether the middle of each person's lower edge is in the zone."""
    corners = (np.asarray(zone) * frame_size).astype(np.float32)
    feet = np.stack([(people.boxes[:, 0] + people.boxes[:, 2]) / 2, people.boxes[:, 3]], axis=1)
    inside = [cv2.pointPolygonTest(corners, (float(x), float(y)), False) >= 0 for x, y in feet]
    return np.asarray(inside, np.bool_)
