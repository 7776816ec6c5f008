"""`/school`: the page of a school leader: rooms and lessons of own schools, never a person.

    what needs attention  school_day.py, school_rooms.py   drawn anew each minute
    each room now         school_rooms.py                  followed by school.js
    lessons of today      school_day.py                    drawn anew each minute

The page leads to no register: who was there is for teachers of the class alone.
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
from serve_apps.http.pages.rendering import page
from serve_apps.http.pages.school_day import LessonLine, lessons_in
from serve_apps.http.pages.school_rooms import (
    CameraTrouble,
    RoomCard,
    cameras_in_trouble,
    room_cards,
)
from serve_apps.http.schemas.base import SettingsId
from serve_apps.http.threads import run_in_pool

router = APIRouter(prefix="/school", include_in_schema=False)

SchoolPath = Annotated[SettingsId, Path(description="Which school.")]
Leader = Annotated[Principal, require_roles(Role.SCHOOL_LEADER)]


@dataclass(frozen=True, slots=True)
class Today:
    """What changes slowly at a school.

    Attributes:
        school: Which.
        lessons: Of today, by start.
        cameras: Those that need care; None where nobody can tell now.
    """

    school: School
    lessons: list[LessonLine]
    cameras: list[CameraTrouble] | None

    @property
    def due(self) -> list[LessonLine]:
        """Lessons that have begun, and whose registers nobody has taken."""
        return [one for one in self.lessons if one.is_due]


@dataclass(frozen=True, slots=True)
class Led:
    """A school on the page.

    Attributes:
        today: What changes slowly.
        rooms: Classrooms and halls.
        vehicles: School buses: how many are on each.
    """

    today: Today
    rooms: list[RoomCard]
    vehicles: list[RoomCard]


@router.get("")
async def school(request: Request, caller: Leader) -> Response:
    """Rooms and lessons of own schools."""
    backend = backend_of(request)
    found = get_led_schools(backend.settings, caller)
    led = await asyncio.gather(*(_led(backend, one) for one in found))
    cards = [card for one in led for card in (*one.rooms, *one.vehicles)]
    context = {
        "schools": led,
        "now": backend.identity.clock(),
        "any_rooms": bool(cards),
        "no_numbers": bool(cards) and all(card.state is None for card in cards),
    }
    return page(request, "school.html", context)


@router.get("/{school_id}/attention")
async def attention(request: Request, caller: Leader, school_id: SchoolPath) -> Response:
    """What needs attention at a school, drawn anew."""
    return await _part(request, caller, school_id, "_school_attention.html")


@router.get("/{school_id}/lessons")
async def lessons(request: Request, caller: Leader, school_id: SchoolPath) -> Response:
    """A school's lessons of today, drawn anew."""
    return await _part(request, caller, school_id, "_school_lessons.html")


async def _part(request: Request, caller: Principal, school_id: str, template: str) -> Response:
    backend = backend_of(request)
    found = get_led_school(backend.settings, caller, school_id)
    today = await _today(backend, found, _rooms_of(backend, found))
    return page(request, template, {"today": today})


async def _led(backend: Backend, found: School) -> Led:
    rooms = _rooms_of(backend, found)
    cards, slow = await asyncio.gather(room_cards(backend, rooms), _today(backend, found, rooms))
    return Led(
        today=slow,
        rooms=[card for card in cards if card.kind != "vehicle"],
        vehicles=[card for card in cards if card.kind == "vehicle"],
    )


async def _today(backend: Backend, found: School, rooms: list[Room]) -> Today:
    lessons, cameras = await asyncio.gather(
        run_in_pool(lessons_in, backend, rooms), cameras_in_trouble(backend, rooms)
    )
    return Today(found, lessons, cameras)


def _rooms_of(backend: Backend, found: School) -> list[Room]:
    return [room for room in backend.settings.rooms if room.school == found.id]
