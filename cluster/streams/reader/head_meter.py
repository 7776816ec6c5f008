"""Measures how small the people of a live camera are, while its input size is not known yet."""

import math
from typing import Final

from cluster.calibration.input_sizes import MIN_PEOPLE
from cluster.vision.people import People
from cluster.vision.pose.input_size import HeadSizes, HeadSummary

MEASURED_SECONDS: Final = 120.0
"""Frames of this many seconds, with people in them, are measured."""


class HeadMeter:
    """Measures the heads in a camera's first minutes with people; its memory is bounded.

    Args:
        rate: Analysed frames a second.
    """

    def __init__(self, rate: float) -> None:
        self._frames_wanted = math.ceil(MEASURED_SECONDS * rate)
        self._heads = HeadSizes()
        self._summary: HeadSummary | None = None

    def add(self, people: People) -> None:
        """Measure the people of a frame, unless enough are measured."""
        if self._summary is not None or len(people) < MIN_PEOPLE:
            return
        self._heads.add(people)
        if self._heads.frames >= self._frames_wanted:
            self._summary = self._heads.summarise()

    @property
    def summary(self) -> HeadSummary | None:
        """What was measured; None until enough is."""
        return self._summary
