"""Rotations, directions, meshes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.classroom.geometry import (
    Array,
    align,
    cross,
    cube,
    frame,
    normals,
    rotate,
    slerp,
    smooth,
    sphere,
    subdivide,
    unit,
)
from bench.classroom.posture import reach

numbers = st.floats(-1, 1)
directions = (
    st.tuples(numbers, numbers, numbers)
    .filter(lambda vector: float(np.linalg.norm(vector)) > 0.1)
    .map(unit)
)


@given(source=directions, target=directions)
def test_align_turns_one_direction_into_the_other(source: Array, target: Array) -> None:
    turned = align(source, target)
    assert turned @ turned.T == pytest.approx(np.eye(3), abs=1e-6)
    if source @ target > -0.999:
        assert turned @ source == pytest.approx(target, abs=1e-6)


@given(first=directions, second=directions)
def test_cross_is_numpys(first: Array, second: Array) -> None:
    assert cross(first, second) == pytest.approx(np.cross(first, second))


@given(source=directions, target=directions, share=st.floats(0, 1))
def test_slerp_stays_a_direction_and_ends_where_it_should(
    source: Array, target: Array, share: float
) -> None:
    assert np.linalg.norm(slerp(source, target, share)) == pytest.approx(1, abs=1e-6)
    assert slerp(source, target, 0) == pytest.approx(source, abs=1e-3)
    assert slerp(source, target, 1) == pytest.approx(target, abs=1e-3)


@given(
    target=st.tuples(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4)).filter(
        lambda point: 0.06 < float(np.linalg.norm(point)) < 0.53
    ),
    pole=directions,
)
def test_two_bones_reach_a_target_that_is_near_enough(
    target: tuple[float, float, float], pole: Array
) -> None:
    upper, lower = reach(np.zeros(3), np.array(target), 0.29, 0.25, pole)
    assert upper * 0.29 + lower * 0.25 == pytest.approx(target, abs=1e-3)


def test_two_bones_point_at_a_target_that_is_too_far() -> None:
    upper, lower = reach(np.zeros(3), np.array([0, 2.0, 0]), 0.3, 0.3, np.array([0, 0, -1.0]))
    assert upper[1] > 0.99
    assert lower[1] > 0.99


def test_a_frame_is_orthonormal() -> None:
    axes = frame(unit([1, 2, 3]), np.array([0, 1.0, 0]))
    assert axes.T @ axes == pytest.approx(np.eye(3))
    assert np.linalg.det(axes) == pytest.approx(1)


def test_smooth_has_soft_ends() -> None:
    assert [smooth(share) for share in (-1, 0, 0.5, 1, 2)] == [0, 0, 0.5, 1, 1]
    assert smooth(0.01) < 0.001


def test_positive_rotation_is_counter_clockwise() -> None:
    assert rotate("z", 90) @ [1, 0, 0] == pytest.approx([0, 1, 0])
    assert rotate("x", 90) @ [0, 1, 0] == pytest.approx([0, 0, 1])


def test_normals_of_a_cube_and_a_sphere_point_outwards() -> None:
    box = cube()
    faces = np.arange(36).reshape(-1, 3)
    assert (normals(box[:, :3], faces) * box[:, 3:]).sum(1) == pytest.approx(np.ones(36))
    ball = sphere()
    assert np.linalg.norm(ball, axis=1) == pytest.approx(1)
    flat = normals(ball, np.arange(len(ball)).reshape(-1, 3))
    whole = np.linalg.norm(flat, axis=1) > 0.5  # at the poles, triangles have no area
    assert ((flat * ball).sum(1)[whole] > 0.8).all()


def test_subdivision_splits_each_triangle_in_four_and_keeps_a_plane_flat() -> None:
    points = np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    matrix, finer = subdivide(faces, 4)
    assert len(finer) == 8
    assert matrix.sum(1) == pytest.approx(np.ones((9, 1)))
    assert (matrix @ points)[:, 2] == pytest.approx(1)
