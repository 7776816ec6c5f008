"""`/api/rooms/events`: rooms as they change, as server-sent events.

    event: room     a room's numbers, as GET /api/rooms/{id} gives them
    event: window   ten seconds of a room that are over
    event: gap      something was missed: every room follows anew
    event: end      the stream ends, with the reason; come again
    : heartbeat     every 15 seconds

Each `room` and `window` has an id; who comes again with `Last-Event-ID` is told what happened
since. Of a room only its newest state is told to a client that is slow. What the caller may see is
looked at again and again, and when the settings have changed: when a lesson ends, a token is
revoked or a room is gone, the stream ends.
Source of the form: WHATWG HTML, "Server-sent events".
"""

import logging
import time
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from cluster.activity.published import PublishedWindow
from cluster.errors import HomeroomError, NotAllowed
from cluster.security.roles import Principal
from serve_apps.clients.types import RoomSnapshot
from serve_apps.http.auth.install import still_signed_in
from serve_apps.http.auth.visibility import Visibility, get_visible_room, visible_rooms
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.routes.rooms import Watcher
from serve_apps.http.schemas.base import Body, Name
from serve_apps.http.schemas.rooms import room_body, window_body
from serve_apps.http.services.room_broadcast import Broadcast, Subscription
from serve_apps.http.threads import run_in_pool

logger = logging.getLogger(__name__)

MOST_ROOMS: Final = 200
LARGEST_ID: Final = 2**53 - 1
COME_AGAIN_MILLISECONDS: Final = 3000

EXAMPLE: Final = (
    'event: room\nid: 1841\ndata: {"room_id":"room-12","people":24, …}\n\n'
    'event: window\nid: 1842\ndata: {"room_id":"room-12","people_max":25, …}\n\n'
    ": heartbeat\n\n"
    'event: end\ndata: {"reason":"not_allowed"}\n\n'
)

router = APIRouter(prefix="/api/rooms", tags=["rooms"], responses=ERRORS)


class EndBody(Body):
    """Why a stream ends."""

    reason: str


class _Wanted:
    """What a stream is to carry, and whether the caller may still have it."""

    def __init__(self, request: Request, rooms: Visibility) -> None:
        self.rooms = rooms
        self._request = request
        self._looked_with = self.backend.settings

    @property
    def backend(self) -> Backend:
        """As it is now: settings may have changed since the stream began."""
        return backend_of(self._request)

    @property
    def has_other_settings(self) -> bool:
        """Whether they have changed since it was looked at what the caller may have."""
        return self.backend.settings is not self._looked_with

    async def must_be_allowed(self) -> None:
        """Look again.

        Raises:
            NotSignedIn: The sign-in has ended.
            NotAllowed: A room is out of reach by now.
            NotFound: A room is gone from the settings.
        """
        self._looked_with = self.backend.settings
        caller = await still_signed_in(self._request)
        self.rooms = await _reach_of(self.backend, caller, list(self.rooms))


async def _wanted(
    request: Request,
    caller: Watcher,
    room_id: Annotated[
        list[Name] | None,
        Query(max_length=MOST_ROOMS, description="These rooms; all in reach unless given."),
    ] = None,
) -> _Wanted:
    backend = backend_of(request)
    if room_id:
        reach = await _reach_of(backend, caller, room_id)
    else:
        reach = await run_in_pool(visible_rooms, backend, caller)
    if not reach:
        raise NotAllowed(
            "there is no room whose numbers are yours to see now.",
            hint="Come again when a lesson of yours is on.",
        )
    return _Wanted(request, reach)


async def _reach_of(backend: Backend, caller: Principal, room_ids: list[str]) -> Visibility:
    """These rooms, all of which must be in reach."""
    if len(room_ids) == 1:
        (name,) = room_ids
        return {name: (await run_in_pool(get_visible_room, backend, caller, name))[1]}
    reach = await run_in_pool(visible_rooms, backend, caller)
    found = dict(reach)
    for name in room_ids:
        if name not in found:
            found[name] = (await run_in_pool(get_visible_room, backend, caller, name))[1]
    return {name: found[name] for name in room_ids}


async def _subscribed(
    request: Request, caller: Watcher, wanted: Annotated[_Wanted, Depends(_wanted)]
) -> AsyncIterator[Subscription]:
    broadcast: Broadcast = request.app.state.broadcast
    async with broadcast.subscription(caller.name, frozenset(wanted.rooms)) as subscription:
        yield subscription


