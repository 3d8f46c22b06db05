"""Entries of watch lists, dismissals, suppressions and permits: add, remove and page through them, and find changes.

Each change raises the revision of its table in the same transaction, under a lock on the row of the revision. Revisions are
therefore committed in order, and a reader that has read one revision then needs only the rows with later ones.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select, update

from service.core.database import audit
from service.core.database.audit import Fact, salted
from service.core.database.times import now_us
from service.core.identifiers import new_ids
from service.lists.matching import Topic
from service.lists.tables import ListRevision, WatchEntry, columns_of, entry_digest, table_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row

    from service.core.database.engine import Database

_SALT_BYTES: Final = 16
#: Ids per statement, below the limits of both engines.
_IDS_AT_ONCE: Final = 10_000


def add(
    database: Database, topic: Topic, rows: Sequence[Mapping[str, Any]], actor: str | None, *, at: int | None = None
) -> list[str]:
    """Add entries in one transaction, and return their ids. The audit chain gets one entry for all of them.

    Args:
        rows: values of the columns in `columns_of`.
        actor: id of the API key, or the name of the command.
        at: time in microseconds since 1970; default: the present.
    """
    if not rows:
        return []
    with database.write() as connection:
        return _add(connection, topic, rows, actor, at=at)


def replace(
    database: Database,
    topic: Topic,
    filters: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    actor: str | None,
) -> int:
    """Remove the entries that match ``filters`` and add others in one transaction. Return the number of removed entries.

    Args:
        filters: column -> value; empty for all entries.
        rows: at least one, see `add`.
    """
    with database.write() as connection:
        found = _present(connection, topic, _matching(topic, filters))
        _remove(connection, topic, found, actor)
        _add(connection, topic, rows, actor)
    return len(found)


def remove(database: Database, topic: Topic, ids: Sequence[str], actor: str | None) -> list[str]:
    """Remove entries, and return the ids of those that existed. Their rows stay, so that decisions can be explained."""
    with database.write() as connection:
        found = _present(connection, topic, [table_of(topic).id.in_(ids)])
        _remove(connection, topic, found, actor)
    return found


def remove_all(database: Database, topic: Topic, filters: Mapping[str, str], actor: str | None) -> int:
    """Remove the entries that match ``filters`` (column -> value), such as those of one watch list, and return their number."""
    with database.write() as connection:
        found = _present(connection, topic, _matching(topic, filters))
        _remove(connection, topic, found, actor)
    return len(found)


def _matching(topic: Topic, filters: Mapping[str, str]) -> list[ColumnElement[bool]]:
    return [table_of(topic).__table__.c[column] == value for column, value in filters.items()]


def _present(connection: Connection, topic: Topic, wanted: Sequence[ColumnElement[bool]]) -> list[str]:
    """Return the ids of the entries that are wanted and were not removed, in order. They stay so until the transaction ends."""
    # On PostgreSQL, another transaction could otherwise remove the same entries, or add further ones, before `_next_revision`.
    connection.execute(select(ListRevision.revision).where(ListRevision.name == topic.name).with_for_update())
    table = table_of(topic)
    return list(
        connection.scalars(select(table.id).where(table.removed_at.is_(None), *wanted).order_by(table.position))
    )


def _add(
    connection: Connection,
    topic: Topic,
    rows: Sequence[Mapping[str, Any]],
    actor: str | None,
    *,
    at: int | None = None,
) -> list[str]:
    ids = new_ids(len(rows))
    at = now_us() if at is None else at
    batch, revision = ids[0], _next_revision(connection, topic)
    complete = [
        {
            **{column: row[column] for column in columns_of(topic)},
            "id": id_,
            "revision": revision,
            "batch": batch,
            "salt": os.urandom(_SALT_BYTES),
            "added_by": actor,
            "added_at": at,
        }
        for id_, row in zip(ids, rows, strict=True)
    ]
    connection.execute(insert(table_of(topic)), complete)
    facts = {"entries": len(complete), "digests": _digest(topic, complete), "revision": revision}
    audit.append(connection, [Fact(f"{topic.kind}_added", batch, facts, actor)], at)
    return ids


def _remove(connection: Connection, topic: Topic, ids: Sequence[str], actor: str | None) -> None:
    if not ids:
        return
    at, revision = now_us(), _next_revision(connection, topic)
    for start in range(0, len(ids), _IDS_AT_ONCE):
        connection.execute(
            update(table_of(topic))
            .where(table_of(topic).id.in_(ids[start : start + _IDS_AT_ONCE]))
            .values(removed_by=actor, removed_at=at, revision=revision)
        )
    facts = {"entries": len(ids), "ids": salted(b"", "\n".join(ids).encode()), "revision": revision}
    audit.append(connection, [Fact(f"{topic.kind}_removed", ids[0], facts, actor)], at)


def page(
    connection: Connection,
    topic: Topic,
    *,
    filters: Mapping[str, str] | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Row[Any]]:
    """Return up to ``limit`` entries that were not removed, in order, after the position ``after``.

    Args:
        filters: column of `Topic.filters` -> value.
    """
    table = table_of(topic)
    wanted = _matching(topic, filters or {})
    query = select(table.__table__).where(table.removed_at.is_(None), table.position > after, *wanted)
    return list(connection.execute(query.order_by(table.position).limit(limit)))


def one(connection: Connection, topic: Topic, id_: str) -> Row[Any] | None:
    """Return the entry with this id, even if it was removed; None if it does not exist."""
    return connection.execute(select(table_of(topic).__table__).where(table_of(topic).id == id_)).first()


def kinds(connection: Connection) -> dict[str, str]:
    """Return the kind of each entry of the watch lists that was not removed, by id."""
    rows = connection.execute(select(WatchEntry.id, WatchEntry.kind).where(WatchEntry.removed_at.is_(None)))
    return {row.id: row.kind for row in rows}


@dataclass(frozen=True, slots=True)
class Revision:
    """Revision of a table, and the key of the digests of parties in it."""

    number: int
    secret: bytes


def revisions(connection: Connection) -> dict[str, Revision]:
    """Return the revision of each table by its name."""
    rows = connection.execute(select(ListRevision.name, ListRevision.revision, ListRevision.secret))
    return {row.name: Revision(row.revision, bytes(row.secret)) for row in rows}


def changed(connection: Connection, topic: Topic, since: int) -> list[Row[Any]]:
    """Return the entries that changed after a revision, in order. After revision 0, removed entries are left out."""
    table = table_of(topic)
    wanted = [table.revision > since, *([] if since else [table.removed_at.is_(None)])]
    return list(connection.execute(select(table.__table__).where(*wanted).order_by(table.position)))


def _next_revision(connection: Connection, topic: Topic) -> int:
    # The update locks the row until the transaction ends.
    connection.execute(
        update(ListRevision).where(ListRevision.name == topic.name).values(revision=ListRevision.revision + 1)
    )
    revision = connection.scalar(select(ListRevision.revision).where(ListRevision.name == topic.name))
    assert revision is not None
    return revision


def _digest(topic: Topic, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the SHA-256 of the salted digests of entries in their order, in hexadecimal digits."""
    return salted(b"", "\n".join(entry_digest(topic, row) for row in rows).encode())
