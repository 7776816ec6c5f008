"""Where people are in the picture, over an hour and all of them together.

    People of a frame ─> its nine regions ─> shares of an hour ─> CrowdSummary

A summary holds frames with at least `k` people only, and its shares are coded as those of
activities are: whole per cents, 0.05 for 5% and less (R3). A region is a ninth of the picture: no
seat can be read from it, and nobody's (R2).
"""

from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from cluster.settings import MIN_K
from cluster.vision.people import People
from cluster.vision.pose.input_size import estimate_head_heights

SIDE: Final = 3
REGIONS: Final = SIDE**2
MIN_SHARE: Final = 0.05
MAX_SHARE: Final = 0.95

_BINS: Final = 512
_BIN_SHARE: Final = 0.001
"""Of the picture's height: bins of head heights, up to half of it."""

Share = Annotated[float, Field(ge=MIN_SHARE, le=MAX_SHARE)]


class CrowdSummary(BaseModel):
    """Where people were in some hundred frames, each with at least `k` people.

    Attributes:
        shares: Of the people in each region, row by row from the upper left.
        head_height: Of the picture's height: the median over all people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    shares: Annotated[tuple[Share, ...], Field(min_length=REGIONS, max_length=REGIONS)]
    head_height: float = Field(ge=0)


class CrowdMeter:
    """Counts where people are, in bounded memory.

    Args:
        k: Frames with fewer people are left out; at least 5.
    """

    def __init__(self, k: int) -> None:
        self._k = max(k, MIN_K)
        self.frames = 0
        """Frames with at least `k` people that were added."""
        self._regions: npt.NDArray[np.int64] = np.zeros(REGIONS, np.int64)
        self._heads: npt.NDArray[np.int64] = np.zeros(_BINS, np.int64)

    def add(self, people: People, frame_size: tuple[int, int]) -> bool:
        """Add the people of a frame; returns whether there were enough of them.

        Args:
            people: Found in it.
            frame_size: (width, height) of the frame, in pixels.
        """
        if len(people) < self._k:
            return False
        boxes = people.boxes
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2 / frame_size
        column, row = np.clip((middles * SIDE).astype(np.intp), 0, SIDE - 1).T
        self._regions += np.bincount(row * SIDE + column, minlength=REGIONS)
        heads = estimate_head_heights(people) / frame_size[1] / _BIN_SHARE
        self._heads += np.bincount(np.clip(heads.astype(np.intp), 0, _BINS - 1), minlength=_BINS)
        self.frames += 1
        return True

    def summarise(self) -> CrowdSummary:
        """Return what was counted.

        Raises:
            ValueError: No frame was added.
        """
        people = int(self._regions.sum())
        if not people:
            raise ValueError("no frame had enough people")
        median = int(np.searchsorted(np.cumsum(self._heads), (people + 1) // 2))
        return CrowdSummary(
            shares=tuple(coded_share(count / people) for count in self._regions),
            head_height=round((median + 0.5) * _BIN_SHARE, 4),
        )


def coded_share(share: float) -> float:
    """Return a share as it is kept: in per cents, 0.05 for 5% and less, 0.95 for 95% and more."""
    return min(MAX_SHARE, max(MIN_SHARE, round(float(share), 2)))


def crowd_distance(one: CrowdSummary, other: CrowdSummary) -> float:
    """Return the total variation distance of where people were: 0 for the same, at most 1."""
    return 0.5 * sum(abs(a - b) for a, b in zip(one.shares, other.shares, strict=True))
