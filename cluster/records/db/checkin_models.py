"""The tables of check-ins. An answer is never a row: it increments a tally in `checkin_tallies`.

No column links an answer to a device, a time or a student. Everything is deleted when a check-in
ends, except `checkin_counts` (the published counts), the fact that a lesson had a check-in, and the
ledger of agreements.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from cluster.records.db.base import Base, Id, SourcedId, new_id


class CheckinRow(Base):
    """The check-in of one lesson.

    `code` is shown on the board, and null for slips; it and `device_key` are null once the check-in
    has ended. `answers_told` and `told` are the last published snapshot. `calls_until`, the end of
    the lesson, is when requests for help are deleted.
    """

    __tablename__ = "checkins"
    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    lesson_id: Mapped[str] = mapped_column(
        String(255), ForeignKey("lessons.id", ondelete="CASCADE"), unique=True
    )
    class_sourced_id: Mapped[SourcedId]
    room_id: Mapped[str] = mapped_column(String(64))
    school_id: Mapped[str] = mapped_column(String(64))
    day: Mapped[date] = mapped_column("date")
    kind: Mapped[str] = mapped_column(String(8))
    code: Mapped[str | None] = mapped_column(String(8), unique=True)
    device_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    k: Mapped[int]
    answers_told: Mapped[int | None]
    told: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    version: Mapped[int]
    started_at: Mapped[datetime]
    started_by: Mapped[str]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    calls_until: Mapped[datetime] = mapped_column(index=True)
    __table_args__ = (
        CheckConstraint("kind IN ('board', 'slips')", name="kind"),
        CheckConstraint("ends_at <= calls_until", name="ends_with_the_lesson"),
        CheckConstraint(
            "ended_at IS NULL OR (code IS NULL AND device_key IS NULL AND told IS NULL)",
            name="end_forgets",
        ),
    )


class TallyRow(Base):
    """How many answers an open check-in has of one feeling."""

    __tablename__ = "checkin_tallies"
    checkin_id: Mapped[Id] = mapped_column(
        ForeignKey("checkins.id", ondelete="CASCADE"), primary_key=True
    )
    feeling: Mapped[str] = mapped_column(String(16), primary_key=True)
    count: Mapped[int]
    __table_args__ = (CheckConstraint("count >= 0", name="count"),)


class DeviceRow(Base):
    """A device that has answered, or asked for help, as two hashes that cannot be linked."""

    __tablename__ = "checkin_devices"
    checkin_id: Mapped[Id] = mapped_column(
        ForeignKey("checkins.id", ondelete="CASCADE"), primary_key=True
    )
    device_hash: Mapped[str] = mapped_column(String(64), primary_key=True)


class SlipRow(Base):
    """The code of a slip, which may answer once; no table says whose it is."""

    __tablename__ = "checkin_slips"
    checkin_id: Mapped[Id] = mapped_column(
        ForeignKey("checkins.id", ondelete="CASCADE"), primary_key=True
    )
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    used: Mapped[bool]


class HelpRequestRow(Base):
    """A request for help of a student; `student_id` is null where it is anonymous."""

    __tablename__ = "checkin_calls"
    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    checkin_id: Mapped[Id] = mapped_column(
        ForeignKey("checkins.id", ondelete="CASCADE"), index=True
    )
    student_id: Mapped[str | None] = mapped_column(
        String(32), ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    seen_at: Mapped[datetime | None]


class CountsRow(Base):
    """The published counts of a check-in that has ended; kept for the warehouse."""

    __tablename__ = "checkin_counts"
    lesson_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    class_sourced_id: Mapped[SourcedId]
    room_id: Mapped[str] = mapped_column(String(64))
    school_id: Mapped[str] = mapped_column(String(64))
    day: Mapped[date] = mapped_column("date", index=True)
    answers: Mapped[int]
    answers_told: Mapped[int | None]
    told: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    __table_args__ = (
        CheckConstraint(
            "(told IS NULL) = (answers_told IS NULL) AND (answers_told IS NULL OR "
            "(answers_told >= 5 AND answers_told <= answers))",
            name="told_of_enough",
        ),
    )


class AgreementEvent(Base):
    """An agreement to check-ins, or its withdrawal, in an append-only ledger.

    `word` is the action; `said_by` the guardian or student, `recorded_by` the actor who entered it.
    """

    __tablename__ = "checkin_agreements"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    student_id: Mapped[Id] = mapped_column(index=True)
    said_by: Mapped[Id]
    word: Mapped[str] = mapped_column(String(16))
    recorded_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    recorded_by: Mapped[str]
    __table_args__ = (
        CheckConstraint("word IN ('agree', 'withdraw')", name="word"),
        CheckConstraint("word <> 'agree' OR expires_at IS NOT NULL", name="agreement_ends"),
    )
