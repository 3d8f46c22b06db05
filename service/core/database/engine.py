"""The database: one engine for SQLite or PostgreSQL, transactions, and migrations to the latest schema.

The database is *away* if it does not answer or cannot write now, but may do so again later.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from service.core.database.tables import LOCK_AUDIT, LOCK_SPACE
from service.core.errors import DatabaseAway
from service.core.logs import logger

#: Result codes of SQLite for faults that pass or that an administrator can remove: locked, disk full, broken or read-only file.
_SQLITE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_PRIMARY: Final = 0xFF
#: SQLSTATE of a write in a read-only transaction. All transactions of a standby server are read-only until it takes over.
_READ_ONLY: Final = "25006"
#: SQLSTATE class of exceeded limits, such as a value too long for an index. psycopg raises `OperationalError` for these too.
_LIMITS: Final = "54"


class BadDatabase(ValueError):
    """The URL of the database is wrong, or its schema is newer than this code. The message says what is expected."""


class NoDatabase(ValueError):
    """There is no database under the URL, or it has no tables of the store."""


def away(error: SQLAlchemyError) -> str | None:
    """Return the message of the database if the error means that it is away, otherwise None."""
    if isinstance(error, PoolTimeout):
        return "all connections are in use"
    if not isinstance(error, DBAPIError):
        return None
    original = error.orig
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", None)
        return str(original) if code is not None and code & _PRIMARY in _SQLITE else None
    sqlstate = getattr(original, "sqlstate", None) or ""
    if sqlstate.startswith(_LIMITS):
        return None
    if error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError)):
        # The first line names the problem. Further lines contain hints and the address of the server.
        return (str(original).splitlines() or ["no answer"])[0]
    return "the database is read-only" if sqlstate == _READ_ONLY else None


#: Revision of the schema that this code needs: the number of the latest migration.
SCHEMA: Final = max(path.name[:4] for path in Path(__file__).parent.glob("migrations/versions/[0-9]*.py"))
#: Seconds that a write on SQLite waits for the writes of other processes, and that connecting to PostgreSQL may take.
_WAIT: Final = 30
_CONNECT_SECONDS: Final = 5
#: Mode of a new SQLite file, which contains personal data and secrets.
_OWNER_ONLY: Final = 0o600
#: Attempts to change the mode of a new SQLite file, and seconds between them.
_MODE_ATTEMPTS: Final = 100
_MODE_PAUSE: Final = 0.02
#: Milliseconds that a check of the database waits for other writers.
_SHORT_WAIT_MS: Final = 1_000
#: Pages of SQLite's write-ahead log (16 MB) after which they are moved to the database file. This needs several writes to the disk,
#: and would happen every few hundred decisions with the default of 4 MB.
_WAL_PAGES: Final = 4_000
#: secure_delete overwrites deleted and changed content with zeros, so that an erasure removes it from the file.
SQLITE_SETTINGS: Final = ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", f"wal_autocheckpoint={_WAL_PAGES}")
#: Option of queries whose results PostgreSQL sends as they are. Otherwise it writes bytes as hexadecimal digits, which takes longer
#: than to read some megabytes.
BYTES: Final = "as_bytes"
_LOCK_MIGRATION: Final = f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, 1)"
#: PostgreSQL compresses manifests and answers. The default method, pglz, takes an eighth of its time for a decision; LZ4 is faster.
#: Servers built without LZ4 keep their default.
_COMPRESS_FAST: Final = """
SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings
WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
"""


class Database:
    """Connections to the store's database.

    On SQLite there is one write at a time: `write` takes the only write lock at its start. On PostgreSQL writes may overlap, and
    those that append to the audit chain take a lock for it, see `lock_audit`.
    """

    def __init__(self, url: str, *, wait: int = _WAIT) -> None:
        """
        Args:
            url: ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
            wait: seconds that a write on SQLite waits for those of other processes.

        Raises:
            BadDatabase: the URL cannot be read, or names another engine.
        """
        parsed = _parsed(url)
        self.is_sqlite: Final = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            if parsed.database and not _is_special(parsed.database):
                _create(Path(parsed.database))
            self._engine = create_engine(parsed, connect_args={"timeout": wait, "check_same_thread": False})
            event.listen(self._engine, "connect", _set_up_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        else:
            arguments = {"connect_timeout": _CONNECT_SECONDS}
            self._engine = create_engine(parsed, pool_pre_ping=True, connect_args=arguments)
            event.listen(self._engine, "connect", _set_up_postgresql)
            event.listen(self._engine, "before_cursor_execute", _choose_format)
        event.listen(self._engine, "checkin", self._returned)
        self._writing = self._engine.execution_options(writes=True)
        self._wait = wait
        #: Whether the last write failed because the database was away. It may still answer queries, for example on a full disk.
        self._failed_to_write = False
        self._is_closed = False

    @property
    def engine(self) -> Engine:
        """The engine, for migrations and tests. Repositories use `read` and `write`."""
        return self._engine

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads.

        On SQLite, all queries see the state of the database at the first query. On PostgreSQL, each query sees the commits before
        it; use `snapshot` to see one state.

        Raises:
            DatabaseAway: the database does not answer.
        """
        with reporting(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a transaction that reads one state of the database until it ends, while others write.

        Raises:
            DatabaseAway: the database does not answer.
        """
        # On SQLite every transaction reads one state.
        level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with reporting(), self._engine.connect().execution_options(**level) as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes. It commits at the end of the context, or rolls back after an exception.

        Raises:
            DatabaseAway: the database does not answer or cannot write, such as on a full disk.
        """
        with self.reporting_writes(), self._writing.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def reporting_writes(self) -> Iterator[None]:
        """Do as `reporting` does for a transaction that writes, and record for `problem` whether it succeeded."""
        try:
            with reporting():
                yield
        except DatabaseAway:
            self._failed_to_write = True
            raise
        self._failed_to_write = False

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a connection for a thread that writes one transaction after the other. Its `begin` starts each of them."""
        with reporting(), self._writing.connect() as connection:
            yield connection

    def lock_audit(self, connection: Connection) -> None:
        """Wait until only this transaction may append to the audit chain. On SQLite the write lock ensures this already."""
        if not self.is_sqlite:
            connection.exec_driver_sql(LOCK_AUDIT)

    def migrate(self) -> None:
        """Bring the schema to `SCHEMA`. If several processes do so at the same time, one migrates and the others wait.

        Raises:
            BadDatabase: the schema is newer than this code.
        """
        with self.read() as connection:
            if _revision(connection) == SCHEMA:
                return
        # Alembic logs a line for each of its plug-ins and steps. One line of our own is enough.
        logging.getLogger("alembic").setLevel(logging.WARNING)
        with self.write() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql(_LOCK_MIGRATION)
            before = _revision(connection)
            if before != SCHEMA:
                upgrade(connection)
                logger().info("schema_updated", before=before, now=SCHEMA)

    def revision(self) -> str | None:
        """Return the revision of the schema; None for an empty database.

        Raises:
            DatabaseAway: the database does not answer.
        """
        with self.read() as connection:
            return _revision(connection)

    def problem(self) -> str | None:
        """Return why the database does not answer now; None if it does. After a failed write, it must also accept a small one."""
        try:
            with self.read() as connection:
                connection.execute(text("SELECT 1"))
                if self._failed_to_write:
                    self._write_a_little(connection)
        except DatabaseAway as error:
            return error.problem
        except SQLAlchemyError:
            return "it does not answer queries"
        self._failed_to_write = False
        return None

    def _write_a_little(self, connection: Connection) -> None:
        """Write the present value of a row, without a long wait for other writers."""
        wait = "PRAGMA busy_timeout = {}" if self.is_sqlite else "SET LOCAL lock_timeout = {}"
        connection.exec_driver_sql(wait.format(_SHORT_WAIT_MS))
        try:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        finally:
            if self.is_sqlite:
                # The connection returns to the pool, where the usual wait applies.
                connection.exec_driver_sql(wait.format(self._wait * 1000))

    def close(self) -> None:
        """Close all idle connections at once, and the others at the end of their use."""
        self._is_closed = True
        self._engine.dispose()

    def _returned(self, _: object, entry: ConnectionPoolEntry) -> None:
        # A thread may still work while the service ends. The pool would leave its connection open.
        if self._is_closed:
            entry.invalidate()


def exists(url: str) -> bool:
    """Return whether there may be a database under a URL. Opening a missing file of SQLite would create it.

    Raises:
        BadDatabase: the URL cannot be read, or names another engine.
    """
    parsed = _parsed(url)
    return parsed.get_backend_name() != "sqlite" or not parsed.database or Path(parsed.database).exists()


def file_of(url: str) -> Path | None:
    """Return the file of an SQLite database under a URL; None for a database without a file or of another engine.

    Raises:
        BadDatabase: the URL cannot be read, or names another engine.
    """
    parsed = _parsed(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database and not _is_special(parsed.database)
    return Path(parsed.database or "") if is_file else None


def open_existing(url: str) -> Database:
    """Open a database that has tables of the store, of this or an earlier version. Nothing is created.

    Raises:
        BadDatabase: see `Database`.
        DatabaseAway: the database does not answer.
        NoDatabase: the database does not exist or has no tables.
    """
    shown = _parsed(url).render_as_string()
    if not exists(url):
        raise NoDatabase(f"There is no database {shown}; check TIDEWAITER_DATABASE_URL and the current folder.")
    database = Database(url)
    with contextlib.ExitStack() as stack:
        stack.callback(database.close)
        if database.revision() is None:
            raise NoDatabase(f"The database {shown} has no tables of the store; check TIDEWAITER_DATABASE_URL.")
        stack.pop_all()
    return database


@contextlib.contextmanager
def reporting() -> Iterator[None]:
    """Raise `DatabaseAway` for errors that may be gone at a later attempt, see `service.core.database.engine`."""
    try:
        yield
    except SQLAlchemyError as error:
        problem = away(error)
        if problem is None:
            raise
        raise DatabaseAway(problem) from error


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadDatabase(
            "The URL of the database cannot be read; expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME."
        ) from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise BadDatabase(f"The database {backend} is not supported; expected sqlite or postgresql.")
    return parsed


def _is_special(database: str) -> bool:
    """Return whether the name of an SQLite database is not a path."""
    return database.startswith((":memory:", "file:"))


def _create(file: Path) -> None:
    """Create a file that only its owner may read, unless it exists. SQLite gives its additional files the same mode."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # An existing file is not opened, because closing it would end the locks that this process holds on it. SQLite reports all other
    # errors.
    with contextlib.suppress(OSError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))


