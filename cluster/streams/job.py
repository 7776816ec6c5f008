"""What a reader is told to do with a camera."""

from dataclasses import dataclass

from cluster.settings import Polygon
from cluster.streams.reader.config import CameraPlan


@dataclass(frozen=True, slots=True)
class CameraJob:
    """A camera and how it is counted.

    Attributes:
        plan: How it is read.
        room_id: Its room.
        school_id: Its school.
        input_size: Longer side of the pose model's input, in pixels.
        k: Fewest people of whom anything but their number is told.
        headcount_only: The room's kind allows nothing else.
        teacher_zone: People who stand in it do not count.
    """

    plan: CameraPlan
    room_id: str
    school_id: str
    input_size: int
    k: int
    headcount_only: bool
    teacher_zone: Polygon | None