@router.get(
    "/events",
    summary="Rooms as they change",
    operation_id="follow_rooms",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Server-sent events: `room`, `window`, `gap`, `end`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
        }
    },
)
async def follow_rooms(
    request: Request,
    wanted: Annotated[_Wanted, Depends(_wanted)],
    subscription: Annotated[Subscription, Depends(_subscribed)],
    header_id: Annotated[
        int | None,
        Header(alias="Last-Event-ID", ge=0, le=LARGEST_ID, description="The last event that came."),
    ] = None,
    last_event_id: Annotated[
        int | None,
        Query(ge=0, le=LARGEST_ID, description="The same, where a header cannot be set."),
    ] = None,
) -> EventSourceResponse:
    """Rooms and their finished windows, from now on, or since an event that came before."""
    broadcast: Broadcast = request.app.state.broadcast
    after = header_id if header_id is not None else last_event_id
    stream = _Stream(wanted, broadcast, subscription)
    return _Response(
        stream.events(after),
        ping=broadcast.limits.heartbeat_seconds,
        ping_message_factory=lambda: ServerSentEvent(comment="heartbeat"),
        send_timeout=broadcast.limits.send_seconds,
    )


class _Response(EventSourceResponse):
    """A stream that lets go of a client that takes nothing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            logger.info("a client of a stream takes nothing: it was let go")


class _Stream:
    """What one client is told."""

    def __init__(self, wanted: _Wanted, broadcast: Broadcast, subscription: Subscription) -> None:
        self._wanted = wanted
        self._broadcast = broadcast
        self._subscription = subscription
        self._floor = 0
        self._told: dict[str, int] = {}

    async def events(self, after: int | None) -> AsyncIterator[ServerSentEvent]:
        """The events, until the stream ends."""
        try:
            async for event in self._until_it_ends(after):
                yield event
        except HomeroomError as error:
            yield _end(error.code)

    async def _until_it_ends(self, after: int | None) -> AsyncIterator[ServerSentEvent]:
        limits = self._broadcast.limits
        ends = time.monotonic() + limits.longest_seconds
        look = time.monotonic() + limits.until_next_look()
        for event in await self._beginning(after):
            yield event
        while time.monotonic() < ends:
            await self._subscription.wait(max(0.0, min(look, ends) - time.monotonic()))
            if not self._broadcast.is_listening:
                yield _end("service_down")
                return
            if time.monotonic() >= look or self._wanted.has_other_settings:
                await self._wanted.must_be_allowed()
                look = time.monotonic() + limits.until_next_look()
            for event in await self._news():
                yield event
        yield _end("too_long")

    async def _beginning(self, after: int | None) -> list[ServerSentEvent]:
        first = ServerSentEvent(comment="welcome", retry=COME_AGAIN_MILLISECONDS)
        if after is None:
            return [first, *await self._anew()]
        wanted = sorted(self._wanted.rooms)
        changes = await self._wanted.backend.rooms.changes(after, 0.0, wanted)
        if not changes.complete:
            return [first, *await self._gap()]
        missed: list[RoomSnapshot | PublishedWindow] = [*changes.rooms, *changes.windows]
        missed.sort(key=lambda one: one.event_id)
        told = self._events(one for one in missed if one.room_id in self._wanted.rooms)
        self._floor = changes.last_id
        return [first, *told]

    async def _news(self) -> list[ServerSentEvent]:
        if self._subscription.lost:
            return await self._gap()
        return self._events(self._subscription.take())

    async def _gap(self) -> list[ServerSentEvent]:
        """Ids may begin anew behind a gap: nothing is known to have been told."""
        self._subscription.lost = False
        self._subscription.take()
        self._floor, self._told = 0, {}
        return [ServerSentEvent(event="gap", data="{}"), *await self._anew()]

    async def _anew(self) -> list[ServerSentEvent]:
        rooms = await self._wanted.backend.rooms.snapshots(sorted(self._wanted.rooms))
        return self._events(sorted(rooms, key=lambda room: room.event_id))

    def _events(self, things: Iterable[RoomSnapshot | PublishedWindow]) -> list[ServerSentEvent]:
        return [event for thing in things if (event := self._event(thing)) is not None]

    def _event(self, thing: RoomSnapshot | PublishedWindow) -> ServerSentEvent | None:
        """An event, unless the client has it, or may not have it."""
        if thing.event_id <= self._floor:
            return None
        backend = self._wanted.backend
        room = backend.settings.rooms_by_id.get(thing.room_id)
        if room is None:
            return None  # gone from the settings: the next look ends the stream
        if isinstance(thing, RoomSnapshot):
            if thing.event_id <= self._told.get(thing.room_id, -1):
                return None
            self._told[thing.room_id] = thing.event_id
            body: Body = room_body(room, thing, backend.identity.clock())
            return _event_of("room", thing.event_id, body)
        since = self._wanted.rooms.get(thing.room_id)
        if since is not None and thing.window.window_start < since:
            return None
        return _event_of("window", thing.event_id, window_body(room, thing))


def _event_of(kind: str, event_id: int, body: Body) -> ServerSentEvent:
    return ServerSentEvent(event=kind, id=str(event_id), data=body.model_dump_json())


def _end(reason: str) -> ServerSentEvent:
    return ServerSentEvent(event="end", data=EndBody(reason=reason).model_dump_json())
