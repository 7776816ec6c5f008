"""Data types of registers, frozen and independent of the database."""

from dataclasses import dataclass
from datetime import datetime

from cluster.register.states import Mark


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """One student in a register.

    Attributes:
        student_id: The student.
        mark: Status, method and state.
        arrived_at: When the student was first seen, or showed a badge, UTC.
        changed_at: UTC.
        changed_by: The actor of the last change.
    """

    student_id: str
    mark: Mark
    arrived_at: datetime | None
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class BadgeScan:
    """What a badge did.

    Attributes:
        student_id: Whose it is.
        changed: Whether it changed the entry; an entry that a person, or a badge, has confirmed
            stays as it is.
    """

    student_id: str
    changed: bool


@dataclass(frozen=True, slots=True)
class RegisterView:
    """A register with its entries.

    Attributes:
        lesson_id: The lesson.
        class_id: The lesson's class.
        room_id: The lesson's room.
        starts_at: Start of the lesson, UTC.
        is_open: Faces and badges are accepted.
        was_opened: It is or was open; a register is opened once.
        version: Raised by every change.
        closes_at: When it closes by itself, UTC.
        entries: One for each student of the class.
        badge: What the badge did that was just shown; None if none was.
    """

    lesson_id: str
    class_id: str
    room_id: str
    starts_at: datetime
    is_open: bool
    was_opened: bool
    version: int
    closes_at: datetime
    entries: tuple[RegisterEntry, ...]
    badge: BadgeScan | None = None


@dataclass(frozen=True, slots=True)
class RegisterSummary:
    """A register without its entries, so without any student.

    Attributes:
        lesson_id: The lesson.
        version: Raised by every change.
        is_open: Faces and badges are accepted.
        closes_at: When it closes by itself, or closed, UTC.
        proposals: Number of entries that await a teacher's confirmation.
    """

    lesson_id: str
    version: int
    is_open: bool
    closes_at: datetime
    proposals: int


@dataclass(frozen=True, slots=True)
class FaceMatch:
    """A student whose face was recognised in an open register.

    Attributes:
        student_id: The student.
        is_certain: Whether to propose presence; otherwise the entry becomes `unsure`.
        seen_at: When the face was first seen, UTC.
    """

    student_id: str
    is_certain: bool
    seen_at: datetime
