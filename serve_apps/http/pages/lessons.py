"""`/lessons`: a teacher's lessons of today, and which of them is on now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.status import HTTP_303_SEE_OTHER

from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import Session
from cluster.records.repos.people import class_of
from cluster.security.roles import Principal, Role
from cluster.settings import Settings
from serve_apps.http.auth.install import require_roles
from serve_apps.http.auth.visibility import get_taught_lesson, list_taught_lessons
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.pages.rendering import page
from serve_apps.http.threads import run_in_pool

router = APIRouter(include_in_schema=False)

Teacher = Annotated[Principal, require_roles(Role.TEACHER)]


@dataclass(frozen=True, slots=True)
class LessonView:
    """A lesson as pages show it.

    Attributes:
        lesson_id: Its id.
        title: Of its class.
        room_id: Where.
        room_name: Likewise, for people.
        starts_at: UTC.
        ends_at: UTC.
        zone: Of its school.
        is_on: It has begun and is not over.
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
async def lesson_now(request: Request, caller: Teacher) -> Response:
    """The lesson that is on now, or the next one today; else the list."""
    lessons = await run_in_pool(_lessons_today, backend_of(request), caller)
    now_or_next = [one for one in lessons if one.is_on] or [x for x in lessons if not x.is_over]
    address = f"/lessons/{now_or_next[0].lesson_id}" if now_or_next else "/lessons"
    return RedirectResponse(address, status_code=HTTP_303_SEE_OTHER)


@router.get("/lessons")
async def lessons_of_today(request: Request, caller: Teacher) -> Response:
    """A teacher's lessons of today."""
    backend = backend_of(request)
    lessons = await run_in_pool(_lessons_today, backend, caller)
    return page(request, "lessons.html", {"lessons": lessons, "now": backend.identity.clock()})


def lesson_view(backend: Backend, caller: Principal, lesson_id: str) -> LessonView:
    """A lesson of an own class.

    Raises:
        NotFound: There is none.
        NotAllowed: It is another class's.
    """
    with backend.identity.records.reading() as session:
        row = get_taught_lesson(session, backend.settings, caller, lesson_id)
        return _view(session, backend.settings, row, backend.identity.clock())


def _lessons_today(backend: Backend, caller: Principal) -> list[LessonView]:
    settings, now = backend.settings, backend.identity.clock()
    with backend.identity.records.reading() as session:
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
