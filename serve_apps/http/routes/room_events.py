"""`/api/rooms/events`: changes of rooms, as server-sent events.

    event: room     live counts of a room, as in GET /api/rooms/{id}
    event: window   a finished window of a room
    event: gap      events were lost: the current state of every room follows
    event: end      the stream ends, with the reason; reconnect
    : heartbeat     every 15 seconds

Each `room` and `window` has an id; a client that reconnects with `Last-Event-ID` gets what happened
since. A slow client gets only the latest state of a room. What the caller may see is checked again
periodically, and when the settings have changed: when a lesson ends, a token is revoked or a room
is removed, the stream ends.
Source: WHATWG HTML, "Server-sent events".
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
from serve_apps.http.auth.install import reauthenticate
from serve_apps.http.auth.visibility import Visibility, get_visible_room, get_visible_rooms
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.routes.rooms import RoomViewer
from serve_apps.http.schemas.base import Body, SettingsId
from serve_apps.http.schemas.rooms import room_body, window_body
from serve_apps.http.services.room_broadcast import RoomBroadcast, Subscription
from serve_apps.http.threads import run_in_pool

logger = logging.getLogger(__name__)

MAX_ROOMS: Final = 200
MAX_EVENT_ID: Final = 2**53 - 1

EXAMPLE: Final = (
    'event: room\nid: 1841\ndata: {"room_id":"room-12","people":24, …}\n\n'
    'event: window\nid: 1842\ndata: {"room_id":"room-12","people_max":25, …}\n\n'
    ": heartbeat\n\n"
    'event: end\ndata: {"reason":"not_allowed"}\n\n'
)

router = APIRouter(prefix="/api/rooms", tags=["rooms"], responses=ERRORS)


class EndBody(Body):
    """The reason for which a stream ends."""

    reason: str


class _RoomAccess:
    """The rooms of a stream, and whether the caller may still see them."""

    def __init__(self, request: Request, rooms: Visibility) -> None:
        self.rooms = rooms
        self._request = request
        self._checked_settings = self.backend.settings

    @property
    def backend(self) -> Backend:
        """The current backend: settings may have changed since the stream began."""
        return backend_of(self._request)

    @property
    def settings_have_changed(self) -> bool:
        """Whether settings have changed since the last check."""
        return self.backend.settings is not self._checked_settings

    async def recheck(self) -> None:
        """Check again what the caller may see.

        Raises:
            NotSignedIn: The sign-in has ended.
            NotAllowed: The caller may no longer see one of the rooms.
            NotFound: A room is no longer in the settings.
        """
        self._checked_settings = self.backend.settings
        caller = await reauthenticate(self._request)
        self.rooms = await _get_visibility(self.backend, caller, list(self.rooms))


async def _room_access(
    request: Request,
    caller: RoomViewer,
    room_id: Annotated[
        list[SettingsId] | None,
        Query(max_length=MAX_ROOMS, description="Ids of rooms; all visible ones unless given."),
    ] = None,
) -> _RoomAccess:
    backend = backend_of(request)
    if room_id:
        visible = await _get_visibility(backend, caller, room_id)
    else:
        visible = await run_in_pool(get_visible_rooms, backend, caller)
    if not visible:
        raise NotAllowed(
            "there is no room that you may see now.",
            hint="Try again during one of your lessons.",
        )
    return _RoomAccess(request, visible)


async def _get_visibility(backend: Backend, caller: Principal, room_ids: list[str]) -> Visibility:
    """Return since when windows of some rooms may be seen; the caller must see all of them now."""
    if len(room_ids) == 1:
        (name,) = room_ids
        return {name: (await run_in_pool(get_visible_room, backend, caller, name))[1]}
    visible = dict(await run_in_pool(get_visible_rooms, backend, caller))
    for name in room_ids:
        if name not in visible:
            visible[name] = (await run_in_pool(get_visible_room, backend, caller, name))[1]
    return {name: visible[name] for name in room_ids}


async def _subscription(
    request: Request, caller: RoomViewer, access: Annotated[_RoomAccess, Depends(_room_access)]
) -> AsyncIterator[Subscription]:
    broadcast: RoomBroadcast = request.app.state.broadcast
    async with broadcast.subscribe(caller.name, frozenset(access.rooms)) as subscription:
        yield subscription


@router.get(
    "/events",
    summary="Changes of rooms",
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
    access: Annotated[_RoomAccess, Depends(_room_access)],
    subscription: Annotated[Subscription, Depends(_subscription)],
    header_id: Annotated[
        int | None,
        Header(
            alias="Last-Event-ID",
            ge=0,
            le=MAX_EVENT_ID,
            description="Id of the last event received.",
        ),
    ] = None,
    last_event_id: Annotated[
        int | None,
        Query(ge=0, le=MAX_EVENT_ID, description="The same, where a header cannot be set."),
    ] = None,
) -> EventSourceResponse:
    """Stream rooms and their finished windows, from now on or after an event."""
    broadcast: RoomBroadcast = request.app.state.broadcast
    after = header_id if header_id is not None else last_event_id
    stream = _EventStream(access, broadcast, subscription)
    return _EventResponse(
        stream.events(after),
        ping=broadcast.limits.heartbeat_seconds,
        ping_message_factory=lambda: ServerSentEvent(comment="heartbeat"),
        send_timeout=broadcast.limits.send_timeout_seconds,
    )


class _EventResponse(EventSourceResponse):
    """A stream that disconnects a client that reads nothing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            logger.info("a client of a stream read nothing: disconnected")


