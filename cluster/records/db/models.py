"""The tables of the records: roster, lessons, consent, templates, registers, audit.

`Id`s are random pseudonyms. The school system's key (`sourced_id`) and the encrypted names are in
`users` alone: once a user's row is deleted, no other table reveals who it was. The consent ledger,
the history of entries and the audit log have no foreign key to `users`, because they outlive it;
triggers of the migrations reject changes to them.
"""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from cluster.records.db.base import Base as Base
from cluster.records.db.base import Id, SourcedId
from cluster.records.db.base import new_id as new_id
from cluster.records.db.checkin_models import (  # registers the tables of check-ins in the metadata
    AgreementEvent as AgreementEvent,
)

MAX_LESSON_LENGTH = timedelta(days=1)
"""Imports reject longer lessons, so current ones are found by an index range of starts."""


class Org(Base):
    """A district, school or department, as in OneRoster."""

    __tablename__ = "orgs"
    sourced_id: Mapped[SourcedId] = mapped_column(primary_key=True)
    name: Mapped[str]
    type: Mapped[str]
    identifier: Mapped[str | None]
    parent_sourced_id: Mapped[str | None]


class AcademicSession(Base):
    """A school year, term or grading period."""

    __tablename__ = "academic_sessions"
    sourced_id: Mapped[SourcedId] = mapped_column(primary_key=True)
    title: Mapped[str]
    type: Mapped[str]
    start_date: Mapped[date]
    end_date: Mapped[date]
    school_year: Mapped[str | None]


class Course(Base):
    """A course that classes belong to."""

    __tablename__ = "courses"
    sourced_id: Mapped[SourcedId] = mapped_column(primary_key=True)
    title: Mapped[str]
    course_code: Mapped[str | None]


class User(Base):
    """A student, teacher or guardian; `sealed` holds the names (`cluster.records.repos.people`).

    `enabled` is whether the person has an account, which bars sign-in alone. `gone` is whether the
    roster no longer has the person, who then is in no class and guardian of nobody.
    """

    __tablename__ = "users"
    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    sourced_id: Mapped[SourcedId] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(32))
    enabled: Mapped[bool]
    gone: Mapped[bool] = mapped_column(default=False, server_default=false())
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class UserOrg(Base):
    """A role of a user at an org."""

    __tablename__ = "user_orgs"
    user_id: Mapped[Id] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    org_sourced_id: Mapped[SourcedId] = mapped_column(primary_key=True, index=True)
    role: Mapped[str] = mapped_column(primary_key=True)


class Guardian(Base):
    """A guardian of a student."""

    __tablename__ = "guardians"
    student_id: Mapped[Id] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    guardian_id: Mapped[Id] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class SchoolClass(Base):
    """A class of students and teachers.

    A class that is `gone` from the roster is kept for its lessons, with the enrollments of those
    who taught it. `periods` are the names of its class periods in the school system.
    """

    __tablename__ = "classes"
    sourced_id: Mapped[SourcedId] = mapped_column(primary_key=True)
    title: Mapped[str]
    class_code: Mapped[str | None]
    school_sourced_id: Mapped[SourcedId] = mapped_column(ForeignKey("orgs.sourced_id"), index=True)
    course_sourced_id: Mapped[str | None]
    term_sourced_ids: Mapped[list[str]] = mapped_column(JSON)
    location: Mapped[str | None]
    periods: Mapped[list[str]] = mapped_column(JSON, default=list, server_default=text("'[]'"))
    gone: Mapped[bool] = mapped_column(default=False, server_default=false())


class Enrollment(Base):
    """A user in a class, from `begin_date` to the day before `end_date`."""

    __tablename__ = "enrollments"
    sourced_id: Mapped[SourcedId] = mapped_column(primary_key=True)
    class_sourced_id: Mapped[SourcedId] = mapped_column(
        ForeignKey("classes.sourced_id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[Id] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[str]
    begin_date: Mapped[date | None]
    end_date: Mapped[date | None]


class LessonRow(Base):
    """One meeting of a class in a room; classes that are taught together have a lesson each.

    `period` is the name of the class period, where the timetable has one.
    """

    __tablename__ = "lessons"
    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    class_sourced_id: Mapped[SourcedId] = mapped_column(
        ForeignKey("classes.sourced_id", ondelete="CASCADE"), index=True
    )
    room_id: Mapped[str] = mapped_column(String(64))
    starts_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime]
    period: Mapped[str | None] = mapped_column(String(64))
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        Index(None, "room_id", "starts_at"),
    )


