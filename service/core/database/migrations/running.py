"""Running the migrations of the schema with Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration. Migrations run in the open transaction of ``connection``."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema up to ``revision``; see `service.core.database.engine.upgrade`."""
    command.upgrade(config(connection), revision)


def downgrade(connection: Connection, revision: str = "base") -> None:
    """Take the schema back down to ``revision``."""
    command.downgrade(config(connection), revision)


def latest() -> str:
    """Return the latest revision."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None
    return head
