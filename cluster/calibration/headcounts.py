"""How far a camera's headcounts may be from the truth, after people have counted by eye.

Each count gives the ratio of true to found people in one moment. Their logarithms are taken as
normal; the interval is the Bayesian prediction of the next ratio (Student's t, e.g. Gelman et al.,
Bayesian Data Analysis, 3.3) with a weak prior for the spread, so that two counts that agree by
chance do not give an interval of no width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy.special import stdtrit

from cluster.calibration.store import HeadcountPair

MIN_HEADCOUNTS: Final = 2
INTERVAL_LEVEL: Final = 0.95
PRIOR_SPREAD: Final = 0.08
"""Standard deviation of the logarithm of the ratio in rooms that nobody counted: about the mean
relative headcount error of 6% in full classrooms."""

PRIOR_COUNTS: Final = 4
"""The prior weighs as much as this many counts."""

_EMPTY_ROOM: Final = 0.5
"""Is added to both numbers, so that an empty room has a ratio."""


@dataclass(frozen=True, slots=True)
class HeadcountFactor:
    """How many people there are for each that is found.

    Attributes:
        low: Lower end of the interval.
        high: Upper end.
        headcounts: How many counts by eye it rests on.
    """

    low: float
    high: float
    headcounts: int

    def interval(self, found: float) -> tuple[int, int]:
        """Return the `people_low` and `people_high` of a headcount."""
        ends = ((found + _EMPTY_ROOM) * factor - _EMPTY_ROOM for factor in (self.low, self.high))
        low, high = ends
        return max(0, math.floor(low)), max(0, math.ceil(high))


def headcount_factor(
    pairs: Sequence[HeadcountPair], *, model: str, input_size: int
) -> HeadcountFactor | None:
    """Return a camera's factor; None where fewer than two counts fit.

    Args:
        pairs: Counts by eye beside what was found.
        model: Id of the pose model; counts with another do not fit.
        input_size: Likewise.
    """
    ratios = [
        math.log((pair.true + _EMPTY_ROOM) / (pair.found + _EMPTY_ROOM))
        for pair in pairs
        if (pair.model, pair.input_size) == (model, input_size)
    ]
    count = len(ratios)
    if count < MIN_HEADCOUNTS:
        return None
    mean = sum(ratios) / count
    freedom = PRIOR_COUNTS + count - 1
    squares = PRIOR_COUNTS * PRIOR_SPREAD**2 + sum((ratio - mean) ** 2 for ratio in ratios)
    spread = math.sqrt(squares / freedom * (1 + 1 / count))
    margin = float(stdtrit(freedom, (1 + INTERVAL_LEVEL) / 2)) * spread
    return HeadcountFactor(math.exp(mean - margin), math.exp(mean + margin), count)
