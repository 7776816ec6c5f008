"""`/lessons/{id}/events`: version numbers of a lesson's data, as server-sent events.

    records ─ one query a second for all followed lessons ─> LessonVersionFeed ─> event streams

An event carries a version and nothing else: no name, no count. A page that receives a new version
fetches the changed fragment, and that access is recorded like any other.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from cluster import checkins
from cluster.errors import HomeroomError, ServiceBusy, TooManyRequests
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos import registers
from serve_apps.http.auth.install import Teacher, reauthenticate
from serve_apps.http.backend import backend_of
from serve_apps.http.pages.lessons import load_lesson
from serve_apps.http.schemas.base import LessonPath
from serve_apps.http.services.room_broadcast import StreamLimits
from serve_apps.http.threads import run_in_pool

POLL_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/lessons/{lesson_id}", include_in_schema=False)

Versions = tuple[int, int]
"""Of a lesson's register and of its check-in; 0 where there is none."""


@dataclass(slots=True)
class LessonVersionFeed:
    """Polls the versions of all followed lessons with one query, and wakes their streams.

    Attributes:
        audited: The records that are polled.
        limits: The most streams at a time.
    """

    audited: AuditedRecords
    limits: StreamLimits = field(default_factory=StreamLimits)
    _followed: Counter[str] = field(default_factory=Counter)
    _callers: Counter[str] = field(default_factory=Counter)
    _latest: dict[str, Versions] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _poll_task: "asyncio.Task[None] | None" = None

    @asynccontextmanager
    async def follow(self, caller: str, lesson_id: str) -> AsyncIterator[None]:
        """Poll a lesson for as long as the context lasts.

        Raises:
            TooManyRequests: The caller has too many streams.
            ServiceBusy: The process has.
        """
        if self._callers[caller] >= self.limits.per_caller:
            raise TooManyRequests(f"{self.limits.per_caller} pages are open already.")
        if self._callers.total() >= self.limits.per_process:
            raise ServiceBusy("no more streams fit.", hint="Try again in a minute.")
        self._callers[caller] += 1
        self._followed[lesson_id] += 1
        if self._poll_task is None or self._poll_task.done():
            self._poll_task = asyncio.create_task(self._poll_loop(), name="lesson versions")
        try:
            yield
        finally:
            self._callers -= Counter({caller: 1})
            self._followed -= Counter({lesson_id: 1})
            if not self._followed:
                await self.close()

    async def wait_for_change(
        self, lesson_id: str, previous: Versions | None, seconds: float
    ) -> Versions | None:
        """Return the versions of a lesson once they differ from the previous; None on timeout."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(
                    lambda: self._latest.get(lesson_id, previous) != previous
                )
        except TimeoutError:
            return None
        return self._latest.get(lesson_id)

    async def close(self) -> None:
        """Stop polling."""
        task, self._poll_task = self._poll_task, None
        self._latest.clear()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _poll_loop(self) -> None:
        while True:
            try:
                latest = await run_in_pool(self._read_versions, list(self._followed))
                if latest != self._latest:
                    self._latest = latest
                    async with self._changed:
                        self._changed.notify_all()
            except HomeroomError as error:
                logger.warning("the versions of lessons cannot be read: %s", error)
            except Exception:  # whatever it is, the next poll tries again
                logger.exception("the versions of lessons cannot be read")
            await asyncio.sleep(POLL_SECONDS)

    def _read_versions(self, lesson_ids: list[str]) -> dict[str, Versions]:
        with self.audited.records.reading() as session:
            of_registers = registers.versions_of(session, lesson_ids)
            of_checkins = checkins.get_versions(session, lesson_ids, self.audited.clock())
        return {one: (of_registers.get(one, 0), of_checkins.get(one, 0)) for one in lesson_ids}


async def _follow_lesson(
    request: Request, caller: Teacher, lesson_id: LessonPath
) -> AsyncIterator[LessonVersionFeed]:
    backend = backend_of(request)
    await run_in_pool(load_lesson, backend, caller, lesson_id)  # raises for another class's lesson
    feed: LessonVersionFeed = request.app.state.lesson_versions
    async with feed.follow(caller.name, lesson_id):
        yield feed


@router.get("/events")
async def stream_versions(
    request: Request,
    lesson_id: LessonPath,
    feed: Annotated[LessonVersionFeed, Depends(_follow_lesson)],
) -> EventSourceResponse:
    """The versions of a lesson's register and check-in, now and at each change."""
    return EventSourceResponse(
        _events(request, lesson_id, feed),
        ping=int(feed.limits.heartbeat_seconds),
        send_timeout=feed.limits.send_timeout_seconds,
    )


async def _events(
    request: Request, lesson_id: str, feed: LessonVersionFeed
) -> AsyncIterator[ServerSentEvent]:
    deadline = time.monotonic() + feed.limits.max_seconds
    versions: Versions | None = None
    yield ServerSentEvent(comment="welcome", retry=feed.limits.reconnect_milliseconds)
    try:
        while time.monotonic() < deadline:
            await reauthenticate(request)
            latest = await feed.wait_for_change(
                lesson_id, versions, feed.limits.next_recheck_seconds()
            )
            if latest is None:
                continue
            previous, versions = versions or (-1, -1), latest
            for name, old, new in zip(("register", "checkin"), previous, latest, strict=True):
                if old != new:
                    yield ServerSentEvent(event=name, data=str(new))
    except HomeroomError as error:
        yield ServerSentEvent(event="end", data=error.code)
