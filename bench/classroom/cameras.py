"""Cameras: where they hang, and how a point of the room becomes a pixel."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from bench.classroom.geometry import UP, Array, cross, smooth, unit

CameraKind = Literal[
    "corner", "front", "side", "back", "back_corner", "steep", "close", "table", "behind", "aisle"
]
CAMERAS: Final[tuple[CameraKind, ...]] = get_args(CameraKind)
CLOSE: Final = frozenset({"close", "table", "behind"})
NEAR: Final = 0.08
FAR: Final = 45.0


@dataclass(frozen=True)
class Camera:
    """A camera at one time.

    Attributes:
        kind: Where it hangs.
        eye: (3,) metres.
        at: (3,) what the middle of the picture shows, in metres.
        fov: Horizontal field of view of the undistorted picture, in degrees.
        roll: Degrees.
        bulge: Barrel distortion: the coefficient of the squared radius, 0 for none.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
    """

    kind: str
    eye: Array
    at: Array
    fov: float
    roll: float
    bulge: float
    width: int
    height: int

    @property
    def focal(self) -> float:
        """Focal length of the undistorted picture over half its width."""
        return float(1 / np.tan(np.deg2rad(self.fov) / 2))

    @cached_property
    def matrix(self) -> Array:
        """The matrix (4, 4) from the room to OpenGL's clip space, before distortion."""
        forward = unit(self.at - self.eye)
        right = unit(cross(forward, UP))
        up = cross(right, forward)
        angle = np.deg2rad(self.roll)
        right, up = (
            right * np.cos(angle) + up * np.sin(angle),
            up * np.cos(angle) - right * np.sin(angle),
        )
        view = np.eye(4)
        view[0, :3], view[1, :3], view[2, :3] = right, up, -forward
        view[:3, 3] = -view[:3, :3] @ self.eye
        lens = np.zeros((4, 4))
        lens[0, 0] = self.focal
        lens[1, 1] = self.focal * self.width / self.height
        lens[2, 2] = -(FAR + NEAR) / (FAR - NEAR)
        lens[2, 3] = -2 * FAR * NEAR / (FAR - NEAR)
        lens[3, 2] = -1
        return np.asarray(lens @ view)

    def undistort(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return where pixels of the picture are in the undistorted one."""
        half, middle = self.width / 2, self.height / 2
        across, down = (x - half) / half, (y - middle) / half
        corner = 1 + self.bulge * (1 + (self.height / self.width) ** 2)
        scale = (1 + self.bulge * (across**2 + down**2)) / corner
        return across * scale * half + half, down * scale * half + middle

    def project(self, points: npt.ArrayLike) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Return pixels (n, 2) of points (n, 3), and which are before the camera.

        A point far outside of the picture has no pixel either, as the distortion folds there.
        """
        array = np.asarray(points, float).reshape(-1, 3)
        clip = np.column_stack([array, np.ones(len(array))]) @ self.matrix.T
        before = clip[:, 3] > 0.05
        depth = np.where(before, clip[:, 3], 1)
        x = (clip[:, 0] / depth * 0.5 + 0.5) * self.width
        y = (0.5 - clip[:, 1] / depth * 0.5) * self.height
        if self.bulge:
            reach = self.width * 1.6
            before &= (np.abs(x - self.width / 2) < reach) & (np.abs(y - self.height / 2) < reach)
            x, y, found = self._distort(np.where(before, x, 0), np.where(before, y, 0))
            before &= found
        return np.column_stack([x, y]), before

    def _distort(self, x: Array, y: Array) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
        across, down = x.copy(), y.copy()
        with np.errstate(over="ignore", invalid="ignore"):  # points that diverge are not found
            for _ in range(25):
                now_x, now_y = self.undistort(across, down)
                across, down = across + 0.8 * (x - now_x), down + 0.8 * (y - now_y)
            now_x, now_y = self.undistort(across, down)
            return across, down, (np.abs(now_x - x) < 0.5) & (np.abs(now_y - y) < 0.5)

    def distances(self, points: npt.ArrayLike) -> Array:
        """Return metres (n,) from the camera to points (n, 3)."""
        array = np.asarray(points, float).reshape(-1, 3)
        return np.asarray(np.linalg.norm(array - self.eye, axis=1))

    def described(self) -> dict[str, float | str]:
        """Return what the truth says of the camera."""
        numbers = {
            "x": self.eye[0],
            "y": self.eye[1],
            "height": self.eye[2],
            "field_of_view": self.fov,
            "roll": self.roll,
            "distortion": self.bulge,
        }
        return {
            "kind": self.kind,
            **{name: round(float(value), 3) for name, value in numbers.items()},
        }


@dataclass(frozen=True, slots=True)
class Shot:
    """A camera that stays, or that moves from one place to another in a time.

    Attributes:
        start: At first.
        end: At last; the same unless it moves.
        begins: Seconds at which it begins to move.
        ends: Seconds at which it has come.
    """

    start: Camera
    end: Camera
    begins: float = 0.0
    ends: float = 0.0

    @property
    def moves(self) -> bool:
        """Whether the camera moves."""
        return self.end is not self.start

    def moving(self, seconds: float) -> bool:
        """Whether the camera moves at a time."""
        return self.moves and self.begins < seconds < self.ends

    def camera(self, seconds: float) -> Camera:
        """Return the camera at a time."""
        if not self.moves or seconds <= self.begins:
            return self.start
        if seconds >= self.ends:
            return self.end
        share = smooth((seconds - self.begins) / (self.ends - self.begins))
        a, b = self.start, self.end
        return replace(
            a,
            eye=a.eye + (b.eye - a.eye) * share,
            at=a.at + (b.at - a.at) * share,
            fov=a.fov + (b.fov - a.fov) * share,
            roll=a.roll + (b.roll - a.roll) * share,
        )

    def described(self) -> dict[str, float | str]:
        """Return what the truth says of the camera."""
        description = self.start.described()
        if not self.moves:
            return description
        last = {
            f"last_{name}": value for name, value in self.end.described().items() if name != "kind"
        }
        return {**description, **last, "moves_from": self.begins, "moves_until": self.ends}


@dataclass(frozen=True, slots=True)
class Space:
    """What a camera needs to know of a room, in metres.

    Attributes:
        half_width: From the middle to a side wall.
        depth: From the board's wall to the opposite one.
        height: Of the ceiling.
        first: Of the first row, along y.
        last: Of the last row.
        spread: From the middle to the outermost seat.
        seat: Height of seats.
        rise: Of the last row's floor.
        heads: (n, 3) where heads are.
        seats: (n, 4) x, y, floor and heading in degrees of the seats taken.
    """

    half_width: float
    depth: float
    height: float
    first: float
    last: float
    spread: float
    seat: float
    rise: float
    heads: Array
    seats: Array


def draw_camera(
    kind: CameraKind, space: Space, width: int, height: int, rng: np.random.Generator
) -> Camera:
    """Return a camera of a kind in a room."""
    between = rng.uniform
    side = float(rng.choice([-1, 1]))
    hung = float(min(between(1.6, 3.8), space.height - 0.15))
    middle = (space.first + space.last) / 2
    seat = (
        space.seats[int(rng.integers(len(space.seats)))] if len(space.seats) else (0, middle, 0, 0)
    )
    at = np.array(
        [
            between(-0.3, 0.3) * space.spread,
            space.first + (space.last - space.first) * between(0.15, 0.65),
            space.seat + between(0.1, 0.5) + space.rise * 0.4,
        ]
    )
    fov = float(between(55, 108))
    wall = space.half_width - 0.25
    spots: dict[str, tuple[float, float, float]] = {
        "corner": (side * wall, between(0.2, 0.8), hung),
        "front": (between(-0.5, 0.5) * space.half_width, between(0.15, 0.8), hung),
        "side": (side * wall, between(0.25, 0.8) * space.depth, hung),
        "back": (between(-0.5, 0.5) * space.half_width, space.depth - 0.3, hung + space.rise),
        "back_corner": (side * wall, space.depth - 0.3, hung + space.rise),
        "steep": (
            between(-0.4, 0.4) * space.half_width,
            between(0.3, 0.6) * space.depth,
            space.height - 0.1,
        ),
        "aisle": (between(-0.15, 0.15), between(0.2, 0.6), between(1.5, 2.2)),
    }
    if kind in CLOSE:
        eye, at, fov = _close(kind, space, np.asarray(seat, float), rng)
    else:
        eye = np.array(spots[kind])
    if kind == "steep":
        fov = float(between(80, 118))
        at = np.array([eye[0] * 0.5, eye[1] + rng.choice([-1, 1]) * between(0.3, 1.6), space.seat])
    elif kind == "aisle":
        at = np.array([between(-0.2, 0.2), space.last * between(0.45, 0.8), between(0.8, 1.2)])
    margin = np.array([space.half_width - 0.15, space.depth - 0.15, space.height - 0.08])
    eye = np.clip(eye, [-margin[0], 0.12, 0.6], margin)
    camera = Camera(
        kind,
        eye,
        at,
        fov,
        float(rng.normal(0, 1.8)) if rng.random() < 0.7 else 0.0,
        float(between(0.02, 0.28)) if rng.random() < 0.45 else 0.0,
        width,
        height,
    )
    return camera if kind in CLOSE or kind == "steep" else _fit(camera, space, rng)


def _close(
    kind: str, space: Space, seat: Array, rng: np.random.Generator
) -> tuple[Array, Array, float]:
    between = rng.uniform
    x, y, floor, heading = seat
    if kind == "table":
        centre = np.median(space.seats, axis=0) if len(space.seats) else seat
        angle, radius = np.deg2rad(between(0, 360)), between(1.7, 3.0)
        eye = [
            centre[0] + radius * np.cos(angle),
            centre[1] + radius * np.sin(angle),
            centre[2] + between(1.2, 2.4),
        ]
        at = [
            centre[0] + between(-0.3, 0.3),
            centre[1] + between(-0.3, 0.3),
            centre[2] + space.seat + 0.25,
        ]
        return np.array(eye), np.array(at), float(between(52, 95))
    front = np.deg2rad(heading - 90)
    if kind == "behind":
        away = np.array([-np.cos(front), -np.sin(front)])
        radius = between(0.6, 1.3)
        across = np.array([-away[1], away[0]]) * between(-0.6, 0.6)
        eye = [
            *(np.array([x, y]) + away * radius + across),
            floor + space.seat + between(0.55, 1.2),
        ]
        ahead = np.array([x, y]) - away * between(1.5, 3.5)
        return (
            np.array(eye),
            np.array([*ahead, floor + space.seat + between(0.2, 0.5)]),
            float(between(55, 95)),
        )
    angle = front + np.deg2rad(rng.normal(0, 50) if rng.random() < 0.65 else between(0, 360))
    radius = between(0.85, 2.0)
    target = np.array(
        [x + between(-0.35, 0.35), y + between(-0.3, 0.3), floor + space.seat + between(0.25, 0.55)]
    )
    height = min(floor + between(1.0, 2.0), target[2] + 0.7 * radius)
    eye = [x + radius * np.cos(angle), y + radius * np.sin(angle), height]
    return np.array(eye), target, float(between(48, 92))


def _fit(camera: Camera, space: Space, rng: np.random.Generator) -> Camera:
    """Turn most cameras so that the class fills the picture, as people hang them."""
    if len(space.heads) < 3 or rng.random() < 0.2:
        return camera
    at = camera.at * 0.35 + np.median(space.heads, axis=0) * 0.65
    turned = replace(camera, at=at)
    clip = np.column_stack([space.heads, np.ones(len(space.heads))]) @ turned.matrix.T
    ahead = clip[:, 3] > 0.3
    if not ahead.any():
        return turned
    offset = np.abs(clip[ahead, :2]).max(1) / clip[ahead, 3]
    tangent = (
        np.tan(np.deg2rad(turned.fov) / 2) * np.percentile(offset, 92) / rng.uniform(0.72, 1.2)
    )
    return replace(turned, fov=float(np.clip(2 * np.rad2deg(np.arctan(tangent)), 36, 112)))
