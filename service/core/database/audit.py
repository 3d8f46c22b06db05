"""The audit chain: append-only entries, each with the digest of the previous entry.

Every important change appends an entry in its own transaction. An entry contains digests and plain facts without personal data, so
that it can still be proven after an erasure. The digest of an entry is the SHA-256 of its canonical JSON
``[number, at, kind, subject, actor, facts, previous]`` with hexadecimal digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import select

from service.core.database.rows import Insertion, Lookup, locked_look_up, together
from service.core.database.tables import AuditEntry

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from service.core.database.engine import Database

#: Digest before the first entry.
START: Final = bytes(32)
_ENTRIES: Final = Insertion(AuditEntry, ("number", "at", "kind", "subject", "actor", "facts", "previous", "digest"))
#: Number and digest of the last entry.
LAST: Final = Lookup(*["SELECT number, digest FROM audit_entries ORDER BY number DESC LIMIT 1"] * 2)


@dataclass(frozen=True, slots=True)
class Fact:
    """Content of an entry to append.

    Attributes:
        kind: kind of the event, such as ``decision``.
        subject: id of the object of the event.
        facts: values without personal data, stored as JSON with sorted keys.
        actor: id of the API key, or the name of the command.
    """

    kind: str
    subject: str
    facts: Mapping[str, Any]
    actor: str | None = None


def append(database: Database, connection: Connection, facts: Sequence[Fact], at: int) -> None:
    """Append entries to the chain, in the caller's transaction.

    Args:
        connection: connection of `Database.write`. On PostgreSQL other writers of the chain wait until it commits.
        at: time, in microseconds since 1970.
    """
    if facts:
        [last] = locked_look_up(connection, [(LAST, None)])
        with together(connection):
            append_after(connection, last, facts, at)


def append_after(connection: Connection, last: Sequence[tuple[Any, ...]], facts: Sequence[Fact], at: int) -> None:
    """Append entries as `append` does, in a context `together` of a transaction that already holds the lock of the chain.

    Args:
        last: rows of the query `LAST`.
    """
    number, previous = last[0] if last else (0, START)
    rows = []
    for fact in facts:
        number += 1
        content = orjson.dumps(fact.facts, option=orjson.OPT_SORT_KEYS)
        digest = digest_of(number, at, fact.kind, fact.subject, fact.actor, content, previous)
        rows.append((number, at, fact.kind, fact.subject, fact.actor, content, previous, digest))
        previous = digest
    _ENTRIES.add(connection, rows)


def page(connection: Connection, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """Return up to ``limit`` entries after the number ``after``, in order."""
    query = select(AuditEntry.__table__).where(AuditEntry.number > after).order_by(AuditEntry.number).limit(limit)
    return connection.execute(query).all()


def digest_of(number: int, at: int, kind: str, subject: str, actor: str | None, facts: bytes, previous: bytes) -> bytes:
    """Return the digest of an entry."""
    content = [number, at, kind, subject, actor, facts.decode(), previous.hex()]
    return hashlib.sha256(orjson.dumps(content)).digest()


def salted(salt: bytes, content: bytes) -> str:
    """Return the SHA-256 of ``salt`` and ``content`` in hexadecimal digits.

    Erasure deletes the salt. Without it, nobody can confirm a guessed content by its digest.
    """
    return hashlib.sha256(salt + content).hexdigest()
