"""Rotations, directions and small meshes. Metres; x to the right, y away from the board, z up.

A person in its own frame faces −y, so its left is +x.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse

Array = npt.NDArray[np.float64]
"""Coordinates, directions or rotations; the last axes are given where it is used."""

Faces = npt.NDArray[np.int64]
"""Triangles: (faces, 3) numbers of vertices, counter-clockwise seen from outside."""

IDENTITY: Final = np.eye(3)
UP: Final = np.array([0.0, 0.0, 1.0])


def rotate(axis: str, degrees: float) -> Array:
    """Return the rotation (3, 3) about an axis `x`, `y` or `z`."""
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    if axis == "x":
        return np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    if axis == "y":
        return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def rotate_about(axis: Array, radians: float) -> Array:
    """Return the rotation (3, 3) about a unit axis (3,): Rodrigues' formula."""
    x, y, z = axis.tolist()
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turned = math.sin(radians) * across + (1 - math.cos(radians)) * across @ across
    return np.asarray(IDENTITY + turned)


def length(vector: Array) -> float:
    """Return the length of a vector (3,)."""
    return float(math.sqrt(vector @ vector))


def unit(vector: npt.ArrayLike) -> Array:
    """Return a vector (3,) of length one; a vector of no length stays."""
    array = np.asarray(vector, float)
    return np.asarray(array / (length(array) + 1e-12))


def cross(first: Array, second: Array) -> Array:
    """Return the cross product (3,) of two vectors; for these, NumPy's own is 20 times slower."""
    a, b, c = first.tolist()
    d, e, f = second.tolist()
    return np.array([b * f - c * e, c * d - a * f, a * e - b * d])


def lifted(point: Array, height: float) -> Array:
    """Return a point (3,) some metres higher."""
    return np.asarray(point + np.array([0.0, 0.0, height]))


def align(source: Array, target: Array) -> Array:
    """Return the smallest rotation (3, 3) that turns one unit direction (3,) to another."""
    axis, cosine = cross(source, target), float(source @ target)
    sine = length(axis)
    if sine < 1e-8:
        return IDENTITY if cosine > 0 else rotate("z", 180.0)
    return rotate_about(axis / sine, math.atan2(sine, cosine))


def frame(direction: Array, side: Array) -> Array:
    """Return axes (3, 3) in columns: a unit direction, the side made perpendicular, their cross."""
    second = unit(side - direction * (side @ direction))
    return np.array([direction, second, cross(direction, second)]).T


def slerp(source: Array, target: Array, share: float) -> Array:
    """Turn one unit direction (3,) towards another, by a share from 0 to 1."""
    cosine = min(max(float(source @ target), -1.0), 1.0)
    if cosine > 0.9999:
        return unit(source + (target - source) * share)
    angle = math.acos(cosine)
    if angle > 3.0:
        middle = unit(source + target + np.array([0.05, -0.2, 0.1]))
        return (
            slerp(source, middle, share * 2)
            if share < 0.5
            else slerp(middle, target, share * 2 - 1)
        )
    return unit(source * math.sin((1 - share) * angle) + target * math.sin(share * angle))


def smooth(share: float) -> float:
    """Return a share from 0 to 1 with soft ends (the cubic smoothstep)."""
    clipped = min(max(share, 0.0), 1.0)
    return clipped * clipped * (3 - 2 * clipped)


def normals(vertices: npt.NDArray[np.floating], faces: Faces) -> Array:
    """Return unit normals (vertices, 3), each the sum over its faces, weighted by area."""
    first, second, third = (vertices[faces[:, corner]] for corner in range(3))
    flat = np.cross(second - first, third - first)
    corners = faces.ravel()
    total = np.stack(
        [np.bincount(corners, np.repeat(flat[:, axis], 3), len(vertices)) for axis in range(3)], 1
    )
    return np.asarray(total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12))


