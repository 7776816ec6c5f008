"""`/lessons/{id}`: the page of a lesson, for a teacher of its class.

    the room now      lesson_room.py      followed by live.js
    the register      lesson_register.py  each tap a form
    the check-in      lesson_checkin.py   likewise

What anybody does is told of the room alone; the register next to it knows names and no activity.
"""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from serve_apps.http.backend import backend_of
from serve_apps.http.pages.lesson_checkin import standing_in
from serve_apps.http.pages.lesson_register import listed_of
from serve_apps.http.pages.lesson_room import live_room
from serve_apps.http.pages.lessons import Teacher, lesson_view
from serve_apps.http.pages.rendering import page
from serve_apps.http.schemas.base import LessonPath
from serve_apps.http.threads import run_in_pool

CAMERA_POLICY: Final = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"
"""The page may ask for the phone's camera: it reads badges with it, and sends no picture."""

router = APIRouter(include_in_schema=False)


@router.get("/lessons/{lesson_id}")
async def lesson(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """The page of a lesson."""
    backend = backend_of(request)
    view = await run_in_pool(lesson_view, backend, caller, lesson_id)
    context = {
        "lesson": view,
        "live": await live_room(backend, caller, view),
        "register": await listed_of(request, caller, lesson_id),
        "standing": await run_in_pool(standing_in, backend, lesson_id),
        "problem": None,
        "k": backend.settings.privacy.k,
    }
    return page(request, "lesson.html", context, headers={"Permissions-Policy": CAMERA_POLICY})
