"""Bodies of rooms and windows: the same for responses and for events.

    RoomSnapshot, PublishedWindow (serve_apps.clients.types) -> RoomBody, WindowBody -> JSON

Shares come formatted for display, so that no client has to know that 0.05 means "5% or less". What
R3 suppresses is null here, whatever the deployments send: shares and counts of hands are published
only from a window that is not suppressed, has `k` people by the settings of now, and never of a
vehicle.
"""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow, format_share, restrict_window
from cluster.calibration.drift import Drift
from cluster.settings import MIN_K, Room
from serve_apps.clients.types import RoomSnapshot, RoomStatus
from serve_apps.http.schemas.base import Body, Utc


class Share(Body):
    """A share of the people in a room."""

    share: float = Field(
        ge=0.05, le=0.95, description="0.05 means 5% or less, 0.95 means 95% or more."
    )
    text: str = Field(description="For people: `37%`, `≤5%`, `≥95%`.")


class Shares(Body):
    """The share of people for each activity; the rest is sitting."""

    hand_raised: Share = Field(description="A hand is raised.")
    desk_work: Share = Field(description="Reading or writing.")
    reading: Share | None = Field(
        description="Reading; null unless it is told apart from writing well enough."
    )
    writing: Share | None = Field(description="Writing; null likewise.")
    head_down: Share = Field(description="The head is on the table.")
    standing: Share = Field(description="Standing.")
    unclear: Share = Field(description="The frames do not show it.")


class RoomBody(Body):
    """The current state of a room; nothing of a person (R2)."""

    room_id: str = Field(description="The room's id.")
    name: str = Field(description="Display name.")
    school_id: str = Field(description="The school's id.")
    kind: Literal["classroom", "hall", "vehicle"] = Field(
        description="A vehicle gives a headcount only."
    )
    state: RoomStatus = Field(
        description="`live`; `late`: the counts are old; `down`: no camera delivers frames that "
        "show anything; `off`: no camera has an address."
    )
    reason: str = Field(description="Machine-readable reason of the state.")
    as_of: Utc | None = Field(description="Timestamp of the latest analysed frame.")
    age_seconds: float | None = Field(description="Age of that frame at this response.")
    people: int | None = Field(
        description="Number of people, by the camera that sees most; null before the first frame."
    )
    people_low: int | None = Field(
        description="Lower end of the 95% interval of the people that there are; null if unknown."
    )
    people_high: int | None = Field(description="Upper end of it.")
    suppressed: bool = Field(
        description="Whether there is a headcount only: too few people, a vehicle, or no shares of "
        "the room's camera."
    )
    hands_up: int | None = Field(description="Raised hands; null if suppressed.")
    shares: Shares | None = Field(
        description="Of the last seconds, by the camera that gives the room's shares that day; "
        "null if suppressed."
    )
    frames: int = Field(description="Number of frames behind the shares.")
    window_seconds: int = Field(description="Length of the window behind the shares.")
    lesson_id: str | None = Field(description="Id of the current lesson.")
    camera_drift: Drift = Field(
        description="What became of the view of the camera whose people are counted: `moved` or "
        "`seats_moved`: the counts may be wrong; `covered`: a part is, or all of it and there are "
        "no counts."
    )
    event_id: int = Field(description="Increases with every change of any room.")


class WindowBody(Body):
    """A finished window of a room: ten seconds."""

    room_id: str = Field(description="The room's id.")
    window_start: Utc = Field(description="Start of the window.")
    window_seconds: int = Field(description="Length of the window.")
    frames: int = Field(description="Number of frames.")
    people_max: int = Field(description="Maximum number of people in one frame.")
    people_mean: float = Field(description="Mean number of people in a frame.")
    people_low: int | None = Field(
        description="Lower end of the 95% interval of the people that there are where this mean is "
        "found; null if unknown."
    )
    people_high: int | None = Field(description="Upper end of it.")
    suppressed: bool = Field(
        description="Whether there is a headcount only: too few people, a vehicle, or no shares of "
        "the room's camera."
    )
    hand_raises: int | None = Field(
        description="Number of times a hand was raised; null if suppressed."
    )
    shares: Shares | None = Field(description="Null if suppressed.")
    lesson_id: str | None = Field(description="Id of the lesson at that time.")
    event_id: int = Field(description="As of a room.")


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
    "people_low": 22,
    "people_high": 28,
    "suppressed": False,
    "hands_up": 2,
    "shares": {
        "hand_raised": {"share": 0.08, "text": "8%"},
        "desk_work": {"share": 0.58, "text": "58%"},
        "reading": None,
        "writing": None,
        "head_down": {"share": 0.05, "text": "≤5%"},
        "standing": {"share": 0.05, "text": "≤5%"},
        "unclear": {"share": 0.1, "text": "10%"},
    },
    "frames": 20,
    "window_seconds": 10,
    "lesson_id": "room-12-20260302-0900-5f2c8a11",
    "camera_drift": "none",
    "event_id": 1841,
}

