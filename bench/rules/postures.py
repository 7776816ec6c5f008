"""Keypoints to postures, one frame at a time.

Lengths are in units of the person's own body, never in pixels, so that the same thresholds hold for
the first row and the last. A posture is what one frame shows; how long it must last to be an
activity is decided in `bench.rules.durations`.

Only positions of limbs are used. Feelings and attention are never inferred from them (R1).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cluster.vision.activity import MIN_KEYPOINT_SCORE, body_unit, find_raised_hands, find_standing
from cluster.vision.people import FloatArray, People

BoolArray = npt.NDArray[np.bool_]


HEAD_LOW_ABOVE_SHOULDERS: Final = 0.05
NOSE_BELOW_EARS: Final = 0.25
BOTTOM_EDGE: Final = 0.98
"""A box that ends below this fraction of the frame's height is cut off by its edge."""

_HEAD: Final = slice(0, 5)
_NOSE, _EARS = 0, [3, 4]
_SHOULDERS, _ELBOWS, _WRISTS, _HIPS, _KNEES = [5, 6], [7, 8], [9, 10], [11, 12], [13, 14]


@dataclass(frozen=True, slots=True)
class Postures:
    """The postures of n people in one frame.

    Attributes:
        visible: (n,) both shoulders and a point of the head are visible.
        hand_raised: (n,) a forearm points up beside or above the head.
        head_low: (n,) the head is at the height of the shoulders.
        looking_down: (n,) the nose is well below the ears.
        standing: (n,) the thighs hang down.
        cut_off: (n,) the frame's lower edge hides whether the person stands or sits.
        wrists: (n, 2, 2) left and right wrist from the middle of the shoulders, in units; NaN
            if not visible.
    """

    visible: BoolArray
    hand_raised: BoolArray
    head_low: BoolArray
    looking_down: BoolArray
    standing: BoolArray
    cut_off: BoolArray
    wrists: FloatArray

    def __len__(self) -> int:
        """Return the number of people."""
        return len(self.visible)


def estimate_postures(people: People, frame_height: int) -> Postures:
    """Estimate the postures of all people in a frame.

    Args:
        people: n people.
        frame_height: Height of the frame, in the same pixels.
    """
    points = people.keypoints[..., :2].astype(np.float32)
    point_visible = people.keypoints[..., 2] >= MIN_KEYPOINT_SCORE
    points = np.where(point_visible[..., None], points, np.nan)
    shoulders = _middle(points[:, _SHOULDERS])
    unit = body_unit(people)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = (points - shoulders[:, None]) / unit[:, None, None]
        visible = (
            point_visible[:, _SHOULDERS].all(axis=1)
            & point_visible[:, _HEAD].any(axis=1)
            & (unit > 0)
        )
        standing = visible & find_standing(people)
        return Postures(
            visible=visible,
            hand_raised=visible & ~standing & find_raised_hands(people),
            head_low=visible & (_mean_height(relative[:, _HEAD]) > -HEAD_LOW_ABOVE_SHOULDERS),
            looking_down=visible
            & (relative[:, _NOSE, 1] - _mean_height(relative[:, _EARS]) >= NOSE_BELOW_EARS),
            standing=standing,
            cut_off=(people.boxes[:, 3] >= BOTTOM_EDGE * frame_height)
            & ~point_visible[:, _KNEES].any(axis=1),
            wrists=relative[:, _WRISTS].astype(np.float32),
        )


def _middle(pairs: FloatArray) -> FloatArray:
    result: FloatArray = pairs.mean(axis=1)
    return result


def _mean_height(points: FloatArray) -> FloatArray:
    """Return (n,) the mean y of the visible points; NaN without any."""
    visible = ~np.isnan(points[..., 1])
    total = np.where(visible, points[..., 1], 0.0).sum(axis=1)
    count = visible.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
