"""Overwriting of what was erased in the files of SQLite.

With ``secure_delete`` SQLite overwrites a row that it deletes or changes, and a page that it frees. It does not overwrite the
copies that it leaves behind when it moves other rows to make room: a page of a tree that is filled anew keeps old bytes in its
unallocated space, between the pointers to its cells and the cells. A row that is erased later may have a copy there.
"""

from __future__ import annotations

from sqlite3 import OperationalError
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPICursor

    from service.store.engine.database import Database

#: Bytes of the header of a page per kind of tree page, which its first byte names (https://www.sqlite.org/fileformat2.html#b_tree_pages).
_HEADER_BYTES: Final = {2: 12, 5: 12, 10: 8, 13: 8}
#: Pages that a file must have less of. Other pages in use begin with the number of a page, so up to here with a zero, and none is
#: taken for one of a tree. With 4 KB per page these are 64 GB.
_MOST_PAGES: Final = 1 << 24
_HAS_PAGES: Final = "SELECT count(*) FROM pragma_module_list WHERE name = 'sqlite_dbpage'"
_ALL_PAGES: Final = "SELECT pgno, data FROM sqlite_dbpage"
_ONE_PAGE: Final = "SELECT data FROM sqlite_dbpage WHERE pgno = ?"
_CHANGE_PAGE: Final = "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?"


def scrub(database: Database) -> bool | None:
    """Overwrite on disk what was erased, and return whether that succeeded; None if the database does it by itself, later.

    On SQLite it overwrites unallocated space, and empties the write-ahead log. If SQLite was built without access to pages
    (``SQLITE_ENABLE_DBPAGE_VTAB``), or the file is larger than 64 GB or shrinks by itself (``auto_vacuum``), it writes the whole
    file anew. Other writers wait meanwhile.
    PostgreSQL overwrites by itself in time (``VACUUM``), and at once with ``VACUUM FULL``, which locks the tables; its
    administrators decide.
    """
    if not database.is_sqlite:
        return None
    # Not through SQLAlchemy's transactions, in which SQLite refuses VACUUM and checkpoints.
    connection = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        by_page = _tells_pages_apart(cursor)
        if by_page:
            _overwrite_unallocated(cursor)
        cursor.execute("COMMIT")
        if not by_page:
            cursor.execute("VACUUM")
        busy = _value(cursor, "PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.close()
    except OperationalError:
        # Another process reads or writes for too long. The pool rolls a transaction back.
        return False
    finally:
        connection.close()
    return not busy


def _tells_pages_apart(cursor: DBAPICursor) -> bool:
    """Return whether SQLite gives access to pages, and their first bytes tell which are of a tree."""
    # A file that shrinks by itself has pages that begin with the kind of another page.
    shrinks = _value(cursor, "PRAGMA auto_vacuum") != 0
    return _value(cursor, _HAS_PAGES) == 1 and not shrinks and _value(cursor, "PRAGMA page_count") < _MOST_PAGES


def _value(cursor: DBAPICursor, query: str) -> int:
    value: int = cursor.execute(query).fetchone()[0]
    return value


def _overwrite_unallocated(cursor: DBAPICursor) -> None:
    # The numbers alone are kept, because most pages of a file may need it the first time.
    numbers = [number for number, page in cursor.execute(_ALL_PAGES) if blanked(page) is not None]
    for number in numbers:
        page = cursor.execute(_ONE_PAGE, (number,)).fetchone()[0]
        cursor.execute(_CHANGE_PAGE, (blanked(page), number))


def blanked(page: bytes) -> bytes | None:
    """Return a page of a tree with zeros in its unallocated space; None if it needs no change or is no such page.

    The first page of a file, which contains the schema, begins with the file's own header and is no such page here.
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
