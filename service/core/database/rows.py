"""Statements that every decision needs, which bypass SQLAlchemy's expressions.

An expression takes 0.2 ms per statement, as long as scoring a shipment. SQLite executes each statement at once; PostgreSQL gets
them together, see `service.core.database.pipeline`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Boolean, Double, LargeBinary, String

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.tables import Base

#: Maximum number of values per statement. SQLite accepts 32,766.
_MOST_VALUES: Final = 30_000
#: Type of a column -> function that returns a value in PostgreSQL's binary format.
_ENCODERS: Final[Mapping[type[Any], Callable[[Any], bytes]]] = {
    BigInteger: struct.Struct("!q").pack,
    Boolean: struct.Struct("!?").pack,
    Double: struct.Struct("!d").pack,
    LargeBinary: bytes,
    String: str.encode,
}


class Insertion:
    """Insertion of rows into some columns of a table."""

    def __init__(self, table: type[Base], columns: Sequence[str]) -> None:
        self._head = f"INSERT INTO {table.__tablename__} ({','.join(columns)}) VALUES "
        self._marks = f"({','.join(['?'] * len(columns))})"
        self._one = f"{self._head}({','.join(f'${number + 1}' for number in range(len(columns)))})"
        self._encoders = tuple(_ENCODERS[type(table.__table__.columns[name].type)] for name in columns)

    def add(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows of values in the order of the columns. On PostgreSQL they are sent with the next statement or the commit."""
        if connection.dialect.name == "sqlite":
            # Use many rows per statement, because the driver releases the interpreter lock for each and then waits for it.
            step = _MOST_VALUES // len(self._encoders)
            for start in range(0, len(rows), step):
                some = rows[start : start + step]
                values = tuple(value for one in some for value in one)
                connection.exec_driver_sql(self._head + ",".join([self._marks] * len(some)), values)
            return
        from service.core.database import pipeline

        pipeline.later(connection, *[(self._one, self._encoded(row)) for row in rows])

    def _encoded(self, row: Sequence[Any]) -> list[bytes | None]:
        return [None if value is None else encode(value) for encode, value in zip(self._encoders, row, strict=True)]


class Lookup:
    """Query for the rows of texts.

    PostgreSQL plans a prepared statement once, perhaps while the tables are empty, and may then read whole tables for each query.
    For the row of one text, with LIMIT, it plans an index. Write the SQL as one such query for each text of the array.

    Attributes:
        sqlite: SQL with a placeholder ``{}`` for the list of texts with its brackets.
        postgresql: SQL with ``$1`` for an array of the texts.
    """

    def __init__(self, sqlite: str, postgresql: str) -> None:
        self.sqlite, self.postgresql = sqlite, postgresql


def look_up(
    connection: Connection, lookups: Sequence[tuple[Lookup, Sequence[str] | None]]
) -> list[Sequence[tuple[Any, ...]]]:
    """Return the rows of each query.

    Args:
        lookups: queries, each with its texts; None for a query without a placeholder.
    """
    if connection.dialect.name == "sqlite":
        return [_look_up_sqlite(connection, lookup, () if texts is None else texts) for lookup, texts in lookups]
    from service.core.database import pipeline

    queries = [(lookup.postgresql, () if texts is None else (pipeline.array_of(texts),)) for lookup, texts in lookups]
    return [*pipeline.rows_of(connection, queries)]


def _look_up_sqlite(connection: Connection, lookup: Lookup, texts: Sequence[str]) -> Sequence[tuple[Any, ...]]:
    statement = lookup.sqlite.format(f"({','.join('?' * len(texts))})")
    return [tuple(row) for row in connection.exec_driver_sql(statement, tuple(texts))]
