"""Keypoints to postures, one frame at a time.

Every length is in units of the person's own body, never in pixels, so that one table of
thresholds serves the first row and the last. docs/activity.md defines each activity; the
constants here are that table. A posture is what one frame shows; what it must last to be an
activity is decided in `cluster.activity`.

This looks at where limbs are. It says nothing, and may say nothing, of how somebody feels or
whether somebody attends.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from cluster.vision.people import Floats, People

Bools = npt.NDArray[np.bool_]


class Activity(StrEnum):
    """What a person is counted as in a frame: one of these."""

    HAND_RAISED = "hand_raised"
    READING = "reading"
    WRITING = "writing"
    HEAD_DOWN = "head_down"
    STANDING = "standing"
    SITTING = "sitting"
    UNCLEAR = "unclear"


LEAST_KEYPOINT_SCORE: Final = 0.5
TORSO_TO_UNIT: Final = 0.7
"""The unit is the shoulder width, or this share of the torso's length where that is more:
somebody seen from the side has narrow shoulders but no shorter body."""

RAISED_WRIST_ABOVE_SHOULDERS: Final = 0.15
RAISED_WRIST_ABOVE_ELBOW: Final = 0.3
RAISED_WRIST_FROM_NOSE: Final = 0.45
RAISED_FOREARM_TILT: Final = 1.0
"""Sideways over upwards: 1 is 45 degrees."""

HEAD_LOW_ABOVE_SHOULDERS: Final = 0.05
NOSE_BELOW_EARS: Final = 0.25
STANDING_THIGH_TO_TORSO: Final = 0.45
STANDING_THIGH_TILT: Final = 0.6
BOTTOM_EDGE: Final = 0.98
"""A box that ends below this share of the frame's height is cut off by its edge."""

SAME_HEAD: Final = 0.15
UNIT_OF_BOX: Final = 0.3
"""Of a box's width: the least unit by which heads are compared, where no shoulders are seen."""

_HEAD: Final = slice(0, 5)
_NOSE, _EARS = 0, [3, 4]
_SHOULDERS, _ELBOWS, _WRISTS, _HIPS, _KNEES = [5, 6], [7, 8], [9, 10], [11, 12], [13, 14]


@dataclass(frozen=True, slots=True)
class Postures:
    """What one frame shows of each of n people.

    Attributes:
        seen: (n,) shoulders and some of the head are in the picture.
        hand_raised: (n,) a forearm points up beside or above the head.
        head_low: (n,) the head is at the height of the shoulders.
        looking_down: (n,) the nose is well below the ears.
        standing: (n,) the thighs hang down.
        cut_off: (n,) the frame's lower edge hides whether somebody stands or sits.
        wrists: (n, 2, 2) left and right wrist from the middle of the shoulders, in units; NaN
            where not seen.
    """

    seen: Bools
    hand_raised: Bools
    head_low: Bools
    looking_down: Bools
    standing: Bools
    cut_off: Bools
    wrists: Floats

    def __len__(self) -> int:
        """How many people."""
        return len(self.seen)


def postures(people: People, frame_height: int) -> Postures:
    """Read the postures off the keypoints.

    Args:
        people: n people in a frame.
        frame_height: Of that frame, in the same pixels.
    """
    points = people.keypoints[..., :2].astype(np.float32)
    visible = people.keypoints[..., 2] >= LEAST_KEYPOINT_SCORE
    points = np.where(visible[..., None], points, np.nan)
    shoulders = _middle(points[:, _SHOULDERS])
    hips = _middle(points[:, _HIPS])
    torso = np.linalg.norm(hips - shoulders, axis=1)
    unit = body_unit(people)
    with np.errstate(invalid="ignore", divide="ignore"):
        around = (points - shoulders[:, None]) / unit[:, None, None]
        seen = visible[:, _SHOULDERS].all(axis=1) & visible[:, _HEAD].any(axis=1) & (unit > 0)
        thighs = points[:, _KNEES] - points[:, _HIPS]
        hanging = (thighs[..., 1] >= STANDING_THIGH_TO_TORSO * torso[:, None]) & (
            np.abs(thighs[..., 0]) <= STANDING_THIGH_TILT * thighs[..., 1]
        )
        standing = seen & hanging.any(axis=1)
        return Postures(
            seen=seen,
            hand_raised=seen & ~standing & ~_back_turned(visible) & _raised(around).any(axis=1),
            head_low=seen & (_mean_height(around[:, _HEAD]) > -HEAD_LOW_ABOVE_SHOULDERS),
            looking_down=seen
            & (around[:, _NOSE, 1] - _mean_height(around[:, _EARS]) >= NOSE_BELOW_EARS),
            standing=standing,
            cut_off=(people.boxes[:, 3] >= BOTTOM_EDGE * frame_height)
            & ~visible[:, _KNEES].any(axis=1),
            wrists=around[:, _WRISTS].astype(np.float32),
        )


