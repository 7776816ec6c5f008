"""The deployments as their callers see them: plain methods, and Homeroom's own errors.

What Serve raises becomes ours in `clients.errors`. The pose model has a client of its own,
`clients.pose`.
"""

from collections.abc import Sequence
from datetime import datetime

from ray.serve.handle import DeploymentHandle

from cluster.activity.published import PublishedWindow
from cluster.streams.reader.report import Ack, Report
from cluster.vision.faces.base import FaceChip
from serve_apps.clients.errors import translate_serve_errors
from serve_apps.clients.types import CameraStatus, Changes, JournalStatus, RoomSnapshot

ANSWER_SECONDS = 30.0
"""Longer than any wait for changes."""


class RoomsClient:
    """The rooms deployment (`interfaces.RoomsService`), and where readers report."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def now(self, room_ids: Sequence[str]) -> list[RoomSnapshot]:
        """The rooms' numbers."""
        async with translate_serve_errors("rooms", seconds=ANSWER_SECONDS):
            return list(await self._handle.now.remote(list(room_ids)))

    async def windows(self, room_id: str, minutes: int) -> list[PublishedWindow]:
        """The finished windows of a room's last minutes."""
        async with translate_serve_errors("rooms", seconds=ANSWER_SECONDS):
            return list(await self._handle.windows.remote(room_id, minutes))

    async def changes(
        self, after: int | None, wait_seconds: float, room_ids: Sequence[str] | None = None
    ) -> Changes:
        """What happened after an event id."""
        rooms = None if room_ids is None else list(room_ids)
        async with translate_serve_errors("rooms", seconds=ANSWER_SECONDS):
            found: Changes = await self._handle.changes.remote(after, wait_seconds, rooms)
            return found

    async def cameras(self) -> list[CameraStatus]:
        """All cameras, by id."""
        async with translate_serve_errors("rooms", seconds=ANSWER_SECONDS):
            return list(await self._handle.cameras.remote())

    async def journal(self) -> JournalStatus:
        """Where finished windows are."""
        async with translate_serve_errors("rooms", seconds=ANSWER_SECONDS):
            found: JournalStatus = await self._handle.journal.remote()
            return found

    async def report(self, report: Report) -> Ack:
        """Take a reader's report."""
        async with translate_serve_errors("rooms", seconds=ANSWER_SECONDS):
            accepted: Ack = await self._handle.report.remote(report)
            return accepted


class RegistersClient:
    """The registers deployment, as readers see it."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def see(self, ticket: str, moment: datetime, chips: list[FaceChip]) -> None:
        """Take the face chips of one frame."""
        async with translate_serve_errors("registers", seconds=ANSWER_SECONDS):
            await self._handle.see.remote(ticket, moment, chips)
