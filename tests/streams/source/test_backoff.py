"""Pauses grow up to a limit, are random below it, and begin anew."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from cluster.streams.source.backoff import INITIAL_SECONDS, ExponentialBackoff


class AtMost(Random):
    """Draws the longest pause each time."""

    def uniform(self, a: float, b: float) -> float:
        assert a <= b
        return b


def test_pauses_double_up_to_the_longest() -> None:
    pauses = ExponentialBackoff(3.0, AtMost())
    assert [pauses.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_after_a_good_while_they_begin_anew() -> None:
    pauses = ExponentialBackoff(60.0, AtMost())
    assert [pauses.next() for _ in range(3)][-1] == 4 * INITIAL_SECONDS
    pauses.reset()
    assert pauses.next() == INITIAL_SECONDS


@given(st.integers(), st.floats(0.01, 600.0), st.integers(1, 200))
def test_a_pause_is_never_longer_than_the_longest(seed: int, longest: float, count: int) -> None:
    pauses = ExponentialBackoff(longest, Random(seed))
    assert all(0.0 <= pauses.next() <= longest for _ in range(count))


def test_cameras_do_not_keep_step() -> None:
    assert len({ExponentialBackoff(60.0, Random(seed)).next() for seed in range(20)}) == 20


@given(st.integers())
def test_a_wrong_password_is_not_tried_often(seed: int) -> None:
    assert ExponentialBackoff(60.0, Random(seed)).next(cautious=True) >= 30.0
