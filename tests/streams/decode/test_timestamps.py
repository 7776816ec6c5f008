"""Which timestamps are believed: leaps of single frames are not, gaps and reordering are."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.streams.decode.timestamps import (
    MIN_LEAP_SECONDS,
    WRAP_SECONDS,
    TimestampHistory,
    Unwrapper,
    find_outliers,
)

TENTHS = [index / 10 for index in range(20)]


def history_of(times: list[float]) -> TimestampHistory:
    history = TimestampHistory()
    history.extend(times)
    return history


@pytest.mark.parametrize(
    ("times", "before", "next_key", "outliers"),
    [
        (TENTHS, [], 2.0, []),
        ([2.0, 2.1, 9000.0, 2.3, 2.4], TENTHS, 2.5, [2]),
        ([2.0, 2.1, 2.2, 2.3, 9000.0], TENTHS, 2.5, [4]),
        ([9000.0, 2.1, 2.2, 2.3], TENTHS, 2.5, [0]),
        ([2.0, 2.1, -600.0, 2.3], TENTHS, 2.5, [2]),
        ([9000.0], TENTHS, 2.1, [0]),
        ([2.0, 12.1, 12.2, 12.3], TENTHS, 12.4, []),
        ([12.0], TENTHS, 12.1, []),
        ([0.0, 10.0, 10.1, 10.2], [], 10.3, []),
        ([0.0, 9000.0, 9000.1, 9000.2, 9000.3], [], 9000.4, [0]),
        ([9000.0, 0.1, 0.2, 0.3, 0.4], [], 0.5, [0]),
        ([2.0, 2.1, 9000.0], TENTHS, None, [2]),
        ([2.0, 2.1, 12.0], TENTHS, None, []),
        ([12.4, 12.1, 12.2, 12.3], TENTHS, 12.5, []),
        ([2.0, 9000.0, 9000.1, 2.3], TENTHS, 2.4, []),
    ],
    ids=[
        "in order",
        "one leaps",
        "the last of a group leaps",
        "a key frame leaps",
        "one leaps back",
        "a group of one leaps",
        "a gap",
        "a gap before a group of one",
        "a gap after the first frame",
        "a first frame long before the others",
        "a first frame after the others",
        "a last frame long after the others",
        "a last frame after a gap",
        "a gap with reordered frames",
        "two leap together",
    ],
)
def test_single_frames_that_leap_are_found(
    times: list[float], before: list[float], next_key: float | None, outliers: list[int]
) -> None:
    assert find_outliers(times, before, next_key, MIN_LEAP_SECONDS) == outliers


@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=40), st.integers(0, 40))
def test_rising_times_are_all_believed(intervals: list[int], cut: int) -> None:
    times = [0.0]
    for interval in intervals:
        times.append(times[-1] + interval / 1000)

    assert find_outliers(times[cut:], times[:cut], None, MIN_LEAP_SECONDS) == []
    assert history_of(times[:cut]).find_restart(times[cut:], None, has_key=True) == len(times[cut:])


@given(
    st.integers(1, 30), st.integers(17, 60), st.floats(1.5, 1e5), st.integers(17, 40), st.booleans()
)
def test_a_clock_that_starts_again_is_found_where_it_does(
    rate: int, first: int, back: float, second: int, in_one_group: bool
) -> None:
    before = [index / rate for index in range(first)]
    after = [before[-1] - back - 40.0 + index / rate for index in range(second)]

    if in_one_group:
        assert TimestampHistory().find_restart([*before, *after], None, has_key=True) == first
    else:
        history = TimestampHistory()
        assert history.find_restart(before, after[0], has_key=True) == first
        history.extend(before)
        assert history.find_restart(after, None, has_key=True) == 0


@pytest.mark.parametrize("b_frames", [1, 3, 7, 15])
@pytest.mark.parametrize("interval", [0.04, 1.0, 30.0])
def test_reordered_frames_are_no_restart(b_frames: int, interval: float) -> None:
    stored = [0]
    for group in range(6):
        reference = (group + 1) * (b_frames + 1)
        stored += [reference, *range(reference - b_frames, reference)]
    times = [place * interval for place in stored]

    assert TimestampHistory().find_restart(times, None, has_key=True) == len(times)
    assert find_outliers(times, [], None, MIN_LEAP_SECONDS) == []


def test_a_counter_that_wraps_goes_on() -> None:
    unwrapper = Unwrapper(Fraction(1, 90_000))
    stated = [WRAP_SECONDS - 0.2, WRAP_SECONDS - 0.1, 0.1, WRAP_SECONDS - 0.05, 0.2]

    times = [unwrapper.unwrap(seconds) - WRAP_SECONDS for seconds in stated]

    assert times == pytest.approx([-0.2, -0.1, 0.1, -0.05, 0.2], abs=1e-6)
    assert unwrapper.has_wrapped


@pytest.mark.parametrize(
    ("base", "stated"),
    [
        (Fraction(1, 90_000), [90_000.0, 90_000.1, 0.0, 0.1]),
        (Fraction(1, 90_000), [5000.0, 5000.1, 0.0]),
        (Fraction(1, 1000), [WRAP_SECONDS - 0.1, 0.0]),
    ],
    ids=["a clock that starts again after a day", "one that starts again", "no counter of MPEG"],
)
def test_a_clock_that_starts_again_is_no_wrap(base: Fraction, stated: list[float]) -> None:
    unwrapper = Unwrapper(base)

    assert [unwrapper.unwrap(seconds) for seconds in stated] == stated
    assert not unwrapper.has_wrapped


def test_the_usual_interval_is_the_median() -> None:
    assert history_of([0.0, 0.1, 0.2, 5.0]).usual_interval == pytest.approx(0.1)
    assert TimestampHistory().usual_interval == math.inf
