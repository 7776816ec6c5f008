"""What the HTTP API asks of the other deployments: the same words in a test and on Serve."""

from collections.abc import Sequence
from typing import Protocol

from cluster.vision.people import BgrImage, People
from serve_apps.clients.types import CameraStatus, Changes, JournalStatus, RoomSnapshot, ToldWindow


class RoomsService(Protocol):
    """The rooms deployment."""

    async def now(self, room_ids: Sequence[str]) -> list[RoomSnapshot]:
        """The rooms' numbers, in the order asked for; unknown rooms are left out."""

    async def windows(self, room_id: str, minutes: int) -> list[ToldWindow]:
        """The finished windows of a room's last minutes, oldest first."""

    async def changes(
        self, after: int | None, wait_seconds: float, room_ids: Sequence[str] | None = None
    ) -> Changes:
        """What happened after an event id (None: only what is to come); waits for something.

        Where rooms are named, it tells of these alone, and of very many windows none.
        """

    async def cameras(self) -> list[CameraStatus]:
        """All cameras, by id."""

    async def journal(self) -> JournalStatus:
        """Where finished windows are."""


class PoseService(Protocol):
    """The pose model."""

    async def find(self, frames: Sequence[BgrImage], input_size: int) -> list[People]:
        """The people of frames (height, width, 3) uint8 BGR of one shape.

        Raises:
            ServiceBusy: The queue is full.
            VisionError: The model failed.
        """
