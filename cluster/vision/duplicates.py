"""Removal of boxes that are a second detection of one person.

Non-maximum suppression keeps two boxes of one half-hidden body if they overlap little. One head is
one person (cf. pose NMS, Fang et al., 2017): of two boxes with one head the stronger is kept. So it
is of two boxes one of which lies within the other, if the head of one of them is not to be seen:
then it is a part of the same body.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from cluster.vision.activity import MIN_KEYPOINT_SCORE, body_unit
from cluster.vision.people import FloatArray, People

BoolArray = npt.NDArray[np.bool_]

POINT_DISTANCE: Final = 0.15
"""Mean distance of the head's points, in body units, below which two heads are one."""

CONTAINED_SHARE: Final = 0.8
"""Share of the smaller box that lies within the other one, from which they may be one person."""

HEAD_POINT_SCORE: Final = 0.3
"""Lowest score of a head's point for these distances; weak boxes have weak points."""

HEAD_DISTANCE: Final = 0.4
"""Distance of the middles of two such boxes' heads, in widths of the narrower box."""

BOX_WIDTH_TO_UNIT: Final = 0.3
"""Fraction of a box's width: the smallest unit for comparing heads without visible shoulders."""

_HEAD: Final = slice(0, 5)


def remove_duplicates(people: People) -> People:
    """Remove the box with the lower score of two that share one head.

    Args:
        people: By descending score.
    """
    if len(people) < 2:
        return people
    shared = _points_coincide(people) | (_contained(people) & _heads_are_near(people))
    kept = np.ones(len(people), np.bool_)
    for weaker in np.flatnonzero(np.tril(shared, -1).any(axis=1)):
        kept[weaker] = not (shared[weaker, :weaker] & kept[:weaker]).any()
    return people.select(kept)


def _points_coincide(people: People) -> BoolArray:
    """Return (n, n) whether the visible points of two heads coincide."""
    heads, scores = people.keypoints[:, _HEAD, :2], people.keypoints[:, _HEAD, 2]
    unit = np.maximum(body_unit(people), BOX_WIDTH_TO_UNIT * _widths(people))
    seen = scores >= MIN_KEYPOINT_SCORE
    both = seen[:, None] & seen
    points = both.sum(axis=2)
    apart = np.linalg.norm(heads[:, None] - heads, axis=3).sum(axis=2, where=both)
    near = points * POINT_DISTANCE * np.maximum(unit[:, None], unit)
    result: BoolArray = (points >= 2) & (apart < near)
    return result


def _contained(people: People) -> BoolArray:
    """Return (n, n) whether most of the smaller of two boxes lies within the other one."""
    boxes = people.boxes
    top_left = np.maximum(boxes[:, None, :2], boxes[:, :2])
    bottom_right = np.minimum(boxes[:, None, 2:], boxes[:, 2:])
    shared = np.prod(np.maximum(bottom_right - top_left, 0), axis=2)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    result: BoolArray = shared >= CONTAINED_SHARE * np.minimum(area[:, None], area)
    return result


def _heads_are_near(people: People) -> BoolArray:
    """Return (n, n) whether the middles of two heads are near, or one of them is not seen."""
    points, scores = people.keypoints[:, _HEAD, :2], people.keypoints[:, _HEAD, 2]
    seen = (scores >= HEAD_POINT_SCORE)[..., None]
    count = seen.sum(axis=1)
    middle: FloatArray = np.where(
        count > 0, (points * seen).sum(axis=1) / np.maximum(count, 1), np.nan
    ).astype(np.float32)
    widths = _widths(people)
    apart = np.linalg.norm(middle[:, None] - middle, axis=2)
    result: BoolArray = ~(apart >= HEAD_DISTANCE * np.minimum(widths[:, None], widths))
    return result


def _widths(people: People) -> FloatArray:
    result: FloatArray = people.boxes[:, 2] - people.boxes[:, 0]
    return result
