"""Chooses a camera's input size by the heads of the people it shows.

    People at the largest allowed size -> head heights -> HeadSizes -> choose_input_size

A network finds people only if their heads have enough pixels in its input, and their arms only if
these are larger still. A larger input than they need costs more, and finds large people less well.
Measured are people in general: sizes of heads, never whose or where (R2).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cluster.settings import INPUT_SIZES
from cluster.vision.activity import MIN_KEYPOINT_SCORE
from cluster.vision.people import FloatArray, People

SHOULDERS_TO_HEAD: Final = 1 / 1.3
TORSO_TO_HEAD: Final = 1 / 1.8
BOX_WIDTH_TO_HEAD: Final = 1 / 2.4
"""Height of a head, from chin to crown, as a fraction of other lengths: between a child's (of whom
the shoulders are 1.2 heads apart) and an adult's (1.5)."""

MIN_HEAD_PIXELS: Final = 10.0
"""People with smaller heads, in pixels of the network's input, are not found well.

Chosen for `classroom-pose` at its confidence on rendered pictures: below 10 pixels clearly fewer
people are found than at the next size, from 12 pixels on as many; 8 to 11 pixels differ by less
than the error of that measurement. `bench.accuracy` has who is found by the height of heads."""

WANTED_HEAD_PIXELS: Final = 20.0
"""An input in which the smallest heads, in its pixels, are smaller is replaced by a larger one.

At `MIN_HEAD_PIXELS` people are found, but not their hands. Chosen by
`bench.training.compare_head_sizes`: up to this height, raised hands, activities and the headcount
of rendered clips become better with a larger input."""

SMALLEST_PERCENTILE: Final = 10
"""The smallest people are those up to this percentile of head heights: the last rows, while a few
false detections and people who are cut off do not decide."""

_BIN_PIXELS: Final = 0.25
_BINS: Final = 1024
_SHOULDERS, _HIPS = [5, 6], [11, 12]


def estimate_head_heights(people: People) -> FloatArray:
    """Estimate the heights of heads from the bodies, which are seen from all sides.

    The height is taken from the distance of the shoulders or the length of the torso, whichever
    says more (a person seen from the side has narrow shoulders), else from the box. Of 490 rendered
    people, the estimates are 0.9 of the true heights in the median, and half of them between 0.8
    and 1.

    Args:
        people: n people.

    Returns:
        (n,) heights from chin to crown, in pixels of the frame.
    """
    points, scores = people.keypoints[..., :2], people.keypoints[..., 2]
    hips_seen = (scores[:, _HIPS] >= MIN_KEYPOINT_SCORE).all(axis=1)
    width = np.linalg.norm(points[:, 5] - points[:, 6], axis=1)
    middles = points[:, _HIPS].mean(axis=1) - points[:, _SHOULDERS].mean(axis=1)
    torso = np.where(hips_seen, np.linalg.norm(middles, axis=1), 0.0)
    by_body = np.maximum(SHOULDERS_TO_HEAD * width, TORSO_TO_HEAD * torso)
    by_box = BOX_WIDTH_TO_HEAD * (people.boxes[:, 2] - people.boxes[:, 0])
    return np.where(_shoulders_seen(people), by_body, by_box).astype(np.float32)


@dataclass(frozen=True, slots=True)
class HeadSummary:
    """How small the people are in some frames.

    Attributes:
        smallest_head: Height of the smallest people's heads, in pixels of the frames.
        frames: Frames that were measured.
        people: People in these frames whose shoulders are seen, counted again in each frame.
    """

    smallest_head: float
    frames: int
    people: int


class HeadSizes:
    """The distribution of head heights over many frames, in bounded memory."""

    def __init__(self) -> None:
        self._counts: npt.NDArray[np.int64] = np.zeros(_BINS, np.int64)
        self.frames = 0
        """Frames that were added."""

    def add(self, people: People) -> None:
        """Add the people of one frame whose shoulders are seen.

        Others are hidden or cut by the frame's edge: their boxes tell little.
        """
        heights = estimate_head_heights(people)[_shoulders_seen(people)]
        bins = (heights / _BIN_PIXELS).astype(np.int64)
        self._counts += np.bincount(np.clip(bins, 0, _BINS - 1), minlength=_BINS)
        self.frames += 1

    def summarise(self) -> HeadSummary | None:
        """Return how small the people are; None where nobody was seen."""
        people = int(self._counts.sum())
        if not people:
            return None
        rank = 1 + round(SMALLEST_PERCENTILE / 100 * (people - 1))
        index = int(np.searchsorted(np.cumsum(self._counts), rank))
        return HeadSummary((index + 0.5) * _BIN_PIXELS, self.frames, people)


@dataclass(frozen=True, slots=True)
class SizeChoice:
    """An input size, and how tall the smallest heads are in it.

    Attributes:
        input_size: Longer side of the network's input, in pixels.
        head_pixels: Height of the smallest people's heads in that input.
    """

    input_size: int
    head_pixels: float

    @property
    def sees_everybody(self) -> bool:
        """Whether the smallest heads are large enough to be found."""
        return self.head_pixels >= MIN_HEAD_PIXELS


def choose_input_size(
    smallest_head: float,
    *,
    measured_side: int,
    limit: int,
    frame_side: int | None = None,
    wanted_head: float = WANTED_HEAD_PIXELS,
) -> SizeChoice:
    """Choose the cheapest input size at which the smallest people and their arms are seen.

    Args:
        smallest_head: Height of their heads, in pixels of the frames that were measured.
        measured_side: Longer side of these frames, in pixels.
        limit: The largest input size that may be chosen.
        frame_side: Longer side of the camera's own frames, in pixels: they are never enlarged.
            That of the measured frames unless given.
        wanted_head: Height that the smallest heads are to have in the input, in its pixels.

    Returns:
        The choice; the largest size that is allowed and not enlarged where none is large enough.
    """
    side = frame_side or measured_side
    useful = [size for size in INPUT_SIZES if size <= largest_useful_size(side, limit)]
    choices = [SizeChoice(size, smallest_head * min(size, side) / measured_side) for size in useful]
    return next((one for one in choices if one.head_pixels >= wanted_head), choices[-1])


def largest_useful_size(frame_side: int, limit: int) -> int:
    """Return the largest input size up to a limit that a frame fills.

    Args:
        frame_side: Longer side of the frame, in pixels.
        limit: One of the input sizes.
    """
    fitting = next((size for size in INPUT_SIZES if size >= frame_side), INPUT_SIZES[-1])
    return min(fitting, limit)


def _shoulders_seen(people: People) -> npt.NDArray[np.bool_]:
    return np.asarray((people.keypoints[:, _SHOULDERS, 2] >= MIN_KEYPOINT_SCORE).all(axis=1))
