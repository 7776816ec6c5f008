"""A finished window on its way from a reader to the lake and to the API: one type for all of it.

reader (number) -> rooms deployment (lesson, model) -> journal -> lake
└─> room state (event id) -> API
"""

from dataclasses import dataclass

from pydantic import TypeAdapter

from cluster.activity.suppression import ActivityWindow
from cluster.activity.windows import WINDOW_SECONDS, window_start_of
from cluster.settings import MIN_K, Identifier

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedWindow:
    """A finished window of a camera, with the ids that have been assigned to it so far.

    Attributes:
        window: Its counts, after suppression (R3).
        camera_id: The camera that it was counted from.
        room_id: The room of that camera.
        school_id: The school of that room.
        lesson_id: The lesson of the room at the start of the window; None where there was none,
            or before it has been looked up.
        model: Id of the pose model; empty before it has been assigned.
        k: Frames with so many people and more are part of the shares; the lowest there is where
            it is not known.
        number: Sequence number in the outbox of its reader, from 1; 0 outside a report.
        event_id: Id of the event that published it to viewers; 0 before that.

    Raises:
        ValueError: An id is not safe in a file's name, or the window does not lie on the clock's
            ten seconds.
    """

    window: ActivityWindow
    camera_id: str
    room_id: str
    school_id: str
    lesson_id: str | None = None
    model: str = ""
    k: int = MIN_K
    number: int = 0
    event_id: int = 0

    def __post_init__(self) -> None:
        """Reject what could not be stored in the lake."""
        for name in (self.camera_id, self.room_id, self.school_id):
            _IDENTIFIER.validate_python(name)
        start = self.window.window_start
        if start.tzinfo is None or window_start_of(start) != start:
            raise ValueError(f"a window cannot start at {start.isoformat()}")
        if self.window.window_seconds != WINDOW_SECONDS:
            raise ValueError(f"a window of {self.window.window_seconds} seconds")
