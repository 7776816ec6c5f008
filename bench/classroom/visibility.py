"""The truth of a frame: whose pixels are seen, where keypoints are, and what hides them."""

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

from bench.classroom.actors import Stance
from bench.classroom.cameras import Camera
from bench.classroom.geometry import UP, Array, cross, unit
from bench.classroom.motion import true_activity
from bench.classroom.truth import PersonTruth, TrueActivity, Visibility
from cluster.vision.people import KEYPOINTS

DEPTHS: Final = np.array(
    [0.05] * 5 + [0.13, 0.13, 0.09, 0.09, 0.07, 0.07, 0.16, 0.16, 0.11, 0.11, 0.09, 0.09]
)
"""How deep under the skin a keypoint that is seen may be, in metres of an adult."""
LIMBS: Final = {
    7: (5, 7, 9),
    8: (6, 8, 10),
    9: (7, 9),
    10: (8, 10),
    11: (11, 13),
    12: (12, 14),
    13: (11, 13, 15),
    14: (12, 14, 16),
    15: (13, 15),
    16: (14, 16),
}
"""Of an elbow, wrist, hip, knee, ankle: the joints of the limb that it belongs to."""
STEPS: Final = 4
RADIUS: Final = 2
"""Pixels about a keypoint in which its person must be seen."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """Whose the pixels of a frame are.

    Attributes:
        people: (height, width) number of the person; 0 for nobody.
        heads: (height, width) whether it is the person's head.
        distance: (height, width) metres from the camera.
    """

    people: npt.NDArray[np.int32]
    heads: npt.NDArray[np.bool_]
    distance: npt.NDArray[np.float32]

    @staticmethod
    def of(ids: npt.NDArray[np.float32]) -> "Pixels":
        """Return the pixels of a drawn frame, see `Drawn.ids`."""
        people = np.floor(ids[..., 0] + 0.01).astype(np.int32)
        return Pixels(people, (ids[..., 0] - people) > 0.3, ids[..., 1])


@lru_cache(maxsize=4)
def _areas(width: int, height: int, bulge: float) -> npt.NDArray[np.float32]:
    """Return how much of the undistorted picture each pixel (height, width) takes, as shares."""
    across = (np.arange(width) + 0.5 - width / 2) / (width / 2)
    down = (np.arange(height) + 0.5 - height / 2) / (width / 2)
    square = across[None, :] ** 2 + down[:, None] ** 2
    corner = 1 + bulge * (1 + (height / width) ** 2)
    scale = (1 + bulge * square) * (1 + 3 * bulge * square) / corner**2
    return (scale / (width * height)).astype(np.float32)


def measure(
    camera: Camera, pixels: Pixels, stances: list[Stance], alone: list[tuple[float, float]]
) -> tuple[tuple[PersonTruth, ...], tuple[TrueActivity, ...]]:
    """Return the truth of a frame.

    Args:
        camera: That sees it.
        pixels: What it sees.
        stances: Everybody.
        alone: For each, the areas that it and its head would cover alone, as `draw_masks` gives.

    Returns:
        Those who are seen, and what everybody does.
    """
    last = max((stance.actor.member.number for stance in stances), default=1)
    slices = find_objects(pixels.people, max_label=last)
    weights = _areas(camera.width, camera.height, camera.bulge)
    people = []
    activities = []
    for stance, (body, head) in zip(stances, alone, strict=True):
        number = stance.actor.member.number
        activity = true_activity(stance.moment, stance.posed)
        activities.append(activity)
        where = slices[number - 1]
        if where is None:
            continue
        rows, columns = where
        own = pixels.people[where] == number
        seen = float(weights[where][own].sum())
        seen_head = float(weights[where][own & pixels.heads[where]].sum())
        points, flags = _keypoints(camera, pixels, stance, number)
        people.append(
            PersonTruth(
                id=number,
                role=stance.actor.member.role,
                box=(columns.start, rows.start, columns.stop, rows.stop),
                keypoints=tuple(
                    (round(float(x), 1), round(float(y), 1), Visibility(int(flag)))
                    for (x, y), flag in zip(points, flags, strict=True)
                ),
                activity=activity,
                hidden=_hidden(seen, body),
                head_hidden=_hidden(seen_head, head),
                head_height=round(_head_height(camera, stance), 1),
            )
        )
    return tuple(people), tuple(activities)


def _hidden(seen: float, alone: float) -> float:
    if alone <= 0:
        return 1.0 if seen <= 0 else 0.0
    return round(float(np.clip(1 - seen / alone, 0, 1)), 3)


def _head_height(camera: Camera, stance: Stance) -> float:
    """Return the length from chin to crown as it would be upright in the picture, in pixels."""
    crown, chin = stance.world(stance.actor.member.rig.head_ends(stance.posed))
    middle = (crown + chin) / 2
    forward = unit(middle - camera.eye)
    up = cross(unit(cross(forward, UP)), forward)
    half = up * float(np.linalg.norm(crown - chin)) / 2
    ends, before = camera.project(np.array([middle + half, middle - half]))
    return float(np.linalg.norm(ends[0] - ends[1])) if before.all() else 0.0


def _keypoints(
    camera: Camera, pixels: Pixels, stance: Stance, number: int
) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return keypoints in pixels (17, 2), and their visibility (17,)."""
    size = stance.actor.member.rig.scale
    world = stance.world(stance.posed.keypoints)
    points, before = camera.project(world)
    distances = camera.distances(world)
    flags = np.zeros(len(KEYPOINTS), int)
    for place in range(len(KEYPOINTS)):
        inside = (
            before[place]
            and 0 <= points[place, 0] < camera.width
            and 0 <= points[place, 1] < camera.height
        )
        if not inside:
            points[place] = 0
            continue
        sight = _sight(pixels, points[place], distances[place], number, DEPTHS[place] * size)
        if sight == "seen":
            flags[place] = Visibility.SEEN
        elif (
            sight == "own"
            or place not in LIMBS
            or _limb_shows(camera, pixels, world[list(LIMBS[place])], number)
        ):
            flags[place] = Visibility.HIDDEN
        else:
            points[place] = 0
    return points, flags


def _sight(pixels: Pixels, point: Array, distance: float, number: int, depth: float) -> str:
    """Tell whether a point is `seen`, is behind its `own` body, or behind something `else`."""
    x, y = int(point[0]), int(point[1])
    area = (
        slice(max(0, y - RADIUS), y + RADIUS + 1),
        slice(max(0, x - RADIUS), x + RADIUS + 1),
    )
    own = pixels.people[area] == number
    if not own.any():
        return "else"
    behind = distance - pixels.distance[area][own]
    middle = pixels.people[y, x] == number
    if float(own.mean()) < 0.3 and not middle:
        return "else"
    return "seen" if float(np.median(behind)) < depth else "own"


def _limb_shows(camera: Camera, pixels: Pixels, joints: Array, number: int) -> bool:
    """Whether any of a limb between its joints (n, 3) is seen."""
    samples = np.concatenate(
        [
            start + (end - start) * np.linspace(0, 1, STEPS, endpoint=False)[:, None]
            for start, end in itertools.pairwise(joints)
        ]
    )
    points, before = camera.project(samples)
    distances = camera.distances(samples)
    for point, ahead, distance in zip(points, before, distances, strict=True):
        x, y = int(point[0]), int(point[1])
        if not ahead or not (0 <= x < camera.width and 0 <= y < camera.height):
            continue
        if pixels.people[y, x] == number and distance - pixels.distance[y, x] < 0.2:
            return True
    return False
