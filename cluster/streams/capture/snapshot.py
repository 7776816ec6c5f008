"""Frames of a live camera over some seconds, for a command that looks at it once."""

import threading
import time
from dataclasses import dataclass

from cluster.errors import StreamError
from cluster.streams.capture.camera import CameraSource
from cluster.streams.capture.frame import LiveFrame
from cluster.streams.source.config import CameraConfig
from cluster.vision.people import BgrImage


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Frames of a camera.

    Attributes:
        frames: (height, width, 3) uint8 BGR each, downscaled, masks blackened.
        frame_size: (width, height) of the camera's own frames, in pixels.
    """

    frames: list[BgrImage]
    frame_size: tuple[int, int]


def take_snapshot(config: CameraConfig, count: int) -> Snapshot:
    """Read frames of a camera, at the rate of its configuration.

    Args:
        config: How it is read.
        count: How many frames; fewer where the camera stops.

    Raises:
        StreamError: No frame arrives.
    """
    frames: list[BgrImage] = []
    is_complete = threading.Event()

    def keep(frame: LiveFrame) -> None:
        if len(frames) < count:
            frames.append(frame.pixels)
        if len(frames) >= count:
            is_complete.set()

    source = CameraSource(config, keep)
    began = time.monotonic()
    source.start()
    try:
        is_complete.wait(config.open_seconds + config.stall_seconds + count / config.rate)
        health = source.health()
    finally:
        source.stop()
    if not frames:
        raise StreamError(
            f"no frame came within {time.monotonic() - began:.0f} s: {health.detail}",
            where=config.camera_id,
        )
    return Snapshot(frames, (health.metrics.width, health.metrics.height))