def _set_up_sqlite(connection: Any, _: object) -> None:
    # Otherwise Python's driver would begin and commit by itself: too late for reads, and around schema changes.
    connection.isolation_level = None
    cursor = connection.cursor()
    _use_write_ahead_log(cursor)
    for setting in SQLITE_SETTINGS:
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _set_up_postgresql(connection: Any, _: object) -> None:
    connection.execute(_COMPRESS_FAST)
    connection.commit()


def _choose_format(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    if context.execution_options.get(BYTES):
        cursor.format = context.dialect.dbapi.pq.Format.BINARY


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    # Changing the journal mode of a new file fails at once while another process changes it, regardless of the timeout for locks.
    for _ in range(_MODE_ATTEMPTS):
        with contextlib.suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        time.sleep(_MODE_PAUSE)
    cursor.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later would fail if another transaction writes, instead of waiting for the lock.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _revision(connection: Connection) -> str | None:
    """Return the revision of the schema; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema up to a revision.

    Raises:
        BadDatabase: the schema is newer than this code.
    """
    # Alembic takes a quarter of a second to import, and only a migration needs it.
    from alembic.util.exc import CommandError

    from service.core.database.migrations import running

    try:
        running.upgrade(connection, revision)
    except CommandError as error:
        raise BadDatabase(
            f"The schema of the database does not belong to this version of Tidewaiter ({error}). "
            "A newer version wrote it; start that version, or restore a backup."
        ) from None
