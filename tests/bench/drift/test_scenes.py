"""Rendered rooms: another lesson is no drift, a zoomed camera is."""

import pytest

from bench.classroom.bodies import Bodies
from bench.classroom.renderer import Renderer
from bench.drift.__main__ import scene_table
from bench.drift.scenes import SceneTrial, Studio, run_scene_trials
from bench.drift.turning import CHANGES, COVERS
from cluster.calibration.drift import Drift

SEED = 8021


@pytest.mark.slow
def test_what_is_said_of_one_room(bodies: Bodies) -> None:
    said = {trial.case: trial.said for trial in run_scene_trials([SEED], bodies)}
    assert set(said) >= {*CHANGES, *COVERS}
    assert said["two other lessons"] in {Drift.NONE, None}
    assert said["the empty room"] is Drift.NONE
    assert said["capped"] is said["taped over"] is Drift.COVERED
    assert said["zoomed by 1.3"] is Drift.MOVED


def test_another_lesson_has_other_people_on_the_same_furniture(
    bodies: Bodies, renderer: Renderer
) -> None:
    studio = Studio(SEED, bodies, renderer)
    first, other = studio.first, studio.lesson(1)
    assert other.shot is first.shot
    assert [one.place for one in other.room.seats] == [one.place for one in first.room.seats]
    assert len(other.actors) != len(first.actors) or [
        one.member.rig is not two.member.rig
        for one, two in zip(first.actors, other.actors, strict=True)
    ]


def test_the_table_says_how_often_what_was_said() -> None:
    trials = [
        SceneTrial("turned", Drift.MOVED),
        SceneTrial("turned", Drift.MOVED),
        SceneTrial("turned", None),
        SceneTrial("turned", Drift.NONE),
    ]
    assert scene_table(trials).splitlines()[-1] == "| turned | 4 | 50% | 0% | 25% | 25% |"
