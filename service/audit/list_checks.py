"""Checks of the entries about watch lists, dismissals, suppressions and permits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, select

from service.audit.entry import Check, Entry, Fault, Tally, as_text, readable
from service.core.database.tables import AuditEntry
from service.lists.matching import TOPICS, Topic
from service.lists.repository import columns_of, entry_digest, table_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Rows per read. An import may have a hundred thousand.
_ROWS_AT_ONCE: Final = 2_000
_DIFFER: Final = "its rows differ from those"


class _Lines:
    """SHA-256 of lines joined by line breaks, as in `service.lists.repository`."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.count = 0

    def add(self, line: str) -> None:
        self._digest.update((line if self.count == 0 else f"\n{line}").encode())
        self.count += 1

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class AddedCheck(Check):
    """Check of added entries: the rows of the batch equal those that were added, unless one of them was erased."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._table: Any = table_of(topic).__table__
        self._kind = f"{topic.kind}_added"

    def problem(self, connection: Connection, entry: Entry, tally: Tally) -> str | None:
        own = ("id", "salt", "added_by", "added_at", "removed_by", "removed_at", "revision")
        columns = readable(connection, [self._table.c[name] for name in (*own, *columns_of(self._topic))])
        lines, erased, agrees = _Lines(), False, True
        query = select(*columns).where(self._table.c.batch == entry.subject).order_by(self._table.c.position)
        for row in connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)).mappings():
            if row["unreadable"] is not None:
                return f"{_DIFFER} in the table {self._topic.name}"
            erased = erased or row["salt"] is None
            lines.add("" if erased else entry_digest(self._topic, dict(row)))
            agrees = agrees and (row["added_by"], row["added_at"]) == (entry.actor, entry.at)
            if row["removed_at"] is None and row["removed_by"] is None:
                # A removal changes the revision, and has a separate entry.
                agrees = agrees and row["revision"] == entry.facts.get("revision")
        tally.erased += erased
        problem = _problem(lines, erased, entry.facts, "digests") or (None if agrees else _DIFFER)
        return None if problem is None else f"{problem} in the table {self._topic.name}"

    def unrecorded(self, connection: Connection, tally: Tally) -> Fault | None:
        entry = AuditEntry.__table__
        entry_of_row = and_(entry.c.kind == self._kind, entry.c.subject == self._table.c.batch)
        query = select(self._table.c.id).outerjoin(entry, entry_of_row).where(entry.c.number.is_(None)).limit(1)
        subject = connection.execute(query).scalar()
        if subject is None:
            return None
        return Fault(None, self._kind, as_text(subject), f"no entry records this row of the table {self._topic.name}")


class RemovedCheck(Check):
    """Check of removed entries: exactly the recorded rows were removed at the time of the entry."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._table: Any = table_of(topic).__table__
        self._kind = f"{topic.kind}_removed"

    def problem(self, connection: Connection, entry: Entry, tally: Tally) -> str | None:
        lines, agrees = _Lines(), True
        columns = self._table.c
        own = readable(connection, [columns.id, columns.removed_by, columns.revision])
        query = select(*own).where(columns.removed_at == entry.at).order_by(columns.position)
        for row in connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
            lines.add("" if row.unreadable else row.id)
            agrees = agrees and (row.removed_by, row.revision) == (entry.actor, entry.facts.get("revision"))
        tally.rows += lines.count
        problem = _problem(lines, False, entry.facts, "ids") or (None if agrees else _DIFFER)
        return None if problem is None else f"{problem} in the table {self._topic.name}"

    def unrecorded(self, connection: Connection, tally: Tally) -> Fault | None:
        count = select(func.count()).select_from(self._table).where(self._table.c.removed_at.is_not(None))
        removed = connection.execute(count).scalar_one()
        if removed == tally.rows:
            without_time = select(self._table.c.id).where(
                self._table.c.removed_at.is_(None), self._table.c.removed_by.is_not(None)
            )
            subject = connection.execute(without_time.limit(1)).scalar()
            if subject is None:
                return None
            problem = f"this row of the table {self._topic.name} says who removed it, but not when"
            return Fault(None, self._kind, as_text(subject), problem)
        problem = f"{removed} rows of the table {self._topic.name} are removed, but entries record {tally.rows}"
        return Fault(None, self._kind, None, problem)


def _problem(lines: _Lines, erased: bool, facts: Mapping[str, Any], name: str) -> str | None:
    if lines.count != facts.get("entries"):
        return f"it records {facts.get('entries')} rows, but there are {lines.count}"
    if not erased and lines.hexdigest() != facts.get(name):
        return _DIFFER
    return None


#: Kind of entry -> its check.
LIST_CHECKS: Final[Mapping[str, Check]] = {
    f"{topic.kind}_{what}": check(topic)
    for topic in TOPICS
    for what, check in (("added", AddedCheck), ("removed", RemovedCheck))
}
