"""Alembic's environment: it uses the connection that `Records.migrate` passes."""

from alembic import context

from cluster.records.db.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with connection.begin():
    context.run_migrations()
