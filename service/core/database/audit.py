"""The audit chain: append-only entries, each with the digest of the previous entry.

Every important change appends an entry in its own transaction. An entry contains digests and plain facts without personal data, so
that it can still be proven after an erasure. The digest of an entry is the SHA-256 of its canonical JSON
``[number, at, kind, subject, actor, facts, previous]`` with hexadecimal digests.

The service also notes changes of itself: its settings, its model, its rules, and backups. Each worker notes the settings, model
and rules that it uses. An entry is appended if it differs from the last entry of its kind. Several workers that change to the
same model therefore append one entry, and a restart without a change appends none.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import desc, select

from service.core.database.packing import pack
from service.core.database.tables import AuditEntry, Insertion, Lookup, locked_look_up, together
from service.core.database.times import now_us
from service.core.errors import DatabaseAway
from service.core.logs import logger

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


def append(connection: Connection, facts: Sequence[Fact], at: int) -> None:
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
        rows.append((number, at, fact.kind, fact.subject, fact.actor, pack(content, "facts"), previous, digest))
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


#: Kinds of entries about the service itself.
KINDS: Final = ("settings", "model", "rules")
#: Actor of these entries.
_ACTOR: Final = "service"
#: Kind of the entries about backups.
_BACKUP: Final = "backup"
#: Maximum number of backups that an erasure names.
_MOST_BACKUPS: Final = 100


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that `tidewaiter backup` made: its time in microseconds since 1970, and the SHA-256 of its content."""

    taken_at: int
    digest: str


def note_backup(database: Database, backup: Backup, actor: str) -> None:
    """Record a backup in the audit chain, so that erasures can name it.

    Args:
        actor: name of the command.
    """
    with database.write() as connection:
        append(connection, [Fact(_BACKUP, backup.digest, {"taken_at": backup.taken_at}, actor)], now_us())


def backups(database: Database) -> list[Backup]:
    """Return the newest backups in the audit chain, the newest first, at most `_MOST_BACKUPS`."""
    query = (
        select(AuditEntry.subject, AuditEntry.facts)
        .where(AuditEntry.kind == _BACKUP)
        .order_by(desc(AuditEntry.number))
        .limit(_MOST_BACKUPS)
    )
    with database.read() as connection:
        return [Backup(orjson.loads(bytes(row.facts))["taken_at"], row.subject) for row in connection.execute(query)]


def note_promotion(database: Database, digest: str, facts: Mapping[str, Any], actor: str) -> None:
    """Record in the audit chain that a person put a model into service, even if no worker ever loads it.

    Args:
        digest: digest of the bundle.
        facts: values without personal data and secrets.
        actor: name of the command.
    """
    with database.write() as connection:
        append(connection, [Fact("promotion", digest, facts, actor)], now_us())


class Changes:
    """Changes that wait to be appended to the chain. Any thread may note one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Without a limit, because none may be lost, and starts and exchanges of models are rare. Only `flush` removes changes.
        self._waiting: deque[Fact] = deque()
        self._lock = threading.Lock()

    def note(self, kind: str, subject: str, facts: Mapping[str, Any]) -> None:
        """Append an entry unless the last entry of its kind has the same subject. If the database is away, the change waits.

        Args:
            subject: name or digest of what is in service now.
            facts: values without personal data and secrets.
        """
        self._waiting.append(Fact(kind, subject, facts, _ACTOR))
        self.flush()

    def flush(self) -> None:
        """Append the waiting changes. The call blocks. If the database is away, the changes keep waiting."""
        with self._lock:
            while self._waiting:
                try:
                    with self._database.write() as connection:
                        self._append(connection, self._waiting[0])
                except DatabaseAway as error:
                    logger().error("audit_waits", changes=len(self._waiting), problem=str(error))
                    return
                self._waiting.popleft()

    def close(self) -> None:
        """Append the waiting changes. If the database is away, write them to the log, because they are lost."""
        self.flush()
        for fact in self._waiting:
            logger().error("audit_lost", kind=fact.kind, subject=fact.subject)

    def _append(self, connection: Connection, fact: Fact) -> None:
        # Lock before the query, because another worker may append the same entry.
        self._database.lock_audit(connection)
        last = select(AuditEntry.subject).where(AuditEntry.kind == fact.kind).order_by(desc(AuditEntry.number)).limit(1)
        if connection.execute(last).scalar() != fact.subject:
            append(connection, [fact], now_us())


def digest_of_values(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of values, for use as a subject of `Changes.note`."""
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()
