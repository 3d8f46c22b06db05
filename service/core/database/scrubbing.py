"""Removal of erased content from the files of SQLite.

With ``secure_delete`` SQLite overwrites each row that it deletes or changes, and each page that it frees. It does not overwrite
copies that it leaves behind when it moves rows to make room. A row that is erased later may have such a copy, so the whole file is
written anew.
"""

from __future__ import annotations

from contextlib import closing
from sqlite3 import OperationalError
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.core.database.engine import Database


def scrub(database: Database) -> bool | None:
    """Remove erased content from the disk, and return whether that succeeded; None for PostgreSQL, which does it later by itself.

    On SQLite it rewrites the file, which needs as much free space again, and empties the write-ahead log. Other writers wait
    meanwhile. PostgreSQL overwrites erased content in time (``VACUUM``). ``VACUUM FULL`` does so at once but locks the tables, so
    its administrators decide.
    """
    if not database.is_sqlite:
        return None
    # Bypass SQLAlchemy's transactions, because SQLite refuses VACUUM and checkpoints in a transaction.
    with closing(database.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        try:
            cursor.execute("VACUUM")
            [busy, *_] = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except OperationalError:
            # Another process has read or written for too long, or the disk is full.
            return False
    return not busy
