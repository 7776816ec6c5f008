"""The live counts of a lesson's room: people, shares, and a chart of the last minutes.

For the room alone, and with the same suppression as everywhere (R2, R3).
"""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from cluster.activity.suppression import restrict_window
from cluster.calibration.drift import Drift
from cluster.errors import HomeroomError, NotAllowed
from cluster.security.roles import Principal
from serve_apps.http.auth.install import Teacher
from serve_apps.http.auth.visibility import get_visible_room
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.pages.chart import Chart, draw_chart
from serve_apps.http.pages.lessons import LessonView, load_lesson
from serve_apps.http.pages.rendering import render_page
from serve_apps.http.schemas.base import LessonPath
from serve_apps.http.schemas.rooms import RoomBody, room_body
from serve_apps.http.threads import run_in_pool

CHART_MINUTES: Final = 20

router = APIRouter(prefix="/lessons/{lesson_id}", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class RoomSection:
    """The room's section of a lesson page.

    Attributes:
        body: The live counts; None while the caller may not see them.
        chart: Of the last minutes; None where they cannot be read.
    """

    body: RoomBody | None
    chart: Chart | None


@router.get("/chart")
async def chart_section(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """The chart of the last minutes."""
    backend = backend_of(request)
    lesson = await run_in_pool(load_lesson, backend, caller, lesson_id)
    live = await load_room_section(backend, caller, lesson)
    return render_page(request, "_chart.html", {"lesson": lesson, "live": live})


async def load_room_section(backend: Backend, caller: Principal, lesson: LessonView) -> RoomSection:
    """Return the room of a lesson, as far as the caller may see it now."""
    try:
        room, since = await run_in_pool(get_visible_room, backend, caller, lesson.room_id)
    except NotAllowed:
        return RoomSection(None, None)
    now = backend.audited.clock()
    try:
        snapshots = await backend.rooms.snapshots([room.id])
        windows = await backend.rooms.windows(room.id, CHART_MINUTES)
    except HomeroomError:  # the page is shown without counts; its script keeps trying
        return RoomSection(_unavailable(lesson), None)
    k, headcount_only = backend.settings.privacy.k, room.kind == "vehicle"
    visible = [
        restrict_window(one.window, k=k, headcount_only=headcount_only, counted_k=one.k)
        for one in windows
        if since is None or one.window.window_start >= since
    ]
    body = room_body(room, snapshots[0], now, k=k) if snapshots else _unavailable(lesson)
    return RoomSection(body, draw_chart(visible, now, CHART_MINUTES))


def _unavailable(lesson: LessonView) -> RoomBody:
    empty: dict[str, Any] = dict.fromkeys(RoomBody.model_fields)
    required = {
        "room_id": lesson.room_id,
        "name": lesson.room_name,
        "school_id": "",
        "kind": "classroom",
        "state": "down",
        "reason": "service_down",
        "suppressed": True,
        "camera_drift": Drift.NONE,
        "frames": 0,
        "window_seconds": 0,
        "event_id": 0,
    }
    return RoomBody.model_validate({**empty, **required})
