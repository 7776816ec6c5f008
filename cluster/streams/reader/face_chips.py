"""Face chips of a reader's cameras: cut while a lease runs, sent under its ticket.

    Rooms ─ lease(ticket, until) ─> Leases
                                      │ which tickets run?
    full-size frame, People ─> cutter ┴─> chips ─> registers, once for each ticket

The reader never learns who asked, or who anybody is.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import numpy as np

from cluster.errors import HomeroomError
from cluster.streams.reader.config import LiveFrame
from cluster.streams.reader.interfaces import ChipSink, FaceCutterFactory
from cluster.streams.reader.leases import Leases
from cluster.vision.faces.base import FaceChip, FaceCutter
from cluster.vision.people import People

logger = logging.getLogger(__name__)

CUTTER_RETRY_SECONDS = 30.0

Keep = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
"""Runs something beside, and keeps hold of it."""


class FaceChipSender:
    """Cuts and sends the face chips of one reader.

    Args:
        registers: Compares faces.
        cutter: Loads what cuts face chips; called at the first lease.
        keep: Runs work beside.
    """

    def __init__(self, registers: ChipSink, cutter: FaceCutterFactory, keep: Keep) -> None:
        self._registers = registers
        self._make_cutter = cutter
        self._keep = keep
        self._leases = Leases()
        self._cutter: FaceCutter | None = None
        self._cutter_task: asyncio.Task[None] | None = None
        self._in_work: set[str] = set()
        self._said_late = False

    def renew(self, camera_id: str, ticket: str, seconds: float) -> None:
        """Take a lease of a camera; one of which nothing remains is void.

        Args:
            camera_id: Whose faces.
            ticket: Under which they are sent.
            seconds: What remains of the lease.
        """
        if seconds <= 0 and not self._said_late:
            logger.warning("leases are over when they come: calls are late, or clocks disagree")
        self._said_late = seconds <= 0
        runs = self._leases.renew(camera_id, ticket, seconds, time.monotonic())
        if runs and self._cutter is None and self._cutter_task is None:
            self._cutter_task = self._keep(self._load_cutter())

    def end(self, ticket: str) -> None:
        """End a ticket, on all cameras and for good."""
        self._leases.end(ticket, time.monotonic())

    def forget(self, camera_id: str) -> None:
        """Drop the leases of a camera that is no longer read."""
        self._leases.forget(camera_id)

    def are_wanted(self, camera_id: str) -> bool:
        """Whether faces of a camera may be cut now."""
        return self._leases.runs(camera_id, time.monotonic())

    def offer(self, frame: LiveFrame, people: People, moment: datetime) -> None:
        """Cut and send a frame's faces, unless the camera's frame before is still at it.

        Args:
            frame: Of which camera, when, and the picture at full size.
            people: Found in the shrunken picture, in its pixels.
            moment: When it was taken, UTC.
        """
        if frame.full is not None and self._tickets(frame):
            self._keep(self._cut(frame, people, moment))

    def _tickets(self, frame: LiveFrame) -> list[str]:
        return self._leases.tickets(frame.camera_id, frame.taken_at, time.monotonic())

    async def _load_cutter(self) -> None:
        """Load what cuts faces; where that fails, counting goes on without."""
        try:
            self._cutter = await asyncio.to_thread(self._make_cutter)
        except (HomeroomError, ImportError, OSError) as error:
            logger.error("faces cannot be cut here: %s", type(error).__name__)
            await asyncio.sleep(CUTTER_RETRY_SECONDS)
        finally:
            self._cutter_task = None

    async def _cut(self, frame: LiveFrame, people: People, moment: datetime) -> None:
        cutter, full, camera_id = self._cutter, frame.full, frame.camera_id
        if cutter is None or full is None or camera_id in self._in_work:
            return
        self._in_work.add(camera_id)
        try:
            scaled = _scaled(people, full.shape[1] / frame.pixels.shape[1])
            chips = await asyncio.to_thread(cutter.chips, full, scaled)
            if chips:  # leases that have ended meanwhile get none
                await asyncio.gather(
                    *(self._send(ticket, moment, chips) for ticket in self._tickets(frame))
                )
        except HomeroomError as error:
            logger.warning("faces could not be cut: %s", error.code)
        finally:
            self._in_work.discard(camera_id)

    async def _send(self, ticket: str, moment: datetime, chips: list[FaceChip]) -> None:
        try:
            await self._registers.see(ticket, moment, chips)
        except HomeroomError as error:
            logger.warning("faces could not be sent: %s", error.code)


def _scaled(people: People, factor: float) -> People:
    """The same people in the pixels of a picture that is larger by a factor."""
    keypoints = people.keypoints.copy()
    keypoints[..., :2] *= np.float32(factor)
    return People(people.boxes * np.float32(factor), people.scores, keypoints)
