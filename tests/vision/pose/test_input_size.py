"""The chosen size sees the smallest people, costs as little as it can, and enlarges nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.settings import INPUT_SIZES
from cluster.vision.people import Letterbox, People
from cluster.vision.pose.input_size import (
    MIN_HEAD_PIXELS,
    SHOULDERS_TO_HEAD,
    WANTED_HEAD_PIXELS,
    HeadSizes,
    SizeChoice,
    choose_input_size,
    estimate_head_heights,
    largest_useful_size,
)
from tests.plugins.hypothesis_profiles import examples
from tests.vision.bodies import crowd, person

HEADS = st.floats(1.0, 200.0)
SIDES = st.integers(160, 4096)
LIMITS = st.sampled_from(INPUT_SIZES)


def chosen(head: float, frame_side: int, limit: int) -> SizeChoice:
    """The choice by a head of some pixels of the camera's frame."""
    measured_side = min(frame_side, limit)
    return choose_input_size(
        head * measured_side / frame_side,
        measured_side=measured_side,
        limit=limit,
        frame_side=frame_side,
    )


@settings(max_examples=examples(200))
@given(head=HEADS, frame_side=SIDES, limit=LIMITS)
def test_the_cheapest_size_that_sees_arms_of_the_smallest_people_is_chosen(
    head: float, frame_side: int, limit: int
) -> None:
    choice = chosen(head, frame_side, limit)
    scales = {size: Letterbox.of(frame_side // 2, frame_side, size).scale for size in INPUT_SIZES}
    assert choice.head_pixels == pytest.approx(head * scales[choice.input_size])
    seen_at = [size for size in INPUT_SIZES if head * scales[size] >= WANTED_HEAD_PIXELS + 1e-6]
    cheaper = [size for size in INPUT_SIZES if size < choice.input_size]
    assert not set(cheaper) & set(seen_at)
    if seen_at and seen_at[0] <= limit:
        assert choice.input_size == seen_at[0]
        assert choice.head_pixels >= WANTED_HEAD_PIXELS
    assert choice.sees_everybody == (choice.head_pixels >= MIN_HEAD_PIXELS)


@settings(max_examples=examples(200))
@given(head=HEADS, frame_side=SIDES, limit=LIMITS)
def test_no_choice_exceeds_the_limit_or_what_the_frame_fills(
    head: float, frame_side: int, limit: int
) -> None:
    size = chosen(head, frame_side, limit).input_size
    assert size in INPUT_SIZES
    assert size <= limit
    smaller = [one for one in INPUT_SIZES if one < size]
    assert not smaller or smaller[-1] < frame_side


@settings(max_examples=examples(100))
@given(head=HEADS, nearer=st.floats(1.0, 5.0), frame_side=SIDES, limit=LIMITS)
def test_larger_people_never_need_a_larger_size(
    head: float, nearer: float, frame_side: int, limit: int
) -> None:
    far, near = (chosen(size, frame_side, limit) for size in (head, head * nearer))
    assert near.input_size <= far.input_size


@pytest.mark.parametrize(
    ("frame_side", "limit", "size"),
    [
        (320, 1280, 640),
        (640, 1280, 640),
        (641, 1280, 960),
        (1000, 1280, 1280),
        (4000, 1280, 1280),
        (4000, 960, 960),
    ],
)
def test_a_frame_fills_sizes_up_to_its_own(frame_side: int, limit: int, size: int) -> None:
    assert largest_useful_size(frame_side, limit) == size


def test_where_no_size_is_enough_the_largest_is_taken_and_says_so() -> None:
    choice = choose_input_size(2.0, measured_side=960, limit=960, frame_side=1920)
    assert choice.input_size == 960
    assert not choice.sees_everybody


def test_a_far_class_gets_a_larger_size_than_a_near_one() -> None:
    far = crowd(*(person(unit=16.0, at=(100.0 + 40 * i, 300.0)) for i in range(20)))
    near = crowd(*(person(unit=60.0, at=(100.0 + 40 * i, 300.0)) for i in range(20)))
    sizes = []
    for people in (far, near):
        heads = HeadSizes()
        heads.add(people)
        summary = heads.summarise()
        assert summary is not None
        choice = choose_input_size(summary.smallest_head, measured_side=1280, limit=1280)
        sizes.append(choice.input_size)
    assert sizes == [1280, 640]


def test_heads_are_estimated_by_shoulders_else_by_the_box() -> None:
    front = person(unit=52.0)
    assert estimate_head_heights(front)[0] == pytest.approx(
        max(52.0 * SHOULDERS_TO_HEAD, 52.0 * 1.4 / 1.8)
    )
    hidden = person(unit=52.0, unseen=("left_shoulder", "left_hip"))
    width = hidden.boxes[0, 2] - hidden.boxes[0, 0]
    assert estimate_head_heights(hidden)[0] == pytest.approx(width / 2.4)


def test_somebody_seen_from_the_side_has_the_head_of_a_body_not_of_narrow_shoulders() -> None:
    side = person({"left_shoulder": (0.05, 0.0), "right_shoulder": (-0.05, 0.0)}, unit=40.0)
    assert estimate_head_heights(side)[0] == pytest.approx(1.4 * 40.0 / 1.8)


@settings(max_examples=examples(50))
@given(
    units=st.lists(st.floats(2.0, 150.0), min_size=1, max_size=60),
    cut=st.integers(0, 59),
)
def test_the_smallest_head_is_the_tenth_percentile_however_people_spread_over_frames(
    units: list[float], cut: int
) -> None:
    bodies = [person(unit=unit) for unit in units]
    together, apart = HeadSizes(), HeadSizes()
    together.add(crowd(*bodies))
    for group in (bodies[:cut], bodies[cut:]):
        if group:
            apart.add(crowd(*group))
    one, two = together.summarise(), apart.summarise()
    assert one is not None
    assert two is not None
    assert one.smallest_head == two.smallest_head
    assert one.people == len(units)
    heights = np.sort(estimate_head_heights(crowd(*bodies)))
    expected = np.percentile(heights, 10, method="nearest")
    assert one.smallest_head == pytest.approx(expected, abs=0.26)


def test_a_few_false_detections_do_not_decide() -> None:
    heads = HeadSizes()
    heads.add(crowd(*(person(unit=60.0) for _ in range(19)), person(unit=4.0)))
    summary = heads.summarise()
    assert summary is not None
    assert summary.smallest_head > 40


def test_people_who_are_cut_off_or_hidden_are_not_measured() -> None:
    heads = HeadSizes()
    hidden = [person(unit=3.0, unseen=("left_shoulder",)) for _ in range(5)]
    heads.add(crowd(*(person(unit=60.0) for _ in range(5)), *hidden))
    summary = heads.summarise()
    assert summary is not None
    assert summary.people == 5
    assert summary.smallest_head > 40


def test_nobody_gives_no_size() -> None:
    heads = HeadSizes()
    assert heads.summarise() is None
    heads.add(People.empty())
    assert heads.summarise() is None


def test_a_giant_does_not_break_the_bounded_memory() -> None:
    heads = HeadSizes()
    for _ in range(1000):
        heads.add(person(unit=5000.0))
    summary = heads.summarise()
    assert summary is not None
    assert summary.people == 1000
