"""Features of a person: in units of the body, of three seconds, whatever the rate and the place."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.activity.features import (
    FEATURES,
    HISTORY_SECONDS,
    UNTRACKED,
    BodyHistory,
    normalise,
)
from cluster.vision.people import FloatArray, People
from tests.plugins.hypothesis_profiles import examples
from tests.vision.bodies import HAND_UP, Body, crowd, person

SIZE = (640, 360)


def ids(*numbers: int) -> npt.NDArray[np.int64]:
    return np.array(numbers, np.int64)


def last(times: list[float], history: BodyHistory | None = None, *changes: Body) -> FloatArray:
    """Features of a resting person after these frames; in the last one with changes."""
    history = history or BodyHistory()
    for time in times[:-1]:
        history.update(time, ids(1), person(), SIZE)
    return history.update(times[-1], ids(1), person(*changes), SIZE)


@settings(max_examples=examples(40), deadline=None)
@given(x=st.floats(100, 500), y=st.floats(80, 250), unit=st.floats(10, 60))
def test_points_do_not_depend_on_the_place_and_the_size(x: float, y: float, unit: float) -> None:
    usual = normalise(person(HAND_UP), SIZE)
    other = normalise(person(HAND_UP, at=(x, y), unit=unit), SIZE)
    np.testing.assert_allclose(other.points, usual.points, atol=0.02)


def test_features_are_finite_for_whatever_a_network_may_give() -> None:
    nothing = People(
        np.zeros((2, 4), np.float32), np.zeros(2, np.float32), np.zeros((2, 17, 3), np.float32)
    )
    wild = person(at=(1e6, -1e6), unit=1e5)
    for people in (nothing, wild, person(unit=0.001), People.empty()):
        found = BodyHistory().update(0.0, np.arange(len(people)), people, SIZE)
        assert found.shape == (len(people), FEATURES)
        assert np.isfinite(found).all()


def test_a_new_person_has_moved_nowhere_and_a_raised_hand_has() -> None:
    still, raised = last([0.0]), last([0.0, 0.5, 1.0], None, HAND_UP)
    spread = slice(3 * 17 + 2 * 17, 3 * 17 + 4 * 17)
    assert still[0, spread].max() == pytest.approx(0, abs=1e-4)
    assert raised[0, spread].max() > 0.3


def test_what_is_older_than_the_memory_is_forgotten() -> None:
    history = BodyHistory()
    history.update(0.0, ids(1), person(HAND_UP), SIZE)
    after = last([HISTORY_SECONDS + 0.5 + step for step in (0, 0.5, 1.0)], history)
    np.testing.assert_allclose(after, last([0.0, 0.5, 1.0]), atol=1e-5)


@pytest.mark.parametrize("rate", [5, 10])
def test_a_faster_analysis_gives_nearly_the_same_features(rate: int) -> None:
    slow = last([index / 2 for index in range(13)])
    fast = last([index / rate for index in range(6 * rate + 1)])
    np.testing.assert_allclose(fast[:, :-1], slow[:, :-1], atol=1e-3)
    assert fast[0, -1] == pytest.approx(slow[0, -1], abs=0.15)


def test_tracks_do_not_mix_and_people_without_one_have_no_past() -> None:
    history = BodyHistory()
    both = crowd(person(HAND_UP, at=(200, 150)), person(at=(400, 150)))
    history.update(0.0, ids(1, 2), both, SIZE)
    swapped = crowd(person(at=(400, 150)), person(HAND_UP, at=(200, 150)))
    found = history.update(0.5, ids(2, 1), swapped, SIZE)
    np.testing.assert_allclose(found[0, :102], last([0.0, 0.5])[0, :102], atol=1e-5)
    alone = history.update(1.0, ids(UNTRACKED, UNTRACKED), both, SIZE)
    assert alone[:, -1].tolist() == [0, 0]
