"""`/school`: rooms and lessons of the schools that a school leader leads, never a person.

    what needs attention   school_day.py, school_rooms.py   refreshed each minute
    live counts of rooms   school_rooms.py                  updated by school.js
    lessons of today       school_day.py                    refreshed each minute

The page links to no register: attendance is for teachers of the class alone.
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from cluster.security.roles import Principal, Role
from cluster.settings import Room, School
from serve_apps.http.auth.install import require_roles
from serve_apps.http.auth.visibility import get_led_school, get_led_schools
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.pages.rendering import render_page
from serve_apps.http.pages.school_day import LessonSummary, load_lessons_today
from serve_apps.http.pages.school_rooms import (
    CameraProblem,
    RoomCard,
    load_camera_problems,
    load_room_cards,
)
from serve_apps.http.schemas.base import SettingsId
from serve_apps.http.threads import run_in_pool

router = APIRouter(prefix="/school", include_in_schema=False)

SchoolPath = Annotated[SettingsId, Path(description="The school's id.")]
Leader = Annotated[Principal, require_roles(Role.SCHOOL_LEADER)]


@dataclass(frozen=True, slots=True)
class SchoolDay:
    """What changes slowly at a school.

    Attributes:
        school: The school.
        lessons: Lessons of today, by start.
        camera_problems: Of its cameras; None where their status cannot be read.
    """

    school: School
    lessons: list[LessonSummary]
    camera_problems: list[CameraProblem] | None

    @property
    def lessons_without_register(self) -> list[LessonSummary]:
        """Lessons that have started and whose register nobody has taken."""
        return [one for one in self.lessons if one.is_register_missing]


@dataclass(frozen=True, slots=True)
class SchoolOverview:
    """A school on the page.

    Attributes:
        day: What changes slowly.
        rooms: Classrooms and halls.
        vehicles: School buses.
    """

    day: SchoolDay
    rooms: list[RoomCard]
    vehicles: list[RoomCard]


@router.get("")
async def school_page(request: Request, caller: Leader) -> Response:
    """Rooms and lessons of the caller's schools."""
    backend = backend_of(request)
    schools = get_led_schools(backend.settings, caller)
    overviews = await asyncio.gather(*(_load_overview(backend, one) for one in schools))
    cards = [card for one in overviews for card in (*one.rooms, *one.vehicles)]
    context = {
        "overviews": overviews,
        "k": backend.settings.privacy.k,
        "now": backend.audited.clock(),
        "has_rooms": bool(cards),
        "counts_unavailable": bool(cards) and all(card.state is None for card in cards),
    }
    return render_page(request, "school.html", context)


@router.get("/{school_id}/attention")
async def attention_section(request: Request, caller: Leader, school_id: SchoolPath) -> Response:
    """What needs attention at a school."""
    return await _render_section(request, caller, school_id, "_school_attention.html")


@router.get("/{school_id}/lessons")
async def lessons_section(request: Request, caller: Leader, school_id: SchoolPath) -> Response:
    """A school's lessons of today."""
    return await _render_section(request, caller, school_id, "_school_lessons.html")


async def _render_section(
    request: Request, caller: Principal, school_id: str, template: str
) -> Response:
    backend = backend_of(request)
    school = get_led_school(backend.settings, caller, school_id)
    day = await _load_day(backend, school, _rooms_of(backend, school))
    return render_page(request, template, {"day": day})


async def _load_overview(backend: Backend, school: School) -> SchoolOverview:
    rooms = _rooms_of(backend, school)
    cards, day = await asyncio.gather(
        load_room_cards(backend, rooms), _load_day(backend, school, rooms)
    )
    return SchoolOverview(
        day=day,
        rooms=[card for card in cards if card.kind != "vehicle"],
        vehicles=[card for card in cards if card.kind == "vehicle"],
    )


async def _load_day(backend: Backend, school: School, rooms: list[Room]) -> SchoolDay:
    lessons, problems = await asyncio.gather(
        run_in_pool(load_lessons_today, backend, rooms), load_camera_problems(backend, rooms)
    )
    return SchoolDay(school, lessons, problems)


def _rooms_of(backend: Backend, school: School) -> list[Room]:
    return [room for room in backend.settings.rooms if room.school == school.id]
