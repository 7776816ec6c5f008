"""A room's numbers as the API tells them: one form for answers and for events.

    RoomSnapshot, PublishedWindow (serve_apps.clients.types) -> RoomBody, WindowBody -> JSON

Shares come with the words in which they may be shown, so that nobody has to know that 0.05 means
"5% or less". What rule 3 withholds is null here, whatever the deployments say: a share or a count
of hands is told only from a window that is not suppressed, and never of a vehicle.
"""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow, format_share
from cluster.settings import Room
from serve_apps.clients.types import RoomSnapshot, RoomStatus
from serve_apps.http.schemas.base import Body, Utc


class Share(Body):
    """A share of the people in a room."""

    share: float = Field(
        ge=0.05, le=0.95, description="0.05 means 5% or less, 0.95 means 95% or more."
    )
    text: str = Field(description="For people: `37%`, `≤5%`, `≥95%`.")


class Shares(Body):
    """How much of the room does what; sitting is what is left."""

    hand_raised: Share = Field(description="A hand is up.")
    reading: Share = Field(description="Looking down, hands at rest.")
    writing: Share = Field(description="Looking down, a hand moves.")
    head_down: Share = Field(description="The head is on the table.")
    standing: Share = Field(description="Standing.")
    unclear: Share = Field(description="The picture does not tell.")


class RoomBody(Body):
    """A room at this moment; never a person of it."""

    room_id: str = Field(description="Which room.")
    name: str = Field(description="Its name for people.")
    school_id: str = Field(description="Its school.")
    kind: Literal["classroom", "hall", "vehicle"] = Field(
        description="A vehicle gives a headcount only."
    )
    state: RoomStatus = Field(
        description="`live`; `late`: the numbers are old; `down`: no camera delivers; `off`: no "
        "camera has an address."
    )
    reason: str = Field(description="Machine-readable word for the state.")
    as_of: Utc | None = Field(description="When the picture was taken that the numbers rest on.")
    age_seconds: float | None = Field(description="How old that picture was at this answer.")
    people: int | None = Field(description="People in it; null before the first picture.")
    suppressed: bool = Field(description="Too few people for anything but their number.")
    hands_up: int | None = Field(description="Raised hands in it; null where withheld.")
    shares: Shares | None = Field(description="Of the last seconds; null where withheld.")
    frames: int = Field(description="Pictures that the shares rest on.")
    window_seconds: int = Field(description="Length of what the shares rest on.")
    lesson_id: str | None = Field(description="The lesson that is on.")
    event_id: int = Field(description="Grows with every change of any room.")


class WindowBody(Body):
    """Ten seconds of a room that are over."""

    room_id: str = Field(description="Which room.")
    window_start: Utc = Field(description="Its start.")
    window_seconds: int = Field(description="Its length.")
    frames: int = Field(description="Pictures that it rests on.")
    people_max: int = Field(description="Most people in one picture.")
    people_mean: float = Field(description="Mean number of people in a picture.")
    suppressed: bool = Field(description="Too few people for anything but their number.")
    hand_raises: int | None = Field(description="Hands that went up; null where withheld.")
    shares: Shares | None = Field(description="Null where withheld.")
    lesson_id: str | None = Field(description="The lesson that was on.")
    event_id: int = Field(description="See a room's.")


ROOM_EXAMPLE: Final[dict[str, Any]] = {
    "room_id": "room-12",
    "name": "Room 12",
    "school_id": "hill",
    "kind": "classroom",
    "state": "live",
    "reason": "live",
    "as_of": "2026-03-02T09:14:20.5Z",
    "age_seconds": 0.7,
    "people": 24,
    "suppressed": False,
    "hands_up": 2,
    "shares": {
        "hand_raised": {"share": 0.08, "text": "8%"},
        "reading": {"share": 0.21, "text": "21%"},
        "writing": {"share": 0.37, "text": "37%"},
        "head_down": {"share": 0.05, "text": "≤5%"},
        "standing": {"share": 0.05, "text": "≤5%"},
        "unclear": {"share": 0.1, "text": "10%"},
    },
    "frames": 20,
    "window_seconds": 10,
    "lesson_id": "room-12-20260302-0900-5f2c8a11",
    "event_id": 1841,
}

WINDOW_EXAMPLE: Final[dict[str, Any]] = {
    "room_id": "room-12",
    "window_start": "2026-03-02T09:14:10Z",
    "window_seconds": 10,
    "frames": 20,
    "people_max": 6,
    "people_mean": 5.8,
    "suppressed": True,
    "hand_raises": None,
    "shares": None,
    "lesson_id": "room-12-20260302-0900-5f2c8a11",
    "event_id": 1840,
}


def room_body(room: Room, told: RoomSnapshot, now: datetime) -> RoomBody:
    """A room as it is told.

    Args:
        room: Of the settings.
        told: Its numbers.
        now: When it is told, UTC.
    """
    window = told.window
    shares = shares_of(window, room)
    withheld = shares is None
    age = None if told.as_of is None else max(0.0, (now - told.as_of).total_seconds())
    return RoomBody(
        room_id=room.id,
        name=room.name,
        school_id=room.school,
        kind=room.kind,
        state=told.state,
        reason=told.reason,
        as_of=told.as_of,
        age_seconds=None if age is None else round(age, 2),
        people=told.people,
        suppressed=withheld,
        hands_up=None if withheld else told.hands_up,
        shares=shares,
        frames=window.frames if window else 0,
        window_seconds=window.window_seconds if window else 0,
        lesson_id=told.lesson_id,
        event_id=told.event_id,
    )


def window_body(room: Room, told: PublishedWindow) -> WindowBody:
    """A finished window as it is told."""
    window = told.window
    shares = shares_of(window, room)
    return WindowBody(
        room_id=room.id,
        window_start=window.window_start,
        window_seconds=window.window_seconds,
        frames=window.frames,
        people_max=window.people_max,
        people_mean=window.people_mean,
        suppressed=shares is None,
        hand_raises=None if shares is None else window.hand_raises,
        shares=shares,
        lesson_id=told.lesson_id,
        event_id=told.event_id,
    )


def shares_of(window: ActivityWindow | None, room: Room | None = None) -> Shares | None:
    """The shares that may be told of a window; None where they are withheld."""
    if window is None or window.suppressed or (room is not None and room.kind == "vehicle"):
        return None
    told = {name: getattr(window, f"{name}_share") for name in Shares.model_fields}
    return Shares.model_validate(
        {name: {"share": share, "text": format_share(share)} for name, share in told.items()}
    )
