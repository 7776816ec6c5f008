"""Cameras that were turned, zoomed or hung elsewhere, and lenses that were covered."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from bench.classroom.cameras import Camera
from cluster.vision.people import BgrImage

STEEPEST_RADIANS: Final = 1.5

Change = Callable[[Camera, float], Camera]
"""A camera and a side, −1 or 1, to the changed camera."""


def turn(
    camera: Camera,
    *,
    pan: float = 0.0,
    tilt: float = 0.0,
    roll: float = 0.0,
    zoom: float = 1.0,
    metres: float = 0.0,
) -> Camera:
    """Return a camera that was touched.

    Args:
        camera: Before.
        pan: Degrees to the left.
        tilt: Degrees up.
        roll: Degrees.
        zoom: Focal length over that before.
        metres: How far it was moved, along both walls.
    """
    ahead = camera.at - camera.eye
    distance = float(np.linalg.norm(ahead))
    across = np.arctan2(ahead[1], ahead[0]) + np.deg2rad(pan)
    up = np.arcsin(ahead[2] / distance) + np.deg2rad(tilt)
    up = float(np.clip(up, -STEEPEST_RADIANS, STEEPEST_RADIANS))
    ahead = np.array([np.cos(up) * np.cos(across), np.cos(up) * np.sin(across), np.sin(up)])
    eye = camera.eye + np.array([metres, abs(metres), 0.0]) / np.sqrt(2)
    tangent = np.tan(np.deg2rad(camera.fov) / 2) / zoom
    return replace(
        camera,
        eye=eye,
        at=eye + ahead * distance,
        fov=float(2 * np.rad2deg(np.arctan(tangent))),
        roll=camera.roll + roll,
    )


CHANGES: Final[dict[str, Change]] = {
    "turned by 4° to a side": lambda camera, side: turn(camera, pan=4 * side),
    "turned by 8° to a side": lambda camera, side: turn(camera, pan=8 * side),
    "turned by 15° to a side": lambda camera, side: turn(camera, pan=15 * side),
    "turned by 30° to a side": lambda camera, side: turn(camera, pan=30 * side),
    "tilted by 4°": lambda camera, side: turn(camera, tilt=4 * side),
    "tilted by 8°": lambda camera, side: turn(camera, tilt=8 * side),
    "rolled by 6°": lambda camera, side: turn(camera, roll=6 * side),
    "zoomed by 1.15": lambda camera, _: turn(camera, zoom=1.15),
    "zoomed by 1.3": lambda camera, _: turn(camera, zoom=1.3),
    "zoomed by 0.8": lambda camera, _: turn(camera, zoom=0.8),
    "hung half a metre away": lambda camera, side: turn(camera, metres=0.5 * side),
}


def cover(picture: BgrImage, how: str, rng: np.random.Generator) -> BgrImage:
    """Return a picture whose lens is covered, with the clock that the camera writes into it.

    Args:
        picture: (height, width, 3) uint8 BGR.
        how: One of `COVERS`.
        rng: For noise.
    """
    height, width = picture.shape[:2]
    if how == "smeared":
        covered = cv2.GaussianBlur(picture, (0, 0), width / 20)
    elif how == "half of it taped over":
        covered = picture.copy()
        covered[:, : width // 2] = 90
    else:
        covered = np.full_like(picture, 4 if how == "capped" else 120)
    noisy = np.clip(covered + rng.normal(0, 5, picture.shape), 0, 255).astype(np.uint8)
    size = height / 600
    cv2.putText(
        noisy, "2026-03-02 08:15:22 Room 12", (8, height // 12), 0, size, (255, 255, 255), 2
    )
    return np.asarray(noisy, np.uint8)


COVERS: Final = ("capped", "taped over", "smeared", "half of it taped over")


def dim(picture: BgrImage, rng: np.random.Generator) -> BgrImage:
    """Return a picture with a third of the light."""
    return np.clip(picture * 0.3 + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
