"""Cameras for tests: read on their threads, watched until something is so."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from pydantic import SecretStr

from cluster.streams.capture.camera import CameraSource
from cluster.streams.reader.config import CameraHealth, CameraPlan, LiveFrame
from cluster.streams.source.state import Reason, StreamState
from tests.conftest import write_video

DEADLINE_SECONDS = 30.0
PLAIN = {"g": "200", "bf": "0", "sc_threshold": "0", "preset": "ultrafast", "tune": "zerolatency"}
"""Two seconds of 100 pictures from key frame to key frame."""


def until(condition: Callable[[], bool], health: Callable[[], object] = str) -> None:
    """Wait for a condition; `health` tells how it stands where that never comes."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"it did not come about: {health()}"
        time.sleep(0.01)


def clip(path: Path, **options: Any) -> Path:
    """Two seconds of video, as cameras send it."""
    given = {"seconds": 2.0, "rate": 100, "size": (160, 96), "options": PLAIN, **options}
    return write_video(path, **given)


def plan_for(address: str, *, full_address: str | None = None, **plan: Any) -> CameraPlan:
    """A plan with short limits."""
    short = {
        "rate": 10.0,
        "long_side": 80,
        "open_seconds": 10.0,
        "stall_seconds": 5.0,
        "longest_pause_seconds": 0.05,
    }
    return CameraPlan(
        camera_id="cam1",
        address=SecretStr(address),
        full_address=SecretStr(full_address or address),
        **{**short, **plan},
    )


class Seen:
    """A camera that is being read, and what it gave."""

    def __init__(self, plan: CameraPlan) -> None:
        self.frames: list[LiveFrame] = []
        self.thread = CameraSource(plan, self.frames.append, random=Random(1))

    @property
    def health(self) -> CameraHealth:
        return self.thread.health()

    def wait_for(self, count: int) -> list[LiveFrame]:
        """Wait for so many pictures from now on; gives those."""
        before = len(self.frames)
        until(lambda: len(self.frames) >= before + count, self.thread.health)
        return self.frames[before:]

    def wait_until(self, state: StreamState, reason: Reason | None = None) -> CameraHealth:
        """Wait for a state."""

        def reached() -> bool:
            health = self.health
            return health.state is state and reason in {None, health.reason}

        until(reached, self.thread.health)
        return self.health


@contextmanager
def reading(address: str, **plan: Any) -> Iterator[Seen]:
    """Read a camera for the length of a `with`."""
    seen = Seen(plan_for(address, **plan))
    seen.thread.start()
    try:
        yield seen
    finally:
        assert seen.thread.stop(timeout=20.0)
