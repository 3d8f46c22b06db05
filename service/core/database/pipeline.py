"""Pipelined statements for PostgreSQL.

A commit of decisions has eight statements. Without a pipeline, each waits for the server, and then for the interpreter lock, which
the event loop takes meanwhile. With a pipeline there are two waits: one for BEGIN, the lock of the audit chain and all reads, and
one for all writes and COMMIT. Statements are prepared once per connection. Values use the binary format of PostgreSQL, which needs
a third of the processor time of psycopg's cursors.
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

#: A statement with the placeholders ``$1``, ``$2`` and so on, and their values in binary format; None is NULL.
Statement = tuple[str, Sequence[bytes | None]]
Rows = list[tuple[Any, ...]]

#: Maximum number of queued statements, which take some megabytes.
_MAX_QUEUED: Final = 1_000
#: PostgreSQL compresses manifests and answers. The default method, pglz, takes an eighth of its time for a decision; LZ4 is faster.
#: Servers built without LZ4 keep their default.
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
#: Header of an array: number of dimensions, flag for NULLs, type, length, index of the first element.
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
    """Give the connections of an engine a queue of pipelined statements, which are sent before any other statement."""

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
    """Queue statements that return no rows. The next statement of the transaction or its commit sends them and raises their errors.

    Raises:
        DBAPIError: a queued statement failed.
    """
    waiting = _driver_of(connection).waiting
    waiting.extend(statements)
    if len(waiting) > _MAX_QUEUED:
        rows_of(connection)


def rows_of(connection: Connection, queries: Sequence[Statement] = ()) -> list[Rows]:
    """Execute the queued statements and then ``queries``, and return the rows of each query.

    Raises:
        DBAPIError: a statement failed.
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
    """Connection to PostgreSQL with a queue of statements.

    Attributes:
        waiting: the queued statements, which are not sent yet.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.waiting: list[Statement] = []
        self._statements: dict[str, bytes] = {}
        self._numbers = count(1)

    def commit(self) -> None:
        """Execute the queued statements and commit."""
        if not self.waiting:
            super().commit()
            return
        try:
            self.execute_together(commit=True)
        except psycopg.Error:
            # SQLAlchemy does not roll back after a failed commit.
            if not self.closed:
                super().rollback()
            raise

    def rollback(self) -> None:
        """Discard the queued statements and roll back."""
        self.waiting.clear()
        # A connection that `_results` closed has no transaction.
        if not self.closed or self.broken:
            super().rollback()

    def execute_together(self, queries: Sequence[Statement] = (), *, commit: bool = False) -> list[Rows]:
        """Execute the queued statements, then ``queries``, then ``COMMIT`` if wanted, and return the rows of each query.

        Raises:
            psycopg.Error: the first error of a statement; the server has skipped all later statements.
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
            is_statement = self._send(statements, new)
            results = self._received()
            self.pgconn.exit_pipeline_mode()
        except BaseException:
            # The connection is lost, or has unread results.
            self.close()
            raise
        for result in results:
            if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
                raise _error(result)
        self._statements |= new
        return [result for result, keep in zip(results, is_statement, strict=True) if keep]

    def _send(self, statements: Sequence[Statement], new: dict[str, bytes]) -> list[bool]:
        """Pass statements to libpq. Return for each expected result True for a statement and False for its preparation.

        Args:
            new: receives the newly prepared statements and their names.
        """
        is_statement = []
        for statement, values in statements:
            name = self._statements.get(statement) or new.get(statement)
            if name is None:
                # Never reuse a name: after a failure, the server may still have the statements that it prepared before.
                name = new[statement] = f"tidewaiter_{next(self._numbers)}".encode()
                self.pgconn.send_prepare(name, statement.encode())
                is_statement.append(False)
            self.pgconn.send_query_prepared(name, values, [_BINARY] * len(values), _BINARY)
            is_statement.append(True)
        self.pgconn.pipeline_sync()
        return is_statement

    def _received(self) -> list[PGresult]:
        """Flush the send buffer and return all results."""
        server = self.pgconn
        poll = select.poll()
        results: list[PGresult] = []
        # Read while sending, because the server stops when many results are unread.
        unsent = server.flush()
        while True:
            while server.is_busy():
                poll.register(server.socket, select.POLLIN | select.POLLOUT if unsent else select.POLLIN)
                poll.poll()
                server.consume_input()
                unsent = unsent and server.flush()
            result = server.get_result()
            if result is None:
                # This ends the results of one statement, or the connection is lost.
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
