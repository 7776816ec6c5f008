"""`/lessons`: a teacher's lessons of today, and the current one."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.status import HTTP_303_SEE_OTHER

from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import Session
from cluster.records.repos.people import class_of
from cluster.security.roles import Principal
from cluster.settings import Settings
from serve_apps.http.auth.install import Teacher
from serve_apps.http.auth.visibility import get_taught_lesson, list_taught_lessons
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.pages.rendering import render_page
from serve_apps.http.threads import run_in_pool

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class LessonView:
    """A lesson as pages show it.

    Attributes:
        lesson_id: Its id.
        title: Title of its class.
        room_id: Its room.
        room_name: Display name of the room.
        starts_at: UTC.
        ends_at: UTC.
        zone: Time zone of its school.
        is_on: It has started and has not ended.
        is_over: It has ended.
    """

    lesson_id: str
    title: str
    room_id: str
    room_name: str
    starts_at: datetime
    ends_at: datetime
    zone: ZoneInfo
    is_on: bool
    is_over: bool


@router.get("/lessons/now")
async def current_lesson(request: Request, caller: Teacher) -> Response:
    """Redirect to the current lesson or the next one today; else to the list."""
    lessons = await run_in_pool(_load_lessons, backend_of(request), caller)
    candidates = [one for one in lessons if one.is_on] or [x for x in lessons if not x.is_over]
    path = f"/lessons/{candidates[0].lesson_id}" if candidates else "/lessons"
    return RedirectResponse(path, status_code=HTTP_303_SEE_OTHER)


@router.get("/lessons")
async def lessons_page(request: Request, caller: Teacher) -> Response:
    """A teacher's lessons of today."""
    backend = backend_of(request)
    lessons = await run_in_pool(_load_lessons, backend, caller)
    context = {"lessons": lessons, "now": backend.audited.clock()}
    return render_page(request, "lessons.html", context)


def load_lesson(backend: Backend, caller: Principal, lesson_id: str) -> LessonView:
    """Return a lesson that the caller teaches; reads the records and blocks.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The caller does not teach its class.
    """
    with backend.audited.records.reading() as session:
        row = get_taught_lesson(session, backend.settings, caller, lesson_id)
        return _view(session, backend.settings, row, backend.audited.clock())


def _load_lessons(backend: Backend, caller: Principal) -> list[LessonView]:
    settings, now = backend.settings, backend.audited.clock()
    with backend.audited.records.reading() as session:
        rows = list_taught_lessons(session, settings, caller, now)
        return [_view(session, settings, row, now) for row in rows]


def _view(session: Session, settings: Settings, row: LessonRow, now: datetime) -> LessonView:
    room = settings.rooms_by_id[row.room_id]
    return LessonView(
        lesson_id=row.id,
        title=class_of(session, row.class_sourced_id).title,
        room_id=room.id,
        room_name=room.name,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        zone=settings.schools_by_id[room.school].zone,
        is_on=row.starts_at <= now < row.ends_at,
        is_over=row.ends_at <= now,
    )
