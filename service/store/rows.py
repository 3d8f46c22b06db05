"""Statements of the path of every decision, in SQL that both engines read.

SQLAlchemy's expressions take 0.2 ms a statement, as long as scoring a shipment. The statements here go to the driver as they are,
through SQLAlchemy's connection, which still reports errors in its own types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult

#: Values of one statement. SQLite takes 32,766, PostgreSQL 65,535.
_MOST_VALUES: Final = 30_000
_MARKS: Final = {"sqlite": "?", "postgresql": "%s"}


def insert_rows(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of values in the order of ``columns``.

    One statement has many rows, because the driver gives up Python's lock for each statement and has to wait for it afterwards.
    """
    mark = _MARKS[connection.dialect.name]
    row = f"({','.join([mark] * len(columns))})"
    step = _MOST_VALUES // len(columns)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        values = tuple(value for one in some for value in one)
        connection.exec_driver_sql(
            f"INSERT INTO {table} ({','.join(columns)}) VALUES {','.join([row] * len(some))}",
            values,
        )


def select_among(connection: Connection, statement: str, values: Sequence[Any]) -> CursorResult[Any]:
    """Execute a query with one place ``{}`` for a list of values in brackets."""
    mark = _MARKS[connection.dialect.name]
    return connection.exec_driver_sql(statement.format(f"({','.join([mark] * len(values))})"), tuple(values))
