"""Bodies go where their postures say, as Anny itself would put them."""

from typing import Any

import numpy as np
import pytest

from bench.classroom.bodies import TOPOLOGY, Bodies
from bench.classroom.geometry import Array
from bench.classroom.plans import Action, Plan, Station
from bench.classroom.poses import solve
from bench.classroom.posture import blend
from bench.classroom.repertoire import Habits, draw_plan
from bench.classroom.rig import Posed, Rig
from cluster.vision.people import KEYPOINTS

STATURE = 0.262


def seated(rig: Rig) -> Station:
    seat = rig.stature * STATURE
    return Station(seat, seat + 0.17 * rig.stature, 0.23 * rig.scale)


def posed(rig: Rig, action: Action, seed: int) -> tuple[Plan, Posed]:
    plan = draw_plan(action, Habits(), np.random.default_rng(seed))
    return plan, rig.pose(solve(plan, rig, seated(rig), 0.5))


def points(body: Posed, *names: str) -> Array:
    return body.keypoints[[KEYPOINTS.index(name) for name in names]]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("action", ["raise", "write", "head_down", "walk"])
def test_a_posed_body_is_that_of_anny(bodies: Bodies, action: Action) -> None:
    import anny
    import torch

    rig = Rig(bodies, 0)
    _, body = posed(rig, action, 3)
    vertices, _ = rig.skin(body)
    full: Any = anny.create_fullbody_model(skinning_method="lbs")
    coarse: Any = anny.create_fullbody_model(topology=TOPOLOGY, skinning_method="lbs")
    phenotype = {
        name: torch.tensor([value], dtype=torch.float64)
        for name, value in bodies.phenotypes[0].items()
    }
    pose = {}
    for place, bone in enumerate(bodies.bones):
        parent = int(bodies.parents[place])
        above = np.eye(3) if parent < 0 else body.rotations[parent]
        local = np.eye(4)
        local[:3, :3] = above.T @ body.rotations[place]
        pose[bone] = torch.tensor(local)[None]
    asked = {
        "pose_parameters": pose,
        "phenotype_kwargs": phenotype,
        "pose_parameterization": "local-ref",
    }
    theirs = np.asarray(coarse.forward(**asked)["vertices"][0])
    joints = np.asarray(
        anny.KeypointsRegressor.coco(full, labels=list(KEYPOINTS))(full.forward(**asked))[0]
    )
    shift = vertices.mean(0) - theirs.mean(0)
    assert np.abs(vertices - theirs - shift).max() < 2e-3
    assert np.abs(body.keypoints - joints - shift).max() < 2e-3


def test_a_pen_is_at_the_paper_for_small_and_tall_people(bodies: Bodies) -> None:
    for index in range(len(bodies)):
        rig = Rig(bodies, index)
        station = seated(rig)
        assert station.desk is not None
        plan, body = posed(rig, "write", index)
        palm, fingers = rig.hand_points(body, plan.main)
        assert -0.02 < fingers[2] - station.desk < 0.1
        assert -0.01 < palm[2] - station.desk < 0.12
        assert -station.gap - 0.45 < fingers[1] < -station.gap


def test_a_head_that_is_down_is_at_the_desk(bodies: Bodies) -> None:
    for index in range(len(bodies)):
        rig = Rig(bodies, index)
        station = seated(rig)
        assert station.desk is not None
        actions: tuple[Action, ...] = ("head_down", "head_on_arm")
        for action in actions:
            nose = points(posed(rig, action, index)[1], "nose")[0]
            assert -0.02 < nose[2] - station.desk < 0.22


def test_feet_are_on_the_floor(bodies: Bodies) -> None:
    for index in range(len(bodies)):
        rig = Rig(bodies, index)
        standing: tuple[Action, ...] = ("stand", "walk", "bend", "write", "raise", "squat")
        for action in standing:
            vertices, _ = rig.skin(posed(rig, action, index)[1])
            assert -0.06 < vertices[:, 2].min() < 0.08, action


def test_a_raised_hand_is_above_its_shoulder_and_a_folded_one_is_not(bodies: Bodies) -> None:
    for index in range(len(bodies)):
        rig = Rig(bodies, index)
        plan, body = posed(rig, "raise", index)
        side = "left" if plan.main == "L" else "right"
        wrist, shoulder = points(body, f"{side}_wrist", f"{side}_shoulder")
        assert wrist[2] > shoulder[2] + 0.1
        quiet: tuple[Action, ...] = ("fold", "desk", "type", "lap", "read_held")
        for action in quiet:
            _, body = posed(rig, action, index)
            assert (
                points(body, "left_wrist", "right_wrist")[:, 2]
                < points(body, "left_shoulder")[0, 2]
            ).all()


def test_a_hand_that_rises_passes_all_between(bodies: Bodies) -> None:
    rig = Rig(bodies, 1)
    station = seated(rig)
    low = solve(draw_plan("desk", Habits(), np.random.default_rng(1)), rig, station, 0.0)
    high = solve(draw_plan("raise", Habits(), np.random.default_rng(2)), rig, station, 0.0)
    heights = [
        points(rig.pose(blend(low, high, float(share))), "right_wrist")[0, 2]
        for share in np.linspace(0, 1, 21)
    ]
    steps = np.diff(heights)
    assert heights[-1] > heights[0] + 0.3
    assert np.abs(steps).max() < 0.15
