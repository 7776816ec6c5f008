"""`/api/rooms`: what happens in rooms now, and in their last minutes.

A teacher sees rooms of own lessons that are on; a school leader the rooms of own schools. Nothing
here, nor in what it asks, knows a person.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field

from cluster.errors import ServiceDown
from cluster.security.roles import Principal, Role
from serve_apps.http.auth.install import require_roles
from serve_apps.http.auth.visibility import get_visible_room, visible_rooms
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, Page, RoomPath, example_response
from serve_apps.http.schemas.paging import Pages, page_of
from serve_apps.http.schemas.rooms import (
    ROOM_EXAMPLE,
    WINDOW_EXAMPLE,
    RoomBody,
    WindowBody,
    room_body,
    window_body,
)
from serve_apps.http.threads import run_in_pool

MOST_MINUTES: Final = 60
"""Longer stretches are for the warehouse."""

router = APIRouter(prefix="/api/rooms", tags=["rooms"], responses=ERRORS)

Watcher = Annotated[Principal, require_roles(Role.TEACHER, Role.SCHOOL_LEADER)]


class RoomsBody(Page):
    """Rooms with their numbers, by id."""

    rooms: list[RoomBody] = Field(description="Those that the caller may see now.")


class WindowsBody(Body):
    """The finished windows of a room."""

    room_id: str = Field(description="Which room.")
    minutes: int = Field(description="How far back.")
    windows: list[WindowBody] = Field(description="The oldest first.")


@router.get(
    "",
    summary="Rooms with their live numbers",
    operation_id="list_rooms",
    responses=example_response(
        RoomsBody, {"rooms": [ROOM_EXAMPLE], "next": None}, "The rooms that the caller may see."
    ),
)
async def list_rooms(request: Request, caller: Watcher, paging: Pages) -> RoomsBody:
    """The rooms that the caller may see now, with how many people are there and what they do."""
    backend = backend_of(request)
    reach = await run_in_pool(visible_rooms, backend, caller)
    ids, following = page_of(reach, str, paging)
    told = {one.room_id: one for one in await backend.rooms.snapshots(ids)} if ids else {}
    now, known = backend.identity.clock(), backend.settings.rooms_by_id
    rooms = [room_body(known[name], told[name], now) for name in ids if name in told]
    return RoomsBody(rooms=rooms, next=following)


@router.get(
    "/{room_id}",
    summary="One room's live numbers",
    operation_id="show_room",
    responses=example_response(RoomBody, ROOM_EXAMPLE, "The room at this moment."),
)
async def show_room(request: Request, caller: Watcher, room_id: RoomPath) -> RoomBody:
    """How many people are in a room now, and what they do."""
    backend = backend_of(request)
    room, _ = await run_in_pool(get_visible_room, backend, caller, room_id)
    told = await backend.rooms.snapshots([room_id])
    if not told:
        raise ServiceDown(
            "nothing is known of this room yet.", where=room_id, hint="Try again in some seconds."
        )
    return room_body(room, told[0], backend.identity.clock())


@router.get(
    "/{room_id}/windows",
    summary="A room's last minutes",
    operation_id="list_room_windows",
    responses=example_response(
        WindowsBody,
        {"room_id": "room-12", "minutes": 10, "windows": [WINDOW_EXAMPLE]},
        "The finished windows of the last minutes.",
    ),
)
async def list_room_windows(
    request: Request,
    caller: Watcher,
    room_id: RoomPath,
    minutes: Annotated[int, Query(ge=1, le=MOST_MINUTES, description="How far back.")] = 10,
) -> WindowsBody:
    """The windows of ten seconds that a room finished lately; older ones are in the warehouse.

    A teacher gets those since shortly before the own lesson.
    """
    backend = backend_of(request)
    room, since = await run_in_pool(get_visible_room, backend, caller, room_id)
    told = await backend.rooms.windows(room_id, minutes)
    windows = [
        window_body(room, one) for one in told if since is None or one.window.window_start >= since
    ]
    return WindowsBody(room_id=room_id, minutes=minutes, windows=windows)
