"""Two counts that must agree while a register is open: who is marked present, who is seen.

    register ── number of confirmed entries ──┐
                                              ├─> a line of the lesson page, for its teacher
    room ────── people in it, in this minute ─┘

Two numbers of the whole class, without a name, an entry or an activity (R2); a headcount is never
suppressed (R3). They meet in the page alone, are not stored, and change no entry (R7): the register
knows nothing of the camera, nor the camera of the register, and without a camera nothing is missing
(R4).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cluster.errors import HomeroomError, NotAllowed
from cluster.register.states import ARRIVED_STATUSES, EntryState
from cluster.security.roles import Principal
from serve_apps.http.auth.visibility import get_visible_room
from serve_apps.http.backend import Backend
from serve_apps.http.pages.lessons import LessonView
from serve_apps.http.schemas.registers import RegisterBody
from serve_apps.http.threads import run_in_pool

MAX_AGE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Two counts of a class.

    Attributes:
        marked: Students whom the register has as present or late, confirmed.
        seen: People whom the camera counts in the room.
    """

    marked: int
    seen: int


async def load_class_counts(
    backend: Backend, caller: Principal, lesson: LessonView, register: RegisterBody | None
) -> ClassCounts | None:
    """Return both counts of a lesson.

    Args:
        backend: Gives the room's headcount.
        caller: A teacher of the class.
        lesson: The lesson.
        register: Its register.

    Returns:
        None unless the register is open, and the room counted within the last minute.
    """
    if register is None or not register.is_open:
        return None
    try:
        room, _ = await run_in_pool(get_visible_room, backend, caller, lesson.room_id)
        snapshots = await backend.rooms.snapshots([room.id])
    except NotAllowed:
        return None
    except HomeroomError:  # the register is shown without the camera's count
        return None
    now = backend.audited.clock()
    for snapshot in snapshots:
        is_current = snapshot.as_of is not None and abs(now - snapshot.as_of) <= MAX_AGE
        if snapshot.state == "live" and snapshot.people is not None and is_current:
            return ClassCounts(count_marked(register), snapshot.people)
    return None


def count_marked(register: RegisterBody) -> int:
    """Return how many students a register has as present or late, confirmed."""
    return sum(
        entry.state == EntryState.CONFIRMED and entry.status in ARRIVED_STATUSES
        for entry in register.entries
    )
