"""Changes of the service itself in the audit chain: its settings, its model, its rules, and backups.

Each worker notes the settings, model and rules that it uses. An entry is appended if it differs from the last entry of its
kind. Several workers that change to the same model therefore append one entry, and a restart without a change appends none.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import desc, select

from service.core.database import audit
from service.core.database.audit import Fact
from service.core.database.tables import AuditEntry
from service.core.database.times import now_us
from service.core.errors import DatabaseAway
from service.core.logs import logger

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

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
        audit.append(
            database, connection, [Fact(_BACKUP, backup.digest, {"taken_at": backup.taken_at}, actor)], now_us()
        )


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
        audit.append(database, connection, [Fact("promotion", digest, facts, actor)], now_us())


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
            audit.append(self._database, connection, [fact], now_us())


def digest_of_values(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of values, for use as a subject of `Changes.note`."""
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()
