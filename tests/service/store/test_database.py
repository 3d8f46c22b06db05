"""The database: URLs, transactions, migrations both ways, and the schema that migrations make."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Boolean, Column, Connection, Double, LargeBinary, MetaData, String, insert, inspect, select, text

from service import subjects
from service.core.database import engine
from service.core.database.engine import SCHEMA, SQLITE_SETTINGS, BadDatabase, Database
from service.core.database.migrations import running as migrations
from service.core.errors import DatabaseAway


def test_this_code_needs_the_latest_migration() -> None:
    assert migrations.latest() == SCHEMA


def test_migrations_make_the_tables_that_the_code_describes(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), subjects.metadata()) == []


def test_the_schema_goes_down_to_nothing_and_up_again(database: Database) -> None:
    with database.write() as connection:
        migrations.downgrade(connection)
    assert set(inspect(database.engine).get_table_names()) == {"alembic_version"}
    database.migrate()
    assert set(inspect(database.engine).get_table_names()) >= set(subjects.metadata().tables)


def test_postgresql_stores_blocks_of_the_index_uncompressed(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite compresses nothing.")
    query = "SELECT attstorage FROM pg_attribute WHERE attrelid = 'search_blocks'::regclass AND attname = 'data'"
    with database.read() as connection:
        assert connection.execute(text(query)).scalar_one() in ("e", b"e")


#: Tables that a migration itself fills.
FILLED = frozenset({"list_revisions", "queue_entries", "search_frontier"})


def value(column: Column[Any], row: int) -> Any:
    """Return a value that differs from row to row. In every second row, nullable columns are None."""
    if column.nullable and row % 2:
        return None
    if isinstance(column.type, LargeBinary):
        return bytes((row, 0, 255))
    if isinstance(column.type, Boolean):
        return bool(row % 2)
    if isinstance(column.type, Double):
        return row + 0.1
    if isinstance(column.type, String):
        return {"lane": "red"}.get(column.name, f"{column.name} \u00e9 {row}")
    return 2**40 + row


def fill(connection: Connection) -> None:
    """Add two rows to every table."""
    for table in subjects.metadata().sorted_tables:
        given = [column for column in table.columns if column is not table.autoincrement_column]
        connection.execute(insert(table), [{column.name: value(column, row) for column in given} for row in range(2)])


def contents(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the existing tables, with their present columns."""
    tables = MetaData()
    tables.reflect(connection)
    return {
        name: sorted((dict(row) for row in connection.execute(select(table)).mappings()), key=repr)
        for name, table in tables.tables.items()
        if name != "alembic_version"
    }


def columns_of(content: dict[str, list[dict[str, Any]]]) -> set[tuple[str, str]]:
    """Return the columns of tables, which must have rows, as pairs of table and column."""
    return {(name, column) for name, rows in content.items() for column in rows[0]}


def has_rows_of(before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]]) -> bool:
    """Return whether all tables of ``after`` have the rows of ``before``, in the columns of ``after``."""
    return all(
        after[name] == sorted(({column: row[column] for column in after[name][0]} for row in before[name]), key=repr)
        for name in after
    )


def test_each_revision_goes_down_and_up_and_keeps_the_rows_of_other_tables(
    database: Database,
) -> None:
    with database.write() as connection:
        fill(connection)
        full = contents(connection)
    assert set(full) == set(subjects.metadata().tables)
    assert all(len(rows) >= 2 for rows in full.values())
    while full:
        with database.write() as connection:
            migrations.downgrade(connection, "-1")
            below = contents(connection)
        # A revision may change indexes alone.
        assert columns_of(below) <= columns_of(full)
        assert all(below.values()), "a table has lost its rows"
        assert has_rows_of(full, below), sorted(below)
        with database.write() as connection:
            migrations.upgrade(connection, "+1")
            above = contents(connection)
        assert set(above) == set(full)
        assert has_rows_of(above, below)
        new = columns_of({name: above[name] for name in below}) - columns_of(below)
        assert all(row[column] in (None, "", False, "decision.red") for name, column in new for row in above[name])
        assert {name for name in above if above[name]} == below.keys() | (FILLED & set(above))
        if "queue_entries" in set(above) - set(below):
            # Row 1 is a what-if request.
            assert [row["shipment_id"] for row in above["queue_entries"]] == ["shipment_id \u00e9 0"]
        with database.write() as connection:
            migrations.downgrade(connection, "-1")
            full = contents(connection)
        assert full == below
    database.migrate()
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), subjects.metadata()) == []


def test_a_connection_in_use_is_closed_at_the_end_of_its_use_once_the_database_was_closed(database: Database) -> None:
    with database.read() as connection:
        driver = connection.connection.driver_connection
        database.close()
        connection.execute(text("SELECT 1"))
    assert driver is not None
    dbapi = database.engine.dialect.dbapi
    assert dbapi is not None
    with pytest.raises(dbapi.Error, match="closed"):
        driver.cursor().execute("SELECT 1")


def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    databases = [Database(empty_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Database.migrate, databases))
    assert set(inspect(databases[0].engine).get_table_names()) >= set(subjects.metadata().tables)
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
def test_a_wrong_url_is_refused_with_its_reason(url: str, message: str) -> None:
    with pytest.raises(BadDatabase, match=message):
        Database(url)


def test_sqlite_keeps_each_commit_on_the_disk(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SQLITE_SETTINGS", SQLITE_SETTINGS)
    database = Database(f"sqlite:///{tmp_path}/x.db")
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


def test_only_its_owner_may_read_a_new_file_of_sqlite(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    with closing(Database(f"sqlite:///{folder / 'store.db'}")) as database:
        database.migrate()
        assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
            "store.db": 0o600,
            "store.db-wal": 0o600,
            "store.db-shm": 0o600,
        }
    # A changed mode is kept.
    (folder / "store.db").chmod(0o640)
    with closing(Database(f"sqlite:///{folder / 'store.db'}")) as database:
        assert database.revision() is not None
        assert (folder / "store.db").stat().st_mode & 0o777 == 0o640


def test_after_a_failed_write_the_database_must_accept_a_write_again(database: Database, url: str) -> None:
    def problem_while_locked() -> str | None:
        with closing(Database(url)) as other, other.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
            return database.problem()

    assert database.problem() is None
    assert problem_while_locked() is None
    with pytest.raises(DatabaseAway), database.write():
        raise DatabaseAway("database or disk is full")
    # It answers queries, but does not accept a write. The wait for other writers is short.
    assert "lock" in (problem_while_locked() or "")
    assert database.problem() is None
    assert problem_while_locked() is None
    if database.is_sqlite:
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 30_000
