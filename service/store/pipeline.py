"""Statements that go to PostgreSQL together.

A commit of decisions has eight statements. Executed one after the other, each waits for the server and then for Python's lock,
which the event loop has meanwhile. Together they wait twice: once for all that is read, with the beginning of the transaction and
the lock of the audit chain, and once for all that is written, with the end of the transaction. Statements are prepared once per
connection, and values have PostgreSQL's binary form, which takes a third of the processor time of psycopg's cursors.
"""

from __future__ import annotations

import select
import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult
    from sqlalchemy import Connection, Engine

#: A statement with places ``$1``, ``$2`` and so on, and their values in binary form; None is NULL.
Statement = tuple[str, Sequence[bytes | None]]
Rows = list[tuple[Any, ...]]

#: Statements that wait at most: some megabytes.
_MOST_WAITING: Final = 1_000
#: Manifests and answers are long enough to be compressed, and PostgreSQL's own method takes an eighth of its time for a decision.
#: Servers that are built without the faster one keep theirs.
_COMPRESS_FAST: Final = """
SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings
WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
"""
_BINARY: Final = 1
#: Object ids of PostgreSQL's types.
_BYTEA, _INT8, _TEXT, _VARCHAR = 17, 20, 25, 1043
_DECODERS: Final[Mapping[int, Callable[[bytes], Any]]] = {
    _BYTEA: bytes,
    _INT8: lambda value: int.from_bytes(value, "big", signed=True),
    _TEXT: bytes.decode,
    _VARCHAR: bytes.decode,
}
#: Head of an array: dimensions, whether there are NULLs, type, length, number of the first element.
_ARRAY: Final = struct.Struct("!iiIii")
_LENGTH: Final = struct.Struct("!i")


def array_of(texts: Sequence[str]) -> bytes:
    """Return texts as a value of the type ``text[]``."""
    parts = [_ARRAY.pack(1, 0, _TEXT, len(texts), 1)]
    for text in texts:
        value = text.encode()
        parts += (_LENGTH.pack(len(value)), value)
    return b"".join(parts)


def use_pipelines(engine: Engine) -> None:
    """Let the connections of an engine to PostgreSQL have pipelines, whose statements go before any other statement."""

    def connect(_dialect: object, _entry: object, arguments: Any, options: Any) -> _Connection:
        return _Connection.connect(*arguments, **options)

    def connected(driver: _Connection, _entry: object) -> None:
        driver.execute(_COMPRESS_FAST)
        driver.commit()

    def executing(connection: Connection, *_: object) -> None:
        driver = _driver_of(connection)
        if driver.waiting:
            driver.execute_together()

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", connected)
    event.listen(engine, "before_cursor_execute", executing)


def later(connection: Connection, *statements: Statement) -> None:
    """Execute statements without rows before the next one of the transaction, or with its commit. That raises their errors.

    Raises:
        DBAPIError: an earlier statement failed.
    """
    waiting = _driver_of(connection).waiting
    waiting.extend(statements)
    if len(waiting) > _MOST_WAITING:
        rows_of(connection)


def rows_of(connection: Connection, queries: Sequence[Statement] = ()) -> list[Rows]:
    """Execute what waits and then queries, and return the rows of each query.

    Raises:
        DBAPIError: one of them failed.
    """
    driver = _driver_of(connection)
    try:
        return driver.execute_together(queries)
    except psycopg.Error as error:
        if driver.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(
            None, None, error, psycopg.Error, connection_invalidated=connection.invalidated, dialect=connection.dialect
        ) from error


def _driver_of(connection: Connection) -> _Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, _Connection)
    return driver


