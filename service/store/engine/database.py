"""The database: one engine for SQLite or PostgreSQL, transactions, and migrations to the latest schema."""

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
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from service.errors import DatabaseAway
from service.logs import logger
from service.store.away import BadDatabase as BadDatabase
from service.store.away import NoDatabase, away

#: Revision of the schema that this code needs. A test holds it to the latest migration.
SCHEMA: Final = "0008"
#: Seconds that a write waits for the writes of other processes on SQLite, and for a connection to PostgreSQL.
_WAIT: Final = 30
_CONNECT_SECONDS: Final = 5
#: Mode of a new SQLite file, which contains personal data and secrets.
_OWNER_ONLY: Final = 0o600
#: Attempts to change the mode of a new SQLite file, and seconds between them.
_MODE_ATTEMPTS: Final = 100
_MODE_PAUSE: Final = 0.02
#: Milliseconds that a check of the database waits for other writers.
_SHORT_WAIT_MS: Final = 1_000
#: Pages of SQLite's log after which they move to the database file, which takes several writes to the disk: 16 MB. With the
#: default of 4 MB this happens every few hundred decisions.
_WAL_PAGES: Final = 4_000
#: Key of the advisory locks on PostgreSQL: "tide" in ASCII, and the two purposes.
_LOCK_SPACE: Final = 0x74696465
_MIGRATION_LOCK: Final = 1
_AUDIT_LOCK: Final = 2
_LOCK_AUDIT: Final = f"SELECT pg_advisory_xact_lock({_LOCK_SPACE}, {_AUDIT_LOCK})"


class Database:
    """Connections to the store's database.

    Writes on SQLite are one after the other: `write` takes the only write lock at its start. On PostgreSQL writes may overlap;
    those that append to the audit chain take a lock for that, see `lock_audit`.
    """

    def __init__(self, url: str, *, wait: int = _WAIT) -> None:
        """
        Args:
            url: ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
            wait: seconds that a write waits for those of other processes on SQLite.

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
            # Only pipelines prepare statements. psycopg would deallocate theirs at a rollback together with its own.
            arguments = {"connect_timeout": _CONNECT_SECONDS, "prepare_threshold": None}
            self._engine = create_engine(parsed, pool_pre_ping=True, connect_args=arguments)
            from service.store.engine.pipeline import use_pipelines

            use_pipelines(self._engine)
        event.listen(self._engine, "checkin", self._returned)
        self._writing = self._engine.execution_options(writes=True)
        self._wait = wait
        #: Whether the last write found the database away. It may still answer queries, for example on a full disk.
        self._failed_to_write = False
        self._is_closed = False

    @property
    def engine(self) -> Engine:
        """The engine, for migrations and tests. Repositories use `read` and `write`."""
        return self._engine

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads. It sees one state of the database from its first query on.

        Raises:
            DatabaseAway: the database does not answer.
        """
        with reporting(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a transaction that reads one state of the database to its end, while others write.

        Raises:
            DatabaseAway: the database does not answer.
        """
        # SQLite reads one state in any transaction.
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
        """Do as `reporting` does for a transaction that writes, and remember for `problem` whether it could."""
        try:
            with reporting():
                yield
        except DatabaseAway:
            self._failed_to_write = True
            raise
        self._failed_to_write = False

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a connection for a thread that writes one transaction after the other; each is a `begin` of it."""
        with reporting(), self._writing.connect() as connection:
            yield connection

    def lock_audit(self, connection: Connection, *, later: bool = False) -> None:
        """Wait until this transaction alone may append to the audit chain. SQLite's write lock does that already.

        Args:
            later: whether to wait for the lock together with the next query.
        """
        if self.is_sqlite:
            return
        if later:
            from service.store.engine import pipeline

            pipeline.later(connection, (_LOCK_AUDIT, ()))
        else:
            connection.exec_driver_sql(_LOCK_AUDIT)

    def migrate(self) -> None:
        """Bring the schema to `SCHEMA`. Several processes may do so at the same time: one migrates, the others wait.

        Raises:
            BadDatabase: the schema is newer than this code.
        """
        with self.read() as connection:
            if _revision(connection) == SCHEMA:
                return
        # Alembic writes a line for each of its plug-ins and steps; one of ours says what was done.
        logging.getLogger("alembic").setLevel(logging.WARNING)
        # It takes a quarter of a second to import, which only a migration needs.
        from service.store.migrations.running import upgrade

        with self.write() as connection:
            if not self.is_sqlite:
                _lock(connection, _MIGRATION_LOCK)
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
        """Return why the database does not answer now; None if it does. After a failed write, it also has to take a small one."""
        try:
            with self.read() as connection:
                connection.execute(text("SELECT 1"))
                if self._failed_to_write:
                    self._write_a_little(connection)
        except DatabaseAway as error:
            return error.problem
        except SQLAlchemyError:
            return "it answers no query"
        self._failed_to_write = False
        return None

    def _write_a_little(self, connection: Connection) -> None:
        """Write what is there already, without a long wait for other writers."""
        wait = "PRAGMA busy_timeout = {}" if self.is_sqlite else "SET LOCAL lock_timeout = {}"
        connection.exec_driver_sql(wait.format(_SHORT_WAIT_MS))
        try:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        finally:
            if self.is_sqlite:
                # The connection goes back to the pool.
                connection.exec_driver_sql(wait.format(self._wait * 1000))

    def close(self) -> None:
        """Close all idle connections at once, and each other one at the end of its use."""
        self._is_closed = True
        self._engine.dispose()

    def _returned(self, _: object, entry: ConnectionPoolEntry) -> None:
        # A thread may still work while the service ends. The pool would leave its connection open.
        if self._is_closed:
            entry.invalidate()


def exists(url: str) -> bool:
    """Return whether there may be a database under a URL. Opening a file of SQLite that is not there would create it.

    Raises:
        BadDatabase: the URL cannot be read, or names another engine.
    """
    parsed = _parsed(url)
    return parsed.get_backend_name() != "sqlite" or not parsed.database or Path(parsed.database).exists()


def file_of(url: str) -> Path | None:
    """Return the file of an SQLite database under a URL; None for one without a file, and for another engine.

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
    """Raise `DatabaseAway` for the errors that another try later may not have."""
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
    """Return whether the name of an SQLite database is not that of a file."""
    return database.startswith((":memory:", "file:"))


def _create(file: Path) -> None:
    """Create a file that only its owner may read, unless it is there. SQLite gives the files beside it the same mode."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # It is not opened if it is there: closing it would end the locks that this process holds on it. SQLite reports what else fails.
    with contextlib.suppress(OSError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))


def _set_up_sqlite(connection: Any, _: object) -> None:
    # Python's driver would begin and commit by itself, too late for reads and around schema changes.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Deleted and changed content is overwritten with zeros, so that erasure leaves nothing in the file.
    settings = ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
    _use_write_ahead_log(cursor)
    for setting in (*settings, f"wal_autocheckpoint={_WAL_PAGES}"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    # The change of a new file's mode fails at once while another process changes it, whatever the time to wait for locks.
    for _ in range(_MODE_ATTEMPTS):
        with contextlib.suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        time.sleep(_MODE_PAUSE)
    cursor.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later could not wait for the lock: it would fail.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _lock(connection: Connection, purpose: int) -> None:
    connection.execute(
        text("SELECT pg_advisory_xact_lock(:space, :purpose)"), {"space": _LOCK_SPACE, "purpose": purpose}
    )


def _revision(connection: Connection) -> str | None:
    """Return the revision of the schema; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)
