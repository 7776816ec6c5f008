import numpy as np
import pytest

from bench.scoring.ratios import Ratio, estimate, estimate_all


def test_a_measure_is_the_ratio_of_sums_and_not_the_mean_of_ratios() -> None:
    measured = estimate([Ratio(1, 1), Ratio(0, 9)])

    assert measured is not None
    assert measured.value == pytest.approx(0.1)
    assert (measured.samples, measured.total) == (2, 10)


def test_where_nothing_was_to_be_measured_there_is_no_measure() -> None:
    assert estimate([]) is None
    assert estimate([Ratio(0, 0), Ratio(2, 0)]) is None
    assert estimate_all([{"a": Ratio(0, 0), "b": Ratio(1, 2)}]).keys() == {"b"}


def test_one_picture_has_no_interval() -> None:
    measured = estimate([Ratio(1, 4)])

    assert measured is not None
    assert (measured.value, measured.low, measured.high) == (0.25, None, None)


def test_pictures_that_agree_have_an_interval_of_no_width() -> None:
    measured = estimate([Ratio(3, 4)] * 5)

    assert measured is not None
    assert (measured.low, measured.high) == (0.75, 0.75)


def test_the_interval_is_the_same_each_time_and_holds_the_value() -> None:
    ratios = [Ratio(hits, 10) for hits in (2, 5, 9, 7, 4, 8)]
    first, second = estimate(ratios), estimate(ratios)

    assert first == second
    assert first is not None
    assert first.low is not None
    assert first.high is not None
    assert 0.2 < first.low < first.value < first.high < 0.9


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(3)
    holds = 0
    for _ in range(200):
        measured = estimate([Ratio(value, 1) for value in random.normal(0.5, 0.1, 25)])
        assert measured is not None
        assert measured.low is not None
        assert measured.high is not None
        holds += measured.low <= 0.5 <= measured.high
    assert 0.88 <= holds / 200 <= 0.98


def test_a_measure_that_only_some_pictures_have_is_of_those() -> None:
    measured = estimate_all([{"a": Ratio(1, 2)}, {"a": Ratio(2, 2), "b": Ratio(0, 3)}])

    assert measured["a"].value == pytest.approx(0.75)
    assert (measured["b"].value, measured["b"].samples) == (0.0, 1)
