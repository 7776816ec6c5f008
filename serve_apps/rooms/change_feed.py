"""A board whose changes can be waited for: whatever is an event wakes those who wait."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from cluster.settings import Settings
from serve_apps.clients.types import Changes
from serve_apps.rooms.room_state import RoomState


class WatchedRoomState(RoomState):
    """A board, and those who wait for its next event. For one event loop.

    Args:
        settings: See `RoomState`.
        now: See `RoomState`.
    """

    def __init__(self, settings: Settings, now: datetime) -> None:
        self._next_event = asyncio.Event()
        super().__init__(settings, now)

    async def changes_after(
        self, after: int | None, wait_seconds: float, room_ids: Sequence[str] | None = None
    ) -> Changes:
        """What happened after an event id; waits for something to happen.

        Args:
            after: The id; None: only what is to come.
            wait_seconds: So long; then there is nothing to tell.
            room_ids: See `RoomState.changes`.
        """
        since = self.last_id if after is None else after
        try:
            async with asyncio.timeout(wait_seconds):
                while self.last_id <= since:
                    await self._next_event.wait()
        except TimeoutError:
            pass
        return self.changes(since, room_ids)

    def _next_id(self) -> int:
        """Every event takes its id here, whatever it came of."""
        self._next_event.set()  # those who wait look when the change is complete
        self._next_event = asyncio.Event()
        return super()._next_id()
