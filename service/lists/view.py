"""Entries of lists as JSON for clients and commands, and facts of the store that reading an entry needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from service.core.database.times import iso_time_or_none
from service.lists.forms import EntryKind
from service.lists.reading import Known
from service.lists.topics import DISMISSALS, Topic

if TYPE_CHECKING:
    from service.core.database.engine import Database

#: Member -> its column, where their names differ.
COLUMN_OF: Final = {"list": "list_name"}
_MEMBER_OF: Final = {column: member for member, column in COLUMN_OF.items()}
#: Columns that are not shown.
_HIDDEN: Final = frozenset({"party"})


def shown(topic: Topic, row: Any) -> dict[str, Any]:
    """Return an entry as plain JSON values."""
    from service.lists import repository

    entry = {
        _MEMBER_OF.get(column, column): getattr(row, column)
        for column in ("id", *repository.columns_of(topic))
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
