"""A factor's interval, and the bounds that are published."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.vision.headcounts import HeadcountFactor

FACTORS = st.tuples(st.floats(0.2, 5), st.floats(0.2, 5)).map(
    lambda ends: HeadcountFactor(min(ends), max(ends), 2)
)


@given(factor=FACTORS, found=st.floats(0, 500))
def test_bounds_hold_the_interval_and_what_was_found(factor: HeadcountFactor, found: float) -> None:
    low, high = factor.interval(found)
    people_low, people_high = factor.bounds(found)
    assert 0 <= people_low <= min(low, found)
    assert max(high, found) <= people_high
    assert people_low in {low, math.floor(found)}
    assert people_high in {high, math.ceil(found)}


def test_a_camera_that_misses_people_keeps_what_it_found_as_its_lower_bound() -> None:
    factor = HeadcountFactor(1.2, 1.4, 3)
    assert factor.interval(20.0) == (24, 29)
    assert factor.bounds(20.0) == (20, 29)


def test_an_empty_room_has_bounds_too() -> None:
    assert HeadcountFactor(0.5, 1.5, 0).bounds(0.0) == (0, 1)


@pytest.mark.parametrize("ends", [(0.0, 1.0), (1.2, 1.1), (1.0, math.inf), (math.nan, 1.0)])
def test_what_is_no_interval_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="factor"):
        HeadcountFactor(*ends, 2)
