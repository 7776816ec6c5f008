"""What a lesson's room does now: numbers, shares, and the line of the last minutes.

Told of the room alone, through the same suppression as everywhere.
"""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from cluster.errors import HomeroomError, NotAllowed
from cluster.security.roles import Principal
from serve_apps.http.auth.visibility import get_visible_room
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.pages.chart import Chart, chart_of
from serve_apps.http.pages.lessons import LessonView, Teacher, lesson_view
from serve_apps.http.pages.rendering import page
from serve_apps.http.schemas.base import LessonPath
from serve_apps.http.schemas.rooms import RoomBody, room_body
from serve_apps.http.threads import run_in_pool

CHART_MINUTES: Final = 20

router = APIRouter(prefix="/lessons/{lesson_id}", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class LiveRoom:
    """What a lesson page shows of its room; `body` is None where that is not to be seen now."""

    body: RoomBody | None
    chart: Chart | None


@router.get("/chart")
async def chart(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """The line of the last minutes, drawn anew."""
    backend = backend_of(request)
    view = await run_in_pool(lesson_view, backend, caller, lesson_id)
    live = await live_room(backend, caller, view)
    return page(request, "_chart.html", {"lesson": view, "live": live})


async def live_room(backend: Backend, caller: Principal, view: LessonView) -> LiveRoom:
    """The room of a lesson, as far as the caller may see it now."""
    try:
        room, since = await run_in_pool(get_visible_room, backend, caller, view.room_id)
    except NotAllowed:
        return LiveRoom(None, None)
    now = backend.identity.clock()
    try:
        told = await backend.rooms.snapshots([room.id])
        windows = await backend.rooms.windows(room.id, CHART_MINUTES)
    except HomeroomError:  # the page comes without numbers, and its script asks again
        return LiveRoom(_unknown(view), None)
    seen = [one.window for one in windows if since is None or one.window.window_start >= since]
    body = room_body(room, told[0], now) if told else _unknown(view)
    return LiveRoom(body, chart_of(seen, now, CHART_MINUTES))


def _unknown(view: LessonView) -> RoomBody:
    nothing: dict[str, Any] = dict.fromkeys(RoomBody.model_fields)
    known = {
        "room_id": view.room_id,
        "name": view.room_name,
        "school_id": "",
        "kind": "classroom",
        "state": "down",
        "reason": "service_down",
        "suppressed": True,
        "frames": 0,
        "window_seconds": 0,
        "event_id": 0,
    }
    return RoomBody.model_validate({**nothing, **known})
