"""Measures as ratios of sums, with bootstrap intervals over pictures and clips.

A picture or clip gives each measure a numerator and a denominator. The measure of a set is the sum
of numerators over the sum of denominators, and its interval is that of the same ratio over sets
drawn with replacement (the percentile bootstrap: Efron and Tibshirani, 1993, section 13.3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

SEED: Final = 1
RESAMPLES: Final = 2000
INTERVAL_PERCENTILES: Final = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A measure of one picture or clip.

    Attributes:
        numerator: Such as the people that were found.
        denominator: Such as the people that there are; 0 where nothing was to be measured.
    """

    numerator: float
    denominator: float


Measures = Mapping[str, Ratio]
"""The measures of one picture or clip, by name."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure of a set.

    Attributes:
        value: Sum of numerators over sum of denominators.
        low: Lower end of the 95% interval; None with fewer than two pictures or clips.
        high: Upper end of it.
        samples: Pictures and clips in which there was something to measure.
        total: Sum of the denominators.
    """

    value: float
    low: float | None
    high: float | None
    samples: int
    total: float


def estimate(ratios: Sequence[Ratio]) -> Estimate | None:
    """Return the measure of a set; None where nothing was to be measured in any of it."""
    pairs = np.array([(ratio.numerator, ratio.denominator) for ratio in ratios], np.float64)
    total = float(pairs[:, 1].sum()) if len(pairs) else 0.0
    if total == 0:
        return None
    low = high = None
    samples = int((pairs[:, 1] > 0).sum())
    if samples > 1:
        draws = np.random.default_rng(SEED).integers(0, len(pairs), (RESAMPLES, len(pairs)))
        sums = pairs[draws].sum(axis=1)
        sums = sums[sums[:, 1] > 0]
        low, high = map(float, np.percentile(sums[:, 0] / sums[:, 1], INTERVAL_PERCENTILES))
    return Estimate(float(pairs[:, 0].sum()) / total, low, high, samples, total)


def estimate_all(samples: Sequence[Measures]) -> dict[str, Estimate]:
    """Return each measure of a set; those that could not be measured are left out."""
    names = dict.fromkeys(name for measures in samples for name in measures)
    found = {
        name: estimate([measures[name] for measures in samples if name in measures])
        for name in names
    }
    return {name: measured for name, measured in found.items() if measured is not None}
