"""Errors of the database: a wrong one, and those that mean it is away (it does not answer or write now, and may again later)."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import SQLAlchemyError as SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

#: Results of SQLite that an administrator or time mends: locked by another process, disk full, broken or read-only.
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
#: Transactions of a standby server are read-only until it takes over.
_READ_ONLY: Final = "25006"
#: Class of errors of values that PostgreSQL never takes, such as too long ones for an index. psycopg counts them as operational.
_LIMITS: Final = "54"


class BadDatabase(ValueError):
    """The URL of the database is wrong, or its schema is newer than this code. The message says what would be right."""


class NoDatabase(ValueError):
    """There is no database under the URL, or it has no tables of the store."""


def away(error: SQLAlchemyError) -> str | None:
    """Return what the database said if the error means that it is away, otherwise None."""
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
        # The first line names the problem; further lines give hints and the address.
        return (str(original).splitlines() or ["no answer"])[0]
    return "the database is read-only" if sqlstate == _READ_ONLY else None
