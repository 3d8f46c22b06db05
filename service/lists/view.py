"""Entries of lists as clients and commands see them, and what readers of entries need to know of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from service import store
from service.lists.forms import EntryKind
from service.lists.reading import Known
from service.store.engine.times import iso_time_or_none
from service.store.topics import DISMISSALS, Topic

if TYPE_CHECKING:
    from service.store.engine.database import Database

#: Members whose columns have another name.
COLUMN_OF: Final = {"list": "list_name"}
_MEMBER_OF: Final = {column: member for member, column in COLUMN_OF.items()}
#: Columns that are not shown.
_HIDDEN: Final = frozenset({"party"})


def shown(topic: Topic, row: Any) -> dict[str, Any]:
    """Return an entry as plain JSON values."""
    entry = {
        _MEMBER_OF.get(column, column): getattr(row, column)
        for column in ("id", *store.lists.columns_of(topic))
        if column not in _HIDDEN
    }
    return entry | {
        "expires_at": iso_time_or_none(row.expires_at),
        "added_by": row.added_by,
        "added_at": iso_time_or_none(row.added_at),
    }


def known_of(database: Database, topic: Topic) -> Known:
    """Return what the readers of a topic's entries need: for dismissals the kinds of the watch lists' entries."""
    if topic is not DISMISSALS:
        return Known()
    with database.read() as connection:
        kinds = {entry: EntryKind(kind) for entry, kind in store.lists.kinds(connection).items()}
        return Known(kinds, store.lists.revisions(connection)[DISMISSALS.name].secret)
