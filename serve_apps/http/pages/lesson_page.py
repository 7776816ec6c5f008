"""`/lessons/{id}`: the page of a lesson, for a teacher of its class.

    live counts of the room   lesson_room.py      updated by lesson.js
    the register              lesson_register.py  each change is a form
    the check-in              lesson_checkin.py   each change is a form

    two counts of the class   lesson_counts.py    in the register, while it is open

Activity is shown for the room alone; the register next to it has names and no activity (R2).
"""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from serve_apps.http.auth.install import Teacher
from serve_apps.http.backend import backend_of
from serve_apps.http.pages.lesson_checkin import load_checkin_status
from serve_apps.http.pages.lesson_counts import load_class_counts
from serve_apps.http.pages.lesson_register import BadgeResult, load_register_section
from serve_apps.http.pages.lesson_room import load_room_section
from serve_apps.http.pages.lessons import load_lesson
from serve_apps.http.pages.rendering import render_page
from serve_apps.http.schemas.base import LessonPath
from serve_apps.http.threads import run_in_pool

PERMISSIONS_POLICY: Final = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"
"""The page may use the phone's camera to read badges; no image leaves the page."""

router = APIRouter(include_in_schema=False)


@router.get("/lessons/{lesson_id}")
async def lesson_page(
    request: Request,
    caller: Teacher,
    lesson_id: LessonPath,
    badge: BadgeResult | None = None,
) -> Response:
    """The page of a lesson; without a script, it says what a badge did."""
    backend = backend_of(request)
    lesson = await run_in_pool(load_lesson, backend, caller, lesson_id)
    register = await load_register_section(request, caller, lesson_id)
    context = {
        "lesson": lesson,
        "live": await load_room_section(backend, caller, lesson),
        "register": register,
        "counts": await load_class_counts(backend, caller, lesson, register.body),
        "checkin": await run_in_pool(load_checkin_status, backend, lesson_id),
        "problem": None,
        "badge_result": badge,
        "k": backend.settings.privacy.k,
    }
    headers = {"Permissions-Policy": PERMISSIONS_POLICY}
    return render_page(request, "lesson.html", context, headers=headers)
