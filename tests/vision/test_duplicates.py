"""Removal of second detections: one head is one person."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.vision.duplicates import remove_duplicates
from cluster.vision.people import People
from tests.vision.bodies import UPRIGHT, crowd, person


def in_box(body: People, *box: float) -> People:
    """The same body with another box."""
    return People(np.array([box], np.float32), body.scores, body.keypoints)


def test_of_two_boxes_with_one_head_the_stronger_stays() -> None:
    whole = person(score=0.9)
    half = person(UPRIGHT, at=(302, 201), score=0.4, unseen=["left_ankle", "right_ankle"])
    kept = remove_duplicates(crowd(whole, half))
    assert kept.scores.tolist() == whole.scores.tolist()
    assert np.array_equal(kept.keypoints, whole.keypoints)


def test_neighbours_stay_beside_before_and_behind() -> None:
    neighbours = crowd(
        person(at=(300, 200), unit=40),
        person(at=(345, 200), unit=40),  # shoulder to shoulder
        person(at=(300, 180), unit=36),  # half a head higher, in the row behind
        person(at=(310, 225), unit=44),  # in the row in front
    )
    assert len(remove_duplicates(neighbours)) == 4


def test_many_boxes_on_one_head_are_one_person() -> None:
    assert len(remove_duplicates(crowd(*(person(at=(300 + i, 200)) for i in range(5))))) == 1


def test_two_heads_without_a_common_point_in_boxes_that_overlap_little_both_stay() -> None:
    left = in_box(person(unseen=["nose", "right_eye", "right_ear"]), 250, 172, 305, 288)
    right = in_box(person(unseen=["nose", "left_eye", "left_ear"], score=0.5), 295, 172, 350, 288)
    assert len(remove_duplicates(crowd(left, right))) == 2


places = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(10, 60)), min_size=1, max_size=8
)


@settings(deadline=None)
@given(places=places)
def test_dropping_doubles_keeps_order_and_the_strongest_and_is_done_once(
    places: list[tuple[int, int, int]],
) -> None:
    people = crowd(
        *(
            person(at=(x, y), unit=unit, score=0.9 - 0.05 * i)
            for i, (x, y, unit) in enumerate(places)
        )
    )
    once = remove_duplicates(people)
    assert once.scores[0] == people.scores[0]
    assert once.scores.tolist() == sorted(once.scores.tolist(), reverse=True)
    assert set(once.scores.tolist()) <= set(people.scores.tolist())
    assert np.array_equal(remove_duplicates(once).boxes, once.boxes)


def test_a_part_of_a_body_with_its_head_a_little_off_is_the_same_person() -> None:
    whole = in_box(person(at=(300, 200), unit=40, score=0.8), 270, 150, 330, 320)
    upper_half = in_box(person(at=(306, 208), unit=40, score=0.2), 275, 155, 330, 240)
    assert remove_duplicates(crowd(whole, upper_half)).scores.tolist() == whole.scores.tolist()


def test_a_child_in_front_of_an_adult_is_another_person() -> None:
    adult = in_box(person(at=(300, 200), unit=60, score=0.8), 260, 130, 340, 420)
    child = in_box(person(at=(300, 300), unit=40, score=0.7), 275, 250, 325, 400)
    assert len(remove_duplicates(crowd(adult, child))) == 2


def test_a_box_without_a_head_within_another_is_a_part_of_that_person() -> None:
    face = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
    whole = in_box(person(score=0.8), 270, 150, 330, 320)
    legs = in_box(person(score=0.2, unseen=face), 275, 235, 330, 318)
    assert remove_duplicates(crowd(whole, legs)).scores.tolist() == whole.scores.tolist()
    beside = in_box(person(score=0.2, unseen=face), 310, 235, 380, 318)
    assert len(remove_duplicates(crowd(whole, beside))) == 2


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_somebody_alone_stay(count: int) -> None:
    people = person() if count else People.empty()
    assert len(remove_duplicates(people)) == count
