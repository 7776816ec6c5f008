"""Event ids of room changes, the finished windows among them, and waiting for the next event.

Event ids grow with every change of any room, also over a restart, because they start at the
clock's milliseconds.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from cluster.activity.published import PublishedWindow

MAX_RECENT_WINDOWS = 10_000
"""Finished windows that are kept for clients that resume, besides each room's history."""


class ChangeFeed:
    """Assigns event ids, and wakes the tasks that wait for one. For one event loop.

    Args:
        now: UTC; event ids start here.
    """

    def __init__(self, now: datetime) -> None:
        self._last_id = int(now.timestamp() * 1000)
        self._first_id = self._last_id
        self._recent: deque[PublishedWindow] = deque(maxlen=MAX_RECENT_WINDOWS)
        self._next_event = asyncio.Event()

    @property
    def last_id(self) -> int:
        """Id of the newest event."""
        return self._last_id

    def next_id(self) -> int:
        """Assign the id of a new event, and wake the waiters.

        They run when the caller yields to the event loop, so they see the change complete.
        """
        self._next_event.set()
        self._next_event = asyncio.Event()
        self._last_id += 1
        return self._last_id

    def publish(self, window: PublishedWindow) -> PublishedWindow:
        """Record a finished window as an event, and return it with its event id."""
        published = replace(window, event_id=self.next_id())
        self._recent.append(published)
        return published

    def covers(self, after: int) -> bool:
        """Whether every event after an id is still available."""
        is_full = len(self._recent) == MAX_RECENT_WINDOWS
        oldest = self._recent[0].event_id if is_full else self._first_id
        return oldest <= after <= self._last_id

    def newest_windows(self, after: int) -> Iterator[PublishedWindow]:
        """Yield the windows after an event id, newest first: most clients have missed few."""
        for window in reversed(self._recent):
            if window.event_id <= after:
                return
            yield window

    async def wait(self, after: int, seconds: float) -> None:
        """Return when there is an event after an id, or when the time is over."""
        try:
            async with asyncio.timeout(seconds):
                while self._last_id <= after:
                    await self._next_event.wait()
        except TimeoutError:
            pass
