"""Protocols of the deployments that the HTTP API calls; tests implement them with fakes."""

from collections.abc import Sequence
from typing import Protocol

from cluster.activity.published import PublishedWindow
from cluster.vision.people import BgrImage, People
from serve_apps.clients.types import CameraStatus, Changes, JournalStatus, RoomSnapshot


class RoomsService(Protocol):
    """The rooms deployment."""

    async def snapshots(self, room_ids: Sequence[str]) -> list[RoomSnapshot]:
        """Return the rooms' state, in the requested order; unknown rooms are left out."""

    async def windows(self, room_id: str, minutes: int) -> list[PublishedWindow]:
        """Return the finished windows of a room's last minutes, oldest first."""

    async def changes(
        self, after: int | None, wait_seconds: float, room_ids: Sequence[str] | None = None
    ) -> Changes:
        """Return what changed after an event id (None: only future changes); wait for a change.

        With room ids, only these rooms' changes, and none where too many windows were missed.
        """

    async def cameras(self) -> list[CameraStatus]:
        """Return the status of all cameras, by id."""

    async def journal_status(self) -> JournalStatus:
        """Return how many finished windows are not in the lake yet, and any problem."""


class PoseService(Protocol):
    """The pose model."""

    async def find(self, frames: Sequence[BgrImage], input_size: int) -> list[People]:
        """Return the people of each frame (height, width, 3) uint8 BGR; all of one shape.

        Raises:
            ServiceBusy: The queue is full.
            VisionError: The model failed.
        """
