"""The faces of one open register, on Serve: a ticket, a lease, and frames that wait their turn.

    every second: may a face be compared? ─yes─> lease of a few seconds ─> Rooms ─> reader cuts
                                          └no──> the lease ends, what was known is dropped
    frame's chips ─> two places to wait in; a newer frame pushes the oldest out ─> FaceRecogniser
    every few seconds: proposals ─> register

The ticket is random: whoever reads the camera learns neither class nor lesson from it. All work
on one register happens in one thread after the other, apart from those of other registers.
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
LEASE_EVERY_SECONDS = 1.0
PROPOSE_EVERY_SECONDS = 3.0
MOST_WAITING = 2
TICKET_BYTES = 18

CutFaces = Callable[[str, str, datetime | None], Awaitable[None]]
"""Room, ticket, moment in UTC: have faces cut there until then; None ends the ticket for good."""


class Threads(Protocol):
    """Runs something in a thread."""

    async def __call__(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """What it gives."""


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """The chips of one frame, until they are compared."""

    moment: datetime
    chips: list[FaceChip]
    since: float


class FaceSession:
    """Compares the faces of one open register.

    Args:
        register: Which.
        new_roll_call: Makes a roll call that knows nothing yet.
        cut_faces: Asks the rooms for chips.
        threads: Where records are read and faces compared.
        clock: Tells the time, in UTC.
    """

    def __init__(
        self,
        register: OpenRegister,
        new_roll_call: Callable[[], FaceRecogniser],
        cut_faces: CutFaces,
        threads: Threads,
        clock: Callable[[], datetime],
    ) -> None:
        self.register = register
        self.ticket = ""
        self.compared = 0
        self.dropped = 0
        self._new_roll_call = new_roll_call
        self._call = new_roll_call()
        self._cut_faces = cut_faces
        self._threads = threads
        self._clock = clock
        self._waiting: deque[_Frame] = deque()
        self._arrived = asyncio.Event()
        self._alone = asyncio.Lock()
        self._proposed_at = 0.0
        self._to_propose = False
        self._problem = ""

    async def run(self) -> None:
        """Work until the register is closed, or this is cancelled; then the lease has ended.

        Raises:
            CancelledError: As it comes.
        """
        try:
            async with asyncio.TaskGroup() as group:
                compare = group.create_task(self._compare())
                while self._clock() < self.register.closes_at:
                    if not await self._once():
                        break
                    await asyncio.sleep(LEASE_EVERY_SECONDS)
                compare.cancel()
        finally:
            await self._end_lease()

    def offer(self, moment: datetime, chips: list[FaceChip]) -> None:
        """Take a frame's chips; where too many wait, the oldest go."""
        while len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._drop("newer_frame")
        self._waiting.append(_Frame(moment, chips, time.monotonic()))
        self._arrived.set()

    async def _once(self) -> bool:
        """Ask whether faces may be compared, and renew the lease if so; False: it is closed."""
        try:
            async with self._alone:
                readiness = await self._threads(self._call.readiness, self._clock())
                if readiness is Readiness.NOBODY_ALLOWED:
                    self._call, self._to_propose = self._new_roll_call(), False
                elif self._to_propose and self._is_time_to_propose():
                    self._to_propose, self._proposed_at = False, time.monotonic()
                    await self._threads(self._call.propose)
            if readiness is Readiness.READY:
                await self._renew_lease()
            else:
                await self._end_lease()
            self._problem = ""
        except RegisterError:
            return False
        except HomeroomError as error:
            self._say(error)
        return True

    def _is_time_to_propose(self) -> bool:
        return time.monotonic() - self._proposed_at >= PROPOSE_EVERY_SECONDS

    async def _renew_lease(self) -> None:
        now = self._clock()
        until = min(now + timedelta(seconds=LEASE_SECONDS), self.register.closes_at)
        if until > now:
            self.ticket = self.ticket or secrets.token_urlsafe(TICKET_BYTES)
            await self._cut_faces(self.register.room_id, self.ticket, until)

    async def _end_lease(self) -> None:
        """Take no more frames under this ticket, and tell the reader, who would stop by itself.

        No ticket is used again: whatever renewal is still on its way finds this one ended.
        """
        ticket, self.ticket = self.ticket, ""
        while self._waiting:
            self._waiting.popleft()
            self._drop("closed")
        if ticket:
            try:
                await self._cut_faces(self.register.room_id, ticket, None)
            except HomeroomError as error:
                logger.info("a lease runs out by itself: %s", error.code)

    async def _compare(self) -> None:
        """Compare the frames that wait, oldest first."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                async with self._alone:
                    if not self._waiting:
                        break
                    await self._compare_one(self._waiting.popleft())

    async def _compare_one(self, frame: _Frame) -> None:
        try:
            looked = await self._threads(
                self._call.process_frame, frame.moment, lambda: frame.chips
            )
        except HomeroomError as error:
            self._say(error)
            self._drop(error.code)
            return
        if not looked:
            self._drop("not_allowed")
            return
        self.compared += 1
        self._to_propose = True
        metrics.register_frames().inc(tags={"outcome": "compared"})
        metrics.register_seconds().observe(time.monotonic() - frame.since)

    def _say(self, error: HomeroomError) -> None:
        """Log what stands in the way, once until it is over."""
        if error.code != self._problem:
            self._problem = error.code
            logger.warning("faces of a register are not compared now: %s", error)

    def _drop(self, why: str) -> None:
        self.dropped += 1
        metrics.register_frames().inc(tags={"outcome": why})
