"""Statements that every decision needs, which bypass SQLAlchemy's expressions.

An expression takes 0.2 ms per statement, as long as scoring a shipment. SQLite executes each statement at once. PostgreSQL gets
those of a context `together` without waiting for each: otherwise each would wait for the server, and then for the interpreter
lock, which the event loop takes meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.tables import Base

#: Maximum number of values per statement. SQLite accepts 32,766, and PostgreSQL 65,535.
_MOST_VALUES: Final = 30_000
#: Keys of the advisory locks on PostgreSQL: "tide" in ASCII, and the purpose. SQLite has one lock for all writes.
LOCK_SPACE: Final = 0x74696465
LOCK_AUDIT: Final = f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, 2)"


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """On PostgreSQL, send the statements of a context in a pipeline. The context must not read the rows of SQLAlchemy's results.

    Raises:
        DBAPIError: a statement failed; the server has skipped all later ones.
    """
    if connection.dialect.name == "sqlite":
        yield
        return
    import psycopg

    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            yield
    except psycopg.Error as error:
        if driver.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(
            None, None, error, psycopg.Error, connection_invalidated=connection.invalidated, dialect=connection.dialect
        ) from error


class Insertion:
    """Insertion of rows into some columns of a table."""

    def __init__(self, table: type[Base], columns: Sequence[str]) -> None:
        self._head = f"INSERT INTO {table.__tablename__} ({','.join(columns)}) VALUES "
        self._width = len(columns)

    def add(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows of values in the order of the columns. Call it in a context `together`."""
        if connection.dialect.name != "sqlite":
            if rows:
                driver: Any = connection.connection.driver_connection
                driver.cursor().executemany(f"{self._head}({','.join(['%s'] * self._width)})", rows)
            return
        # Use many rows per statement, because the driver releases the interpreter lock for each and then waits for it.
        step = _MOST_VALUES // self._width
        marks = f"({','.join('?' * self._width)})"
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            values = tuple(value for one in some for value in one)
            connection.exec_driver_sql(self._head + ",".join([marks] * len(some)), values)


class Lookup:
    """Query for the rows of texts.

    PostgreSQL plans a prepared statement once, perhaps while the tables are empty, and may then read whole tables for each query.
    For the row of one text, with LIMIT, it plans an index. Write the SQL as one such query for each text of the array.

    Attributes:
        sqlite: SQL with a placeholder ``{}`` for the list of texts with its brackets.
        postgresql: SQL with ``%s`` for an array of the texts.
    """

    def __init__(self, sqlite: str, postgresql: str) -> None:
        self.sqlite, self.postgresql = sqlite, postgresql


def locked_look_up(
    connection: Connection, lookups: Sequence[tuple[Lookup, Sequence[str] | None]]
) -> list[Sequence[tuple[Any, ...]]]:
    """Wait until only this transaction may append to the audit chain, and return the rows of each query.

    Args:
        lookups: queries, each with its texts; None for a query without a placeholder.
    """
    if connection.dialect.name == "sqlite":
        return [_look_up_sqlite(connection, lookup, () if texts is None else texts) for lookup, texts in lookups]
    driver: Any = connection.connection.driver_connection
    with together(connection):
        driver.execute(LOCK_AUDIT)
        cursors = [driver.execute(lookup.postgresql, None if texts is None else [texts]) for lookup, texts in lookups]
    return [cursor.fetchall() for cursor in cursors]


def _look_up_sqlite(connection: Connection, lookup: Lookup, texts: Sequence[str]) -> Sequence[tuple[Any, ...]]:
    statement = lookup.sqlite.format(f"({','.join('?' * len(texts))})")
    return [tuple(row) for row in connection.exec_driver_sql(statement, tuple(texts))]
