"""Intervals of headcounts hold the truth about as often as they say."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.calibration.headcounts import camera_factor, headcount_factor, score_factor
from cluster.calibration.store import Calibration, HeadcountPair
from cluster.vision.headcounts import HeadcountFactor
from cluster.vision.score import SCORE, ModelScore
from tests.calibration.measurements import MODEL, headcount
from tests.plugins.hypothesis_profiles import examples

PAIRS = st.lists(
    st.tuples(st.integers(0, 80), st.floats(0, 80)).map(lambda pair: headcount(*pair)),
    min_size=2,
    max_size=12,
)


def factor_of(pairs: list[HeadcountPair]) -> HeadcountFactor:
    factor = headcount_factor(pairs, model=MODEL, input_size=960)
    assert factor is not None
    return factor


def test_one_count_gives_no_interval() -> None:
    assert headcount_factor([], model=MODEL, input_size=960) is None
    assert headcount_factor([headcount(20, 19)], model=MODEL, input_size=960) is None


@pytest.mark.parametrize("other", [{"model": "other@000000000000"}, {"input_size": 640}])
def test_counts_with_another_model_or_size_do_not_fit(other: dict[str, object]) -> None:
    pairs = [headcount(20, 19), headcount(20, 19, **other)]
    assert headcount_factor(pairs, model=MODEL, input_size=960) is None


@settings(max_examples=examples(100))
@given(pairs=PAIRS, found=st.floats(0, 100))
def test_an_interval_is_whole_numbers_in_order_and_grows_with_the_count(
    pairs: list[HeadcountPair], found: float
) -> None:
    factor = factor_of(pairs)
    low, high = factor.interval(found)
    assert 0 <= low <= high
    more_low, more_high = factor.interval(found + 10)
    assert more_low >= low
    assert more_high >= high


def test_two_counts_that_agree_leave_a_margin() -> None:
    factor = factor_of([headcount(20, 20), headcount(25, 25)])
    low, high = factor.interval(30)
    assert low < 30 < high
    assert factor.headcounts == 2


def test_a_camera_that_misses_a_fifth_is_corrected() -> None:
    pairs = [headcount(25, 20), headcount(30, 24), headcount(20, 16), headcount(26, 21)]
    low, high = factor_of(pairs).interval(20)
    assert low <= 25 <= high
    assert math.sqrt(low * high) == pytest.approx(25, rel=0.1)


def test_more_counts_make_the_interval_narrower() -> None:
    few = factor_of([headcount(25, 24), headcount(25, 26)])
    many = factor_of([headcount(25, 24), headcount(25, 26)] * 8)
    assert many.high / many.low < few.high / few.low


@pytest.mark.parametrize("counts", [2, 4, 10])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(counts: int) -> None:
    random = np.random.default_rng(counts)
    held = 0
    rooms = 400
    for _ in range(rooms):
        bias, spread = random.normal(0.0, 0.15), random.uniform(0.04, 0.1)

        def true_of(found: int, bias: float = bias, spread: float = spread) -> int:
            return round(found * math.exp(random.normal(bias, spread)))

        founds = random.integers(15, 35, counts + 1)
        pairs = [headcount(true_of(int(found)), float(found)) for found in founds[:-1]]
        low, high = factor_of(pairs).interval(float(founds[-1]))
        held += low <= true_of(int(founds[-1])) <= high
    assert held / rooms >= 0.93


def test_the_score_gives_an_interval_for_the_model_that_was_scored_alone() -> None:
    factor = score_factor(SCORE.model)
    assert factor is not None
    assert factor.headcounts == 0
    assert factor.low < 1 < factor.high
    assert score_factor("other@000000000000") is None


def test_a_model_that_counts_too_many_is_corrected() -> None:
    score = ModelScore(
        model=MODEL, clips=15, people_counted=1.25, window_error=0.02, reading_and_writing=0.0
    )
    factor = score_factor(MODEL, score)
    assert factor is not None
    assert math.sqrt(factor.low * factor.high) == pytest.approx(0.8)


Draw = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]
"""A generator and a number of rooms to as many errors, whose mean absolute value is 1."""

ERRORS: dict[str, Draw] = {
    "normal": lambda random, rooms: random.normal(0, math.sqrt(math.pi / 2), rooms),
    "heavy tails": lambda random, rooms: random.laplace(0, 1, rooms),
}


@pytest.mark.parametrize("clips", [5, 15, 60])
@pytest.mark.parametrize("errors", ERRORS)
def test_the_scores_interval_holds_the_truth_about_as_often_as_it_says(
    errors: str, clips: int
) -> None:
    """Rooms err as much as the score's clips; the score of some gives the interval of another."""
    random = np.random.default_rng(clips)
    scores, held = 2000, 0
    for _ in range(scores):
        logarithms = SCORE.window_error * ERRORS[errors](random, clips + 1)
        ratios = np.exp(logarithms - math.log(SCORE.people_counted))
        score = ModelScore(
            model=MODEL,
            clips=clips,
            people_counted=float(np.mean(1 / ratios[:-1])),
            window_error=float(np.mean(np.abs(1 / ratios[:-1] - 1))),
            reading_and_writing=0.0,
        )
        factor = score_factor(MODEL, score)
        assert factor is not None
        found = int(random.integers(6, 60))
        low, high = factor.bounds(found)
        held += low <= ratios[-1] * found <= high
    assert 0.94 <= held / scores <= 0.995


def test_counts_by_eye_come_before_the_score() -> None:
    pairs = (headcount(25, 20, model=SCORE.model), headcount(30, 24, model=SCORE.model))
    counted = Calibration(camera_id="cam1", headcounts=pairs)
    once = Calibration(camera_id="cam1", headcounts=pairs[:1])
    of_counts = camera_factor(counted, model=SCORE.model, input_size=960)
    assert of_counts == headcount_factor(pairs, model=SCORE.model, input_size=960)
    of_score = camera_factor(once, model=SCORE.model, input_size=960)
    assert of_score == score_factor(SCORE.model)
    assert camera_factor(counted, model=SCORE.model, input_size=640) == of_score
    assert camera_factor(counted, model="other@000000000000", input_size=960) is None