WINDOW_EXAMPLE: Final[dict[str, Any]] = {
    "room_id": "room-12",
    "window_start": "2026-03-02T09:14:10Z",
    "window_seconds": 10,
    "frames": 20,
    "people_max": 6,
    "people_mean": 5.8,
    "people_low": 5,
    "people_high": 7,
    "suppressed": True,
    "hand_raises": None,
    "shares": None,
    "lesson_id": "room-12-20260302-0900-5f2c8a11",
    "event_id": 1840,
}


def room_body(room: Room, snapshot: RoomSnapshot, now: datetime, *, k: int = MIN_K) -> RoomBody:
    """Return a room's snapshot as a body.

    Args:
        room: The room in the settings.
        snapshot: Its live counts.
        now: The current time, UTC.
        k: Fewest people of whom more than a headcount is published.
    """
    window = snapshot.window
    shares = shares_of(window, room, k=k)
    people_low, people_high = _bounds_of(snapshot)
    as_of = snapshot.as_of
    age = None if as_of is None else max(0.0, (now - as_of).total_seconds())
    return RoomBody(
        room_id=room.id,
        name=room.name,
        school_id=room.school,
        kind=room.kind,
        state=snapshot.state,
        reason=snapshot.reason,
        as_of=as_of,
        age_seconds=None if age is None else round(age, 2),
        people=snapshot.people,
        people_low=people_low,
        people_high=people_high,
        suppressed=shares is None,
        hands_up=None if shares is None else snapshot.hands_up,
        shares=shares,
        frames=window.frames if window else 0,
        window_seconds=window.window_seconds if window else 0,
        lesson_id=snapshot.lesson_id,
        camera_drift=snapshot.camera_drift,
        event_id=snapshot.event_id,
    )


def window_body(room: Room, published: PublishedWindow, *, k: int = MIN_K) -> WindowBody:
    """Return a finished window as a body; `k` as in `room_body`."""
    window = published.window
    shares = shares_of(window, room, k=k, counted_k=published.k)
    return WindowBody(
        room_id=room.id,
        window_start=window.window_start,
        window_seconds=window.window_seconds,
        frames=window.frames,
        people_max=window.people_max,
        people_mean=window.people_mean,
        people_low=window.people_low,
        people_high=window.people_high,
        suppressed=shares is None,
        hand_raises=None if shares is None else window.hand_raises,
        shares=shares,
        lesson_id=published.lesson_id,
        event_id=published.event_id,
    )


def shares_of(
    window: ActivityWindow | None,
    room: Room | None = None,
    *,
    k: int = MIN_K,
    counted_k: int | None = None,
) -> Shares | None:
    """Return the shares of a window that may be published; None if they are suppressed (R3)."""
    if window is None:
        return None
    headcount_only = room is not None and room.kind == "vehicle"
    window = restrict_window(window, k=k, headcount_only=headcount_only, counted_k=counted_k)
    if window.suppressed:
        return None
    shares = {name: getattr(window, f"{name}_share") for name in Shares.model_fields}
    return Shares.model_validate(
        {
            name: None if share is None else {"share": share, "text": format_share(share)}
            for name, share in shares.items()
        }
    )


def _bounds_of(snapshot: RoomSnapshot) -> tuple[int | None, int | None]:
    """Return the bounds of the last seconds, widened until they hold the newest frame's people."""
    window, people = snapshot.window, snapshot.people
    if window is None or people is None:
        return None, None
    if window.people_low is None or window.people_high is None:
        return None, None
    return min(window.people_low, people), max(window.people_high, people)
