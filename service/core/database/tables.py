"""Base of the mapped classes, and statements that every decision needs, which bypass SQLAlchemy's expressions.

An expression takes 0.2 ms per statement, as long as scoring a shipment. SQLite executes each statement at once. PostgreSQL gets
those of a context `together` without waiting for each: otherwise each would wait for the server, and then for the interpreter
lock, which the event loop takes meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import BigInteger, Double, Index, Integer, MetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from service.core.database.packing import Packed

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Patterns of the names of constraints, so that migrations can refer to them on both engines.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}

#: Number that the engine assigns to each row. SQLite assigns numbers only to columns of the type INTEGER.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Base of all tables of the store.

    Attributes:
        erased: values that an erasure gives to personal columns besides ``salt``, which becomes None. It erases the rows of a table
            with ``decision_id`` together with their decision, and those of a table with ``removed_at`` once they were removed. The
            audit chain names the erased rows. Empty for a table that an erasure leaves alone, or changes by a function.
        unproven: columns of a table with checks whose changes the proof of the audit chain does not find.
    """

    metadata = MetaData(naming_convention=NAMES)
    #: `int` is 64 bits wide, because times are microseconds.
    type_annotation_map: ClassVar[dict[Any, Any]] = {int: BigInteger, float: Double}
    erased: ClassVar[Mapping[str, Any]] = {}
    unproven: ClassVar[frozenset[str]] = frozenset()


class AuditEntry(Base):
    """Entry of the audit chain. Entries are only added, never changed; see `service.core.database.audit`.

    Attributes:
        number: position in the chain, from 1, without gaps.
        at: time of the entry.
        kind: kind of the event, such as ``decision`` or ``key_created``.
        subject: id of the object of the event.
        actor: id of the API key, or the name of the command.
        facts: JSON with sorted keys of what the entry proves: digests, and values without personal data.
        previous: digest of the previous entry; 32 zero bytes for the first.
        digest: SHA-256 of all values above, see `service.core.database.audit`.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "kind", "subject"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[int]
    kind: Mapped[str]
    subject: Mapped[str]
    actor: Mapped[str | None]
    facts: Mapped[bytes] = mapped_column(Packed("facts"))
    previous: Mapped[bytes]
    digest: Mapped[bytes]


class IdempotentRequest(Base):
    """A request that is answered once, and its answer. Rows are deleted after 24 hours.

    Attributes:
        caller: id of the API key; empty if keys are not required.
        key: value of the header.
        digest: SHA-256 of method, path, query string and body; for a job, of the file and the fields of the form.
        created_at: time at which a process began to work on the request.
        status: status of the answer; None while a process works on the request.
        media_type: ``Content-Type`` of the answer.
        body: the answer.
    """

    __tablename__ = "idempotent_requests"
    __table_args__ = (Index(None, "created_at"),)

    caller: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    created_at: Mapped[int]
    status: Mapped[int | None]
    media_type: Mapped[str | None]
    body: Mapped[bytes | None]


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

    def __init__(self, table: type[Base], columns: Sequence[str], expressions: Mapping[str, str] | None = None) -> None:
        """
        Args:
            expressions: column -> SQL of its value, with ``{}`` for the given one.
        """
        self._head = f"INSERT INTO {table.__tablename__} ({','.join(columns)}) VALUES "
        self._width = len(columns)
        self._marks = f"({','.join((expressions or {}).get(column, '{}') for column in columns)})"

    def add(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows of values in the order of the columns. Call it in a context `together`."""
        if connection.dialect.name != "sqlite":
            if rows:
                driver: Any = connection.connection.driver_connection
                driver.cursor().executemany(self._head + self._marks.replace("{}", "%s"), rows)
            return
        # Use many rows per statement, because the driver releases the interpreter lock for each and then waits for it.
        step = _MOST_VALUES // self._width
        marks = self._marks.replace("{}", "?")
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
