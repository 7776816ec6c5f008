"""Which found person is which true person of a frame: at most one each.

Two are the same if their heads are in one place. If heads are somewhat apart (bent over the desk)
or not in the picture, boxes decide. The assignment is the best of all (Kuhn, 1955).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bench.classroom.truth import PersonTruth, Visibility
from cluster.vision.people import People

HEAD_POINTS: Final = slice(0, 5)
SAME_HEAD: Final = 0.75
"""Heads nearer than this, in heights of the true head, are one."""

NEAR_HEAD: Final = 1.5
"""Boxes decide only if the heads are not farther apart than this, or one is not known."""

SAME_BOX_IOU: Final = 0.5

MAX_HIDDEN: Final = 0.75
"""Somebody of whom more is hidden, and of whose head nothing is seen, need not be found."""

FloatMatrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Matching:
    """The people of one frame, matched.

    Attributes:
        pairs: (found, true) indices of those who count, by found.
        missed: Indices of true people who count and were not found.
        extra: Indices of found people who are nobody.
        ignored: Indices of found people who are true people that need not be found.
    """

    pairs: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    extra: tuple[int, ...]
    ignored: tuple[int, ...]


def counts(person: PersonTruth) -> bool:
    """Return whether somebody looking at the picture would count this person."""
    head = person.keypoints[HEAD_POINTS]
    return person.hidden <= MAX_HIDDEN or any(v == Visibility.SEEN for _, _, v in head)


def match_people(found: People, true: Sequence[PersonTruth]) -> Matching:
    """Match the people of one frame.

    Args:
        found: n people, in the pixels of the truth.
        true: m people.
    """
    similarity = _similarity(found, true)
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    matched = {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if similarity[row, column] > 0
    }
    countable = [counts(person) for person in true]
    return Matching(
        pairs=tuple((row, column) for row, column in matched.items() if countable[column]),
        missed=tuple(
            index
            for index in range(len(true))
            if countable[index] and index not in matched.values()
        ),
        extra=tuple(index for index in range(len(found)) if index not in matched),
        ignored=tuple(row for row, column in matched.items() if not countable[column]),
    )


def _similarity(found: People, true: Sequence[PersonTruth]) -> FloatMatrix:
    """Return (n, m): 0 for different people, else 3 to 5, so that most are matched first."""
    if not len(found) or not true:
        return np.zeros((len(found), len(true)))
    overlap = intersection_over_union(found.boxes, np.array([person.box for person in true]))
    apart = _head_distances(found, true)
    with np.errstate(invalid="ignore"):
        is_same_head = apart <= SAME_HEAD
        is_same_box = (overlap >= SAME_BOX_IOU) & ~(apart > NEAR_HEAD)
    closeness = 1 - np.clip(np.nan_to_num(apart, nan=NEAR_HEAD), 0, NEAR_HEAD) / NEAR_HEAD
    result: FloatMatrix = np.where(is_same_head | is_same_box, 3 + closeness + overlap, 0.0)
    return result


def _head_distances(found: People, true: Sequence[PersonTruth]) -> FloatMatrix:
    """Return (n, m) distances of heads in heights of the true head; NaN without a true head.

    A head is the mean of those of its five points that are in the picture, seen or not.
    """
    points = np.array([person.keypoints[HEAD_POINTS] for person in true], np.float64)
    heights = np.array([person.head_height for person in true], np.float64)
    known = (points[..., 2] > Visibility.OUTSIDE)[None, ..., None]
    offsets = found.keypoints[:, None, HEAD_POINTS, :2] - points[None, ..., :2]
    number = known.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.where(known, offsets, 0).sum(axis=2) / number
        result: FloatMatrix = np.linalg.norm(middle, axis=2) / heights
    return result


def intersection_over_union(first: npt.ArrayLike, second: npt.ArrayLike) -> FloatMatrix:
    """Return (n, m) overlaps of boxes (n, 4) and (m, 4): left, top, right, bottom."""
    a = np.asarray(first, np.float64)[:, None]
    b = np.asarray(second, np.float64)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.clip(sides, 0, None).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (a, b)]
    union = areas[0] + areas[1] - shared
    result: FloatMatrix = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return result
