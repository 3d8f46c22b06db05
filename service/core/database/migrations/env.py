"""Entry point of Alembic. It uses the connection passed to `service.core.database.migrations.config`."""

from __future__ import annotations

from alembic import context

from service.core.database.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite can change a table only by copying it.
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
