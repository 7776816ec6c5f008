"""Training pictures for the pose network: crops at random scales, close-ups, mirrored, recoloured.

images/N.jpg + labels/N.txt -> Crop of the batch's size
"""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from cluster.vision.people import KEYPOINTS, PAD_GREY, BgrImage, FloatArray

MIRRORED: Final = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
SMALLER_SHARE, LARGER_SHARE, CLOSE_UP_SHARE = 0.25, 0.45, 0.3
MIN_VISIBLE_SHARE: Final = 0.15
"""A person of whom a crop shows less of the box is not labelled."""

MIN_SIDE, MIN_LONGER_SIDE = 2.0, 7.0


@dataclass(frozen=True, slots=True)
class Crop:
    """A training picture.

    Attributes:
        pixels: (height, width, 3) uint8 BGR.
        boxes: (n, 4) float32: left, top, right, bottom, in pixels.
        keypoints: (n, 17, 3) float32: x, y in pixels, and COCO's visibility.
    """

    pixels: BgrImage
    boxes: FloatArray
    keypoints: FloatArray


def read_picture(path: Path) -> Crop:
    """Read a picture and its labels, `../labels/<name>.txt`.

    Raises:
        FileNotFoundError: One of the two is missing.
    """
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise FileNotFoundError(path)
    height, width = pixels.shape[:2]
    text = (path.parent.parent / "labels" / f"{path.stem}.txt").read_text()
    rows = np.array([line.split() for line in text.splitlines()], np.float32)
    rows = rows.reshape(-1, 5 + 3 * len(KEYPOINTS))
    centres, sizes = rows[:, 1:3] * (width, height), rows[:, 3:5] * (width, height)
    keypoints = rows[:, 5:].reshape(-1, len(KEYPOINTS), 3) * np.array(
        [width, height, 1], np.float32
    )
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    return Crop(np.asarray(pixels, np.uint8), boxes.astype(np.float32), keypoints)


def draw_crop(picture: Crop, width: int, height: int, rng: random.Random) -> Crop:
    """Return a random crop of a picture in a size, in pixels."""
    scale, focus = _draw_scale(picture, width, height, rng)
    full_height, full_width = picture.pixels.shape[:2]
    size = max(8, round(full_width * scale)), max(8, round(full_height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(picture.pixels, size, interpolation=how)
    left = _offset(size[0], width, None if focus is None else focus[0] * scale, rng)
    top = _offset(size[1], height, None if focus is None else focus[1] * scale, rng)
    part = scaled[max(top, 0) : max(top, 0) + height, max(left, 0) : max(left, 0) + width]
    canvas = np.full((height, width, 3), PAD_GREY, np.uint8)
    x, y = max(-left, 0), max(-top, 0)
    canvas[y : y + part.shape[0], x : x + part.shape[1]] = part
    shift = np.array([-left, -top], np.float32)
    boxes = picture.boxes * np.float32(scale) + np.tile(shift, 2)
    keypoints = picture.keypoints.copy()
    keypoints[..., :2] = keypoints[..., :2] * np.float32(scale) + shift
    edges = np.array((x, y, x + part.shape[1], y + part.shape[0]), np.float32)
    crop = _recolour(_keep_visible(Crop(canvas, boxes, keypoints), edges), rng)
    return _mirror(crop) if rng.random() < 0.5 else crop


def _draw_scale(
    picture: Crop, width: int, height: int, rng: random.Random
) -> tuple[float, FloatArray | None]:
    """Return a scale, and the middle of the person whom a close-up is of."""
    full_height, full_width = picture.pixels.shape[:2]
    fit = min(width / full_width, height / full_height)
    heights = picture.boxes[:, 3] - picture.boxes[:, 1]
    tall = np.flatnonzero(heights > 0.12 * full_height)
    if len(tall) and rng.random() < CLOSE_UP_SHARE:
        chosen = int(rng.choice(tall.tolist()))
        scale = rng.uniform(0.35, 1.2) * height / float(heights[chosen])
        centre = (picture.boxes[chosen, :2] + picture.boxes[chosen, 2:]) / 2
        return min(scale, 5 * fit, 3000 / full_width), centre.astype(np.float32)
    if rng.random() < SMALLER_SHARE:
        return fit * rng.uniform(0.6, 1.0), None
    return fit * (rng.uniform(1.0, 1.7) if rng.random() < LARGER_SHARE else 1.0), None


def _offset(size: int, target: int, focus: float | None, rng: random.Random) -> int:
    """Return where the crop begins in the scaled picture; below 0, how much grey is before it."""
    if size <= target:
        return -((target - size) // 2)
    if focus is None:
        return rng.randint(0, size - target)
    return round(min(max(focus - target * rng.uniform(0.25, 0.75), 0), size - target))


def _keep_visible(crop: Crop, edges: FloatArray) -> Crop:
    """Clip boxes to the picture within the grey, and drop people who are hardly in it."""
    area = np.prod(crop.boxes[:, 2:] - crop.boxes[:, :2], axis=1)
    boxes = crop.boxes.copy()
    boxes[:, [0, 2]] = boxes[:, [0, 2]].clip(edges[0], edges[2])
    boxes[:, [1, 3]] = boxes[:, [1, 3]].clip(edges[1], edges[3])
    sides = boxes[:, 2:] - boxes[:, :2]
    kept = (
        (sides.prod(axis=1) > MIN_VISIBLE_SHARE * np.maximum(area, 1))
        & (sides.min(axis=1) > MIN_SIDE)
        & (sides.max(axis=1) >= MIN_LONGER_SIDE)
    )
    keypoints = crop.keypoints[kept].copy()
    outside = ((keypoints[..., :2] < edges[:2]) | (keypoints[..., :2] >= edges[2:])).any(axis=-1)
    keypoints[outside] = 0
    return Crop(crop.pixels, boxes[kept], keypoints)


def _mirror(crop: Crop) -> Crop:
    width = crop.pixels.shape[1]
    boxes = crop.boxes[:, [2, 1, 0, 3]].copy()
    boxes[:, [0, 2]] = width - boxes[:, [0, 2]]
    keypoints = crop.keypoints[:, MIRRORED].copy()
    known = keypoints[..., 2] > 0
    keypoints[..., 0] = np.where(known, width - keypoints[..., 0], 0)
    return Crop(np.ascontiguousarray(crop.pixels[:, ::-1]), boxes, keypoints)


def _recolour(crop: Crop, rng: random.Random) -> Crop:
    pixels = crop.pixels
    if rng.random() < 0.7:
        hsv = cv2.cvtColor(pixels, cv2.COLOR_BGR2HSV).astype(np.float32)
        hsv[..., 0] = (hsv[..., 0] + rng.uniform(-5, 5)) % 180
        hsv[..., 1:] *= np.array([rng.uniform(0.35, 1.5), rng.uniform(0.6, 1.35)], np.float32)
        pixels = cv2.cvtColor(hsv.clip(0, (179, 255, 255)).astype(np.uint8), cv2.COLOR_HSV2BGR)
    if rng.random() < 0.08:
        pixels = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return Crop(np.asarray(pixels, np.uint8), crop.boxes, crop.keypoints)
