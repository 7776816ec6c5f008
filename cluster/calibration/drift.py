"""Compares what a camera shows with what it showed at first: was it turned, covered, moved?

    SceneSummary, twice ─> compare_scenes ─> shows another part of the room, or is covered in part
    CrowdSummary, many  ─> sit_elsewhere  ─> the same view, but people sit elsewhere

Thresholds were chosen on rendered classes: `python -m bench.drift`, docs/drift.md. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from cluster.calibration.crowd import CrowdSummary, crowd_distance
from cluster.calibration.scene import BANDS, CODE_STEPS, SceneSummary

MAX_SHIFT: Final = 0.15
"""How far summaries are shifted against each other, as a share of the picture's side."""

MIN_COVERAGE: Final = 0.45
"""Columns, or rows, are compared where both summaries know this share of them."""

MIN_OVERLAP: Final = 0.7
"""A shift counts where this share of what is compared without one is compared under it."""

MIN_RUN: Final = 12
SHIFT_GAIN: Final = 0.04
SIMILAR: Final = 0.65
"""Moved: the summaries correlate by `SHIFT_GAIN` better under a shift, and less than this
without; or …"""

UNLIKE: Final = 0.35
"""… they correlate less than this, whatever the shift."""

PLAIN_EDGES: Final = 0.25
CLEAR_EDGES: Final = 0.7
"""Square roots of grey levels: a column or row without edges now that had some before is lost."""

LOST_SHARE: Final = 0.33
"""Covered in part: this share of the columns, or rows, is lost, and not found elsewhere."""

CONFIRMING_SCENES: Final = 3
"""So many summaries in a row must say the same before a camera counts as moved."""

REFERENCE_CROWDS: Final = 10
RECENT_CROWDS: Final = 5
"""Hours with people that are the reference, and that are compared with it: two days of lessons,
and one."""

CROWD_DISTANCE: Final = 0.12
"""People sit elsewhere where the median distance of the recent hours, each to the nearest one of
the reference, is above this, …"""

CROWD_SPREAD: Final = 0.9
"""… and above this times the largest such distance within the reference: rooms in which classes
differ need more."""

HEAD_RATIO: Final = 1.25
"""Likewise where the median height of heads differs by this factor."""


class Drift(StrEnum):
    """What became of a camera's view. Stable: programs may match on it."""

    NONE = "none"
    COVERED = "covered"
    MOVED = "moved"
    SEATS_MOVED = "seats_moved"

    @property
    def advice(self) -> str:
        """What it means and what to do, for people; empty for `NONE`."""
        return ADVICE[self]


ADVICE: Final[dict[Drift, str]] = {
    Drift.NONE: "",
    Drift.COVERED: (
        "The picture shows nothing, or a large part of it does not: look whether the lens is "
        "covered, dirty or out of focus. People are not counted where all of it shows nothing."
    ),
    Drift.MOVED: (
        "The camera shows another part of the room than before: turn it back, or run `homeroom "
        "calibrate` for it, and look at its masks and its teacher's zone."
    ),
    Drift.SEATS_MOVED: (
        "People sit elsewhere in the picture than in the first lessons: seats were moved, or other "
        "classes come. Run `homeroom calibrate` for it, and count heads again."
    ),
}
"""What to say of each, and what to do."""


@dataclass(frozen=True, slots=True)
class CameraDrift:
    """What became of a camera's view, and since when.

    Attributes:
        kind: What.
        since: UTC; None for `NONE`.
        hides_all: Whether nothing at all is to be seen.
    """

    kind: Drift = Drift.NONE
    since: datetime | None = None
    hides_all: bool = False


@dataclass(frozen=True, slots=True)
class SceneComparison:
    """How alike two summaries of a scene are.

    Attributes:
        similarity: Their correlation as they are, −1 to 1.
        best: Their correlation under the best shifts.
        shift: (across, down) that gives it, as shares of the picture's sides.
        lost: Share of the columns, or of the rows, that have no edges any more, less the share of
            those that have some now; the larger one.
    """

    similarity: float
    best: float
    shift: tuple[float, float]
    lost: float

    @property
    def is_covered(self) -> bool:
        """Whether a large part of the picture shows nothing any more."""
        return self.lost >= LOST_SHARE

    @property
    def is_moved(self) -> bool:
        """Whether another part of the room is shown."""
        shifted = self.best - self.similarity > SHIFT_GAIN and self.similarity < SIMILAR
        return shifted or self.similarity < UNLIKE