class RosterVersion(Base):
    """One row, whose number each change of roster or timetable raises.

    An import compares it with the number that its plan rests on.
    """

    __tablename__ = "roster_version"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]


class ConsentEvent(Base):
    """A grant, withdrawal or objection about a student's face, in an append-only ledger (R5).

    `word` is the action; `said_by` the guardian or student, `recorded_by` the actor who entered it.
    """

    __tablename__ = "consents"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    student_id: Mapped[Id] = mapped_column(index=True)
    said_by: Mapped[Id]
    word: Mapped[str]
    notice_version: Mapped[str | None]
    recorded_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    recorded_by: Mapped[str]
    __table_args__ = (
        CheckConstraint("word IN ('grant', 'withdraw', 'object')", name="word"),
        CheckConstraint(
            "word <> 'grant' OR (expires_at IS NOT NULL AND notice_version IS NOT NULL)",
            name="grant_is_complete",
        ),
    )


class TemplateRow(Base):
    """A student's face embedding, encrypted with that student's own key."""

    __tablename__ = "templates"
    student_id: Mapped[Id] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    engine: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_version: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    grant_seq: Mapped[int] = mapped_column(ForeignKey("consents.seq"))
    created_at: Mapped[datetime]


class BadgeRow(Base):
    """A student's current badge; printing a new one invalidates it."""

    __tablename__ = "badges"
    student_id: Mapped[Id] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    serial: Mapped[Id] = mapped_column(unique=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class RegisterRow(Base):
    """The register of one lesson."""

    __tablename__ = "registers"
    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    lesson_id: Mapped[str] = mapped_column(
        ForeignKey("lessons.id", ondelete="RESTRICT"), unique=True
    )
    state: Mapped[str]
    version: Mapped[int] = mapped_column()
    opened_at: Mapped[datetime]
    opened_by: Mapped[str]
    closes_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    __table_args__ = (CheckConstraint("state IN ('open', 'closed')", name="state"),)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class EntryRow(Base):
    """One student in one register."""

    __tablename__ = "entries"
    register_id: Mapped[Id] = mapped_column(
        ForeignKey("registers.id", ondelete="CASCADE"), primary_key=True
    )
    student_id: Mapped[Id] = mapped_column(primary_key=True, index=True)
    status: Mapped[str]
    method: Mapped[str | None]
    state: Mapped[str | None]
    version: Mapped[int] = mapped_column()
    arrived_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]
    __table_args__ = (
        CheckConstraint(
            "status IN ('present', 'late', 'absent', 'excused', 'not_recorded')", name="status"
        ),
        CheckConstraint("method IN ('teacher', 'badge', 'face')", name="method"),
        CheckConstraint("state IN ('unsure', 'proposed', 'confirmed')", name="state"),
        CheckConstraint(
            "status <> 'absent' OR (method = 'teacher' AND state = 'confirmed')",
            name="no_machine_says_absent",
        ),
    )
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class EntryChange(Base):
    """A change of an entry: its values before and after, who changed it and when. Append-only."""

    __tablename__ = "entry_changes"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    register_id: Mapped[Id] = mapped_column(index=True)
    student_id: Mapped[Id]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]
    was: Mapped[dict[str, Any] | None]
    became: Mapped[dict[str, Any]]


class AuditRow(Base):
    """One entry of the audit log (R9), chained to the one before. Append-only."""

    __tablename__ = "audit"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str | None]
    detail: Mapped[dict[str, Any]]
    mac: Mapped[str] = mapped_column(String(64))


class AuditTail(Base):
    """The last link of the chain: one row, which each writer locks."""

    __tablename__ = "audit_tail"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int]
    mac: Mapped[str] = mapped_column(String(64))


class SignInRow(Base):
    """A token or a browser session: its principal, and when it expires.

    A session's `id` is the hash of its cookie's secret; a session that was begun with a token has
    the token's id as `parent_id`, and ends with it.
    """

    __tablename__ = "sign_ins"
    id: Mapped[Id] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(128))
    roles: Mapped[list[str]] = mapped_column(JSON)
    schools: Mapped[list[str]] = mapped_column(JSON)
    user_id: Mapped[str | None] = mapped_column(
        String(32), ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    parent_id: Mapped[str | None] = mapped_column(String(32), index=True)
    label: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]
    last_used_on: Mapped[date | None]
    __table_args__ = (CheckConstraint("kind IN ('token', 'session')", name="kind"),)
