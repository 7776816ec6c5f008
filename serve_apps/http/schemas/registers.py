"""Bodies of registers: what teachers of the class get and send.

These models contain attendance alone: they have no field for what anybody does in a lesson (R2).
"""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos.people import names_of
from cluster.register.states import EntryState, Method, Status
from cluster.register.types import RegisterView
from serve_apps.http.schemas.base import Body, Page, StudentId, Utc, example_config

ERASED: Final = "(erased)"
MAX_VERSION: Final = 2**31 - 1
MAX_STUDENTS: Final = 1000

LESSON: Final = "room-12-20260302-0900-5f2c8a11"
STUDENT: Final = "0c6f1c9be7d94c4f8f5a5f0f8f2f1a01"
TEACHER: Final = "9d1a2b3c4d5e4f60718293a4b5c6d7e8"

Version = Annotated[int, Field(ge=0, le=MAX_VERSION)]
Marks = Annotated[
    dict[StudentId, Status],
    Field(max_length=MAX_STUDENTS, json_schema_extra={"additionalProperties": False}),
]


class EntryBody(Body):
    """One student in a register."""

    student_id: str = Field(description="The student's id in Homeroom.")
    name: str = Field(description="Display name; `(erased)` of an erased student.")
    status: Status = Field(description="Whether the student was there.")
    method: Method | None = Field(description="How it was recorded; null if it was not.")
    state: EntryState | None = Field(
        description="Proposed or confirmed; null if nothing was recorded."
    )
    arrived_at: Utc | None = Field(description="First match by face or badge.")
    changed_at: Utc = Field(description="When the entry last changed.")


class BadgeBody(Body):
    """What a badge did."""

    student_id: str = Field(description="Whose badge it is.")
    changed: bool = Field(
        description="False if the entry was confirmed before: it stays, and a teacher decides."
    )


class RegisterBody(Body):
    """A register in its current state."""

    lesson_id: str = Field(description="The lesson's id.")
    class_id: str = Field(description="The class's sourcedId.")
    room_id: str = Field(description="The room's id.")
    starts_at: Utc = Field(description="When the lesson starts.")
    is_open: bool = Field(description="Whether faces and badges are accepted.")
    closes_at: Utc = Field(description="When it closes or was closed.")
    version: int = Field(description="Incremented by every change; send it with yours.")
    proposals: int = Field(description="Number of entries that await confirmation.")
    entries: list[EntryBody] = Field(description="One for each student, by name.")
    badge: BadgeBody | None = Field(
        None, description="What the badge of this request did; null if it had none."
    )


class RegisterVersionBody(Body):
    """The version and state of a register, without its entries."""

    lesson_id: str = Field(description="The lesson's id.")
    version: int = Field(description="Incremented by every change: fetch the register again.")
    is_open: bool = Field(description="Whether faces and badges are accepted.")
    closes_at: Utc = Field(description="When it closes or was closed.")
    proposals: int = Field(description="Number of entries that await confirmation.")


class EntryMark(Body):
    """The content of an entry."""

    status: Status = Field(description="Whether the student was there.")
    method: Method | None = Field(description="How it was recorded.")
    state: EntryState | None = Field(description="Proposed or confirmed.")


class ChangeBody(Body):
    """One change of an entry."""

    student_id: str = Field(description="The student of the entry.")
    changed_at: Utc = Field(description="When.")
    changed_by: str = Field(description="Who: a user's id, or `system:…`.")
    was: EntryMark | None = Field(description="The content before; null if there was none.")
    became: EntryMark = Field(description="The content since.")


class HistoryBody(Page):
    """The changes of a register's entries, oldest first."""

    changes: list[ChangeBody] = Field(description="The changes.")


class EdFiBody(Body):
    """A register as Ed-Fi's StudentSectionAttendanceEvents."""

    events: list[dict[str, Any]] = Field(
        description="As in Ed-Fi's data standard; only confirmed entries."
    )


class MarkRequest(Body):
    """Statuses that a teacher records for some students."""

    model_config = example_config({"marks": {STUDENT: "late"}, "version": 7})

    marks: Marks = Field(min_length=1, description="Status by student id.")
    version: Version | None = Field(
        None, description="Apply only if the register still has this version."
    )