def body_unit(people: People) -> Floats:
    """(n,) each person's unit of length, in pixels; 0 where the shoulders are not seen."""
    points = people.keypoints[..., :2]
    visible = people.keypoints[..., 2] >= LEAST_KEYPOINT_SCORE
    width = np.linalg.norm(points[:, 5] - points[:, 6], axis=1)
    torso = np.linalg.norm(_middle(points[:, _SHOULDERS]) - _middle(points[:, _HIPS]), axis=1)
    hips_seen = visible[:, _HIPS].all(axis=1)
    unit = np.where(hips_seen, np.maximum(width, TORSO_TO_UNIT * torso), width)
    unit = np.where(visible[:, _SHOULDERS].all(axis=1), unit, 0.0)
    return unit.astype(np.float32)


def without_doubles(people: People) -> People:
    """Drop the weaker of two boxes that share one head.

    Non-maximum suppression keeps two boxes of one half-hidden body when they overlap little;
    one head is one person (cf. pose NMS, Fang et al. 2017).
    """
    alike = _share_a_head(people)
    kept = np.ones(len(people), np.bool_)
    for weaker in np.flatnonzero(np.tril(alike, -1).any(axis=1)):
        kept[weaker] = not (alike[weaker, :weaker] & kept[:weaker]).any()
    return people.keep(kept)


def _share_a_head(people: People) -> Bools:
    """(n, n) whether the heads of two lie at one place, as far as both are seen."""
    heads, scores = people.keypoints[:, _HEAD, :2], people.keypoints[:, _HEAD, 2]
    widths = people.boxes[:, 2] - people.boxes[:, 0]
    unit = np.maximum(body_unit(people), UNIT_OF_BOX * widths)
    seen = scores >= LEAST_KEYPOINT_SCORE
    both = seen[:, None] & seen
    points = both.sum(axis=2)
    apart = np.linalg.norm(heads[:, None] - heads, axis=3).sum(axis=2, where=both)
    near = points * SAME_HEAD * np.maximum(unit[:, None], unit)
    result: Bools = (points >= 2) & (apart < near)
    return result


def _raised(around: Floats) -> Bools:
    """(n, 2): is the left, the right hand up?"""
    wrists, elbows, nose = around[:, _WRISTS], around[:, _ELBOWS], around[:, [_NOSE]]
    forearm = wrists - elbows
    from_nose = np.linalg.norm(wrists - nose, axis=2)
    result: Bools = (
        (wrists[..., 1] <= -RAISED_WRIST_ABOVE_SHOULDERS)
        & (forearm[..., 1] <= -RAISED_WRIST_ABOVE_ELBOW)
        & (np.abs(forearm[..., 0]) <= -RAISED_FOREARM_TILT * forearm[..., 1])
        & ~(from_nose < RAISED_WRIST_FROM_NOSE)
    )
    return result


def _back_turned(visible: Bools) -> Bools:
    """(n,) neither the nose nor an eye is seen: somebody faces the board."""
    result: Bools = np.logical_not(visible[:, :3].any(axis=1))
    return result


def _middle(pairs: Floats) -> Floats:
    result: Floats = pairs.mean(axis=1)
    return result


def _mean_height(points: Floats) -> Floats:
    """(n,) mean y of the points that are seen; NaN where none is."""
    known = ~np.isnan(points[..., 1])
    total = np.where(known, points[..., 1], 0.0).sum(axis=1)
    count = known.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
