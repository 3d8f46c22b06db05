"""Overwriting of erased content in the files of SQLite.

With ``secure_delete`` SQLite overwrites each row that it deletes or changes, and each page that it frees. It does not overwrite
copies that it leaves behind when it moves rows to make room: a tree page that is filled again keeps old bytes in its unallocated
space, between the pointers to its cells and the cells. A row that is erased later may have a copy there.
"""

from __future__ import annotations

from sqlite3 import OperationalError
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPICursor

    from service.core.database.engine import Database

#: First byte of a tree page, its kind -> bytes of its header (https://www.sqlite.org/fileformat2.html#b_tree_pages).
_HEADER_BYTES: Final = {2: 12, 5: 12, 10: 8, 13: 8}
#: The file must have fewer pages, 64 GB with 4 KB per page. All other pages in use begin with the number of a page, so below this
#: limit with a zero, and cannot be mistaken for tree pages.
_MOST_PAGES: Final = 1 << 24
_HAS_PAGES: Final = "SELECT count(*) FROM pragma_module_list WHERE name = 'sqlite_dbpage'"
_ALL_PAGES: Final = "SELECT pgno, data FROM sqlite_dbpage"
_ONE_PAGE: Final = "SELECT data FROM sqlite_dbpage WHERE pgno = ?"
_CHANGE_PAGE: Final = "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?"


def scrub(database: Database) -> bool | None:
    """Overwrite erased content on disk, and return whether that succeeded; None for PostgreSQL, which does it later by itself.

    On SQLite it overwrites unallocated space, and empties the write-ahead log. If SQLite was built without access to pages
    (``SQLITE_ENABLE_DBPAGE_VTAB``), or if the file has 64 GB or more or shrinks by itself (``auto_vacuum``), it rewrites the whole
    file. Other writers wait meanwhile. PostgreSQL overwrites erased content in time (``VACUUM``). ``VACUUM FULL`` does so at
    once but locks the tables, so its administrators decide.
    """
    if not database.is_sqlite:
        return None
    # Bypass SQLAlchemy's transactions, because SQLite refuses VACUUM and checkpoints in a transaction.
    connection = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        by_page = _identifies_tree_pages(cursor)
        if by_page:
            _overwrite_unallocated(cursor)
        cursor.execute("COMMIT")
        if not by_page:
            cursor.execute("VACUUM")
        busy = _value(cursor, "PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.close()
    except OperationalError:
        # Another process has read or written for too long. The pool rolls back an open transaction.
        return False
    finally:
        connection.close()
    return not busy


def _identifies_tree_pages(cursor: DBAPICursor) -> bool:
    """Return whether SQLite gives access to pages, and their first bytes identify tree pages."""
    # A file that shrinks by itself has pages that begin with the type of another page, which may look like a tree page.
    shrinks = _value(cursor, "PRAGMA auto_vacuum") != 0
    return _value(cursor, _HAS_PAGES) == 1 and not shrinks and _value(cursor, "PRAGMA page_count") < _MOST_PAGES


def _value(cursor: DBAPICursor, query: str) -> int:
    value: int = cursor.execute(query).fetchone()[0]
    return value


def _overwrite_unallocated(cursor: DBAPICursor) -> None:
    # Collect only the numbers, because the first time most pages of a file may need a change.
    numbers = [number for number, page in cursor.execute(_ALL_PAGES) if blanked(page) is not None]
    for number in numbers:
        page = cursor.execute(_ONE_PAGE, (number,)).fetchone()[0]
        cursor.execute(_CHANGE_PAGE, (blanked(page), number))


def blanked(page: bytes) -> bytes | None:
    """Return a tree page with zeros in its unallocated space; None if it needs no change or is not a tree page.

    The first page of a file, which contains the schema, begins with the header of the file and does not count as a tree page here.
    """
    header = _HEADER_BYTES.get(page[0])
    if header is None:
        return None
    pointers_end = header + 2 * int.from_bytes(page[3:5])
    # Zero stands for 65,536, the end of the largest page.
    content = int.from_bytes(page[5:7]) or len(page)
    if not page[pointers_end:content].strip(b"\0"):
        return None
    return page[:pointers_end] + bytes(content - pointers_end) + page[content:]
