"""The truth of a frame agrees with its pixels."""

from dataclasses import replace

import numpy as np
import pytest

from bench.classroom.bodies import Bodies
from bench.classroom.cameras import Camera, Shot
from bench.classroom.demo import FEW, PEOPLE, SECONDS, draw_demo
from bench.classroom.frames import Frame, FrameMaker
from bench.classroom.renderer import Renderer
from bench.classroom.room import ROOMS, RoomKind
from bench.classroom.scene import Scene, Wish, draw_scene
from bench.classroom.truth import TrueActivity, Visibility
from cluster.vision.people import KEYPOINTS
from tests.bench.conftest import HEIGHT, WIDTH

PLACE = {name: number for number, name in enumerate(KEYPOINTS)}


def wish(seed: int, **changes: object) -> Wish:
    return replace(Wish(seed, 14, 30.0, WIDTH, HEIGHT), **changes)  # type: ignore[arg-type]


def scene(bodies: Bodies, seed: int, **changes: object) -> Scene:
    return draw_scene(wish(seed, **changes), bodies)


def front(of: Scene) -> Scene:
    """Hang the camera in front of the class, upright."""
    room = of.room
    eye, at = np.array([0.0, 0.3, 2.0]), np.array([0.0, (room.first + room.last) / 2, 0.9])
    camera = Camera("front", eye, at, 85.0, 0.0, 0.0, WIDTH, HEIGHT)
    return replace(of, shot=Shot(camera, camera))


@pytest.fixture(scope="module", params=ROOMS)
def frame(request: pytest.FixtureRequest, bodies: Bodies, renderer: Renderer) -> Frame:
    """A frame of each kind of room, some of them distorted by the lens."""
    room: RoomKind = request.param
    return FrameMaker(scene(bodies, 5, room=room), renderer).make(4.0)


def test_a_box_is_the_silhouettes(frame: Frame) -> None:
    assert frame.people
    for person in frame.people:
        y, x = np.nonzero(frame.pixels.people == person.id)
        assert person.box == (x.min(), y.min(), x.max() + 1, y.max() + 1)


def test_nobody_is_left_out_and_nobody_invented(frame: Frame) -> None:
    assert {person.id for person in frame.people} == set(np.unique(frame.pixels.people)) - {0}


def test_seen_keypoints_are_in_their_persons_box(frame: Frame) -> None:
    seen = 0
    for person in frame.people:
        left, top, right, bottom = person.box
        for x, y, flag in person.keypoints:
            if flag is Visibility.SEEN:
                seen += 1
                assert left - 2.5 <= x <= right + 2.5
                assert top - 2.5 <= y <= bottom + 2.5
            if flag is Visibility.OUTSIDE:
                assert (x, y) == (0, 0)
    assert seen > 10


@pytest.mark.parametrize("seed", range(4))
def test_a_raised_wrist_is_above_its_shoulder_in_the_picture(
    bodies: Bodies, renderer: Renderer, seed: int
) -> None:
    made = front(scene(bodies, seed, room="rows", seconds=0.0, people=20))
    raised = 0
    for person in FrameMaker(made, renderer).make(0.0).people:
        pairs = [
            (person.keypoints[PLACE[f"{side}_wrist"]], person.keypoints[PLACE[f"{side}_shoulder"]])
            for side in ("left", "right")
        ]
        up = [wrist[1] < shoulder[1] for wrist, shoulder in pairs if wrist[2] and shoulder[2]]
        if person.activity is TrueActivity.HAND_RAISED and len(up) == 2:
            raised += 1
            assert any(up)
    assert seed > 0 or raised


def test_somebody_alone_before_a_wall_is_hardly_hidden(bodies: Bodies, renderer: Renderer) -> None:
    made = scene(bodies, 2, room="hall", people=1)
    actor = made.actors[0]
    place = actor.script.segments[0].path[0]
    eye = np.array([place.x, place.y - 2.6, 1.3])
    camera = Camera("front", eye, np.array([place.x, place.y, 0.7]), 60.0, 0, 0, WIDTH, HEIGHT)
    made = replace(made, actors=(actor,), shot=Shot(camera, camera))
    (person,) = FrameMaker(made, renderer).make(0.0).people
    assert person.hidden < 0.12
    assert person.head_hidden < 0.1


@pytest.mark.parametrize("bulge", [0.0, 0.2])
def test_what_the_edge_cuts_off_is_hidden(bodies: Bodies, renderer: Renderer, bulge: float) -> None:
    made = scene(bodies, 2, room="hall", people=1)
    actor = made.actors[0]
    place = actor.script.segments[0].path[0]
    head = actor.at(0.0).world(actor.at(0.0).posed.keypoints)[0]
    eye = np.array([place.x, place.y - 1.5, head[2]])
    camera = Camera("close", eye, head, 32.0, 0, bulge, WIDTH, HEIGHT)
    made = replace(made, actors=(actor,), shot=Shot(camera, camera))
    (person,) = FrameMaker(made, renderer).make(0.0).people
    assert person.hidden > 0.5
    assert person.head_hidden < 0.35


def test_the_same_seed_gives_the_same_picture_and_truth(bodies: Bodies, renderer: Renderer) -> None:
    first, second = (FrameMaker(scene(bodies, 9), renderer).make(3.0) for _ in range(2))
    assert first.people == second.people
    assert (first.picture == second.picture).all()


def test_another_seed_gives_another_class(bodies: Bodies, renderer: Renderer) -> None:
    first, second = (FrameMaker(scene(bodies, seed), renderer).make(3.0) for seed in (9, 10))
    assert first.people != second.people


def test_a_room_that_is_drawn_once_shows_the_same_people(
    bodies: Bodies, renderer: Renderer
) -> None:
    made = scene(bodies, 11)
    whole, kept = FrameMaker(made, renderer), FrameMaker(made, renderer)
    kept.make(0.0, still=True)
    assert kept.make(2.0, still=True).people == whole.make(2.0).people


def test_the_demo_shows_a_class_and_then_a_few(bodies: Bodies, renderer: Renderer) -> None:
    made = draw_demo(wish(7), bodies)
    maker = FrameMaker(made, renderer)
    assert len(maker.make(1.0).people) == PEOPLE
    few = maker.make(SECONDS - 5).people
    assert FEW[0] <= len(few) <= FEW[1] + 1
    activities = [set(maker_activities(made, seconds)) for seconds in np.arange(0, 60, 1.0)]
    assert {TrueActivity.HAND_RAISED, TrueActivity.HEAD_DOWN, TrueActivity.STANDING} <= set().union(
        *activities
    )


def maker_activities(made: Scene, seconds: float) -> list[TrueActivity]:
    from bench.classroom.motion import true_activity

    stances = [actor.at(seconds) for actor in made.actors]
    return [true_activity(stance.moment, stance.posed) for stance in stances]
