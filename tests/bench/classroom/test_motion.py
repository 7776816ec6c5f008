"""Scripts, and what they say is true."""

from dataclasses import replace
from fractions import Fraction
from typing import get_args

import numpy as np
import pytest

from bench.classroom.clip import find_events
from bench.classroom.motion import (
    MOODS,
    Moment,
    Place,
    Segment,
    Writer,
    hand_is_up,
    true_activity,
    write_usual,
)
from bench.classroom.plans import ACTIVITY, Action, Plan, Station
from bench.classroom.posture import Arm, Leg, Posture
from bench.classroom.repertoire import _ACTIONS, Habits, draw_plan
from bench.classroom.rig import Posed
from bench.classroom.truth import TrueActivity
from cluster.vision.people import KEYPOINTS

HERE = Place(1.0, 3.0, 0.0, 10.0)
DESK = Station(0.45, 0.72)
DOWN = np.array([0.0, 0.0, -1.0])
POSTURE = Posture(
    np.zeros(3), 0, 0, 0, 0, 0, 0, (Arm(DOWN, DOWN, DOWN),) * 2, (Leg(DOWN, DOWN),) * 2
)


def posed(wrist: tuple[float, float, float], elbow: tuple[float, float, float]) -> Posed:
    points = np.zeros((len(KEYPOINTS), 3))
    points[KEYPOINTS.index("right_shoulder")] = -0.18, 0, 1.0
    points[KEYPOINTS.index("right_elbow")] = elbow
    points[KEYPOINTS.index("right_wrist")] = wrist
    return Posed(np.zeros((1, 3, 4)), np.zeros((1, 3, 3)), points)


UP = posed((-0.25, -0.1, 1.5), (-0.3, -0.1, 1.2))
LOW = posed((-0.2, -0.4, 0.75), (-0.25, -0.1, 0.75))
AT_CHIN = posed((-0.1, -0.3, 0.95), (-0.25, -0.25, 0.72))


@pytest.mark.parametrize(("body", "up"), [(UP, True), (LOW, False), (AT_CHIN, False)])
def test_a_hand_is_up_if_the_wrist_is_above_the_shoulder(body: Posed, up: bool) -> None:
    assert hand_is_up(body, "R") is up


def test_a_flat_arm_at_shoulder_height_is_no_raised_hand() -> None:
    assert not hand_is_up(posed((-0.2, -0.6, 1.05), (-0.2, -0.3, 1.0)), "R")


def moment(before: Action, now: Action, share: float) -> Moment:
    return Moment(POSTURE, HERE, Plan(before), Plan(now), share)


@pytest.mark.parametrize(
    ("state", "body", "activity"),
    [
        (moment("write", "raise", 0.6), UP, TrueActivity.HAND_RAISED),
        (moment("write", "raise", 0.6), LOW, TrueActivity.SITTING),
        (moment("write", "raise", 0.2), LOW, TrueActivity.WRITING),
        (moment("raise", "write", 0.2), UP, TrueActivity.HAND_RAISED),
        (moment("raise", "write", 0.7), LOW, TrueActivity.WRITING),
        (moment("scratch", "scratch", 1.0), UP, TrueActivity.SITTING),
        (moment("desk", "head_down", 0.7), LOW, TrueActivity.SITTING),
        (moment("desk", "head_down", 0.9), LOW, TrueActivity.HEAD_DOWN),
        (moment("head_down", "head_on_arm", 0.5), LOW, TrueActivity.HEAD_DOWN),
        (moment("stand", "raise", 0.6), LOW, TrueActivity.STANDING),
        (moment("desk", "stand", 0.4), LOW, TrueActivity.SITTING),
        (moment("desk", "stand", 0.6), LOW, TrueActivity.STANDING),
        (moment("type", "type", 1.0), LOW, TrueActivity.WRITING),
        (moment("phone", "phone", 1.0), LOW, TrueActivity.READING),
    ],
)
def test_an_activity_is_what_most_of_the_posture_is_for(
    state: Moment, body: Posed, activity: TrueActivity
) -> None:
    assert true_activity(state, body) is activity


def written(seed: int, seconds: float = 60.0) -> tuple[Segment, ...]:
    writer = Writer(HERE, DESK, Habits(), np.random.default_rng(seed))
    write_usual(writer, "mixed", seconds, (10.0, 25.0), heads_down=seed % 2 == 0, stands=True)
    return writer.script().segments


@pytest.mark.parametrize("seed", range(12))
def test_a_script_covers_its_clip_in_order(seed: int) -> None:
    segments = written(seed)
    begins = [segment.begins for segment in segments]
    assert begins[0] < 0
    assert begins == sorted(begins)
    gaps = np.diff(begins)
    assert (gaps > 1.4).all()
    assert all(0.5 <= segment.transition <= 1.5 for segment in segments[1:])


def test_the_same_seed_writes_the_same_script_and_another_another() -> None:
    assert written(3) == written(3)
    assert written(3) != written(4)


def test_hands_go_up_after_questions() -> None:
    raised = [
        segment.begins for seed in range(40) for segment in written(seed) if segment.plan.raised
    ]
    assert raised
    assert all(any(0 <= begins - question < 8 for question in (10.0, 25.0)) for begins in raised)


def test_a_walk_goes_along_its_path_at_its_speed() -> None:
    path = (Place(0, 0, 0, 0), Place(0, 2, 0, 0), Place(1, 2, 0, 0))
    walk = Segment(5.0, replace(Plan("walk"), speed=0.5), 0.5, path)
    assert (walk.place(5.0).x, walk.place(5.0).y) == (0, 0)
    assert walk.place(7.0).y == pytest.approx(1.0)
    assert walk.place(10.0).x == pytest.approx(0.5)
    assert walk.place(7.0).heading % 360 == pytest.approx(180)
    assert (walk.place(60.0).x, walk.place(60.0).y) == (1, 2)
    assert walk.length == 3.0


@pytest.mark.parametrize("action", get_args(Action))
def test_every_action_can_be_drawn_for_left_and_right_handed_people(action: Action) -> None:
    for seed in range(10):
        for main in ("L", "R"):
            habits = Habits(main)
            plan = draw_plan(action, habits, np.random.default_rng(seed))
            assert plan.action == action
            assert plan.main == main
            assert np.isfinite([arm.at + arm.upper + arm.lower for arm in plan.arms]).all()


def test_every_mood_has_actions_that_exist() -> None:
    for weights in MOODS.values():
        assert set(weights) <= set(_ACTIONS)
    assert set(ACTIVITY) <= set(_ACTIONS)


def test_an_event_lasts_as_long_as_its_frames_and_sitting_is_none() -> None:
    up, sits = TrueActivity.HAND_RAISED, TrueActivity.SITTING
    frames = [
        {1: sits, 2: up},
        {1: up, 2: up},
        {1: up, 2: sits},
        {1: sits, 2: sits},
        {1: up, 2: sits},
    ]
    events = [(e.person, e.begins, e.ends) for e in find_events(frames, Fraction(2))]
    assert events == [(2, 0.0, 1.0), (1, 0.5, 1.5), (1, 2.0, 2.5)]
