"""A register as the API tells it to a teacher of the class, and what a teacher sends.

These models know attendance alone: nothing of what anybody does in a lesson has a place in them.
"""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos.people import names_of
from cluster.register.states import EntryState, Method, Status
from cluster.register.types import RegisterView
from serve_apps.http.schemas.base import Body, Page, StudentName, Utc, example_config

ERASED: Final = "(erased)"
LARGEST_VERSION: Final = 2**31 - 1
MOST_STUDENTS: Final = 1000

LESSON: Final = "room-12-20260302-0900-5f2c8a11"
STUDENT: Final = "0c6f1c9be7d94c4f8f5a5f0f8f2f1a01"
TEACHER: Final = "9d1a2b3c4d5e4f60718293a4b5c6d7e8"

Version = Annotated[int, Field(ge=0, le=LARGEST_VERSION)]
Marks = Annotated[
    dict[StudentName, Status],
    Field(max_length=MOST_STUDENTS, json_schema_extra={"additionalProperties": False}),
]


class EntryBody(Body):
    """One student in a register."""

    student_id: str = Field(description="The student's id in Homeroom.")
    name: str = Field(description="As people say it; `(erased)` of who was erased.")
    status: Status = Field(description="Whether the student was there.")
    method: Method | None = Field(description="Who says so; null where nobody does.")
    state: EntryState | None = Field(description="How sure it is; null where nobody says anything.")
    arrived_at: Utc | None = Field(description="First seen by a camera or a badge reader.")
    changed_at: Utc = Field(description="When it was said.")


class RegisterBody(Body):
    """A register as it stands."""

    lesson_id: str = Field(description="Of which lesson.")
    class_id: str = Field(description="The class's sourcedId.")
    room_id: str = Field(description="Where.")
    starts_at: Utc = Field(description="Start of the lesson.")
    is_open: bool = Field(description="Faces and badges count.")
    closes_at: Utc = Field(description="When it closes, or closed.")
    version: int = Field(description="Raised by every change; send it back with yours.")
    proposals: int = Field(description="Entries that wait for a teacher's confirmation.")
    entries: list[EntryBody] = Field(description="One for each student, by name.")


class StandingBody(Body):
    """How far a register is, without anybody of the class."""

    lesson_id: str = Field(description="Of which lesson.")
    version: int = Field(description="Raised by every change: look at the register again.")
    is_open: bool = Field(description="Faces and badges count.")
    closes_at: Utc = Field(description="When it closes, or closed.")
    proposals: int = Field(description="Entries that wait for a teacher's confirmation.")


class ChangeMark(Body):
    """What an entry said."""

    status: Status = Field(description="Whether the student was there.")
    method: Method | None = Field(description="Who said so.")
    state: EntryState | None = Field(description="How sure it was.")


class ChangeBody(Body):
    """One change of an entry."""

    student_id: str = Field(description="Whose entry.")
    changed_at: Utc = Field(description="When.")
    changed_by: str = Field(description="Who: a user's id, or `system:…`.")
    was: ChangeMark | None = Field(description="What it said before.")
    became: ChangeMark = Field(description="What it says since.")


class HistoryBody(Page):
    """The changes of a register's entries, oldest first."""

    changes: list[ChangeBody] = Field(description="Who, when, what it was.")


class EdFiBody(Body):
    """A register as Ed-Fi's StudentSectionAttendanceEvents."""

    events: list[dict[str, Any]] = Field(
        description="As Ed-Fi's data standard has them; only what was confirmed."
    )


class MarkRequest(Body):
    """What a teacher says of some students."""

    model_config = example_config({"marks": {STUDENT: "late"}, "version": 7})

    marks: Marks = Field(min_length=1, description="Status by student.")
    version: Version | None = Field(None, description="Only if the register is still at this one.")


class ConfirmRequest(Body):
    """Proposals that a teacher confirms."""

    model_config = example_config({"version": 7})

    version: Version | None = Field(
        None, description="The version that was looked at; here or in If-Match."
    )
    students: list[StudentName] | None = Field(
        None, min_length=1, max_length=MOST_STUDENTS, description="Whose; all unless given."
    )


class AllPresentRequest(Body):
    """Everybody is present but these."""

    model_config = example_config({"except": {STUDENT: "absent"}, "version": 7})

    exceptions: Marks = Field(
        default_factory=dict, alias="except", description="Status by student, of the others."
    )
    version: Version | None = Field(None, description="Only if the register is still at this one.")


class BadgeRequest(Body):
    """A badge that a student showed."""

    model_config = example_config({"badge": "WyJoaWxsIiwiN2YzYSJd.c2lnbmF0dXJl"})

    badge: str = Field(
        pattern=r"^[A-Za-z0-9_.=-]{1,200}$", description="What the scanner read from it."
    )


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
}

STANDING_EXAMPLE: Final[dict[str, Any]] = {
    name: REGISTER_EXAMPLE[name] for name in StandingBody.model_fields
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
    "lesson_id,class_id,student_sourced_id,name,status,method,arrived_at,changed_at\n"
    f"{LESSON},class-7b-science,s-1,Robin Example,present,face,"
    "2026-03-02T08:59:12+00:00,2026-03-02T09:03:10+00:00\n"
)


def register_body(work: UnitOfWork, view: RegisterView) -> RegisterBody:
    """A register with names: what was done with it in this work is in the audit log."""
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
    )


def change_body(change: dict[str, Any]) -> ChangeBody:
    """A change as it is told; `change` is one of `RegisterService.history`."""
    changed_at: datetime = change["changed_at"]
    return ChangeBody(
        student_id=change["student_id"],
        changed_at=changed_at,
        changed_by=change["changed_by"],
        was=ChangeMark.model_validate(change["was"]) if change["was"] else None,
        became=ChangeMark.model_validate(change["became"]),
    )
