"""Face chips of a reader's cameras: cut while a lease is active, sent under its ticket (R6).

    Rooms ─ lease(ticket, until) ─> Leases
                                      │ active tickets
    full-size frame, People ─> cutter ┴─> chips ─> registers, once for each ticket

The reader learns neither which register a ticket belongs to nor whose face a chip shows.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import numpy as np

from cluster.errors import HomeroomError
from cluster.streams.capture.frame import LiveFrame
from cluster.streams.reader.interfaces import ChipSink, FaceCutterFactory
from cluster.streams.reader.leases import Leases
from cluster.vision.faces.base import FaceChip, FaceCutter
from cluster.vision.people import People

logger = logging.getLogger(__name__)

CUTTER_RETRY_SECONDS = 30.0

SpawnTask = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
"""Starts a background task, and keeps a reference to it."""


class FaceChipSender:
    """Cuts and sends the face chips of one reader.

    Args:
        registers: Receives the chips.
        create_cutter: Loads the face cutter; called at the first lease, in a thread.
        spawn: Starts background tasks.
    """

    def __init__(
        self, registers: ChipSink, create_cutter: FaceCutterFactory, spawn: SpawnTask
    ) -> None:
        self._registers = registers
        self._create_cutter = create_cutter
        self._spawn = spawn
        self._leases = Leases()
        self._cutter: FaceCutter | None = None
        self._cutter_task: asyncio.Task[None] | None = None
        self._busy: set[str] = set()
        self._has_warned = False

    def renew(self, camera_id: str, ticket: str, seconds: float) -> None:
        """Start or extend a lease; one that has expired on arrival is void.

        Args:
            camera_id: The camera whose faces are cut.
            ticket: The ticket under which they are sent.
            seconds: Remaining duration of the lease.
        """
        if seconds <= 0 and not self._has_warned:
            logger.warning("leases arrive expired: calls are late, or clocks disagree")
        self._has_warned = seconds <= 0
        is_active = self._leases.renew(camera_id, ticket, seconds, time.monotonic())
        if is_active and self._cutter is None and self._cutter_task is None:
            self._cutter_task = self._spawn(self._load_cutter())

    def end(self, ticket: str) -> None:
        """End a ticket, on all cameras and for good."""
        self._leases.end(ticket, time.monotonic())

    def remove_camera(self, camera_id: str) -> None:
        """Drop the leases of a camera that is no longer read."""
        self._leases.remove_camera(camera_id)

    def has_lease(self, camera_id: str) -> bool:
        """Whether faces of a camera may be cut now."""
        return self._leases.is_active(camera_id, time.monotonic())

    def submit(self, frame: LiveFrame, people: People, taken_at: datetime) -> None:
        """Cut and send a frame's faces, unless the camera's previous frame is still in progress.

        Args:
            frame: The frame, also at full size.
            people: Found in the downscaled frame, in its pixels.
            taken_at: When it was taken, UTC.
        """
        if frame.full is not None and self._active_tickets(frame):
            self._spawn(self._cut_and_send(frame, people, taken_at))

    def _active_tickets(self, frame: LiveFrame) -> list[str]:
        return self._leases.active_tickets(frame.camera_id, frame.taken_at, time.monotonic())

    async def _load_cutter(self) -> None:
        """Load the face cutter; where that fails, counting continues without it."""
        try:
            self._cutter = await asyncio.to_thread(self._create_cutter)
        except (HomeroomError, ImportError, OSError) as error:
            logger.error("the face cutter cannot be loaded: %s", type(error).__name__)
            await asyncio.sleep(CUTTER_RETRY_SECONDS)
        finally:
            self._cutter_task = None

    async def _cut_and_send(self, frame: LiveFrame, people: People, taken_at: datetime) -> None:
        cutter, full, camera_id = self._cutter, frame.full, frame.camera_id
        if cutter is None or full is None or camera_id in self._busy:
            return
        self._busy.add(camera_id)
        try:
            scaled = _scale(people, full.shape[1] / frame.pixels.shape[1])
            chips = await asyncio.to_thread(cutter.chips, full, scaled)
            if chips:  # leases that have expired since then are skipped
                await asyncio.gather(
                    *(self._send(ticket, taken_at, chips) for ticket in self._active_tickets(frame))
                )
        except HomeroomError as error:
            logger.warning("faces could not be cut: %s", error.code)
        finally:
            self._busy.discard(camera_id)

    async def _send(self, ticket: str, taken_at: datetime, chips: list[FaceChip]) -> None:
        try:
            await self._registers.submit_chips(ticket, taken_at, chips)
        except HomeroomError as error:
            logger.warning("face chips could not be sent: %s", error.code)


def _scale(people: People, factor: float) -> People:
    """Return the same people in the pixels of a frame that is larger by a factor."""
    keypoints = people.keypoints.copy()
    keypoints[..., :2] *= np.float32(factor)
    return People(people.boxes * np.float32(factor), people.scores, keypoints)
