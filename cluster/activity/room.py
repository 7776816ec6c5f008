"""From one camera's people, frame by frame, to its windows after suppression.

    People -> without duplicates and teacher -> tracks -> activities -> counts -> windows
           -> suppression

The live service and the archive job both go through here; R2 and R3 are enforced here.
"""

from collections.abc import Iterable
from datetime import datetime

from cluster.activity.analysed_frame import AnalysedFrame
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
from cluster.activity.zone import is_in_zone
from cluster.settings import Polygon
from cluster.vision.headcounts import HeadcountFactor
from cluster.vision.people import People


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
