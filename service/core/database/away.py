"""Errors of the database. It is *away* if it does not answer or cannot write now, but may do so again later."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import SQLAlchemyError as SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

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