class _Connection(psycopg.Connection[Any]):
    """Connection to PostgreSQL with statements that wait.

    Attributes:
        waiting: statements that are not sent yet.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.waiting: list[Statement] = []
        self._statements: dict[str, bytes] = {}
        self._numbers = count(1)

    def commit(self) -> None:
        """Execute what waits, and commit."""
        if not self.waiting:
            super().commit()
            return
        try:
            self.execute_together(commit=True)
        except psycopg.Error:
            # A failed commit ends the transaction, so that SQLAlchemy does not.
            if not self.closed:
                super().rollback()
            raise

    def rollback(self) -> None:
        """Leave out what waits, and roll back."""
        self.waiting.clear()
        # A connection that `_results` closed has no transaction.
        if not self.closed or self.broken:
            super().rollback()

    def execute_together(self, queries: Sequence[Statement] = (), *, commit: bool = False) -> list[Rows]:
        """Execute what waits, then ``queries``, then ``COMMIT`` if asked for, and return the rows of each query.

        Raises:
            psycopg.Error: the first error of a statement; the server has left out all after it.
        """
        statements = [*self.waiting, *queries]
        self.waiting.clear()
        if self.pgconn.transaction_status == TransactionStatus.IDLE:
            statements.insert(0, ("BEGIN", ()))
        if commit:
            statements.append(("COMMIT", ()))
        results = self._results(statements)
        first = len(statements) - commit - len(queries)
        return [_rows(result) for result in results[first : first + len(queries)]]

    def _results(self, statements: Sequence[Statement]) -> list[PGresult]:
        """Return the result of each statement."""
        if self.closed:
            raise psycopg.OperationalError("the connection is closed")
        new: dict[str, bytes] = {}
        try:
            self.pgconn.enter_pipeline_mode()
            executed = self._send(statements, new)
            results = self._received()
            self.pgconn.exit_pipeline_mode()
        except BaseException:
            # Lost, or interrupted with results outstanding.
            self.close()
            raise
        for result in results:
            if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
                raise _error(result)
        self._statements |= new
        return [result for result, is_one in zip(results, executed, strict=True) if is_one]

    def _send(self, statements: Sequence[Statement], new: dict[str, bytes]) -> list[bool]:
        """Hand statements to libpq. Return per result to come whether it is of a statement, not of its preparation.

        Args:
            new: takes the statements that are prepared, and their names.
        """
        executed = []
        for statement, values in statements:
            name = self._statements.get(statement) or new.get(statement)
            if name is None:
                # Each name is used once: if a statement fails, the server may have prepared those before.
                name = new[statement] = f"tidewaiter_{next(self._numbers)}".encode()
                self.pgconn.send_prepare(name, statement.encode())
                executed.append(False)
            self.pgconn.send_query_prepared(name, values, [_BINARY] * len(values), _BINARY)
            executed.append(True)
        self.pgconn.pipeline_sync()
        return executed

    def _received(self) -> list[PGresult]:
        """Send what is buffered, and return all results."""
        server = self.pgconn
        poll = select.poll()
        results: list[PGresult] = []
        # The server waits for its reader if many results are not read, so read while sending.
        unsent = server.flush()
        while True:
            while server.is_busy():
                poll.register(server.socket, select.POLLIN | select.POLLOUT if unsent else select.POLLIN)
                poll.poll()
                server.consume_input()
                unsent = unsent and server.flush()
            result = server.get_result()
            if result is None:
                # The results of one statement have ended, or the connection.
                if server.status != ConnStatus.OK:
                    raise psycopg.OperationalError(server.get_error_message())
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return results
            else:
                results.append(result)


def _rows(result: PGresult) -> Rows:
    decoders = [_DECODERS[result.ftype(column)] for column in range(result.nfields)]
    return [
        tuple(
            None if (value := result.get_value(row, column)) is None else decode(value)
            for column, decode in enumerate(decoders)
        )
        for row in range(result.ntuples)
    ]


def _error(result: PGresult) -> psycopg.Error:
    state = result.error_field(DiagnosticField.SQLSTATE)
    try:
        kind = psycopg.errors.lookup(state.decode() if state else "")
    except KeyError:
        kind = psycopg.OperationalError
    return kind(result.get_error_message())
