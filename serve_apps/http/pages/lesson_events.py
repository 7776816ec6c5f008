"""`/lessons/{id}/events`: that something of a lesson changed, for pages that show it.

    records ─ one question a second for all lessons that are watched ─> LessonWatch ─> streams

An event carries a version and nothing else: no name, no count. A page that hears of a new version
asks for the part anew, and that look is recorded as any.
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
from serve_apps.http.auth.install import still_signed_in
from serve_apps.http.backend import backend_of
from serve_apps.http.pages.lessons import Teacher, lesson_view
from serve_apps.http.schemas.base import LessonPath
from serve_apps.http.services.room_broadcast import StreamLimits
from serve_apps.http.threads import run_in_pool

LOOK_SECONDS: Final = 1.0
COME_AGAIN_MILLISECONDS: Final = 3000

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/lessons/{lesson_id}", include_in_schema=False)

Versions = tuple[int, int]
"""Of a lesson's register and of its check-in; 0 where there is none."""


@dataclass(slots=True)
class LessonWatch:
    """Knows the versions of the lessons that anybody watches, by one look for all of them.

    Attributes:
        identity: Whose records are looked at.
        limits: How many streams there may be.
    """

    identity: AuditedRecords
    limits: StreamLimits = field(default_factory=StreamLimits)
    _watched: Counter[str] = field(default_factory=Counter)
    _callers: Counter[str] = field(default_factory=Counter)
    _known: dict[str, Versions] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _loop: "asyncio.Task[None] | None" = None

    @asynccontextmanager
    async def watching(self, caller: str, lesson_id: str) -> AsyncIterator[None]:
        """Have a lesson watched, until the context ends.

        Raises:
            TooManyRequests: The caller has too many streams.
            ServiceBusy: The process has.
        """
        if self._callers[caller] >= self.limits.per_caller:
            raise TooManyRequests(f"{self.limits.per_caller} pages are open already.")
        if self._callers.total() >= self.limits.per_process:
            raise ServiceBusy("no more streams fit.", hint="Try again in a minute.")
        self._callers[caller] += 1
        self._watched[lesson_id] += 1
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._look_again_and_again(), name="lesson versions")
        try:
            yield
        finally:
            self._callers -= Counter({caller: 1})
            self._watched -= Counter({lesson_id: 1})
            if not self._watched:
                await self.close()

    async def next_after(
        self, lesson_id: str, known: Versions | None, seconds: float
    ) -> Versions | None:
        """The versions of a lesson as soon as they are others than known; None after a while."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self._known.get(lesson_id, known) != known)
        except TimeoutError:
            return None
        return self._known.get(lesson_id)

    async def close(self) -> None:
        """Look no more."""
        task, self._loop = self._loop, None
        self._known.clear()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _look_again_and_again(self) -> None:
        while True:
            try:
                found = await run_in_pool(self._look, list(self._watched))
                if found != self._known:
                    self._known = found
                    async with self._changed:
                        self._changed.notify_all()
            except HomeroomError as error:
                logger.warning("lessons cannot be watched: %s", error)
            except Exception:  # whatever it is: the next look tries again
                logger.exception("lessons cannot be watched")
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self, lessons: list[str]) -> dict[str, Versions]:
        with self.identity.records.reading() as session:
            found = registers.versions_of(session, lessons)
            asked = checkins.get_versions(session, lessons, self.identity.clock())
        return {one: (found.get(one, 0), asked.get(one, 0)) for one in lessons}


async def _watching(
    request: Request, caller: Teacher, lesson_id: LessonPath
) -> AsyncIterator[LessonWatch]:
    backend = backend_of(request)
    await run_in_pool(lesson_view, backend, caller, lesson_id)  # an own lesson, or refused
    watch: LessonWatch = request.app.state.lesson_watch
    async with watch.watching(caller.name, lesson_id):
        yield watch


@router.get("/events")
async def follow(
    request: Request, lesson_id: LessonPath, watch: Annotated[LessonWatch, Depends(_watching)]
) -> EventSourceResponse:
    """The versions of a lesson's register and check-in, now and at each change."""
    return EventSourceResponse(
        _events(request, lesson_id, watch),
        ping=int(watch.limits.heartbeat_seconds),
        send_timeout=watch.limits.send_seconds,
    )


async def _events(
    request: Request, lesson_id: str, watch: LessonWatch
) -> AsyncIterator[ServerSentEvent]:
    ends = time.monotonic() + watch.limits.longest_seconds
    known: Versions | None = None
    yield ServerSentEvent(comment="welcome", retry=COME_AGAIN_MILLISECONDS)
    try:
        while time.monotonic() < ends:
            await still_signed_in(request)
            found = await watch.next_after(lesson_id, known, watch.limits.until_next_look())
            if found is None:
                continue
            before, known = known or (-1, -1), found
            for name, was, is_now in zip(("register", "checkin"), before, found, strict=True):
                if was != is_now:
                    yield ServerSentEvent(event=name, data=str(is_now))
    except HomeroomError as error:
        yield ServerSentEvent(event="end", data=error.code)
