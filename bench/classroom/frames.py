"""From a scene to a frame: drawn, seen through the lens, measured."""

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from bench.classroom.cameras import Camera
from bench.classroom.drawables import Drawn
from bench.classroom.renderer import Renderer
from bench.classroom.scene import Scene
from bench.classroom.truth import PersonTruth, TrueActivity
from bench.classroom.visibility import Pixels, measure
from cluster.vision.people import BgrImage

NEAREST: float = 0.42
"""Metres from the camera at which nobody may be."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame before the camera's electronics.

    Attributes:
        picture: (height, width, 3) uint8, BGR.
        people: Everybody who is seen.
        activities: By person's number, of everybody.
        pixels: Whose they are.
    """

    picture: BgrImage
    people: tuple[PersonTruth, ...]
    activities: dict[int, TrueActivity]
    pixels: Pixels


@dataclass
class FrameMaker:
    """Makes the frames of one scene.

    Attributes:
        scene: Of which.
        renderer: Of the scene's size.
        shade: Strength of the shadows in corners.
    """

    scene: Scene
    renderer: Renderer
    shade: float = 1.5
    _maps: dict[tuple[float, int, int], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]] = (
        field(default_factory=dict)
    )

    def make(self, seconds: float, *, still: bool = False) -> Frame:
        """Return the frame at a time.

        Args:
            seconds: Since the clip's first frame.
            still: Whether the room may be drawn once for all frames with this camera.
        """
        scene, renderer = self.scene, self.renderer
        camera = scene.shot.camera(seconds)
        view = camera.matrix
        stances = [
            stance
            for stance in (actor.at(seconds) for actor in scene.actors)
            if camera.distances(stance.world(stance.posed.keypoints)).min() > NEAREST
        ]
        figures = [stance.figure() for stance in stances]
        coats = [
            coat for coat in scene.coats if camera.distances(coat.place[:3, 3]).min() > NEAREST
        ]
        keep = None
        if still and not scene.shot.moving(seconds):
            keep = (id(scene), tuple(camera.eye), camera.fov)
        drawn = renderer.draw(
            view,
            camera.eye,
            scene.light,
            scene.room.things,
            [*coats, *figures],
            keep=keep,
            moving=self._moving,
        )
        picture, ids = self._through_lens(camera, drawn)
        pixels = Pixels.of(ids)
        alone = renderer.draw_masks(view, figures)
        people, activities = measure(camera, pixels, stances, alone)
        numbers = [stance.actor.member.number for stance in stances]
        return Frame(picture, people, dict(zip(numbers, activities, strict=True)), pixels)

    @cached_property
    def _moving(self) -> frozenset[int]:
        """Numbers of those who leave their seats."""
        return frozenset(
            actor.member.number
            for actor in self.scene.actors
            if any(segment.plan.on_feet for segment in actor.script.segments)
        )

    def _through_lens(
        self, camera: Camera, drawn: Drawn
    ) -> tuple[BgrImage, npt.NDArray[np.float32]]:
        width, height = camera.width, camera.height
        picture = cv2.resize(drawn.colours, (width, height), interpolation=cv2.INTER_AREA)
        ids = cv2.resize(
            np.ascontiguousarray(drawn.ids), (width, height), interpolation=cv2.INTER_NEAREST
        )
        picture = self._darken_corners(picture, ids[..., 1])
        if not camera.bulge:
            return picture, ids
        across, down = self._map(camera)
        return (
            cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            cv2.remap(ids, across, down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE),
        )

    def _map(self, camera: Camera) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        key = camera.bulge, camera.width, camera.height
        if key not in self._maps:
            y, x = np.mgrid[0 : camera.height, 0 : camera.width].astype(float)
            across, down = camera.undistort(x + 0.5, y + 0.5)
            self._maps[key] = (across - 0.5).astype(np.float32), (down - 0.5).astype(np.float32)
        return self._maps[key]

    def _darken_corners(self, picture: BgrImage, distance: npt.NDArray[np.float32]) -> BgrImage:
        """Darken what is a little behind its surroundings: ambient occlusion from distances."""
        height, width = distance.shape
        small = cv2.resize(distance, (width // 2, height // 2), interpolation=cv2.INTER_NEAREST)
        gap = small - cv2.blur(cv2.blur(small, (17, 17)), (17, 17))
        dark = np.clip(gap / np.maximum(small, 0.3), 0, 0.2) * np.exp(-((gap / 0.3) ** 2))
        light = 1 - np.clip(cv2.GaussianBlur(dark * self.shade, (0, 0), 2), 0, 0.5)
        large = cv2.resize(light.astype(np.float32), (width, height))
        return np.asarray(cv2.multiply(picture, cv2.merge([large] * 3), dtype=cv2.CV_8U), np.uint8)