class _EventStream:
    """The events of one client."""

    def __init__(
        self, access: _RoomAccess, broadcast: RoomBroadcast, subscription: Subscription
    ) -> None:
        self._access = access
        self._broadcast = broadcast
        self._subscription = subscription
        self._sent_up_to = 0
        self._sent_by_room: dict[str, int] = {}

    async def events(self, after: int | None) -> AsyncIterator[ServerSentEvent]:
        """Yield the events, until the stream ends."""
        try:
            async for event in self._run(after):
                yield event
        except HomeroomError as error:
            yield _end_event(error.code)

    async def _run(self, after: int | None) -> AsyncIterator[ServerSentEvent]:
        limits = self._broadcast.limits
        end_at = time.monotonic() + limits.max_seconds
        recheck_at = time.monotonic() + limits.next_recheck_seconds()
        for event in await self._initial_events(after):
            yield event
        while time.monotonic() < end_at:
            await self._subscription.wait(max(0.0, min(recheck_at, end_at) - time.monotonic()))
            if not self._broadcast.is_polling:
                yield _end_event("service_down")
                return
            if time.monotonic() >= recheck_at or self._access.settings_have_changed:
                await self._access.recheck()
                recheck_at = time.monotonic() + limits.next_recheck_seconds()
            for event in await self._buffered_events():
                yield event
        yield _end_event("too_long")

    async def _initial_events(self, after: int | None) -> list[ServerSentEvent]:
        first = ServerSentEvent(
            comment="welcome", retry=self._broadcast.limits.reconnect_milliseconds
        )
        if after is None:
            return [first, *await self._snapshot_events()]
        room_ids = sorted(self._access.rooms)
        changes = await self._access.backend.rooms.changes(after, 0.0, room_ids)
        if not changes.complete:
            return [first, *await self._gap_events()]
        missed: list[RoomSnapshot | PublishedWindow] = [*changes.rooms, *changes.windows]
        missed.sort(key=lambda one: one.event_id)
        events = self._events(one for one in missed if one.room_id in self._access.rooms)
        self._sent_up_to = changes.last_id
        return [first, *events]

    async def _buffered_events(self) -> list[ServerSentEvent]:
        if self._subscription.lost:
            return await self._gap_events()
        return self._events(self._subscription.drain())

    async def _gap_events(self) -> list[ServerSentEvent]:
        """Return a gap and the current state of all rooms; ids may restart after a gap."""
        self._subscription.lost = False
        self._subscription.drain()
        self._sent_up_to, self._sent_by_room = 0, {}
        return [ServerSentEvent(event="gap", data="{}"), *await self._snapshot_events()]

    async def _snapshot_events(self) -> list[ServerSentEvent]:
        rooms = await self._access.backend.rooms.snapshots(sorted(self._access.rooms))
        return self._events(sorted(rooms, key=lambda room: room.event_id))

    def _events(self, changes: Iterable[RoomSnapshot | PublishedWindow]) -> list[ServerSentEvent]:
        return [event for one in changes if (event := self._event(one)) is not None]

    def _event(self, change: RoomSnapshot | PublishedWindow) -> ServerSentEvent | None:
        """Return the event for a change, unless the client has it or may not see it."""
        if change.event_id <= self._sent_up_to:
            return None
        backend = self._access.backend
        room = backend.settings.rooms_by_id.get(change.room_id)
        if room is None:
            return None  # no longer in the settings: the next check ends the stream
        k = backend.settings.privacy.k
        if isinstance(change, RoomSnapshot):
            if change.event_id <= self._sent_by_room.get(change.room_id, -1):
                return None
            self._sent_by_room[change.room_id] = change.event_id
            body: Body = room_body(room, change, backend.audited.clock(), k=k)
            return _build_event("room", change.event_id, body)
        since = self._access.rooms.get(change.room_id)
        if since is not None and change.window.window_start < since:
            return None
        return _build_event("window", change.event_id, window_body(room, change, k=k))


def _build_event(kind: str, event_id: int, body: Body) -> ServerSentEvent:
    return ServerSentEvent(event=kind, id=str(event_id), data=body.model_dump_json())


def _end_event(reason: str) -> ServerSentEvent:
    return ServerSentEvent(event="end", data=EndBody(reason=reason).model_dump_json())
