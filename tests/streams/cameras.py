"""Cameras for tests: read on their threads, and observed until a condition holds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from pydantic import SecretStr

from cluster.streams.capture.camera import CameraSource
from cluster.streams.capture.frame import LiveFrame
from cluster.streams.capture.health import CameraHealth
from cluster.streams.source.config import CameraConfig
from cluster.streams.source.state import StreamReason, StreamState
from tests.conftest import write_video

DEADLINE_SECONDS = 30.0
PLAIN = {"g": "200", "bf": "0", "sc_threshold": "0", "preset": "ultrafast", "tune": "zerolatency"}
"""A key frame every 200 frames, without B-frames."""


def until(condition: Callable[[], bool], health: Callable[[], object] = str) -> None:
    """Wait for a condition; the failure message includes what `health` returns."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"the condition never held: {health()}"
        time.sleep(0.01)


def clip(path: Path, **options: Any) -> Path:
    """Write two seconds of video, encoded as by a camera."""
    arguments = {"seconds": 2.0, "rate": 100, "size": (160, 96), "options": PLAIN, **options}
    return write_video(path, **arguments)


def config_for(address: str, *, full_address: str | None = None, **overrides: Any) -> CameraConfig:
    """A configuration with short limits."""
    defaults = {
        "rate": 10.0,
        "input_size": 80,
        "open_seconds": 10.0,
        "stall_seconds": 5.0,
        "longest_pause_seconds": 0.05,
        "k": 10,
        "headcount_only": False,
    }
    return CameraConfig(
        camera_id="cam1",
        room_id="room-1",
        school_id="hill",
        address=SecretStr(address),
        full_address=SecretStr(full_address or address),
        **{**defaults, **overrides},
    )


class CameraProbe:
    """Reads a camera, and records its frames."""

    def __init__(self, config: CameraConfig) -> None:
        self.frames: list[LiveFrame] = []
        self.source = CameraSource(config, self.frames.append, random=Random(1))

    @property
    def health(self) -> CameraHealth:
        return self.source.health()

    def wait_for(self, count: int) -> list[LiveFrame]:
        """Wait for a number of further frames, and return them."""
        before = len(self.frames)
        until(lambda: len(self.frames) >= before + count, self.source.health)
        return self.frames[before:]

    def wait_until(self, state: StreamState, reason: StreamReason | None = None) -> CameraHealth:
        """Wait for a state."""

        def reached() -> bool:
            health = self.health
            return health.state is state and reason in {None, health.reason}

        until(reached, self.source.health)
        return self.health


@contextmanager
def reading(address: str, **overrides: Any) -> Iterator[CameraProbe]:
    """Read a camera within a `with` block."""
    probe = CameraProbe(config_for(address, **overrides))
    probe.source.start()
    try:
        yield probe
    finally:
        assert probe.source.stop(timeout=20.0)
