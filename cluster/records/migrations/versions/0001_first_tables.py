"""The first tables: roster, lessons, consent, templates, badges, registers, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("consents", "entry_changes", "audit")


def upgrade() -> None:
    """Create the tables, and the triggers that make three of them append-only."""
    op.create_table(
        "academic_sessions",
        sa.Column("sourced_id", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("school_year", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sourced_id", name=op.f("pk_academic_sessions")),
    )
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_table(
        "audit_tail",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_tail")),
    )
    op.create_table(
        "consents",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("said_by", sa.String(length=32), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("notice_version", sa.String(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.CheckConstraint(
            "word <> 'grant' OR (expires_at IS NOT NULL AND notice_version IS NOT NULL)",
            name=op.f("ck_consents_grant_is_complete"),
        ),
        sa.CheckConstraint(
            "word IN ('grant', 'withdraw', 'object')", name=op.f("ck_consents_word")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_student_id"), "consents", ["student_id"], unique=False)
    op.create_table(
        "courses",
        sa.Column("sourced_id", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("course_code", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sourced_id", name=op.f("pk_courses")),
    )
    op.create_table(
        "entry_changes",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("register_id", sa.String(length=32), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("was", sa.JSON(), nullable=True),
        sa.Column("became", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_entry_changes")),
    )
    op.create_index(
        op.f("ix_entry_changes_register_id"), "entry_changes", ["register_id"], unique=False
    )
    op.create_table(
        "orgs",
        sa.Column("sourced_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("identifier", sa.String(), nullable=True),
        sa.Column("parent_sourced_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sourced_id", name=op.f("pk_orgs")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("sourced_id", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("sourced_id", name=op.f("uq_users_sourced_id")),
    )
    op.create_table(
        "badges",
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("serial", sa.String(length=32), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("fk_badges_student_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("student_id", name=op.f("pk_badges")),
        sa.UniqueConstraint("serial", name=op.f("uq_badges_serial")),
    )
    op.create_table(
        "classes",
        sa.Column("sourced_id", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("class_code", sa.String(), nullable=True),
        sa.Column("school_sourced_id", sa.String(length=255), nullable=False),
        sa.Column("course_sourced_id", sa.String(), nullable=True),
        sa.Column("term_sourced_ids", sa.JSON(), nullable=False),
        sa.Column("location", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["school_sourced_id"], ["orgs.sourced_id"], name=op.f("fk_classes_school_sourced_id")
        ),
        sa.PrimaryKeyConstraint("sourced_id", name=op.f("pk_classes")),
    )
    op.create_index(
        op.f("ix_classes_school_sourced_id"), "classes", ["school_sourced_id"], unique=False
    )
    op.create_table(
        "guardians",
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("guardian_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["guardian_id"], ["users.id"], name=op.f("fk_guardians_guardian_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("fk_guardians_student_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("student_id", "guardian_id", name=op.f("pk_guardians")),
    )
    op.create_index(op.f("ix_guardians_guardian_id"), "guardians", ["guardian_id"], unique=False)
    op.create_table(
        "templates",
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("engine", sa.String(length=64), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("grant_seq", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["grant_seq"], ["consents.seq"], name=op.f("fk_templates_grant_seq")
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("fk_templates_student_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("student_id", "engine", name=op.f("pk_templates")),
    )
    op.create_table(
        "user_orgs",
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("org_sourced_id", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_orgs_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "org_sourced_id", "role", name=op.f("pk_user_orgs")),
    )
    op.create_index(
        op.f("ix_user_orgs_org_sourced_id"), "user_orgs", ["org_sourced_id"], unique=False
    )
    op.create_table(
        "enrollments",
        sa.Column("sourced_id", sa.String(length=255), nullable=False),
        sa.Column("class_sourced_id", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("begin_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["class_sourced_id"],
            ["classes.sourced_id"],
            name=op.f("fk_enrollments_class_sourced_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_enrollments_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sourced_id", name=op.f("pk_enrollments")),
    )
    op.create_index(
        op.f("ix_enrollments_class_sourced_id"), "enrollments", ["class_sourced_id"], unique=False
    )
    op.create_index(op.f("ix_enrollments_user_id"), "enrollments", ["user_id"], unique=False)
    op.create_table(
        "lessons",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("class_sourced_id", sa.String(length=255), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_lessons_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["class_sourced_id"],
            ["classes.sourced_id"],
            name=op.f("fk_lessons_class_sourced_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lessons")),
        sa.UniqueConstraint("room_id", "starts_at", name=op.f("uq_lessons_room_id_starts_at")),
    )
    op.create_index(
        op.f("ix_lessons_class_sourced_id"), "lessons", ["class_sourced_id"], unique=False
    )
    op.create_table(
        "registers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("lesson_id", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_registers_state")),
        sa.ForeignKeyConstraint(
            ["lesson_id"], ["lessons.id"], name=op.f("fk_registers_lesson_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registers")),
        sa.UniqueConstraint("lesson_id", name=op.f("uq_registers_lesson_id")),
    )
    op.create_table(
        "entries",
        sa.Column("register_id", sa.String(length=32), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.CheckConstraint(
            "method IN ('teacher', 'badge', 'face')", name=op.f("ck_entries_method")
        ),
        sa.CheckConstraint(
            "state IN ('unsure', 'proposed', 'confirmed')", name=op.f("ck_entries_state")
        ),
        sa.CheckConstraint(
            "status <> 'absent' OR (method = 'teacher' AND state = 'confirmed')",
            name=op.f("ck_entries_no_machine_says_absent"),
        ),
        sa.CheckConstraint(
            "status IN ('present', 'late', 'absent', 'excused', 'not_recorded')",
            name=op.f("ck_entries_status"),
        ),
        sa.ForeignKeyConstraint(
            ["register_id"],
            ["registers.id"],
            name=op.f("fk_entries_register_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("register_id", "student_id", name=op.f("pk_entries")),
    )
    op.create_index(op.f("ix_entries_student_id"), "entries", ["student_id"], unique=False)
    for table in APPEND_ONLY:
        _make_append_only(table)
    op.execute("INSERT INTO audit_tail (id, seq, mac) VALUES (1, 0, '')")


def downgrade() -> None:
    """Drop all tables."""
    op.drop_index(op.f("ix_entries_student_id"), table_name="entries")
    op.drop_table("entries")
    op.drop_table("registers")
    op.drop_index(op.f("ix_lessons_class_sourced_id"), table_name="lessons")
    op.drop_table("lessons")
    op.drop_index(op.f("ix_enrollments_user_id"), table_name="enrollments")
    op.drop_index(op.f("ix_enrollments_class_sourced_id"), table_name="enrollments")
    op.drop_table("enrollments")
    op.drop_index(op.f("ix_user_orgs_org_sourced_id"), table_name="user_orgs")
    op.drop_table("user_orgs")
    op.drop_table("templates")
    op.drop_index(op.f("ix_guardians_guardian_id"), table_name="guardians")
    op.drop_table("guardians")
    op.drop_index(op.f("ix_classes_school_sourced_id"), table_name="classes")
    op.drop_table("classes")
    op.drop_table("badges")
    op.drop_table("users")
    op.drop_table("orgs")
    op.drop_index(op.f("ix_entry_changes_register_id"), table_name="entry_changes")
    op.drop_table("entry_changes")
    op.drop_table("courses")
    op.drop_index(op.f("ix_consents_student_id"), table_name="consents")
    op.drop_table("consents")
    op.drop_table("audit_tail")
    op.drop_table("audit")
    op.drop_table("academic_sessions")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION homeroom_only_grows()")


def _make_append_only(table: str) -> None:
    message = f"{table} only grows"
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
        # INSERT OR REPLACE deletes without firing the trigger above.
        existing = f"SELECT seq FROM {table}"  # noqa: S608 (constant names)
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN NEW.seq IN ({existing}) BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION homeroom_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% only grows', TG_TABLE_NAME; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION homeroom_only_grows()"
    )
