"""One look at the rooms' changes for all streams of a process.

    rooms.changes ──> Broadcast ──┬──> Subscription ──> a client's stream
    (one loop, while              ├──> Subscription
     anybody listens)             └──> …

A subscription keeps what its client has not taken yet: of each room the newest state alone, and a
bounded number of windows. So a client that takes nothing costs a fixed amount of memory, and one
that is slow gets numbers that are fresh. What was dropped is told by `lost`.
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

AT_ONCE = 8
"""Streams that are told something before others have their turn."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How much streams may take.

    Attributes:
        per_caller: Streams of one caller at a time.
        per_process: Streams of one process at a time.
        windows: Finished windows that wait for one client.
        wait_seconds: How long one question for changes waits for an answer.
        pause_seconds: Before the rooms are asked again after they did not answer.
        heartbeat_seconds: Between two comments that keep a connection open.
        send_seconds: A client that takes nothing for so long is let go.
        rights_seconds: At most so long between two looks at what the caller may see.
        longest_seconds: A stream ends after so long; clients come again by themselves.
    """

    per_caller: int = 10
    per_process: int = 700  # below what Serve lets into a replica: others come in too
    windows: int = 200
    wait_seconds: float = 10.0
    pause_seconds: float = 1.0
    heartbeat_seconds: float = 15.0
    send_seconds: float = 30.0
    rights_seconds: float = 15.0
    longest_seconds: float = 3600.0

    def until_next_look(self) -> float:
        """Seconds; streams that began together do not all look together."""
        return self.rights_seconds * random.uniform(0.5, 1.0)  # noqa: S311 (nothing is secret)


@dataclass(slots=True)
class Subscription:
    """What waits for one client.

    Attributes:
        rooms: Rooms that it wants.
        lost: Something was dropped: the client must be told everything anew.
        last_id: What came up to here has been handed over, or waits.
    """

    rooms: frozenset[str]
    most_windows: int
    last_id: int
    lost: bool = False
    _states: dict[str, RoomSnapshot] = field(default_factory=dict)
    _windows: deque[PublishedWindow] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, changes: Changes) -> None:
        """Keep what concerns this client."""
        if not changes.complete:
            self._states.clear()
            self._windows.clear()
            self.lost = True
        for room in changes.rooms:
            if room.room_id in self.rooms:
                self._states[room.room_id] = room
        self._windows.extend(one for one in changes.windows if one.room_id in self.rooms)
        while len(self._windows) > self.most_windows:
            self._windows.popleft()
            self.lost = True
        self.last_id = changes.last_id
        if self._states or self._windows or self.lost:
            self._news.set()

    def wake(self) -> None:
        """End the wait for something."""
        self._news.set()

    async def wait(self, seconds: float) -> None:
        """Wait until there is something to take, or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    def take(self) -> list[RoomSnapshot | PublishedWindow]:
        """What waits, in the order of ids; it waits no longer."""
        taken: list[RoomSnapshot | PublishedWindow] = [*self._states.values(), *self._windows]
        taken.sort(key=lambda one: one.event_id)
        self._states.clear()
        self._windows.clear()
        self._news.clear()
        return taken


class Broadcast:
    """The changes of all rooms, to all streams of this process.

    Args:
        rooms: The rooms deployment.
        limits: See there.
    """

    def __init__(self, rooms: RoomsService, limits: StreamLimits) -> None:
        self.limits = limits
        self._rooms = rooms
        self._subscriptions: list[Subscription] = []
        self._callers: Counter[str] = Counter()
        self._loop: asyncio.Task[None] | None = None
        self._last_id = 0
        self._starting = asyncio.Lock()

    @property
    def streams(self) -> int:
        """How many streams there are now."""
        return self._callers.total()

    @asynccontextmanager
    async def subscription(self, caller: str, rooms: frozenset[str]) -> AsyncIterator[Subscription]:
        """Listen, until the context ends.

        Args:
            caller: Who, for the limit of streams.
            rooms: To what.

        Raises:
            TooManyRequests: The caller has too many streams.
            ServiceBusy: The process has.
            ServiceDown: The rooms do not answer.
        """
        self.must_have_place(caller)
        self._callers[caller] += 1
        subscription = None
        try:
            await self._listen()
            subscription = Subscription(rooms, self.limits.windows, self._last_id)
            self._subscriptions.append(subscription)
            yield subscription
        finally:
            self._callers -= Counter({caller: 1})
            if subscription is not None:
                self._subscriptions.remove(subscription)
            if not self._callers:
                await self.close()

    def must_have_place(self, caller: str) -> None:
        """Refuse one stream too many.

        Raises:
            TooManyRequests: The caller has too many streams.
            ServiceBusy: The process has.
        """
        if self._callers[caller] >= self.limits.per_caller:
            raise TooManyRequests(
                f"{self.limits.per_caller} streams are open already.",
                hint="Close one; a stream can carry all rooms.",
            )
        if self.streams >= self.limits.per_process:
            raise ServiceBusy("no more streams fit.", hint="Try again in a minute.")

    async def close(self) -> None:
        """Stop asking."""
        task, self._loop = self._loop, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _listen(self) -> None:
        """Start the loop, once; from then on nothing is missed."""
        async with self._starting:
            if self._loop is None or self._loop.done():
                self._last_id = (await self._rooms.changes(None, 0.0)).last_id
                self._loop = asyncio.create_task(self._ask(), name="room changes")
                self._loop.add_done_callback(self._ended)

    async def _ask(self) -> None:
        while True:
            try:
                changes = await self._rooms.changes(self._last_id, self.limits.wait_seconds)
            except (ServiceDown, ServiceBusy) as error:
                logger.warning("the rooms do not tell their changes: %s", error)
                await asyncio.sleep(self.limits.pause_seconds)
                continue
            self._last_id = changes.last_id
            for number, subscription in enumerate(list(self._subscriptions), start=1):
                subscription.put(changes)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)  # hundreds in one go would hold up every request

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A loop that failed takes its streams along; the next one starts it anew."""
        if task.cancelled():
            return
        error = task.exception()
        level = logging.WARNING if isinstance(error, HomeroomError) else logging.ERROR
        logger.log(level, "the changes of rooms are not followed any more", exc_info=error)
        for subscription in self._subscriptions:
            subscription.lost = True
            subscription.wake()

    @property
    def is_listening(self) -> bool:
        """Whether changes are followed."""
        return self._loop is not None and not self._loop.done()