def sphere(rings: int = 10, segments: int = 14) -> Array:
    """Return triangles (n, 3) of the unit sphere; a point is its own normal."""
    polar = np.linspace(0, np.pi, rings + 1)
    around = np.linspace(0, 2 * np.pi, segments + 1)

    def point(ring: int, segment: int) -> list[float]:
        radius = np.sin(polar[ring])
        return [
            radius * np.cos(around[segment]),
            radius * np.sin(around[segment]),
            np.cos(polar[ring]),
        ]

    corners = ((0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1))
    return np.array(
        [
            point(ring + down, segment + right)
            for ring in range(rings)
            for segment in range(segments)
            for down, right in corners
        ]
    )


def cube() -> Array:
    """Return triangles of the unit cube about the origin: (36, 6) of position and normal.

    All triangles here are counter-clockwise seen from outside.
    """
    rows = []
    corners = ((-1, -1), (1, -1), (1, 1), (-1, -1), (1, 1), (-1, 1))
    for axis in range(3):
        for sign in (-1, 1):
            normal = np.zeros(3)
            normal[axis] = sign
            first, second = IDENTITY[(axis + 1) % 3], IDENTITY[(axis + 2) % 3] * sign
            rows += [[*(normal + first * a + second * b) * 0.5, *normal] for a, b in corners]
    return np.array(rows)


def subdivide(faces: Faces, count: int) -> tuple[scipy.sparse.csr_matrix, Faces]:
    """Split each triangle in four, smoothly (Loop, 1987).

    Args:
        faces: Triangles of a mesh, which may have edges of its own.
        count: Its vertices.

    Returns:
        A sparse matrix (new vertices, `count`) that gives the new vertices from the old, and the
        new triangles.
    """
    pairs = np.sort(np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    opposite = np.concatenate([faces[:, 2], faces[:, 0], faces[:, 1]])
    edges, where = np.unique(pairs, axis=0, return_inverse=True)
    where = where.ravel()
    inner = np.bincount(where, minlength=len(edges)) == 2
    rows = np.arange(len(edges))
    weight = np.where(inner, 0.375, 0.5)
    middle = scipy.sparse.coo_matrix(
        (
            np.concatenate([weight, weight, np.where(inner[where], 0.125, 0.0)]),
            (
                np.concatenate([rows, rows, where]),
                np.concatenate([edges[:, 0], edges[:, 1], opposite]),
            ),
        ),
        (len(edges), count),
    )
    rim = edges[~inner]
    on_rim = np.zeros(count, bool)
    on_rim[rim.ravel()] = True
    degree = np.bincount(edges.ravel(), minlength=count).astype(float)
    beta = np.where(degree > 3, 3 / (8 * np.maximum(degree, 1)), 3 / 16)
    one = np.concatenate([edges[:, 0], edges[:, 1]])
    other = np.concatenate([edges[:, 1], edges[:, 0]])
    free = ~on_rim[one]
    rim_one = np.concatenate([rim[:, 0], rim[:, 1]])
    rim_other = np.concatenate([rim[:, 1], rim[:, 0]])
    rim_degree = np.maximum(np.bincount(rim_one, minlength=count), 1)
    kept = scipy.sparse.coo_matrix(
        (
            np.concatenate(
                [
                    np.where(on_rim, 0.75, 1 - degree * beta),
                    beta[one[free]],
                    0.25 / rim_degree[rim_one],
                ]
            ),
            (
                np.concatenate([np.arange(count), one[free], rim_one]),
                np.concatenate([np.arange(count), other[free], rim_other]),
            ),
        ),
        (count, count),
    )
    size = len(faces)
    a, b, c = (count + where[part * size : (part + 1) * size] for part in range(3))
    first, second, third = faces.T
    split = np.vstack(
        [
            np.column_stack(corner)
            for corner in ((first, a, c), (a, second, b), (c, b, third), (a, b, c))
        ]
    )
    return scipy.sparse.vstack([kept, middle]).tocsr().astype(np.float32), split