class ConfirmRequest(Body):
    """Proposals that a teacher confirms."""

    model_config = example_config({"version": 7})

    version: Version | None = Field(
        None, description="The version that the teacher has seen; here or in If-Match."
    )
    students: list[StudentId] | None = Field(
        None,
        min_length=1,
        max_length=MAX_STUDENTS,
        description="Their students; all proposals unless given.",
    )


class AllPresentRequest(Body):
    """Everybody is present except these students."""

    model_config = example_config({"except": {STUDENT: "absent"}, "version": 7})

    exceptions: Marks = Field(
        default_factory=dict, alias="except", description="Status by student id, of the exceptions."
    )
    version: Version | None = Field(
        None, description="Apply only if the register still has this version."
    )


class BadgeRequest(Body):
    """A badge that was scanned."""

    model_config = example_config({"badge": "WyJoaWxsIiwiN2YzYSJd.c2lnbmF0dXJl"})

    badge: str = Field(pattern=r"^[A-Za-z0-9_.=-]{1,200}$", description="The text of its QR code.")


REGISTER_EXAMPLE: Final[dict[str, Any]] = {
    "lesson_id": LESSON,
    "class_id": "class-7b-science",
    "room_id": "room-12",
    "starts_at": "2026-03-02T09:00:00Z",
    "is_open": True,
    "closes_at": "2026-03-02T09:10:00Z",
    "version": 7,
    "proposals": 1,
    "entries": [
        {
            "student_id": STUDENT,
            "name": "Robin Example",
            "status": "present",
            "method": "face",
            "state": "proposed",
            "arrived_at": "2026-03-02T08:59:12Z",
            "changed_at": "2026-03-02T08:59:15Z",
        }
    ],
    "badge": None,
}

REGISTER_VERSION_EXAMPLE: Final[dict[str, Any]] = {
    name: REGISTER_EXAMPLE[name] for name in RegisterVersionBody.model_fields
}

HISTORY_EXAMPLE: Final[dict[str, Any]] = {
    "changes": [
        {
            "student_id": STUDENT,
            "changed_at": "2026-03-02T09:03:10Z",
            "changed_by": TEACHER,
            "was": {"status": "present", "method": "face", "state": "proposed"},
            "became": {"status": "present", "method": "face", "state": "confirmed"},
        }
    ],
    "next": None,
}

CSV_EXAMPLE: Final = (
    "\ufefflesson_id,class_id,student_sourced_id,name,status,method,arrived_at,changed_at\n"
    f"{LESSON},class-7b-science,s-1,Robin Example,present,face,"
    "2026-03-02T08:59:12+00:00,2026-03-02T09:03:10+00:00\n"
)


def register_body(work: UnitOfWork, view: RegisterView) -> RegisterBody:
    """Return a register with names; the caller's unit of work has its audit entry (R9)."""
    names = names_of(work.session, work.keys, [entry.student_id for entry in view.entries])
    entries = [
        EntryBody(
            student_id=entry.student_id,
            name=names[entry.student_id].display_name if entry.student_id in names else ERASED,
            status=entry.mark.status,
            method=entry.mark.method,
            state=entry.mark.state,
            arrived_at=entry.arrived_at,
            changed_at=entry.changed_at,
        )
        for entry in view.entries
    ]
    return RegisterBody(
        lesson_id=view.lesson_id,
        class_id=view.class_id,
        room_id=view.room_id,
        starts_at=view.starts_at,
        is_open=view.is_open,
        closes_at=view.closes_at,
        version=view.version,
        proposals=sum(entry.state is EntryState.PROPOSED for entry in entries),
        entries=sorted(entries, key=lambda entry: (entry.name, entry.student_id)),
        badge=BadgeBody.model_validate(asdict(view.badge)) if view.badge else None,
    )


def change_body(change: dict[str, Any]) -> ChangeBody:
    """Return a change from `RegisterService.history` as a body."""
    changed_at: datetime = change["changed_at"]
    return ChangeBody(
        student_id=change["student_id"],
        changed_at=changed_at,
        changed_by=change["changed_by"],
        was=EntryMark.model_validate(change["was"]) if change["was"] else None,
        became=EntryMark.model_validate(change["became"]),
    )
