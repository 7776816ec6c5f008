"""What people are counted as, and their unit of length.

Only positions of limbs are used. Feelings and attention are never inferred from them (R1).
"""

from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from cluster.vision.people import FloatArray, People

BoolArray = npt.NDArray[np.bool_]


class Activity(StrEnum):
    """What a person is counted as in a frame."""

    HAND_RAISED = "hand_raised"
    READING = "reading"
    WRITING = "writing"
    HEAD_DOWN = "head_down"
    STANDING = "standing"
    SITTING = "sitting"
    UNCLEAR = "unclear"


MIN_KEYPOINT_SCORE: Final = 0.5
TORSO_LENGTH_TO_UNIT: Final = 0.7
"""The unit is the shoulder width, or this fraction of the torso's length if that is more: a person
seen from the side has narrow shoulders but an equally long torso."""

RAISED_WRIST_ABOVE_SHOULDERS: Final = 0.15
RAISED_WRIST_ABOVE_ELBOW: Final = 0.3
RAISED_WRIST_FROM_NOSE: Final = 0.45
RAISED_FOREARM_TILT: Final = 1.0
"""Horizontal over vertical extent: 1 is 45 degrees."""

STANDING_THIGH_TO_TORSO: Final = 0.45
STANDING_THIGH_TILT: Final = 0.6
MIN_KNEE_SCORE: Final = 0.8
"""Networks guess knees behind desks, with scores up to this."""

_NOSE: Final = 0
_SHOULDERS, _ELBOWS, _WRISTS = [5, 6], [7, 8], [9, 10]
_HIPS, _KNEES = [11, 12], [13, 14]


def body_unit(people: People) -> FloatArray:
    """Return (n,) each person's unit of length, in pixels; 0 if a shoulder is not visible."""
    points = people.keypoints[..., :2]
    visible = people.keypoints[..., 2] >= MIN_KEYPOINT_SCORE
    width = np.linalg.norm(points[:, 5] - points[:, 6], axis=1)
    torso = np.linalg.norm(_middle(points[:, _SHOULDERS]) - _middle(points[:, _HIPS]), axis=1)
    hips_seen = visible[:, _HIPS].all(axis=1)
    unit = np.where(hips_seen, np.maximum(width, TORSO_LENGTH_TO_UNIT * torso), width)
    unit = np.where(visible[:, _SHOULDERS].all(axis=1), unit, 0.0)
    return unit.astype(np.float32)


def _middle(pairs: FloatArray) -> FloatArray:
    result: FloatArray = pairs.mean(axis=1)
    return result


def find_raised_hands(people: People) -> BoolArray:
    """Return (n,) whether a forearm points up beside or above the head of each person.

    Both shoulders, and the nose or an eye, must be seen: somebody whose back is turned writes on
    the board.
    """
    points = people.keypoints[..., :2].astype(np.float32)
    visible = people.keypoints[..., 2] >= MIN_KEYPOINT_SCORE
    points = np.where(visible[..., None], points, np.nan)
    unit = body_unit(people)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = (points - _middle(points[:, _SHOULDERS])[:, None]) / unit[:, None, None]
        result: BoolArray = (unit > 0) & visible[:, :3].any(axis=1) & _raised(relative).any(axis=1)
    return result


def find_standing(people: People) -> BoolArray:
    """Return (n,) whether a thigh of each person hangs down, and its knee is certainly seen."""
    points, scores = people.keypoints[..., :2], people.keypoints[..., 2]
    visible = np.where(scores[..., None] >= MIN_KEYPOINT_SCORE, points, np.nan)
    torso = np.linalg.norm(_middle(visible[:, _HIPS]) - _middle(visible[:, _SHOULDERS]), axis=1)
    thighs = visible[:, _KNEES] - visible[:, _HIPS]
    with np.errstate(invalid="ignore"):
        hangs = (
            (scores[:, _KNEES] >= MIN_KNEE_SCORE)
            & (thighs[..., 1] >= STANDING_THIGH_TO_TORSO * torso[:, None])
            & (np.abs(thighs[..., 0]) <= STANDING_THIGH_TILT * thighs[..., 1])
        )
    result: BoolArray = hangs.any(axis=1)
    return result


def _raised(relative: FloatArray) -> BoolArray:
    """Return (n, 2) whether the left and the right hand is raised."""
    wrists, elbows, nose = relative[:, _WRISTS], relative[:, _ELBOWS], relative[:, [_NOSE]]
    forearm = wrists - elbows
    from_nose = np.linalg.norm(wrists - nose, axis=2)
    result: BoolArray = (
        (wrists[..., 1] <= -RAISED_WRIST_ABOVE_SHOULDERS)
        & (forearm[..., 1] <= -RAISED_WRIST_ABOVE_ELBOW)
        & (np.abs(forearm[..., 0]) <= -RAISED_FOREARM_TILT * forearm[..., 1])
        & ~(from_nose < RAISED_WRIST_FROM_NOSE)
    )
    return result
