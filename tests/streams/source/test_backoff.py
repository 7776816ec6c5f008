"""Pauses double up to a limit, are random below it, and are reset."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from cluster.streams.source.backoff import INITIAL_SECONDS, ExponentialBackoff


class AlwaysLongest(Random):
    """Draws the longest possible pause."""

    def uniform(self, a: float, b: float) -> float:
        assert a <= b
        return b


def test_pauses_double_up_to_the_longest() -> None:
    backoff = ExponentialBackoff(3.0, AlwaysLongest())
    assert [backoff.next_seconds() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_reset_starts_with_short_pauses_again() -> None:
    backoff = ExponentialBackoff(60.0, AlwaysLongest())
    assert [backoff.next_seconds() for _ in range(3)][-1] == 4 * INITIAL_SECONDS
    backoff.reset()
    assert backoff.next_seconds() == INITIAL_SECONDS


@given(st.integers(), st.floats(0.01, 600.0), st.integers(1, 200))
def test_a_pause_is_never_longer_than_the_longest(seed: int, longest: float, count: int) -> None:
    backoff = ExponentialBackoff(longest, Random(seed))
    assert all(0.0 <= backoff.next_seconds() <= longest for _ in range(count))


def test_the_pauses_of_cameras_differ() -> None:
    assert len({ExponentialBackoff(60.0, Random(seed)).next_seconds() for seed in range(20)}) == 20


@given(st.integers())
def test_pauses_are_long_where_a_lockout_is_to_be_avoided(seed: int) -> None:
    assert ExponentialBackoff(60.0, Random(seed)).next_seconds(avoid_lockout=True) >= 30.0
