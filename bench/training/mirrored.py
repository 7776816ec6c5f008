"""Left and right swapped in features of the activity classifier, for twice the examples."""

from typing import Final

import numpy as np
import numpy.typing as npt

from cluster.activity.features import FEATURES
from cluster.vision.people import KEYPOINTS, FloatArray

_POINTS: Final = len(KEYPOINTS)


def mirror(features: FloatArray) -> FloatArray:
    """Return (n, FEATURES) features as a mirrored picture would give them."""
    source, sign = _permutation()
    result: FloatArray = features[:, source] * sign
    return result


def _permutation() -> tuple[npt.NDArray[np.intp], FloatArray]:
    names = {name: index for index, name in enumerate(KEYPOINTS)}
    swap = {"left": "right", "right": "left"}
    other = np.array(
        [names["_".join(swap.get(part, part) for part in name.split("_"))] for name in KEYPOINTS]
    )
    pairs = np.stack([2 * other, 2 * other + 1], axis=1).ravel()
    across = np.tile(np.array([-1.0, 1.0], np.float32), _POINTS)
    same = np.ones(_POINTS, np.float32)
    blocks = [
        (pairs, across),  # points
        (other, same),  # scores
        (pairs, across),  # mean points
        (pairs, np.ones(2 * _POINTS, np.float32)),  # their spread
        (other, same),  # mean scores
        (other, same),  # lowest scores
        (np.array([2, 1, 0, 3, 4, 5, 6, 7]), np.array([-1, 1, -1, 1, 1, 1, 1, 1], np.float32)),
        (np.arange(5), np.ones(5, np.float32)),
    ]
    source, offset = [], 0
    for indices, _ in blocks:
        source.append(indices + offset)
        offset += len(indices)
    assert offset == FEATURES  # noqa: S101 (a new feature must be mirrored too)
    return np.concatenate(source), np.concatenate([sign for _, sign in blocks])
