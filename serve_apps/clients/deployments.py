"""Clients of the rooms and registers deployments: plain methods, and Homeroom's own errors.

What Serve raises is translated in `clients.errors`. The pose model has a client of its own,
`clients.pose`, and so has the face model, `clients.faces`.
"""

from collections.abc import Sequence
from datetime import datetime

from ray.serve.handle import DeploymentHandle

from cluster.activity.published import PublishedWindow
from cluster.streams.reader.report import Ack, Report
from cluster.vision.faces.base import FaceChip
from serve_apps.clients.errors import translate_serve_errors
from serve_apps.clients.types import CameraStatus, Changes, JournalStatus, RoomSnapshot

CALL_TIMEOUT_SECONDS = 30.0
"""Longer than any wait for changes."""


class RoomsClient:
    """Client of the rooms deployment, for the API (`interfaces.RoomsService`) and for readers."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def snapshots(self, room_ids: Sequence[str]) -> list[RoomSnapshot]:
        """Return the current state of rooms."""
        async with translate_serve_errors("rooms", seconds=CALL_TIMEOUT_SECONDS):
            return list(await self._handle.snapshots.remote(list(room_ids)))

    async def windows(self, room_id: str, minutes: int) -> list[PublishedWindow]:
        """Return the finished windows of a room's last minutes."""
        async with translate_serve_errors("rooms", seconds=CALL_TIMEOUT_SECONDS):
            return list(await self._handle.windows.remote(room_id, minutes))

    async def changes(
        self, after: int | None, wait_seconds: float, room_ids: Sequence[str] | None = None
    ) -> Changes:
        """Return what changed after an event id; wait for something to change."""
        rooms = None if room_ids is None else list(room_ids)
        async with translate_serve_errors("rooms", seconds=CALL_TIMEOUT_SECONDS):
            changes: Changes = await self._handle.changes.remote(after, wait_seconds, rooms)
            return changes

    async def cameras(self) -> list[CameraStatus]:
        """Return the status of all cameras, by id."""
        async with translate_serve_errors("rooms", seconds=CALL_TIMEOUT_SECONDS):
            return list(await self._handle.cameras.remote())

    async def journal_status(self) -> JournalStatus:
        """Return how many finished windows are not in the lake yet, and any problem."""
        async with translate_serve_errors("rooms", seconds=CALL_TIMEOUT_SECONDS):
            status: JournalStatus = await self._handle.journal_status.remote()
            return status

    async def report(self, report: Report) -> Ack:
        """Send a reader's report, and return which of its windows are safe."""
        async with translate_serve_errors("rooms", seconds=CALL_TIMEOUT_SECONDS):
            ack: Ack = await self._handle.report.remote(report)
            return ack


class RegistersClient:
    """Client of the registers deployment, for readers."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def submit_chips(self, ticket: str, captured_at: datetime, chips: list[FaceChip]) -> None:
        """Send the face chips of one frame."""
        async with translate_serve_errors("registers", seconds=CALL_TIMEOUT_SECONDS):
            await self._handle.submit_chips.remote(ticket, captured_at, chips)
