"""How far a camera's headcounts may be from the truth: by counts by eye, else by the score.

Each count by eye gives the ratio of true to found people in one moment. Their logarithms are taken
as normal; the interval is the Bayesian prediction of the next ratio (Student's t, e.g. Gelman et
al., Bayesian Data Analysis, 3.3) with a weak prior for the spread, so that two counts that agree by
chance do not give an interval of no width.

The score gives the mean relative error of windows in clips of many rooms. The logarithm of the
ratio in a room that was not among them is predicted likewise, by a Student's t over the clips.
"""

import math
from collections.abc import Sequence
from typing import Final

from cluster.calibration.store import Calibration, HeadcountPair
from cluster.vision.headcounts import EMPTY_ROOM, HeadcountFactor
from cluster.vision.score import SCORE, ModelScore

MIN_HEADCOUNTS: Final = 2
INTERVAL_LEVEL: Final = 0.95
PRIOR_SPREAD: Final = 0.08
"""Standard deviation of the logarithm of the ratio in rooms that nobody counted: about the mean
relative headcount error of 6% in full classrooms."""

PRIOR_COUNTS: Final = 4
"""The prior weighs as much as this many counts."""

MEAN_ABSOLUTE_TO_SPREAD: Final = math.sqrt(math.pi / 2)
"""Standard deviations of a normal distribution for its mean absolute deviation."""


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
        math.log((pair.true + EMPTY_ROOM) / (pair.found + EMPTY_ROOM))
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
    margin = _two_sided_quantile(freedom) * spread
    return HeadcountFactor(math.exp(mean - margin), math.exp(mean + margin), count)


def _two_sided_quantile(freedom: int) -> float:
    """Return the quantile of Student's t that bounds the middle `INTERVAL_LEVEL`."""
    from scipy.special import stdtrit  # not at the top: workers that only read import this module

    return float(stdtrit(freedom, (1 + INTERVAL_LEVEL) / 2))


def score_factor(model: str, score: ModelScore = SCORE) -> HeadcountFactor | None:
    """Return the factor of a camera that nobody counted; None for a model that was not scored.

    Args:
        model: Id of the pose model.
        score: What was measured.
    """
    if model != score.model:
        return None
    mean = -math.log(score.people_counted)
    spread = MEAN_ABSOLUTE_TO_SPREAD * score.window_error * math.sqrt(1 + 1 / score.clips)
    margin = _two_sided_quantile(score.clips - 1) * spread
    return HeadcountFactor(math.exp(mean - margin), math.exp(mean + margin), 0)


def camera_factor(
    calibration: Calibration, *, model: str, input_size: int
) -> HeadcountFactor | None:
    """Return the factor of a camera's windows: of its counts by eye, else of the score.

    Args:
        calibration: What is known of the camera.
        model: Id of the pose model.
        input_size: At which the camera is analysed, in pixels.
    """
    counted = headcount_factor(calibration.headcounts, model=model, input_size=input_size)
    return counted or score_factor(model)
