"""What deployments exchange: frames for the pose model, and the state of rooms and cameras (R2)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow
from cluster.calibration.drift import CameraDrift, Drift
from cluster.streams.capture.health import CameraHealth
from cluster.vision.people import BgrImage

RoomStatus = Literal["live", "late", "down", "off"]
"""`late`: the counts are older than they should be; `down`: no camera of the room delivers frames;
`off`: no camera of the room has an address."""


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    """The current state of a room.

    Attributes:
        room_id: The room.
        state: How current its counts are.
        reason: Machine-readable reason: a `StreamReason` of the camera, or `late`, `no_address`.
        as_of: When the newest counted frame was captured, UTC; None before the first.
        people: People in it; None before the first frame.
        hands_up: Raised hands in it; None where they are suppressed (R3).
        window: The ten seconds up to it, after suppression.
        camera_id: The camera whose counts are shown.
        lesson_id: The current lesson, if there is one.
        event_id: Id of the event of this state; it grows with every change of any room.
        camera_drift: What became of the view of that camera; of one that shows nothing, where no
            camera counts.
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
    camera_drift: Drift = Drift.NONE


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed after an event id, in the order of ids.

    Attributes:
        last_id: The event id to pass to the next call.
        rooms: Rooms that changed, each in its newest state only.
        windows: Windows that finished.
        complete: False where events after the id are no longer available.
    """

    last_id: int
    rooms: tuple[RoomSnapshot, ...]
    windows: tuple[PublishedWindow, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """The status of a camera, for operators.

    Attributes:
        health: State of its stream.
        room_id: Its room.
        school_id: Its school.
        reader_id: The reader that hosts it; None where none does.
        node: Host name of the reader's machine.
        frames_late: Frames dropped because they waited too long.
        frames_dropped: Frames dropped because the model's queue was full or the model unavailable.
        latency_p95_seconds: From frame to report, over the last half minute; None without frames.
        drift: Whether it shows something else than at first.
    """

    health: CameraHealth
    room_id: str
    school_id: str
    reader_id: str | None
    node: str | None
    frames_late: int = 0
    frames_dropped: int = 0
    latency_p95_seconds: float | None = None
    drift: CameraDrift = field(default_factory=CameraDrift)


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """The journal's backlog.

    Attributes:
        waiting: Windows in the journal that are not in the lake yet.
        oldest_waiting: Start of the oldest of them.
        problem: Why they cannot be stored, for people; empty where nothing is wrong.
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

    pixels: BgrImage
    input_size: int = 640

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.pixels)
