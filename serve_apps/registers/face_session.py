"""The face session of one open register: its ticket, its lease, and a queue of frames (R6).

    every second: may a face be compared? ─yes─> lease of a few seconds ─> Rooms ─> reader cuts
                                          └no──> the lease ends, the recogniser's state is dropped
    frame's chips ─> queue of two frames; a newer one displaces the oldest ─> FaceRecogniser
    every few seconds: proposals ─> register

The ticket is random: a reader learns neither class nor lesson from it. All work on one register
runs in one thread at a time, in parallel to other registers.
"""

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ParamSpec, Protocol, TypeVar

from cluster.errors import HomeroomError, RegisterError
from cluster.records.repos.open_registers import OpenRegister
from cluster.register.faces.recognition_session import FaceRecogniser, Readiness
from cluster.vision.faces.base import FaceChip
from serve_apps import metrics

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

LEASE_SECONDS = 5.0
LEASE_RENEWAL_SECONDS = 1.0
PROPOSAL_INTERVAL_SECONDS = 3.0
MAX_QUEUED_FRAMES = 2
TICKET_BYTES = 18

CutFaces = Callable[[str, str, datetime | None], Awaitable[None]]
"""(room, ticket, time in UTC): have faces cut there until then; None ends the ticket for good."""


class RunInThread(Protocol):
    """Runs a function in a thread."""

    async def __call__(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return its result."""


@dataclass(frozen=True, slots=True, eq=False)
class _QueuedFrame:
    """The chips of one frame that wait to be compared."""

    captured_at: datetime
    chips: list[FaceChip]
    queued_at: float


class FaceSession:
    """Compares the faces of one open register.

    Args:
        register: The register.
        new_recogniser: Creates a recogniser without any state.
        cut_faces: Requests chips from the rooms deployment.
        run_in_thread: Runs what reads records and compares faces.
        clock: Returns the current time, in UTC.

    Attributes:
        register: The register.
        ticket: The ticket of the current lease; empty without one.
        compared: Frames that were compared.
        dropped: Frames that were dropped.
    """

    def __init__(
        self,
        register: OpenRegister,
        new_recogniser: Callable[[], FaceRecogniser],
        cut_faces: CutFaces,
        run_in_thread: RunInThread,
        clock: Callable[[], datetime],
    ) -> None:
        self.register = register
        self.ticket = ""
        self.compared = 0
        self.dropped = 0
        self._new_recogniser = new_recogniser
        self._recogniser = new_recogniser()
        self._cut_faces = cut_faces
        self._run_in_thread = run_in_thread
        self._clock = clock
        self._queue: deque[_QueuedFrame] = deque()
        self._frame_queued = asyncio.Event()
        self._recogniser_lock = asyncio.Lock()
        self._proposed_at = 0.0
        self._has_news = False
        self._problem = ""

    async def run(self) -> None:
        """Run until the register is closed or the task is cancelled; then end the lease.

        Raises:
            CancelledError: The task was cancelled.
        """
        try:
            async with asyncio.TaskGroup() as group:
                compare = group.create_task(self._compare())
                while self._clock() < self.register.closes_at:
                    if not await self._update():
                        break
                    await asyncio.sleep(LEASE_RENEWAL_SECONDS)
                compare.cancel()
        finally:
            await self._end_lease()

    def offer(self, captured_at: datetime, chips: list[FaceChip]) -> None:
        """Queue a frame's chips; a full queue drops its oldest frame."""
        while len(self._queue) >= MAX_QUEUED_FRAMES:
            self._queue.popleft()
            self._drop("newer_frame")
        self._queue.append(_QueuedFrame(captured_at, chips, time.monotonic()))
        self._frame_queued.set()

    async def _update(self) -> bool:
        """Renew or end the lease as permissions say; False where the register is closed."""
        try:
            async with self._recogniser_lock:
                readiness = await self._run_in_thread(self._recogniser.readiness, self._clock())
                if readiness is Readiness.NOBODY_ALLOWED:
                    self._recogniser, self._has_news = self._new_recogniser(), False
                elif self._has_news and self._is_time_to_propose():
                    self._has_news, self._proposed_at = False, time.monotonic()
                    await self._run_in_thread(self._recogniser.propose)
            if readiness is Readiness.READY:
                await self._renew_lease()
            else:
                await self._end_lease()
            self._problem = ""
        except RegisterError:
            return False
        except HomeroomError as error:
            self._log_once(error)
        return True

    def _is_time_to_propose(self) -> bool:
        return time.monotonic() - self._proposed_at >= PROPOSAL_INTERVAL_SECONDS

    async def _renew_lease(self) -> None:
        now = self._clock()
        until = min(now + timedelta(seconds=LEASE_SECONDS), self.register.closes_at)
        if until > now:
            self.ticket = self.ticket or secrets.token_urlsafe(TICKET_BYTES)
            await self._cut_faces(self.register.room_id, self.ticket, until)

    async def _end_lease(self) -> None:
        """Accept no more frames under this ticket, and end it at the reader, too.

        No ticket is used again: a renewal that is still in flight finds this one ended.
        """
        ticket, self.ticket = self.ticket, ""
        while self._queue:
            self._queue.popleft()
            self._drop("closed")
        if ticket:
            try:
                await self._cut_faces(self.register.room_id, ticket, None)
            except HomeroomError as error:
                logger.info("a lease could not be ended, and expires by itself: %s", error.code)

    async def _compare(self) -> None:
        """Compare the queued frames, oldest first."""
        while True:
            await self._frame_queued.wait()
            self._frame_queued.clear()
            while self._queue:
                async with self._recogniser_lock:
                    if not self._queue:
                        break
                    await self._compare_one(self._queue.popleft())

    async def _compare_one(self, frame: _QueuedFrame) -> None:
        try:
            was_compared = await self._run_in_thread(
                self._recogniser.process_frame, frame.captured_at, lambda: frame.chips
            )
        except HomeroomError as error:
            self._log_once(error)
            self._drop(error.code)
            return
        if not was_compared:
            self._drop("not_allowed")
            return
        self.compared += 1
        self._has_news = True
        metrics.register_frames().inc(tags={"outcome": "compared"})
        metrics.register_seconds().observe(time.monotonic() - frame.queued_at)

    def _log_once(self, error: HomeroomError) -> None:
        """Log an error once, until another follows or it is over."""
        if error.code != self._problem:
            self._problem = error.code
            logger.warning("faces of a register are not compared now: %s", error)

    def _drop(self, reason: str) -> None:
        self.dropped += 1
        metrics.register_frames().inc(tags={"outcome": reason})
