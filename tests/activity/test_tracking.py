"""Tracking: a person keeps a track id for seconds, whatever the order of the detections."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.activity.features import UNTRACKED
from cluster.activity.tracking import LOST_SECONDS, PersonTracker
from cluster.vision.people import People
from tests.plugins.hypothesis_profiles import examples

START = 1_772_000_000.0
WIDTH, HEIGHT = 40.0, 100.0


def people_at(
    corners: Sequence[tuple[float, float]], scores: Sequence[float] | None = None
) -> People:
    """People with these top left corners."""
    top_left = np.array(corners, np.float32).reshape(-1, 2)
    return People(
        np.concatenate([top_left, top_left + np.array([WIDTH, HEIGHT])], axis=1).astype(np.float32),
        np.array(scores if scores is not None else [0.8] * len(top_left), np.float32),
        np.zeros((len(top_left), 17, 3), np.float32),
    )


def follow(frames: Sequence[People], rate: float = 2.0) -> list[list[int]]:
    """The track ids of each frame."""
    tracker = PersonTracker(rate)
    return [tracker.update(START + i / rate, frame).tolist() for i, frame in enumerate(frames)]


@pytest.mark.parametrize(("rate", "step"), [(2.0, 15.0), (5.0, 8.0), (10.0, 4.0)])
def test_a_walking_person_keeps_the_track_id(rate: float, step: float) -> None:
    track_ids = follow([people_at([(100 + step * i, 50)]) for i in range(20)], rate)
    assert len({track_id for [track_id] in track_ids[1:]}) == 1
    assert track_ids[1] != [UNTRACKED]


def test_two_people_who_pass_each_other_keep_their_track_ids() -> None:
    frames = [people_at([(100 + 8 * i, 50), (260 - 8 * i, 95)]) for i in range(20)]
    track_ids = follow(frames, rate=5.0)
    assert track_ids[1][0] != track_ids[1][1]
    assert all(earlier == later for earlier, later in pairwise(track_ids[1:]))


@settings(max_examples=examples(25), deadline=None)
@given(orders=st.lists(st.permutations(range(6)), min_size=3, max_size=8))
def test_track_ids_are_in_the_order_of_the_people(orders: list[list[int]]) -> None:
    corners = [(60.0 * i, 30.0 * i) for i in range(6)]
    scores = [0.9, 0.35, 0.5, 0.38, 0.7, 0.45]  # the tracker matches high and low scores separately
    tracker = PersonTracker(2.0)
    tracker.update(START, people_at(corners))
    expected = tracker.update(START + 0.5, people_at(corners)).tolist()
    assert len(set(expected)) == 6
    for frame, order in enumerate(orders, start=2):
        people = people_at([corners[i] for i in order], [scores[i] for i in order])
        assert tracker.update(START + frame / 2, people).tolist() == [expected[i] for i in order]


@settings(max_examples=examples(25), deadline=None)
@given(
    frames=st.lists(
        st.lists(st.tuples(st.integers(0, 600), st.integers(0, 300)), max_size=6), max_size=10
    )
)
def test_no_two_people_of_a_frame_share_a_track_id(
    frames: list[list[tuple[float, float]]],
) -> None:
    for corners, track_ids in zip(frames, follow([people_at(f) for f in frames]), strict=True):
        assert len(track_ids) == len(corners)
        tracked = [track_id for track_id in track_ids if track_id != UNTRACKED]
        assert len(tracked) == len(set(tracked))


def test_empty_frames_have_no_track_ids() -> None:
    nobody = People.empty()
    track_ids = follow([nobody, nobody, people_at([(9, 9)]), people_at([(9, 9)]), nobody, nobody])
    assert [len(frame) for frame in track_ids] == [0, 0, 1, 1, 0, 0]


def test_a_person_hidden_briefly_keeps_the_track_id_and_for_long_does_not() -> None:
    tracker = PersonTracker(2.0)
    sitting = people_at([(100, 50)])
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


def test_a_jump_across_the_room_is_another_person() -> None:
    track_ids = follow([people_at([(0, 0)])] * 3 + [people_at([(400, 200)])] * 3)
    assert track_ids[2] != track_ids[-1]


def test_the_trackers_of_two_cameras_are_independent() -> None:
    alone = follow([people_at([(100, 50)])] * 3)
    other = PersonTracker(2.0)
    other.update(START, people_at([(0, 0), (200, 0), (400, 0)]))
    assert follow([people_at([(100, 50)])] * 3) == alone
