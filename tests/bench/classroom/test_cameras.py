"""Points of a room become pixels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.classroom.cameras import CAMERAS, Camera, Shot, Space, draw_camera

CAMERA = Camera(
    "front", np.array([0.5, 0.3, 2.4]), np.array([0.0, 4.0, 0.9]), 70.0, 0.0, 0.0, 1280, 720
)
SPACE = Space(
    half_width=4.0,
    depth=9.0,
    height=3.0,
    first=2.0,
    last=7.0,
    spread=3.0,
    seat=0.45,
    rise=0.0,
    heads=np.array([[x, y, 1.2] for x in (-2, 0, 2) for y in (2, 4, 6)], float),
    seats=np.array([[x, y, 0, 0] for x in (-2, 0, 2) for y in (2, 4, 6)], float),
)


@pytest.mark.parametrize("bulge", [0.0, 0.1, 0.28])
@pytest.mark.parametrize("roll", [0.0, 4.0])
def test_what_a_camera_looks_at_is_in_the_middle(bulge: float, roll: float) -> None:
    camera = replace(CAMERA, bulge=bulge, roll=roll)
    pixels, before = camera.project(camera.at)
    assert before.all()
    assert pixels[0] == pytest.approx([640, 360], abs=0.1)


def test_higher_points_are_higher_in_the_picture_and_right_is_right() -> None:
    pixels, _ = CAMERA.project([[0, 4, 0.9], [0, 4, 1.4], [-1, 4, 0.9]])
    assert pixels[1, 1] < pixels[0, 1]
    assert pixels[2, 0] < pixels[0, 0]


def test_what_is_behind_a_camera_has_no_pixel() -> None:
    assert not CAMERA.project([[0.5, -2.0, 3.0]])[1].any()


@given(
    bulge=st.floats(0.0, 0.3),
    x=st.floats(5, 1275),
    y=st.floats(5, 715),
)
def test_a_pixel_is_found_again_through_the_distortion(bulge: float, x: float, y: float) -> None:
    camera = replace(CAMERA, bulge=bulge)
    flat_x, flat_y = camera.undistort(np.array([x]), np.array([y]))
    forward = camera.at - camera.eye
    inverse = np.linalg.inv(camera.matrix)
    clip = np.array([flat_x[0] / 640 - 1, 1 - flat_y[0] / 360, 0.9, 1.0])
    point = inverse @ clip
    point = point[:3] / point[3]
    assert (point - camera.eye) @ forward > 0
    pixels, before = camera.project(point)
    assert before.all()
    assert pixels[0] == pytest.approx([x, y], abs=0.6)


@pytest.mark.parametrize("kind", CAMERAS)
def test_every_kind_of_camera_hangs_inside_the_room(kind: str) -> None:
    for seed in range(20):
        camera = draw_camera(kind, SPACE, 1280, 720, np.random.default_rng(seed))  # type: ignore[arg-type]
        assert abs(camera.eye[0]) <= SPACE.half_width
        assert 0 < camera.eye[1] < SPACE.depth
        assert 0 < camera.eye[2] < SPACE.height
        assert 30 <= camera.fov <= 120


def test_a_shot_that_moves_begins_and_ends_where_it_says() -> None:
    end = replace(CAMERA, fov=20.0)
    shot = Shot(CAMERA, end, 3.0, 5.0)
    assert shot.camera(2.9).fov == 70.0
    assert 20 < shot.camera(4.0).fov < 70
    assert shot.camera(5.0).fov == 20.0
    assert [shot.moving(seconds) for seconds in (2.0, 4.0, 6.0)] == [False, True, False]
    assert shot.described()["last_field_of_view"] == 20.0
