"""Tracking: a person keeps a number for seconds, whatever the order of the detections."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.activity.durations import UNTRACKED
from cluster.activity.tracking import LOST_SECONDS, PersonTracker
from cluster.vision.people import People
from tests.plugins.hypothesis_profiles import examples

START = 1_772_000_000.0
WIDTH, HEIGHT = 40.0, 100.0


def boxes(places: Sequence[tuple[float, float]], scores: Sequence[float] | None = None) -> People:
    """People with these top left corners."""
    corners = np.array(places, np.float32).reshape(-1, 2)
    return People(
        np.concatenate([corners, corners + np.array([WIDTH, HEIGHT])], axis=1).astype(np.float32),
        np.array(scores if scores is not None else [0.8] * len(corners), np.float32),
        np.zeros((len(corners), 17, 3), np.float32),
    )


def follow(frames: Sequence[People], rate: float = 2.0) -> list[list[int]]:
    """Track numbers of each frame."""
    tracker = PersonTracker(rate)
    return [tracker.update(START + i / rate, frame).tolist() for i, frame in enumerate(frames)]


@pytest.mark.parametrize(("rate", "step"), [(2.0, 15.0), (5.0, 8.0), (10.0, 4.0)])
def test_somebody_who_walks_keeps_a_number(rate: float, step: float) -> None:
    numbers = follow([boxes([(100 + step * i, 50)]) for i in range(20)], rate)
    assert len({number for [number] in numbers[1:]}) == 1
    assert numbers[1] != [UNTRACKED]


def test_two_who_pass_each_other_do_not_swap() -> None:
    frames = [boxes([(100 + 8 * i, 50), (260 - 8 * i, 95)]) for i in range(20)]
    numbers = follow(frames, rate=5.0)
    assert numbers[1][0] != numbers[1][1]
    assert all(earlier == later for earlier, later in pairwise(numbers[1:]))


@settings(max_examples=examples(25), deadline=None)
@given(orders=st.lists(st.permutations(range(6)), min_size=3, max_size=8))
def test_numbers_come_in_the_order_of_the_people(orders: list[list[int]]) -> None:
    places = [(60.0 * i, 30.0 * i) for i in range(6)]
    scores = [0.9, 0.35, 0.5, 0.38, 0.7, 0.45]  # the tracker takes sure and unsure ones apart
    tracker = PersonTracker(2.0)
    tracker.update(START, boxes(places))
    expected = tracker.update(START + 0.5, boxes(places)).tolist()
    assert len(set(expected)) == 6
    for frame, order in enumerate(orders, start=2):
        people = boxes([places[i] for i in order], [scores[i] for i in order])
        assert tracker.update(START + frame / 2, people).tolist() == [expected[i] for i in order]


@settings(max_examples=examples(25), deadline=None)
@given(
    frames=st.lists(
        st.lists(st.tuples(st.integers(0, 600), st.integers(0, 300)), max_size=6), max_size=10
    )
)
def test_no_two_people_of_a_frame_share_a_number(
    frames: list[list[tuple[float, float]]],
) -> None:
    for places, numbers in zip(frames, follow([boxes(f) for f in frames]), strict=True):
        assert len(numbers) == len(places)
        known = [number for number in numbers if number != UNTRACKED]
        assert len(known) == len(set(known))


def test_empty_frames_give_no_numbers_before_between_and_after() -> None:
    nobody = People.empty()
    numbers = follow([nobody, nobody, boxes([(9, 9)]), boxes([(9, 9)]), nobody, nobody])
    assert [len(frame) for frame in numbers] == [0, 0, 1, 1, 0, 0]


def test_somebody_hidden_for_a_moment_keeps_the_number_and_for_long_does_not() -> None:
    tracker = PersonTracker(2.0)
    sitting = boxes([(100, 50)])
    tracker.update(START, sitting)
    [first] = tracker.update(START + 0.5, sitting).tolist()
    tracker.update(START + 1.0, People.empty())
    [back_soon] = tracker.update(START + 2.0, sitting).tolist()
    assert back_soon == first
    tracker.update(START + 2.5, People.empty())
    late = START + 2.5 + 2 * LOST_SECONDS
    tracker.update(late, sitting)
    [back_late] = tracker.update(late + 0.5, sitting).tolist()
    assert back_late not in (first, UNTRACKED)


def test_somebody_who_leaps_across_the_room_is_somebody_else() -> None:
    numbers = follow([boxes([(0, 0)])] * 3 + [boxes([(400, 200)])] * 3)
    assert numbers[2] != numbers[-1]


def test_two_cameras_know_nothing_of_each_other() -> None:
    alone = follow([boxes([(100, 50)])] * 3)
    other = PersonTracker(2.0)
    other.update(START, boxes([(0, 0), (200, 0), (400, 0)]))
    assert follow([boxes([(100, 50)])] * 3) == alone
