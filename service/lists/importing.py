"""Additions to the lists of the store: a single entry, or the entries of a CSV file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from service.core.database.times import iso_time_or_none
from service.lists.matching import DISMISSALS, WATCH_ENTRIES, EntryKind, Topic
from service.lists.reading import Faulty, Imported, Known, read_entry, read_file

if TYPE_CHECKING:
    from service.core.database.engine import Database


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Options of an import.

    Attributes:
        list_name: watch list of rows that name none.
        replace: whether the rows replace the present entries: for watch lists those of ``list_name``, for other topics all.
    """

    list_name: str = ""
    replace: bool = False


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Numbers of entries that an import added and removed, and the faulty lines with their faults."""

    added: int
    removed: int
    rejected: list[tuple[int, tuple[tuple[str, str], ...]]]


def add_entry(database: Database, topic: Topic, given: object, actor: str | None) -> dict[str, Any]:
    """Add an entry, and return it as plain JSON values.

    Args:
        given: its members, as parsed JSON.
        actor: id of the API key, or the name of the command.

    Raises:
        Faulty: the entry cannot be used.
    """
    from service.lists import repository

    row = read_entry(topic, given, known_of(database, topic))
    [id_] = repository.add(database, topic, [row], actor)
    with database.read() as connection:
        return shown(topic, repository.one(connection, topic, id_))


def import_csv(
    database: Database, topic: Topic, data: bytes, options: ImportOptions, actor: str | None
) -> ImportResult:
    """Import a file. Faulty lines are left out; the others are added in one transaction.

    A file without a valid line replaces nothing.

    Args:
        actor: id of the API key, or the name of the command.

    Raises:
        Faulty: the file cannot be read, or no list was named to replace.
    """
    from service.lists import repository

    if topic is WATCH_ENTRIES and options.replace and not options.list_name:
        raise Faulty([("list", "is missing; name the list to replace")])
    imported = read_csv(database, topic, data, options)
    removed = 0
    if options.replace and imported.rows:
        filters = {"list_name": options.list_name} if topic is WATCH_ENTRIES else {}
        removed = repository.replace(database, topic, filters, imported.rows, actor)
    else:
        repository.add(database, topic, imported.rows, actor)
    return ImportResult(len(imported.rows), removed, imported.rejected)


def read_csv(database: Database, topic: Topic, data: bytes, options: ImportOptions) -> Imported:
    """Read a file without importing it.

    Raises:
        Faulty: see `import_csv`.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Faulty([("file", "is not UTF-8")]) from None
    defaults = {"list": options.list_name} if topic is WATCH_ENTRIES and options.list_name else {}
    return read_file(topic, text, known_of(database, topic), defaults)


#: Member -> its column, where their names differ.
COLUMN_OF: Final = {"list": "list_name"}
_MEMBER_OF: Final = {column: member for member, column in COLUMN_OF.items()}
#: Columns that are not shown.
_HIDDEN: Final = frozenset({"party"})


def shown(topic: Topic, row: Any) -> dict[str, Any]:
    """Return an entry as plain JSON values."""
    from service.lists.tables import columns_of

    entry = {
        _MEMBER_OF.get(column, column): getattr(row, column)
        for column in ("id", *columns_of(topic))
        if column not in _HIDDEN
    }
    return entry | {
        "expires_at": iso_time_or_none(row.expires_at),
        "added_by": row.added_by,
        "added_at": iso_time_or_none(row.added_at),
    }


def known_of(database: Database, topic: Topic) -> Known:
    """Return the facts that reading an entry needs: for dismissals, the kinds of entries and the key of the digests."""
    from service.lists import repository

    if topic is not DISMISSALS:
        return Known()
    with database.read() as connection:
        kinds = {entry: EntryKind(kind) for entry, kind in repository.kinds(connection).items()}
        return Known(kinds, repository.revisions(connection)[DISMISSALS.name].secret)
