"""Postures from keypoints: made-up bodies in body units, placed anywhere at any size."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rules.postures import Postures, estimate_postures
from cluster.vision.activity import body_unit
from cluster.vision.people import KEYPOINTS, People
from tests.vision.bodies import FACE, HAND_UP, HEAD_ON_DESK, UPRIGHT, Body, crowd, mirrored, person

FLAGS: Final = ("visible", "hand_raised", "head_low", "looking_down", "standing", "cut_off")


def flags(people: People, frame_height: int = 2000) -> set[str]:
    """What the postures of the only person say."""
    shown = estimate_postures(people, frame_height)
    assert len(shown) == 1
    return {flag for flag in FLAGS if getattr(shown, flag)[0]}


POSES: Final[Mapping[str, tuple[Sequence[Body], Sequence[str], set[str]]]] = {
    "rests": ((), (), {"visible"}),
    "a hand beside the head": ((HAND_UP,), (), {"visible", "hand_raised"}),
    "a hand above the head": (
        ({"left_elbow": (0.5, -0.7), "left_wrist": (0.1, -1.4)},),
        (),
        {"visible", "hand_raised"},
    ),
    "both hands up": ((HAND_UP, mirrored(HAND_UP)), (), {"visible", "hand_raised"}),
    "a hand up, seen by one ear and eye": (
        (HAND_UP,),
        ("nose", "left_eye", "left_ear"),
        {"visible", "hand_raised"},
    ),
    "a hand at the chin": (
        ({"left_elbow": (0.45, 0.35), "left_wrist": (0.12, -0.3)},),
        (),
        {"visible"},
    ),
    "a hand in the hair": (
        ({"left_elbow": (0.7, -0.2), "left_wrist": (0.2, -0.85)},),
        (),
        {"visible"},
    ),
    "a hand on the hip": (
        ({"left_elbow": (0.95, 0.6), "left_wrist": (0.5, 1.2)},),
        (),
        {"visible"},
    ),
    "hands folded": (({"left_wrist": (-0.1, 0.5), "right_wrist": (0.1, 0.5)},), (), {"visible"}),
    "an arm stretched sideways": (
        ({"left_elbow": (1.1, -0.1), "left_wrist": (1.7, -0.3)},),
        (),
        {"visible"},
    ),
    "hands hanging beside a lowered elbow": (
        ({"left_elbow": (0.9, -0.8), "left_wrist": (1.0, -0.3)},),
        (),
        {"visible"},
    ),
    "a raised wrist that is hardly seen": ((HAND_UP,), ("left_wrist",), {"visible"}),
    "a raised wrist whose elbow is hardly seen": ((HAND_UP,), ("left_elbow",), {"visible"}),
    "a hand up with the back turned": ((HAND_UP,), FACE, {"visible"}),
    "stands": ((UPRIGHT,), (), {"visible", "standing"}),
    "stands, one leg hidden": (
        (UPRIGHT,),
        ("left_knee", "left_ankle", "left_hip"),
        # without both hips there is no torso to measure the thigh against
        {"visible"},
    ),
    "stands with one knee hidden": ((UPRIGHT,), ("left_knee",), {"visible", "standing"}),
    "stands and writes on the board": ((UPRIGHT, HAND_UP), (), {"visible", "standing"}),
    "sits with legs stretched sideways": (
        ({"left_knee": (1.4, 2.1), "right_knee": (0.7, 2.1)},),
        (),
        {"visible"},
    ),
    "lays the head on the desk": ((HEAD_ON_DESK,), (), {"visible", "head_low"}),
    "looks down": (({"nose": (0.0, -0.3)},), (), {"visible", "looking_down"}),
    "looks down, one ear hidden": (
        ({"nose": (0.0, -0.3)},),
        ("right_ear",),
        {"visible", "looking_down"},
    ),
    "looks down, both ears hidden": (
        ({"nose": (0.0, -0.3)},),
        ("left_ear", "right_ear"),
        {"visible"},
    ),
    "looks up": (({"nose": (0.0, -0.9)},), (), {"visible"}),
    "has a hidden shoulder": ((HAND_UP,), ("left_shoulder",), set()),
    "has a hidden head": ((UPRIGHT,), KEYPOINTS[:5], set()),
    "is hardly seen": ((HAND_UP, UPRIGHT), KEYPOINTS, set()),
}


@pytest.mark.parametrize("pose", [name for name in POSES if name != "is hardly seen"])
@pytest.mark.parametrize("side", ["as drawn", "mirrored"])
def test_a_body_shows_its_posture(pose: str, side: str) -> None:
    changes, unseen, expected = POSES[pose]
    if side == "mirrored":
        changes = [mirrored(change) for change in changes]
        unseen = [*mirrored(dict.fromkeys(unseen, (0.0, 0.0)))]
    assert flags(person(*changes, unseen=unseen)) == expected


def test_keypoints_with_low_scores_leave_a_person_unseen() -> None:
    hardly = person(HAND_UP, UPRIGHT)
    hardly.keypoints[..., 2] = 0.3
    shown = estimate_postures(hardly, 2000)
    assert not any(getattr(shown, flag)[0] for flag in FLAGS)
    assert np.isnan(shown.wrists).all()


@settings(deadline=None)
@given(
    pose=st.sampled_from([name for name in POSES if name != "is hardly seen"]),
    unit=st.floats(8, 400),
    x=st.floats(0, 3000),
    y=st.floats(0, 1500),
)
def test_neither_size_nor_place_changes_a_posture(
    pose: str, unit: float, x: float, y: float
) -> None:
    changes, unseen, expected = POSES[pose]
    small = person(*changes, unseen=unseen)
    placed = person(*changes, unseen=unseen, at=(x, y), unit=unit)
    assert flags(placed, frame_height=10_000) == expected
    assert np.allclose(
        estimate_postures(placed, 10_000).wrists,
        estimate_postures(small, 10_000).wrists,
        atol=1e-2,
        equal_nan=True,
    )


@settings(deadline=None)
@given(
    points=st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 500), st.sampled_from([0.2, 0.9])),
        min_size=17,
        max_size=17,
    ),
    factor=st.sampled_from([0.25, 0.5, 2.0, 8.0]),
    shift=st.tuples(st.integers(0, 2000), st.integers(0, 2000)),
)
def test_any_body_at_all_is_read_alike_at_another_size_and_place(
    points: list[tuple[int, int, float]], factor: float, shift: tuple[int, int]
) -> None:
    keypoints = np.array([points], np.float32)
    moved = keypoints.copy()
    moved[..., :2] = keypoints[..., :2] * np.float32(factor) + np.array(shift, np.float32)
    box, score = np.zeros((1, 4), np.float32), np.ones(1, np.float32)
    here = estimate_postures(People(box, score, keypoints), 1000)
    there = estimate_postures(People(box, score, moved), 1000)
    for flag in FLAGS:
        assert getattr(here, flag) == getattr(there, flag), flag


def test_each_person_of_a_frame_is_read_on_their_own() -> None:
    shown = estimate_postures(
        crowd(
            person(at=(100, 100), unit=20),
            person(HAND_UP, at=(300, 100), unit=35),
            person(UPRIGHT, at=(500, 200), unit=50),
            person(unseen=KEYPOINTS[:7], at=(700, 200)),
        ),
        2000,
    )
    assert shown.visible.tolist() == [True, True, True, False]
    assert shown.hand_raised.tolist() == [False, True, False, False]
    assert shown.standing.tolist() == [False, False, True, False]


def test_nobody_has_no_posture() -> None:
    shown = estimate_postures(People.empty(), 384)
    assert isinstance(shown, Postures)
    assert len(shown) == 0


def test_the_lower_edge_hides_whether_somebody_stands() -> None:
    legs = ("left_knee", "right_knee", "left_ankle", "right_ankle")
    hidden = person(unseen=legs)
    bottom = float(hidden.boxes[0, 3])
    assert "cut_off" in flags(hidden, frame_height=int(bottom))
    assert "cut_off" not in flags(hidden, frame_height=int(bottom * 1.1))


def test_whoever_shows_a_knee_is_not_cut_off() -> None:
    whole = person()
    assert "cut_off" not in flags(whole, frame_height=int(whole.boxes[0, 3]))


def test_somebody_seen_from_the_side_is_measured_by_the_torso() -> None:
    aside: Body = {"left_shoulder": (0.1, 0.0), "right_shoulder": (-0.1, 0.0)}
    assert body_unit(person(aside, unit=40))[0] == pytest.approx(40, rel=0.05)
    assert body_unit(person(unit=40))[0] == pytest.approx(40, rel=0.05)


def test_without_hips_the_shoulders_are_the_unit_and_without_shoulders_there_is_none() -> None:
    aside: Body = {"left_shoulder": (0.1, 0.0), "right_shoulder": (-0.1, 0.0)}
    assert body_unit(person(aside, unit=40, unseen=["left_hip"]))[0] == pytest.approx(8, rel=0.01)
    assert body_unit(person(unseen=["right_shoulder"]))[0] == 0


def test_wrists_are_told_in_units_from_the_shoulders() -> None:
    shown = estimate_postures(person(unit=80, unseen=["right_wrist"]), 2000)
    assert shown.wrists[0, 0] == pytest.approx([0.3, 0.9], abs=0.01)
    assert np.isnan(shown.wrists[0, 1]).all()
