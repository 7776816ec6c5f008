"""The loop between a reader's cameras and the pose model.

put(frame) ─> LatestFrameQueue ─> batches ─> pose model ─> deliver(frames, people), in order
                 └─ late: dropped, counted       └─ busy or unavailable: deliver(frames, None)
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Never

from cluster.errors import HomeroomError, ServiceBusy, ServiceDown
from cluster.streams.capture.frame import LiveFrame
from cluster.streams.reader.face_chips import SpawnTask
from cluster.streams.reader.frame_queue import LatestFrameQueue
from cluster.streams.reader.interfaces import PoseFinder
from cluster.vision.people import People

logger = logging.getLogger(__name__)

MAX_CALLS_IN_FLIGHT = 2
"""Simultaneous calls of the pose model: bounds the frames in the object store (R8)."""

MAX_FRAMES_PER_CALL = 8
"""A frame in a call can neither be dropped nor be overtaken by a newer one."""

GATHER_SECONDS = 0.02
"""A batch waits this long for the frames of other cameras."""

Deliver = Callable[[Sequence[LiveFrame], Sequence[People] | None], None]


class InferenceLoop:
    """Sends frames to the pose model in batches, and delivers the results in order.

    Args:
        pose: The pose model.
        late_seconds: A frame that waited longer is dropped.
        input_size_of: Returns the input size of a camera; None where it is no longer read.
        deliver: Receives each batch with its people, or with None where the model failed.
        spawn: Starts background tasks.
    """

    def __init__(
        self,
        pose: PoseFinder,
        late_seconds: float,
        *,
        input_size_of: Callable[[str], int | None],
        deliver: Deliver,
        spawn: SpawnTask,
    ) -> None:
        self._pose = pose
        self._input_size_of = input_size_of
        self._deliver = deliver
        self._spawn = spawn
        self._queue = LatestFrameQueue(late_seconds, self._notify, self._batch_key)
        self._has_frames = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def put(self, frame: LiveFrame) -> None:
        """Add a frame; called from any thread."""
        self._queue.put(frame)

    def count_late(self, camera_id: str) -> int:
        """Return how many frames of a camera were dropped because they waited too long."""
        return self._queue.dropped[camera_id]

    def remove_camera(self, camera_id: str) -> None:
        """Drop the waiting frames of a camera that is no longer read."""
        self._queue.remove_camera(camera_id)

    async def run(self) -> Never:
        """Send batches until it is cancelled."""
        self._loop = asyncio.get_running_loop()
        slots = asyncio.Semaphore(MAX_CALLS_IN_FLIGHT)
        previous: asyncio.Task[None] | None = None
        while True:
            await slots.acquire()
            frames = await self._next_batch()
            previous = self._spawn(self._infer(frames, previous, slots))

    async def _next_batch(self) -> list[LiveFrame]:
        while True:
            frames = self._queue.take(time.monotonic(), MAX_FRAMES_PER_CALL)
            if frames:
                return frames
            self._has_frames.clear()
            await self._has_frames.wait()
            await asyncio.sleep(GATHER_SECONDS)

    async def _infer(
        self,
        frames: list[LiveFrame],
        previous: asyncio.Task[None] | None,
        slots: asyncio.Semaphore,
    ) -> None:
        people: list[People] | None = None
        try:
            sizes = (self._input_size_of(frame.camera_id) for frame in frames)
            input_size = next((size for size in sizes if size is not None), None)
            if input_size is not None:
                people = await self._pose.find([frame.pixels for frame in frames], input_size)
        except (ServiceBusy, ServiceDown) as error:
            logger.debug("frames dropped: %s", error.code)
        except HomeroomError as error:
            logger.warning("the pose model failed: %s", error)
        finally:
            if previous is not None:
                await asyncio.wait([previous])
            slots.release()
        self._deliver(frames, people)

    def _batch_key(self, frame: LiveFrame) -> tuple[object, ...]:
        return (*frame.pixels.shape, self._input_size_of(frame.camera_id) or 0)

    def _notify(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._has_frames.set)
