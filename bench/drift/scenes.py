"""Trials on rendered pictures: is a camera that was turned told from another lesson?

a room of a seed ─> two lessons before a camera: reference
                 ─> two other lessons, the room empty, little light: nothing has changed
                 ─> another lesson before a camera that was turned, zoomed, covered
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from bench.classroom.bodies import Bodies
from bench.classroom.cameras import Camera, CameraKind, Shot
from bench.classroom.effects import Effects
from bench.classroom.frames import FrameMaker
from bench.classroom.portraits import open_renderer
from bench.classroom.renderer import Renderer
from bench.classroom.room import ROOMS, RoomKind
from bench.classroom.scene import Scene, Wish, draw_other_lesson, draw_scene
from bench.drift.turning import CHANGES, COVERS, cover, dim
from cluster.calibration.drift import Drift, compare_scenes
from cluster.calibration.scene import EdgeFrame, SceneMeter, SceneSummary
from cluster.vision.people import BgrImage, FloatArray

WIDTH: Final = 640
HEIGHT: Final = 360
FOUND: Final = 0.94
"""Share of the people whose boxes are found."""

HUNG: Final[tuple[CameraKind, ...]] = ("corner", "front", "side", "back", "back_corner", "steep")
ROOM_KINDS: Final[tuple[RoomKind, ...]] = tuple(kind for kind in ROOMS if kind != "bus")

OTHER_LESSONS: Final = "two other lessons"
EMPTY: Final = "the empty room"
LITTLE_LIGHT: Final = "a third of the light"
UNCHANGED: Final = (OTHER_LESSONS, EMPTY, LITTLE_LIGHT)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a camera, and the boxes (n, 4) of the people who were found in it."""

    pixels: BgrImage
    boxes: FloatArray


@dataclass(frozen=True, slots=True)
class SceneTrial:
    """What was said of one picture, or two.

    Attributes:
        case: What had happened.
        said: What is said of it; None where people hide too much of the room.
    """

    case: str
    said: Drift | None


class Studio:
    """Takes pictures of the room of one seed.

    Args:
        seed: Of the room.
        bodies: Of its people.
        renderer: Of `WIDTH` and `HEIGHT`.
    """

    def __init__(self, seed: int, bodies: Bodies, renderer: Renderer) -> None:
        self.rng = np.random.default_rng([seed, 1])
        people, kind, camera = (
            int(self.rng.integers(12, 36)),
            ROOM_KINDS[int(self.rng.integers(len(ROOM_KINDS)))],
            HUNG[int(self.rng.integers(len(HUNG)))],
        )
        wish = Wish(seed, people, 0.0, WIDTH, HEIGHT, kind, camera)
        self._bodies, self._renderer = bodies, renderer
        self.first = draw_scene(wish, bodies)

    def lesson(self, number: int) -> Scene:
        """Return another lesson, with half of the class to all of it."""
        most = self.first.wish.people or 0
        people = int(self.rng.integers(most // 2, most + 1))
        return draw_other_lesson(self.first, self._bodies, number, people)

    def take(self, scene: Scene, camera: Camera | None = None) -> Picture:
        """Take a picture of a lesson, by its camera unless another is given."""
        if camera is not None:
            scene = replace(scene, shot=Shot(camera, camera))
        frame = FrameMaker(scene, self._renderer).make(0.0)
        effects = Effects(
            gamma=float(self.rng.uniform(0.88, 1.14)),
            gain=float(self.rng.uniform(0.85, 1.15)),
            noise=3.0,
        )
        quality = [cv2.IMWRITE_JPEG_QUALITY, 75]
        coded = cv2.imencode(".jpg", effects.apply(frame.picture, self.rng), quality)[1]
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        boxes = [one.box for one in frame.people if self.rng.random() < FOUND]
        return Picture(pixels, np.asarray(boxes, np.float32).reshape(-1, 4))


def run_scene_trials(seeds: Sequence[int], bodies: Bodies) -> Iterator[SceneTrial]:
    """Yield the trials of each seed's room.

    Args:
        seeds: Of the rooms.
        bodies: Of the people in them.
    """
    cv2.setNumThreads(1)
    os.environ.setdefault("LP_NUM_THREADS", "1")
    renderer = open_renderer(bodies, WIDTH, HEIGHT)
    for seed in seeds:
        yield from _trials_of_room(Studio(seed, bodies, renderer))


def _trials_of_room(studio: Studio) -> Iterator[SceneTrial]:
    first, last = studio.first, studio.lesson(3)
    reference = summarise(studio.take(first), studio.take(studio.lesson(1)))
    usual = studio.take(last)
    unchanged = {
        OTHER_LESSONS: [studio.take(studio.lesson(2)), usual],
        EMPTY: [studio.take(replace(first, actors=()))],
        LITTLE_LIGHT: [Picture(dim(usual.pixels, studio.rng), usual.boxes)],
    }
    for case, pictures in unchanged.items():
        yield SceneTrial(case, judge(reference, pictures))
    side = float(studio.rng.choice([-1, 1]))
    for case, change in CHANGES.items():
        camera = change(first.shot.start, side)
        yield SceneTrial(case, judge(reference, [studio.take(last, camera)]))
    for case in COVERS:
        pixels = cover(usual.pixels, case, studio.rng)
        is_left = usual.boxes[:, 0] < (WIDTH / 2 if case.startswith("half") else WIDTH)
        yield SceneTrial(case, judge(reference, [Picture(pixels, usual.boxes[~is_left])]))


def judge(reference: SceneSummary, pictures: list[Picture]) -> Drift | None:
    """Return what is said of pictures: by the lens alone, else by a comparison."""
    if all(EdgeFrame(one.pixels).detail().is_plain and not len(one.boxes) for one in pictures):
        return Drift.COVERED
    comparison = compare_scenes(reference, summarise(*pictures))
    if comparison is None:
        return None
    if comparison.is_covered:
        return Drift.COVERED
    return Drift.MOVED if comparison.is_moved else Drift.NONE


def summarise(*pictures: Picture) -> SceneSummary:
    """Return the summary of some pictures."""
    meter = SceneMeter()
    for one in pictures:
        meter.add(EdgeFrame(one.pixels), one.boxes)
    return meter.summarise()
