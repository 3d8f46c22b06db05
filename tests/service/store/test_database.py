"""The database: URLs, transactions, migrations both ways, and the schema that migrations make."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from service.store.database import SCHEMA, BadDatabase, Database
from service.store.migrations import running as migrations
from service.store.tables import Base


def test_this_code_needs_the_latest_migration() -> None:
    assert migrations.latest() == SCHEMA


def test_migrations_make_the_tables_that_the_code_describes(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_schema_goes_down_to_nothing_and_up_again(database: Database) -> None:
    with database.write() as connection:
        migrations.downgrade(connection)
    assert set(inspect(database.engine).get_table_names()) == {"alembic_version"}
    database.migrate()
    assert set(inspect(database.engine).get_table_names()) >= set(Base.metadata.tables)


def test_a_connection_in_use_while_the_database_closes_is_closed_at_the_end_of_its_use(database: Database) -> None:
    with database.read() as connection:
        driver = connection.connection.driver_connection
        database.close()
        connection.execute(text("SELECT 1"))
    assert driver is not None
    dbapi = database.engine.dialect.dbapi
    assert dbapi is not None
    with pytest.raises(dbapi.Error, match="closed"):
        driver.cursor().execute("SELECT 1")


def test_processes_that_start_together_migrate_once(url: str) -> None:
    databases = [Database(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Database.migrate, databases))
    assert set(inspect(databases[0].engine).get_table_names()) >= set(Base.metadata.tables)
    for database in databases:
        database.close()


def test_a_schema_of_a_newer_version_is_refused(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BadDatabase, match="newer version wrote it"):
        database.migrate()


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def failing() -> None:
        with database.write() as connection:
            connection.execute(text("CREATE TABLE left_over (x INTEGER)"))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        failing()
    assert "left_over" not in inspect(database.engine).get_table_names()


@pytest.mark.parametrize(
    ("url", "message"),
    [("nonsense", "cannot be read"), ("mysql://localhost/x", "mysql is not supported")],
)
def test_a_wrong_url_says_what_would_be_right(url: str, message: str) -> None:
    with pytest.raises(BadDatabase, match=message):
        Database(url)


def test_sqlite_keeps_each_commit_on_the_disk(tmp_path: object) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db")
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()
