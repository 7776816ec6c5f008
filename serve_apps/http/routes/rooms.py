"""`/api/rooms`: live counts of rooms, and their windows of the last minutes.

A teacher sees rooms during their own lessons, a school leader the rooms of their schools. Neither
these routes nor the deployments that they call know a person (R2).
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field

from cluster.errors import ServiceDown
from cluster.security.roles import Principal, Role
from serve_apps.http.auth.install import require_roles
from serve_apps.http.auth.visibility import get_visible_room, get_visible_rooms
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, Page, RoomPath, example_response
from serve_apps.http.schemas.paging import PagingQuery, paginate
from serve_apps.http.schemas.rooms import (
    ROOM_EXAMPLE,
    WINDOW_EXAMPLE,
    RoomBody,
    WindowBody,
    room_body,
    window_body,
)
from serve_apps.http.threads import run_in_pool

MAX_MINUTES: Final = 60
"""Longer periods are in the warehouse."""

router = APIRouter(prefix="/api/rooms", tags=["rooms"], responses=ERRORS)

RoomViewer = Annotated[Principal, require_roles(Role.TEACHER, Role.SCHOOL_LEADER)]


class RoomsBody(Page):
    """Rooms with their live counts, by id."""

    rooms: list[RoomBody] = Field(description="Those that the caller may see now.")


class WindowsBody(Body):
    """The finished windows of a room."""

    room_id: str = Field(description="The room's id.")
    minutes: int = Field(description="How many minutes back.")
    windows: list[WindowBody] = Field(description="The oldest first.")


@router.get(
    "",
    summary="Rooms with their live counts",
    operation_id="list_rooms",
    responses=example_response(
        RoomsBody, {"rooms": [ROOM_EXAMPLE], "next": None}, "The rooms that the caller may see."
    ),
)
async def list_rooms(request: Request, caller: RoomViewer, paging: PagingQuery) -> RoomsBody:
    """List the rooms that the caller may see now, with headcounts and shares of activities."""
    backend = backend_of(request)
    visible = await run_in_pool(get_visible_rooms, backend, caller)
    ids, following = paginate(visible, str, paging)
    snapshots = {one.room_id: one for one in await backend.rooms.snapshots(ids)} if ids else {}
    now, by_id = backend.audited.clock(), backend.settings.rooms_by_id
    k = backend.settings.privacy.k
    rooms = [room_body(by_id[name], snapshots[name], now, k=k) for name in ids if name in snapshots]
    return RoomsBody(rooms=rooms, next=following)


@router.get(
    "/{room_id}",
    summary="Live counts of one room",
    operation_id="show_room",
    responses=example_response(RoomBody, ROOM_EXAMPLE, "The current state of the room."),
)
async def show_room(request: Request, caller: RoomViewer, room_id: RoomPath) -> RoomBody:
    """Show the headcount of a room now, and shares of activities."""
    backend = backend_of(request)
    room, _ = await run_in_pool(get_visible_room, backend, caller, room_id)
    snapshots = await backend.rooms.snapshots([room_id])
    if not snapshots:
        raise ServiceDown(
            "there are no counts of this room yet.",
            where=room_id,
            hint="Try again in some seconds.",
        )
    k = backend.settings.privacy.k
    return room_body(room, snapshots[0], backend.audited.clock(), k=k)


@router.get(
    "/{room_id}/windows",
    summary="Windows of a room's last minutes",
    operation_id="list_room_windows",
    responses=example_response(
        WindowsBody,
        {"room_id": "room-12", "minutes": 10, "windows": [WINDOW_EXAMPLE]},
        "The finished windows of the last minutes.",
    ),
)
async def list_room_windows(
    request: Request,
    caller: RoomViewer,
    room_id: RoomPath,
    minutes: Annotated[int, Query(ge=1, le=MAX_MINUTES, description="How many minutes back.")] = 10,
) -> WindowsBody:
    """List a room's finished windows of the last minutes; older ones are in the warehouse.

    A teacher gets those since shortly before their own lesson.
    """
    backend = backend_of(request)
    room, since = await run_in_pool(get_visible_room, backend, caller, room_id)
    published = await backend.rooms.windows(room_id, minutes)
    windows = [
        window_body(room, one, k=backend.settings.privacy.k)
        for one in published
        if since is None or one.window.window_start >= since
    ]
    return WindowsBody(room_id=room_id, minutes=minutes, windows=windows)
