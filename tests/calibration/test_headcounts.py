"""Intervals of headcounts hold the truth about as often as they say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.calibration.headcounts import HeadcountFactor, headcount_factor
from cluster.calibration.store import HeadcountPair
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
