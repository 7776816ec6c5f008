"""Rooms as a school leader sees them: how many people are in each, and which cameras have problems.

    rooms.snapshots ─> RoomCard        updated by school.js
    rooms.cameras   ─> CameraProblem   no address, no image, no person

Nothing here depends on lessons, registers or students.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cluster.calibration.drift import Drift
from cluster.errors import HomeroomError
from cluster.settings import Room
from cluster.streams.source.state import StreamState
from serve_apps.clients.types import CameraStatus, RoomStatus
from serve_apps.http.backend import Backend
from serve_apps.http.schemas.rooms import room_body


@dataclass(frozen=True, slots=True)
class RoomCard:
    """The card of a room.

    Attributes:
        room_id: The room.
        name: Its display name.
        kind: `classroom`, `hall`, `vehicle`.
        state: Of its live counts; None where they cannot be read.
        people: In the room; None before the first frame.
        suppressed: Too few people to publish anything but their number (R3).
    """

    room_id: str
    name: str
    kind: str
    state: RoomStatus | None
    people: int | None
    suppressed: bool


@dataclass(frozen=True, slots=True)
class CameraProblem:
    """A camera that needs attention.

    Attributes:
        camera_id: The camera.
        room_name: Display name of its room.
        reason: A `StreamReason`, `frozen`, a `Drift`, or `rate_is_off`.
        since: UTC; None where it is not known.
    """

    camera_id: str
    room_name: str
    reason: str
    since: datetime | None


async def load_room_cards(backend: Backend, rooms: Sequence[Room]) -> list[RoomCard]:
    """Return the rooms' cards; without counts while the rooms deployment does not answer."""
    try:
        snapshots = {
            one.room_id: one for one in await backend.rooms.snapshots([room.id for room in rooms])
        }
    except HomeroomError:  # the page is shown without counts; its script keeps trying
        snapshots = {}
    now = backend.audited.clock()
    cards = []
    for room in rooms:
        if room.id not in snapshots:
            cards.append(RoomCard(room.id, room.name, room.kind, None, None, suppressed=True))
            continue
        body = room_body(room, snapshots[room.id], now, k=backend.settings.privacy.k)
        cards.append(
            RoomCard(room.id, room.name, room.kind, body.state, body.people, body.suppressed)
        )
    return cards


async def load_camera_problems(
    backend: Backend, rooms: Sequence[Room]
) -> list[CameraProblem] | None:
    """Return the problems of the cameras in some rooms; None where no status can be read."""
    try:
        statuses = await backend.rooms.cameras()
    except HomeroomError:
        return None
    rooms_by_id = {room.id: room for room in rooms}
    return [
        CameraProblem(one.health.camera_id, rooms_by_id[one.room_id].name, reason, _since(one))
        for one in statuses
        if one.room_id in rooms_by_id and (reason := _problem_of(one)) is not None
    ]


def _problem_of(status: CameraStatus) -> str | None:
    health = status.health
    if health.state is not StreamState.LIVE:
        return str(health.reason)
    if health.metrics.frozen:
        return "frozen"
    if status.drift.kind is not Drift.NONE:
        return str(status.drift.kind)
    return "rate_is_off" if health.metrics.rate_is_off else None


def _since(status: CameraStatus) -> datetime | None:
    """When the problem began; of a live stream, its state does not say when it froze."""
    if status.health.state is not StreamState.LIVE:
        return status.health.since
    return None if status.health.metrics.frozen else status.drift.since
