"""What deployments exchange: frames for the pose model, and the state of rooms and cameras (R2)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow
from cluster.streams.reader.config import CameraHealth
from cluster.vision.people import Pixels

RoomStatus = Literal["live", "late", "down", "off"]
"""`late`: the numbers are older than they should be; `down`: no camera of the room delivers;
`off`: no camera of the room has an address."""


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    """A room at this moment.

    Attributes:
        room_id: Which.
        state: Of its numbers.
        reason: Machine-readable word for it: a `Reason` of the camera, or `late`, `no_address`.
        as_of: When the newest picture was taken that the numbers rest on, UTC; None before one.
        people: People in it; None before the first picture.
        hands_up: Raised hands in it; None where they are withheld (rule 3).
        window: The last ten seconds up to then, as they may be told.
        camera_id: The camera that saw it.
        lesson_id: The lesson that is on, if there is one.
        event_id: Grows with every change of any room; the id of the event that said so.
    """

    room_id: str
    state: RoomStatus
    reason: str
    as_of: datetime | None
    people: int | None
    hands_up: int | None
    window: ActivityWindow | None
    camera_id: str | None
    lesson_id: str | None
    event_id: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened after an event id, in the order of ids.

    Attributes:
        last_id: Ask for what comes after this next.
        rooms: Rooms whose numbers changed, each in its newest state only.
        windows: Windows that were finished.
        complete: False where the id lies further back than what is at hand.
    """

    last_id: int
    rooms: tuple[RoomSnapshot, ...]
    windows: tuple[PublishedWindow, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera, for operators.

    Attributes:
        health: As its reader sees it.
        room_id: Its room.
        school_id: Its school.
        reader_id: Which reader hosts it; None where none does.
        node: Host name of the reader's machine.
        frames_late: Pictures dropped since they waited too long.
        frames_dropped: Pictures dropped since the model's queue was full or the model away.
        latency_p95_seconds: From picture to number, over the last half minute; None without any.
    """

    health: CameraHealth
    room_id: str
    school_id: str
    reader_id: str | None
    node: str | None
    frames_late: int = 0
    frames_dropped: int = 0
    latency_p95_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """Where finished windows are.

    Attributes:
        waiting: Windows in the journal that are not in the lake yet.
        oldest_waiting: Start of the oldest of them.
        problem: What stands in the way, for people; empty where nothing does.
    """

    waiting: int
    oldest_waiting: datetime | None
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class FrameSet:
    """Frames of one shape.

    Attributes:
        pixels: (n, height, width, 3) uint8 BGR.
        input_size: Longer side of the network's input, in pixels.
    """

    pixels: Pixels
    input_size: int = 640

    def __len__(self) -> int:
        """How many."""
        return len(self.pixels)
