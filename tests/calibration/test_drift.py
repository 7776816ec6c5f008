"""A camera that was turned is told from a room that changes, and moved seats from other lessons."""

import numpy as np
import pytest

from cluster.calibration.crowd import CrowdSummary
from cluster.calibration.drift import (
    ADVICE,
    RECENT_CROWDS,
    REFERENCE_CROWDS,
    Drift,
    compare_scenes,
    sit_elsewhere,
)
from tests.calibration.views import (
    EVEN,
    HEIGHT,
    NOBODY,
    ON_THE_LEFT,
    WIDTH,
    boxes_of,
    crowd_of,
    picture,
    plain,
    summary,
)

BEFORE = summary(picture())


def test_a_room_compared_with_itself_is_the_same() -> None:
    same = compare_scenes(BEFORE, BEFORE)
    assert same is not None
    assert same.similarity == pytest.approx(1)
    assert (same.shift, same.lost) == ((0, 0), 0)
    assert not same.is_moved
    assert not same.is_covered


@pytest.mark.parametrize("light", [0.4, 0.7, 1.2])
def test_other_light_and_people_are_no_change(light: float) -> None:
    boxes = boxes_of((60, 100, 160, 340), (300, 120, 380, 350), (470, 90, 560, 330))
    shown = picture(light=light)
    for left, top, right, bottom in boxes.astype(int):
        shown[top:bottom, left:right] = 20
    found = compare_scenes(BEFORE, summary(shown, boxes=boxes))
    assert found is not None
    assert not found.is_moved
    assert not found.is_covered


@pytest.mark.parametrize(
    ("across", "down"), [(40, 0), (-64, 0), (0, 30), (0, -45), (60, 30), (300, 0), (0, 170)]
)
def test_a_camera_that_was_turned_is_moved(across: int, down: int) -> None:
    found = compare_scenes(BEFORE, summary(picture(across=across, down=down)))
    assert found is not None
    assert found.is_moved


def test_the_shift_says_how_far_the_picture_has_moved() -> None:
    found = compare_scenes(BEFORE, summary(picture(across=64, down=-36)))
    assert found is not None
    assert found.shift == pytest.approx((-0.1, 0.1), abs=0.02)


def test_another_room_is_moved() -> None:
    found = compare_scenes(BEFORE, summary(picture(seed=2)))
    assert found is not None
    assert found.is_moved


@pytest.mark.parametrize("side", ["left", "right", "upper", "lower"])
def test_half_of_a_lens_that_is_covered_is_covered(side: str) -> None:
    is_taped = np.zeros((HEIGHT, WIDTH), np.bool_)
    rows, columns = {
        "left": (slice(None), slice(WIDTH // 2)),
        "right": (slice(None), slice(WIDTH // 2, None)),
        "upper": (slice(HEIGHT // 2), slice(None)),
        "lower": (slice(HEIGHT // 2, None), slice(None)),
    }[side]
    is_taped[rows, columns] = True
    shown = np.where(is_taped[..., None], plain(), picture())
    found = compare_scenes(BEFORE, summary(shown))
    assert found is not None
    assert found.is_covered


def test_what_people_hide_is_not_compared() -> None:
    hidden = summary(picture(), boxes=boxes_of((0, 0, 640, 300)))
    assert compare_scenes(BEFORE, hidden) is None


def test_a_scene_without_any_edge_compares_without_an_error() -> None:
    nothing = summary(plain(), boxes=NOBODY)
    found = compare_scenes(nothing, nothing)
    assert found is not None
    assert np.isfinite(found.similarity)


def hours(*shares: tuple[float, ...], head_height: float = 0.06) -> list[CrowdSummary]:
    return [crowd_of(*one, head_height=head_height) for one in shares]


REFERENCE = hours(*[EVEN] * REFERENCE_CROWDS)


def test_people_who_sit_as_before_sit_as_before() -> None:
    assert not sit_elsewhere(REFERENCE, hours(*[EVEN] * RECENT_CROWDS))


def test_people_who_sit_elsewhere_for_five_hours_do() -> None:
    assert sit_elsewhere(REFERENCE, hours(*[ON_THE_LEFT] * RECENT_CROWDS))


def test_two_odd_lessons_of_five_are_no_change() -> None:
    assert not sit_elsewhere(REFERENCE, hours(EVEN, EVEN, EVEN, ON_THE_LEFT, ON_THE_LEFT))


def test_a_class_that_sat_so_in_the_first_hours_is_no_change() -> None:
    reference = [*REFERENCE[2:], *hours(ON_THE_LEFT, ON_THE_LEFT)]
    assert not sit_elsewhere(reference, hours(*[ON_THE_LEFT] * RECENT_CROWDS))


def test_rooms_in_which_classes_differ_need_more() -> None:
    somewhat = (0.19, 0.11, 0.05, 0.19, 0.11, 0.05, 0.18, 0.07, 0.05)
    mixed = [*REFERENCE[1:], *hours(ON_THE_LEFT)]
    assert sit_elsewhere(REFERENCE, hours(*[somewhat] * RECENT_CROWDS))
    assert not sit_elsewhere(mixed, hours(*[somewhat] * RECENT_CROWDS))


@pytest.mark.parametrize("head_height", [0.04, 0.08])
def test_heads_of_another_size_are_a_change(head_height: float) -> None:
    assert sit_elsewhere(REFERENCE, hours(*[EVEN] * RECENT_CROWDS, head_height=head_height))


def test_too_few_hours_say_nothing() -> None:
    recent = hours(*[ON_THE_LEFT] * RECENT_CROWDS)
    assert not sit_elsewhere(REFERENCE[1:], recent)
    assert not sit_elsewhere(REFERENCE, recent[1:])


def test_each_drift_says_what_to_do() -> None:
    assert set(ADVICE) == set(Drift)
    assert all(bool(drift.advice) == (drift is not Drift.NONE) for drift in Drift)
