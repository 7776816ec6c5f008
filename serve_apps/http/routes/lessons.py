"""`/api/lessons`: the lessons of a day, and the progress of their registers.

A teacher sees lessons of their own classes, a school leader those of their schools: class and room,
never a student. Of a register these routes return its progress; the entries are in `registers.py`,
for teachers of the class alone.
"""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field

from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import registers
from cluster.records.repos.people import class_of
from cluster.security.roles import Principal, Role
from cluster.settings import Settings
from serve_apps.http.auth.install import require_roles
from serve_apps.http.auth.visibility import get_visible_lesson, list_visible_lessons
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, LessonPath, Page, SettingsId, Utc, example_response
from serve_apps.http.schemas.paging import PagingQuery, paginate

router = APIRouter(prefix="/api/lessons", tags=["lessons"], responses=ERRORS)

Reader = Annotated[Principal, require_roles(Role.TEACHER, Role.SCHOOL_LEADER)]


class RegisterProgress(StrEnum):
    """Progress of a register."""

    NOT_TAKEN = "not_taken"
    OPEN = "open"
    TAKEN = "taken"


class LessonBody(Body):
    """One meeting of a class in a room."""

    lesson_id: str = Field(description="The lesson's id.")
    class_id: str = Field(description="The class's sourcedId.")
    class_title: str = Field(description="The class's title in the roster.")
    room_id: str = Field(description="The room's id.")
    school_id: str = Field(description="The school's id.")
    starts_at: Utc = Field(description="When it starts.")
    ends_at: Utc = Field(description="When it ends.")
    is_on: bool = Field(description="Whether it is in progress.")


class LessonsBody(Page):
    """Lessons of a day, by start."""

    lessons: list[LessonBody] = Field(description="Those that the caller may see.")


class RegisterSummaryBody(Body):
    """The progress of a register, for callers who may not see its entries."""

    lesson_id: str = Field(description="The lesson's id.")
    register_state: RegisterProgress = Field(
        alias="register",
        description="`taken`: it is closed, and an entry is confirmed.",
    )


LESSON_EXAMPLE: Final[dict[str, Any]] = {
    "lesson_id": "room-12-20260302-0900-5f2c8a11",
    "class_id": "class-7b-science",
    "class_title": "7B Science",
    "room_id": "room-12",
    "school_id": "hill",
    "starts_at": "2026-03-02T09:00:00Z",
    "ends_at": "2026-03-02T09:45:00Z",
    "is_on": True,
}


@router.get(
    "",
    summary="Lessons of a day",
    operation_id="list_lessons",
    responses=example_response(
        LessonsBody,
        {"lessons": [LESSON_EXAMPLE], "next": None},
        "The lessons that the caller may see.",
    ),
)
def list_lessons(
    request: Request,
    caller: Reader,
    paging: PagingQuery,
    day: Annotated[
        date | None, Query(alias="date", description="Date at the school; today unless given.")
    ] = None,
    room_id: Annotated[SettingsId | None, Query(description="Only lessons in this room.")] = None,
    school_id: Annotated[
        SettingsId | None, Query(description="Only lessons at this school.")
    ] = None,
) -> LessonsBody:
    """List lessons of a day: of own classes for teachers, of own schools for school leaders."""
    backend = backend_of(request)
    settings, now = backend.settings, backend.audited.clock()
    with backend.audited.records.reading() as session:
        visible = [
            one
            for one in list_visible_lessons(session, settings, caller, day or now)
            if room_id in (None, one.room_id)
            and school_id in (None, settings.rooms_by_id[one.room_id].school)
        ]
        page, following = paginate(visible, _key, paging)
        lessons = [_body(session, settings, one, now) for one in page]
    return LessonsBody(lessons=lessons, next=following)


@router.get(
    "/{lesson_id}/register/summary",
    summary="Whether a register is taken",
    operation_id="summarise_register",
    tags=["registers"],
    responses=example_response(
        RegisterSummaryBody,
        {"lesson_id": LESSON_EXAMPLE["lesson_id"], "register": "taken"},
        "Its progress, without entries.",
    ),
)
def summarise_register(
    request: Request, caller: Reader, lesson_id: LessonPath
) -> RegisterSummaryBody:
    """Show whether the register of a lesson is taken: no person, and no count of persons."""
    backend = backend_of(request)
    with backend.audited.records.reading() as session:
        get_visible_lesson(session, backend.settings, caller, lesson_id)
        progress = register_progress_of(session, [lesson_id], backend.audited.clock())[lesson_id]
    return RegisterSummaryBody(lesson_id=lesson_id, register=progress)


def _key(lesson: LessonRow) -> str:
    return f"{lesson.starts_at:%Y%m%dT%H%M%S} {lesson.id}"


def _body(session: Session, settings: Settings, lesson: LessonRow, now: datetime) -> LessonBody:
    return LessonBody(
        lesson_id=lesson.id,
        class_id=lesson.class_sourced_id,
        class_title=class_of(session, lesson.class_sourced_id).title,
        room_id=lesson.room_id,
        school_id=settings.rooms_by_id[lesson.room_id].school,
        starts_at=lesson.starts_at,
        ends_at=lesson.ends_at,
        is_on=lesson.starts_at <= now < lesson.ends_at,
    )


def register_progress_of(
    session: Session, lessons: Sequence[str], now: datetime
) -> dict[str, RegisterProgress]:
    """Return the progress of each lesson's register, with one query for all of them.

    Args:
        session: Session of the records.
        lessons: Ids of the lessons.
        now: The current time, UTC.
    """
    rows = registers.progress_of(session, lessons)
    progress = dict.fromkeys(lessons, RegisterProgress.NOT_TAKEN)
    for lesson_id, (state, closes_at, has_confirmed_entry) in rows.items():
        if state == "open" and now < closes_at:
            progress[lesson_id] = RegisterProgress.OPEN
        elif has_confirmed_entry:
            progress[lesson_id] = RegisterProgress.TAKEN
    return progress