def compare_scenes(before: SceneSummary, now: SceneSummary) -> SceneComparison | None:
    """Compare two summaries of a camera; None where people hid too much of the room.

    Args:
        before: The reference.
        now: Of the same grid.
    """
    pairs = ((before.columns(), now.columns()), (before.rows(), now.rows()))
    axes = [_compare_axis(one, other) for one, other in pairs]
    known = [axis for axis in axes if axis is not None]
    if not known:
        return None
    across, down = (0.0 if axis is None else axis.shift for axis in axes)
    return SceneComparison(
        similarity=float(np.mean([axis.similarity for axis in known])),
        best=float(np.mean([axis.best for axis in known])),
        shift=(across, down),
        lost=max(axis.lost for axis in known),
    )


def sit_elsewhere(reference: Sequence[CrowdSummary], recent: Sequence[CrowdSummary]) -> bool:
    """Whether people sit elsewhere than at first; False while too few hours are known.

    Args:
        reference: The first hours with people; `REFERENCE_CROWDS` are needed.
        recent: The last ones; `RECENT_CROWDS` are needed.
    """
    if len(reference) < REFERENCE_CROWDS or len(recent) < RECENT_CROWDS:
        return False
    heads_before = float(np.median([one.head_height for one in reference]))
    heads_now = float(np.median([one.head_height for one in recent]))
    ratio = (heads_now + 1e-6) / (heads_before + 1e-6)
    if max(ratio, 1 / ratio) > HEAD_RATIO:
        return True
    distance = float(np.median([_nearest(one, reference) for one in recent]))
    spread = max(
        _nearest(one, [*reference[:index], *reference[index + 1 :]])
        for index, one in enumerate(reference)
    )
    return distance > max(CROWD_DISTANCE, CROWD_SPREAD * spread)


@dataclass(frozen=True, slots=True)
class _AxisComparison:
    similarity: float
    best: float
    shift: float
    lost: float


def _compare_axis(
    before: npt.NDArray[np.uint8], now: npt.NDArray[np.uint8]
) -> _AxisComparison | None:
    """Compare (3, n) sums along one axis."""
    side = before.shape[1]
    is_known, is_known_now = before > 0, now > 0
    both = is_known & is_known_now
    if both.sum() < MIN_COVERAGE * BANDS * side:
        return None
    edges = [
        np.asarray(np.maximum(one.astype(np.float32) - 1, 0) / CODE_STEPS, np.float32)
        for one in (before, now)
    ]
    had_edges, have_edges = (both & (one > CLEAR_EDGES) for one in edges)
    lost = had_edges & (edges[1] < PLAIN_EDGES)
    gained = have_edges & (edges[0] < PLAIN_EDGES)  # nothing gains where a lens is covered
    smooth = [
        _smoothed(one, known) for one, known in zip(edges, (is_known, is_known_now), strict=True)
    ]
    found: dict[int, tuple[float, int]] = {}
    reach = int(MAX_SHIFT * side)
    for shift in range(-reach, reach + 1):
        here = slice(max(shift, 0), side + min(shift, 0))
        there = slice(max(-shift, 0), side - max(shift, 0))
        found[shift] = _correlate(
            smooth[0][:, there],
            smooth[1][:, here],
            is_known[:, there] & is_known_now[:, here],
        )
    similarity, compared = found[0]
    best = max(
        (shift for shift in found if found[shift][1] >= MIN_OVERLAP * compared),
        key=lambda shift: found[shift][0],
    )
    return _AxisComparison(
        similarity=similarity,
        best=found[best][0],
        shift=best / side,
        lost=max(0.0, float(lost.sum() - gained.sum())) / max(1, int(had_edges.sum())),
    )


def _correlate(
    one: npt.NDArray[np.float32], other: npt.NDArray[np.float32], known: npt.NDArray[np.bool_]
) -> tuple[float, int]:
    """Return the correlation over all thirds, each around its own mean, and the number compared."""
    known = known & (known.sum(axis=1, keepdims=True) >= MIN_RUN)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    centred = [
        np.where(known, values - (values * known).sum(axis=1, keepdims=True) / count, 0)
        for values in (one, other)
    ]
    norm = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    product = float((centred[0] * centred[1]).sum())
    return (product / norm if norm > 1e-6 else 0.0), int(known.sum())


def _smoothed(
    edges: npt.NDArray[np.float32], known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Return means over three neighbours, of those that are known."""
    weight = known.astype(np.float32)
    total = _sum_of_three(edges * weight)
    return np.asarray(total / np.maximum(_sum_of_three(weight), 1e-6), np.float32)


def _sum_of_three(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    padded = np.pad(values, ((0, 0), (1, 1)))
    return np.asarray(padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:], np.float32)


def _nearest(one: CrowdSummary, others: Sequence[CrowdSummary]) -> float:
    return min(crowd_distance(one, other) for other in others)
