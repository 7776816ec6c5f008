"""`/api/lessons`: which lessons there are, and whether their registers are taken.

A teacher sees lessons of own classes, a school leader those of own schools: class and room, never
who is in it. Of a register this tells one word; who was there is in `registers.py`, for teachers of
the class alone.
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
from serve_apps.http.auth.visibility import get_visible_lesson, lessons_seen_on
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, LessonPath, Name, Page, Utc, example_response
from serve_apps.http.schemas.paging import Pages, page_of

router = APIRouter(prefix="/api/lessons", tags=["lessons"], responses=ERRORS)

Reader = Annotated[Principal, require_roles(Role.TEACHER, Role.SCHOOL_LEADER)]


class Taking(StrEnum):
    """Whether a register is taken."""

    NOT_TAKEN = "not_taken"
    OPEN = "open"
    TAKEN = "taken"


class LessonBody(Body):
    """One meeting of a class in a room."""

    lesson_id: str = Field(description="Which lesson.")
    class_id: str = Field(description="The class's sourcedId.")
    class_title: str = Field(description="The class's title in the roster.")
    room_id: str = Field(description="Where.")
    school_id: str = Field(description="The room's school.")
    starts_at: Utc = Field(description="Its start.")
    ends_at: Utc = Field(description="Its end.")
    is_on: bool = Field(description="It has begun and is not over.")


class LessonsBody(Page):
    """Lessons of a day, by start."""

    lessons: list[LessonBody] = Field(description="Those that the caller may see.")


class SummaryBody(Body):
    """What is told of a register to those who may not see who was there."""

    lesson_id: str = Field(description="Of which lesson.")
    register_state: Taking = Field(
        alias="register",
        description="`taken` when something in it is confirmed and it is closed.",
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
    paging: Pages,
    day: Annotated[
        date | None, Query(alias="date", description="At the school; today unless given.")
    ] = None,
    room_id: Annotated[Name | None, Query(description="Only in this room.")] = None,
    school_id: Annotated[Name | None, Query(description="Only at this school.")] = None,
) -> LessonsBody:
    """The lessons of a day: of own classes for a teacher, of own schools for a school leader."""
    backend = backend_of(request)
    settings, now = backend.settings, backend.identity.clock()
    with backend.identity.records.reading() as session:
        seen = [
            one
            for one in lessons_seen_on(session, settings, caller, day or now)
            if room_id in (None, one.room_id)
            and school_id in (None, settings.rooms_by_id[one.room_id].school)
        ]
        page, following = page_of(seen, _key, paging)
        lessons = [_body(session, settings, one, now) for one in page]
    return LessonsBody(lessons=lessons, next=following)


@router.get(
    "/{lesson_id}/register/summary",
    summary="Whether a register is taken",
    operation_id="summarise_register",
    tags=["registers"],
    responses=example_response(
        SummaryBody,
        {"lesson_id": LESSON_EXAMPLE["lesson_id"], "register": "taken"},
        "One word; nobody of the class.",
    ),
)
def summarise_register(request: Request, caller: Reader, lesson_id: LessonPath) -> SummaryBody:
    """Whether the attendance of a lesson is taken: no person, and no count of them."""
    backend = backend_of(request)
    with backend.identity.records.reading() as session:
        get_visible_lesson(session, backend.settings, caller, lesson_id)
        taking = takings(session, [lesson_id], backend.identity.clock())[lesson_id]
    return SummaryBody(lesson_id=lesson_id, register=taking)


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


def takings(session: Session, lessons: Sequence[str], now: datetime) -> dict[str, Taking]:
    """One word of each lesson's register, in one question for all of them.

    Args:
        session: Of the records.
        lessons: Their ids.
        now: UTC.
    """
    known = registers.progress_of(session, lessons)
    found = dict.fromkeys(lessons, Taking.NOT_TAKEN)
    for lesson_id, (state, closes_at, anything_is_confirmed) in known.items():
        if state == "open" and now < closes_at:
            found[lesson_id] = Taking.OPEN
        elif anything_is_confirmed:
            found[lesson_id] = Taking.TAKEN
    return found
