"""Check-ins: tallies while one is open, the counts published afterwards, and agreements."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and the triggers that make the ledger of agreements append-only."""
    op.create_index(op.f("ix_lessons_starts_at"), "lessons", ["starts_at"], unique=False)
    op.create_table(
        "checkin_agreements",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("said_by", sa.String(length=32), nullable=False),
        sa.Column("word", sa.String(length=16), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.CheckConstraint(
            "word <> 'agree' OR expires_at IS NOT NULL",
            name=op.f("ck_checkin_agreements_agreement_ends"),
        ),
        sa.CheckConstraint(
            "word IN ('agree', 'withdraw')", name=op.f("ck_checkin_agreements_word")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_checkin_agreements")),
    )
    op.create_index(
        op.f("ix_checkin_agreements_student_id"), "checkin_agreements", ["student_id"], unique=False
    )
    op.create_table(
        "checkin_counts",
        sa.Column("lesson_id", sa.String(length=255), nullable=False),
        sa.Column("class_sourced_id", sa.String(length=255), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("school_id", sa.String(length=64), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("answers_told", sa.Integer(), nullable=True),
        sa.Column("told", sa.JSON(), nullable=True),
        sa.CheckConstraint(
            "(told IS NULL) = (answers_told IS NULL) AND (answers_told IS NULL OR "
            "(answers_told >= 5 AND answers_told <= answers))",
            name=op.f("ck_checkin_counts_told_of_enough"),
        ),
        sa.PrimaryKeyConstraint("lesson_id", name=op.f("pk_checkin_counts")),
    )
    op.create_index(op.f("ix_checkin_counts_date"), "checkin_counts", ["date"], unique=False)
    op.create_table(
        "checkins",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("lesson_id", sa.String(length=255), nullable=False),
        sa.Column("class_sourced_id", sa.String(length=255), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("school_id", sa.String(length=64), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=True),
        sa.Column("device_key", sa.LargeBinary(), nullable=True),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("answers_told", sa.Integer(), nullable=True),
        sa.Column("told", sa.JSON(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by", sa.String(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("calls_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('board', 'slips')", name=op.f("ck_checkins_kind")),
        sa.CheckConstraint(
            "ended_at IS NULL OR (code IS NULL AND device_key IS NULL AND told IS NULL)",
            name=op.f("ck_checkins_end_forgets"),
        ),
        sa.CheckConstraint("ends_at <= calls_until", name=op.f("ck_checkins_ends_with_the_lesson")),
        sa.ForeignKeyConstraint(
            ["lesson_id"], ["lessons.id"], name=op.f("fk_checkins_lesson_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkins")),
        sa.UniqueConstraint("code", name=op.f("uq_checkins_code")),
        sa.UniqueConstraint("lesson_id", name=op.f("uq_checkins_lesson_id")),
    )
    op.create_index(op.f("ix_checkins_calls_until"), "checkins", ["calls_until"], unique=False)
    op.create_index(op.f("ix_checkins_ends_at"), "checkins", ["ends_at"], unique=False)
    op.create_table(
        "checkin_calls",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("checkin_id", sa.String(length=32), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["checkin_id"],
            ["checkins.id"],
            name=op.f("fk_checkin_calls_checkin_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["student_id"],
            ["users.id"],
            name=op.f("fk_checkin_calls_student_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkin_calls")),
    )
    op.create_index(
        op.f("ix_checkin_calls_checkin_id"), "checkin_calls", ["checkin_id"], unique=False
    )
    op.create_index(
        op.f("ix_checkin_calls_student_id"), "checkin_calls", ["student_id"], unique=False
    )
    op.create_table(
        "checkin_devices",
        sa.Column("checkin_id", sa.String(length=32), nullable=False),
        sa.Column("device_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkin_id"],
            ["checkins.id"],
            name=op.f("fk_checkin_devices_checkin_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("checkin_id", "device_hash", name=op.f("pk_checkin_devices")),
    )
    op.create_table(
        "checkin_slips",
        sa.Column("checkin_id", sa.String(length=32), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkin_id"],
            ["checkins.id"],
            name=op.f("fk_checkin_slips_checkin_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("checkin_id", "code_hash", name=op.f("pk_checkin_slips")),
    )
    op.create_index(
        op.f("ix_checkin_slips_code_hash"), "checkin_slips", ["code_hash"], unique=False
    )
    op.create_table(
        "checkin_tallies",
        sa.Column("checkin_id", sa.String(length=32), nullable=False),
        sa.Column("feeling", sa.String(length=16), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.CheckConstraint("count >= 0", name=op.f("ck_checkin_tallies_count")),
        sa.ForeignKeyConstraint(
            ["checkin_id"],
            ["checkins.id"],
            name=op.f("fk_checkin_tallies_checkin_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("checkin_id", "feeling", name=op.f("pk_checkin_tallies")),
    )
    _make_append_only("checkin_agreements")


def downgrade() -> None:
    """Drop the tables; the function of PostgreSQL's trigger belongs to the first migration."""
    op.drop_index(op.f("ix_lessons_starts_at"), table_name="lessons")
    op.drop_table("checkin_tallies")
    op.drop_index(op.f("ix_checkin_slips_code_hash"), table_name="checkin_slips")
    op.drop_table("checkin_slips")
    op.drop_table("checkin_devices")
    op.drop_index(op.f("ix_checkin_calls_student_id"), table_name="checkin_calls")
    op.drop_index(op.f("ix_checkin_calls_checkin_id"), table_name="checkin_calls")
    op.drop_table("checkin_calls")
    op.drop_index(op.f("ix_checkins_ends_at"), table_name="checkins")
    op.drop_index(op.f("ix_checkins_calls_until"), table_name="checkins")
    op.drop_table("checkins")
    op.drop_index(op.f("ix_checkin_counts_date"), table_name="checkin_counts")
    op.drop_table("checkin_counts")
    op.drop_index(op.f("ix_checkin_agreements_student_id"), table_name="checkin_agreements")
    op.drop_table("checkin_agreements")


def _make_append_only(table: str) -> None:
    message = f"{table} only grows"
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
        # INSERT OR REPLACE deletes without firing the trigger above.
        existing = f"SELECT seq FROM {table}"  # noqa: S608 (a constant name)
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN NEW.seq IN ({existing}) BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    op.execute(
        f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION homeroom_only_grows()"
    )
