"""Made-up pictures of rooms, and summaries of where people were."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from cluster.calibration.crowd import CrowdSummary
from cluster.calibration.scene import EdgeFrame, SceneMeter, SceneSummary
from cluster.vision.people import BgrImage, FloatArray

EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
NOBODY: FloatArray = np.zeros((0, 4), np.float32)
WIDTH, HEIGHT = 640, 360


def wall(seed: int = 1) -> BgrImage:
    """A room larger than the picture: furniture as rectangles of all sizes."""
    rng = np.random.default_rng(seed)
    room = np.full((2 * HEIGHT, 2 * WIDTH, 3), 130, np.uint8)
    for _ in range(160):
        x, y = int(rng.integers(2 * WIDTH)), int(rng.integers(2 * HEIGHT))
        width, height = rng.integers(20, 160, 2)
        room[y : y + height, x : x + width] = rng.integers(40, 220)
    return room


def picture(
    *,
    across: int = 0,
    down: int = 0,
    light: float = 1.0,
    noise: float = 3.0,
    seed: int = 1,
) -> BgrImage:
    """What a camera shows of the room.

    Args:
        across: Pixels that it is turned to the right.
        down: Pixels that it is turned down.
        light: Of the room, 1 for the usual.
        noise: Of the camera, in grey levels.
        seed: Of the room.
    """
    y, x = HEIGHT // 2 + down, WIDTH // 2 + across
    shown = wall(seed)[y : y + HEIGHT, x : x + WIDTH] * light
    noisy = shown + np.random.default_rng([abs(across), abs(down)]).normal(0, noise, shown.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def plain(grey: int = 110) -> BgrImage:
    """What a covered camera shows."""
    noise = np.random.default_rng(grey).normal(0, 4, (HEIGHT, WIDTH, 3))
    return np.clip(grey + noise, 0, 255).astype(np.uint8)


def summary(*pictures: BgrImage, boxes: FloatArray = NOBODY) -> SceneSummary:
    """The summary of some pictures, each with these boxes."""
    meter = SceneMeter()
    for one in pictures:
        meter.add(EdgeFrame(one), boxes)
    return meter.summarise()


def crowd_of(*shares: float, head_height: float = 0.06) -> CrowdSummary:
    """Where people were: shares of the nine regions."""
    return CrowdSummary(shares=tuple(shares), head_height=head_height)


EVEN = (0.11, 0.11, 0.11, 0.11, 0.12, 0.11, 0.11, 0.11, 0.11)
ON_THE_LEFT = (0.25, 0.05, 0.05, 0.3, 0.05, 0.05, 0.25, 0.05, 0.05)


def boxes_of(*boxes: Sequence[float]) -> FloatArray:
    """Boxes (n, 4)."""
    return np.asarray(boxes, np.float32).reshape(-1, 4)


def minutes(number: float) -> datetime:
    """A time some minutes after eight."""
    return EIGHT + timedelta(minutes=number)
