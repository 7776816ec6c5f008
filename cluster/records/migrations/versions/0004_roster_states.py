"""Who and what is gone from the roster, lessons of classes taught together, class periods."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UNIQUE = "uq_lessons_room_id_starts_at"
INDEX = "ix_lessons_room_id_starts_at"


def upgrade() -> None:
    """Add the states; until now, a user who was gone counted as one without an account."""
    op.add_column(
        "users", sa.Column("gone", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute(sa.text("UPDATE users SET gone = true WHERE enabled = false"))
    op.add_column(
        "classes", sa.Column("gone", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column(
        "classes",
        sa.Column("periods", sa.JSON(), nullable=False, server_default=sa.text("'[]'")),
    )
    with op.batch_alter_table("lessons") as batch:
        batch.add_column(sa.Column("period", sa.String(length=64), nullable=True))
        batch.drop_constraint(UNIQUE, type_="unique")
        batch.create_index(INDEX, ["room_id", "starts_at"], unique=False)
    versions = op.create_table(
        "roster_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_version")),
    )
    op.bulk_insert(versions, [{"id": 1, "version": 0}])


def downgrade() -> None:
    """Drop the states; fails while classes that are taught together have lessons."""
    op.drop_table("roster_version")
    with op.batch_alter_table("lessons") as batch:
        batch.drop_index(INDEX)
        batch.create_unique_constraint(UNIQUE, ["room_id", "starts_at"])
        batch.drop_column("period")
    op.execute(sa.text("UPDATE users SET enabled = false WHERE gone = true"))
    for table, column in (("classes", "periods"), ("classes", "gone"), ("users", "gone")):
        op.drop_column(table, column)
