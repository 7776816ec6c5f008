"""One camera's people, frame after frame, to what may be told of its windows.

    People -> doubles and teacher dropped -> tracks -> postures -> counts -> windows -> suppression

The live service and the archive job both go through here; this is where rules 2 and 3 are kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
import numpy.typing as npt

from cluster.activity.durations import ActivityCounter, FrameCounts
from cluster.activity.suppression import ActivityWindow, published_window
from cluster.activity.tracking import PersonTracker
from cluster.activity.windows import windows_of
from cluster.vision.activity import estimate_postures, remove_duplicates
from cluster.vision.people import People

Polygon = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """The people of one analysed frame.

    Attributes:
        moment: When it was taken, UTC.
        people: In the frame's pixels.
        frame_size: (width, height) of the frame, in pixels.
    """

    moment: datetime
    people: People
    frame_size: tuple[int, int]


class RoomCounter:
    """Counts one camera's room.

    Args:
        rate: Analysed frames a second.
        teacher_zone: People whose feet are in this polygon (corners from 0 to 1) do not count.
    """

    def __init__(self, rate: float, teacher_zone: Polygon | None = None) -> None:
        self._tracker = PersonTracker(rate)
        self._counter = ActivityCounter()
        self._teacher_zone = teacher_zone

    def update(self, frame: SeenFrame) -> FrameCounts:
        """Count one frame; frames must come in the order of time."""
        people = remove_duplicates(frame.people)
        if self._teacher_zone is not None:
            people = people.select(~_stands_in(people, self._teacher_zone, frame.frame_size))
        time = frame.moment.timestamp()
        numbers = self._tracker.update(time, people)
        return self._counter.update(time, numbers, estimate_postures(people, frame.frame_size[1]))


def told_windows(
    frames: Iterable[SeenFrame],
    *,
    rate: float,
    starts_at: datetime,
    ends_at: datetime,
    k: int,
    headcount_only: bool = False,
    teacher_zone: Polygon | None = None,
) -> list[ActivityWindow]:
    """Count a stretch of frames, and give the windows as they may be told.

    Args:
        frames: In the order of time; those before `starts_at` are lead-in, which tracks and
            durations need and which is not counted.
        rate: Analysed frames a second.
        starts_at: Start of the stretch, UTC.
        ends_at: Its end; a frame from there on belongs to the next.
        k: See `published_window`.
        headcount_only: See `published_window`.
        teacher_zone: See `RoomCounter`.
    """
    counter = RoomCounter(rate, teacher_zone)
    counted = [(frame.moment, counter.update(frame)) for frame in frames]
    windows = windows_of(
        (moment, counts) for moment, counts in counted if starts_at <= moment < ends_at
    )
    return [published_window(w, k=k, headcount_only=headcount_only) for w in windows]


def _stands_in(people: People, zone: Polygon, frame_size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(n,) whether the middle of a person's lower edge lies in the zone."""
    corners = (np.asarray(zone) * frame_size).astype(np.float32)
    feet = np.stack([(people.boxes[:, 0] + people.boxes[:, 2]) / 2, people.boxes[:, 3]], axis=1)
    inside = [cv2.pointPolygonTest(corners, (float(x), float(y)), False) >= 0 for x, y in feet]
    return np.asarray(inside, np.bool_)
