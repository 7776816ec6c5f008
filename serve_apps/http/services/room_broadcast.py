"""Fan the changes of all rooms out to the event streams of a process.

    rooms.changes ──> RoomBroadcast ──┬──> Subscription ──> a client's stream
    (one poll loop, while             ├──> Subscription
     there are streams)               └──> …

A subscription buffers what its client has not read yet: the latest state of each room, and a
bounded number of windows. So a client that reads nothing costs a fixed amount of memory, and a
slow one gets counts that are fresh. `lost` says that something was dropped.
"""

import asyncio
import logging
import random
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cluster.activity.published import PublishedWindow
from cluster.errors import HomeroomError, ServiceBusy, ServiceDown, TooManyRequests
from serve_apps.clients.interfaces import RoomsService
from serve_apps.clients.types import Changes, RoomSnapshot

logger = logging.getLogger(__name__)

NOTIFY_BATCH_SIZE = 8
"""Streams that are notified before the event loop runs other tasks."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Limits of event streams.

    Attributes:
        per_caller: Concurrent streams of one caller.
        per_process: Concurrent streams of one process.
        windows: Finished windows that are buffered for one client.
        poll_seconds: How long one poll for changes waits for an answer.
        retry_seconds: Pause after a poll that failed.
        heartbeat_seconds: Between two comments that keep a connection open.
        send_timeout_seconds: A client that reads nothing for so long is disconnected.
        recheck_seconds: Maximum time between two checks of what the caller may see.
        max_seconds: A stream ends after so long; clients reconnect by themselves.
        reconnect_milliseconds: The pause before that, as clients are asked.
    """

    per_caller: int = 10
    per_process: int = 700  # below what Serve admits to a replica: other requests need room too
    windows: int = 200
    poll_seconds: float = 10.0
    retry_seconds: float = 1.0
    heartbeat_seconds: float = 15.0
    send_timeout_seconds: float = 30.0
    recheck_seconds: float = 15.0
    max_seconds: float = 3600.0
    reconnect_milliseconds: int = 3000

    def next_recheck_seconds(self) -> float:
        """Return seconds until the next check, with jitter: streams do not all check at once."""
        return self.recheck_seconds * random.uniform(0.5, 1.0)  # noqa: S311 (not a secret)


@dataclass(slots=True)
class Subscription:
    """What is buffered for one client.

    Attributes:
        rooms: Ids of the rooms that it gets.
        max_windows: How many windows are buffered.
        last_id: Id of the last change that was added.
        lost: Something was dropped: the client must get every room again.
    """

    rooms: frozenset[str]
    max_windows: int
    last_id: int
    lost: bool = False
    _states: dict[str, RoomSnapshot] = field(default_factory=dict)
    _windows: deque[PublishedWindow] = field(default_factory=deque)
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, changes: Changes) -> None:
        """Buffer what concerns this client."""
        if not changes.complete:
            self._states.clear()
            self._windows.clear()
            self.lost = True
        for room in changes.rooms:
            if room.room_id in self.rooms:
                self._states[room.room_id] = room
        self._windows.extend(one for one in changes.windows if one.room_id in self.rooms)
        while len(self._windows) > self.max_windows:
            self._windows.popleft()
            self.lost = True
        self.last_id = changes.last_id
        if self._states or self._windows or self.lost:
            self._ready.set()

    def notify(self) -> None:
        """End a `wait`."""
        self._ready.set()

    async def wait(self, seconds: float) -> None:
        """Wait until something is buffered, or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            return

    def drain(self) -> list[RoomSnapshot | PublishedWindow]:
        """Return what is buffered, in the order of event ids, and empty the buffer."""
        drained: list[RoomSnapshot | PublishedWindow] = [*self._states.values(), *self._windows]
        drained.sort(key=lambda one: one.event_id)
        self._states.clear()
        self._windows.clear()
        self._ready.clear()
        return drained


class RoomBroadcast:
    """Polls the changes of all rooms once, for all streams of this process.

    Args:
        rooms: InProcessClient of the rooms deployment.
        limits: Limits of the streams.
    """

    def __init__(self, rooms: RoomsService, limits: StreamLimits) -> None:
        self.limits = limits
        self._rooms = rooms
        self._subscriptions: list[Subscription] = []
        self._callers: Counter[str] = Counter()
        self._poll_task: asyncio.Task[None] | None = None
        self._last_id = 0
        self._start_lock = asyncio.Lock()

    @property
    def streams(self) -> int:
        """The number of streams."""
        return self._callers.total()

    @asynccontextmanager
    async def subscribe(self, caller: str, rooms: frozenset[str]) -> AsyncIterator[Subscription]:
        """Subscribe to rooms, until the context ends.

        Args:
            caller: Name of the caller, for the limit of streams.
            rooms: Ids of the rooms.

        Raises:
            TooManyRequests: The caller has too many streams.
            ServiceBusy: The process has too many streams.
            ServiceDown: The rooms do not answer.
        """
        self.check_capacity(caller)
        self._callers[caller] += 1
        subscription = None
        try:
            await self._ensure_polling()
            subscription = Subscription(rooms, self.limits.windows, self._last_id)
            self._subscriptions.append(subscription)
            yield subscription
        finally:
            self._callers -= Counter({caller: 1})
            if subscription is not None:
                self._subscriptions.remove(subscription)
            if not self._callers:
                await self.close()

    def check_capacity(self, caller: str) -> None:
        """Check that one more stream is within the limits.

        Raises:
            TooManyRequests: The caller has too many streams.
            ServiceBusy: The process has too many streams.
        """
        if self._callers[caller] >= self.limits.per_caller:
            raise TooManyRequests(
                f"{self.limits.per_caller} streams are open already.",
                hint="Close one; a stream can carry all rooms.",
            )
        if self.streams >= self.limits.per_process:
            raise ServiceBusy("the service has too many streams.", hint="Try again in a minute.")

    async def close(self) -> None:
        """Stop polling."""
        task, self._poll_task = self._poll_task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _ensure_polling(self) -> None:
        """Start the poll loop unless it runs; from then on no change is missed."""
        async with self._start_lock:
            if self._poll_task is None or self._poll_task.done():
                self._last_id = (await self._rooms.changes(None, 0.0)).last_id
                self._poll_task = asyncio.create_task(self._poll(), name="room changes")
                self._poll_task.add_done_callback(self._on_poll_done)

    async def _poll(self) -> None:
        while True:
            try:
                changes = await self._rooms.changes(self._last_id, self.limits.poll_seconds)
            except (ServiceDown, ServiceBusy) as error:
                logger.warning("changes of rooms cannot be polled: %s", error)
                await asyncio.sleep(self.limits.retry_seconds)
                continue
            self._last_id = changes.last_id
            for number, subscription in enumerate(list(self._subscriptions), start=1):
                subscription.add(changes)
                if number % NOTIFY_BATCH_SIZE == 0:
                    await asyncio.sleep(0)  # hundreds in one go would delay every request

    def _on_poll_done(self, task: asyncio.Task[None]) -> None:
        """End the streams of a poll loop that failed; the next stream starts another loop."""
        if task.cancelled():
            return
        error = task.exception()
        level = logging.WARNING if isinstance(error, HomeroomError) else logging.ERROR
        logger.log(level, "polling the changes of rooms has failed", exc_info=error)
        for subscription in self._subscriptions:
            subscription.lost = True
            subscription.notify()

    @property
    def is_polling(self) -> bool:
        """Whether the poll loop runs."""
        return self._poll_task is not None and not self._poll_task.done()
