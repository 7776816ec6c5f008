"""What a school leader sees of rooms: how many people are in each now, and which camera needs care.

    rooms.now     ─> RoomCard        followed by school.js
    rooms.cameras ─> CameraTrouble   no address, no picture, no person

Nothing here knows a lesson, a register or anybody who is in one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cluster.errors import HomeroomError
from cluster.settings import Room
from cluster.streams.source.state import StreamState
from serve_apps.clients.types import CameraStatus, RoomStatus
from serve_apps.http.backend import Backend
from serve_apps.http.schemas.rooms import room_body


@dataclass(frozen=True, slots=True)
class RoomCard:
    """A room as its card shows it.

    Attributes:
        room_id: Which.
        name: For people.
        kind: `classroom`, `hall`, `vehicle`.
        state: Of its numbers; None where nothing is known of it now.
        people: In it; None before the first picture.
        suppressed: Too few people for anything but their number.
    """

    room_id: str
    name: str
    kind: str
    state: RoomStatus | None
    people: int | None
    suppressed: bool


@dataclass(frozen=True, slots=True)
class CameraTrouble:
    """A camera that somebody should look after.

    Attributes:
        camera_id: Which.
        room_name: Of its room, for people.
        reason: A `StreamReason`, or `frozen`, or `rate_is_off`.
        since: UTC; None where nobody knows.
    """

    camera_id: str
    room_name: str
    reason: str
    since: datetime | None


async def room_cards(backend: Backend, rooms: Sequence[Room]) -> list[RoomCard]:
    """The rooms' cards; without numbers where the rooms deployment is away."""
    try:
        told = {
            one.room_id: one for one in await backend.rooms.snapshots([room.id for room in rooms])
        }
    except HomeroomError:  # the page comes without numbers, and its script asks again
        told = {}
    now = backend.identity.clock()
    cards = []
    for room in rooms:
        if room.id not in told:
            cards.append(RoomCard(room.id, room.name, room.kind, None, None, suppressed=True))
            continue
        body = room_body(room, told[room.id], now)
        cards.append(
            RoomCard(room.id, room.name, room.kind, body.state, body.people, body.suppressed)
        )
    return cards


async def cameras_in_trouble(backend: Backend, rooms: Sequence[Room]) -> list[CameraTrouble] | None:
    """The cameras of some rooms that need care, by id; None where nobody can tell now."""
    try:
        statuses = await backend.rooms.cameras()
    except HomeroomError:
        return None
    known = {room.id: room for room in rooms}
    return [
        CameraTrouble(one.health.camera_id, known[one.room_id].name, reason, _since(one))
        for one in statuses
        if one.room_id in known and (reason := _reason(one)) is not None
    ]


def _reason(told: CameraStatus) -> str | None:
    health = told.health
    if health.state is not StreamState.LIVE:
        return str(health.reason)
    if health.metrics.frozen:
        return "frozen"
    return "rate_is_off" if health.metrics.rate_is_off else None


def _since(told: CameraStatus) -> datetime | None:
    """Of a stream that is live, its state says nothing of when the picture froze."""
    return None if told.health.state is StreamState.LIVE else told.health.since
