"""Tables of watch lists, dismissals, suppressions and permits, the proof of their rows, and what an erasure removes.

Rows are changed only by removal and erasure, so that a decision can be explained later. Each table has a revision in
`ListRevision`, which grows with each change. A service compares it with the revision of its lists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson
from sqlalchemy import Index, func, select
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from service.core.database.audit import salted
from service.core.database.proof import Check, Entry, Fault, Tally, as_text, readable, unrecorded_row
from service.core.database.tables import Base, RowNumber
from service.lists.matching import TOPICS, Topic

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Listed:
    """Columns of every entry of a list.

    Attributes:
        position: order of the entries.
        revision: revision of the table at the latest change of the entry.
        batch: id of the first entry that was added together with this one. The audit chain names it.
        reason: reason of the entry.
        salt: random bytes in the audit chain's digest of the entry; None after erasure.
        added_by, removed_by: id of the API key, or the name of the command.
        expires_at: time from which the entry no longer counts; None for no limit.
    """

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Index, ...]:
        return (Index(None, "revision"),)

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    revision: Mapped[int]
    batch: Mapped[str]
    reason: Mapped[str]
    salt: Mapped[bytes | None]
    added_by: Mapped[str | None]
    added_at: Mapped[int]
    expires_at: Mapped[int | None]
    removed_by: Mapped[str | None]
    removed_at: Mapped[int | None]


class WatchEntry(Listed, Base):
    """Entry of a watch list.

    Attributes:
        list_name: name of the list.
        kind: ``name``, ``address``, ``phone``, ``email`` or ``identifier``.
        text: the name, address or identifier; None after erasure.
        country: ISO 3166-1 alpha-2 of the party; empty for any.
        place: city or postcode of an address; empty for any.
        threshold: least similarity of names and addresses, in percent.
        lane: least lane of a matching shipment, ``yellow`` or ``red``.
        source: source of the entry; empty if unknown.
    """

    __tablename__ = "watch_entries"

    list_name: Mapped[str]
    kind: Mapped[str]
    text: Mapped[str | None]
    country: Mapped[str]
    place: Mapped[str]
    threshold: Mapped[float]
    lane: Mapped[str]
    source: Mapped[str]

    erased: ClassVar = {"reason": "", "text": None, "source": ""}


class Dismissal(Listed, Base):
    """Statement of an officer that an entry of a watch list and a party are not the same.

    Attributes:
        entry_id: id of the entry.
        party: keyed digest of the party's normalised name, address or identifier.
    """

    __tablename__ = "dismissals"

    entry_id: Mapped[str]
    party: Mapped[bytes]

    erased: ClassVar = {"reason": "", "party": b""}


class SuppressionRow(Listed, Base):
    """Suppression of rules and of hits on lists. Empty columns match everything.

    Attributes:
        rule_id: id of a rule.
        list_name, entry_id: a watch list, or one of its entries.
        consignor: name of a consignor; None after erasure.
    """

    __tablename__ = "suppressions"

    rule_id: Mapped[str]
    list_name: Mapped[str]
    entry_id: Mapped[str]
    consignor: Mapped[str | None]

    erased: ClassVar = {"reason": "", "consignor": None}


class PermitRow(Listed, Base):
    """Permit or licensed party of the register, with the columns of a register file.

    Attributes:
        permit_number: empty for a licensed party.
        party_name: None after erasure.
        valid_from, valid_until: days as YYYY-MM-DD; empty for no limit.
        substance: name or CAS number of the only substance; empty for any.
    """

    __tablename__ = "permits"

    permit_number: Mapped[str]
    party_name: Mapped[str | None]
    party_country: Mapped[str]
    valid_from: Mapped[str]
    valid_until: Mapped[str]
    substance: Mapped[str]

    erased: ClassVar = {"reason": "", "party_name": None}


class ListRevision(Base):
    """Revision of one of the tables above.

    Attributes:
        name: name of the table.
        secret: random key of the digests of parties in the table.
    """

    __tablename__ = "list_revisions"

    name: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int]
    secret: Mapped[bytes]


#: Columns that `service.lists.repository` fills in.
_FILLED_IN: Final = frozenset(
    {"position", "id", "revision", "batch", "salt", "added_by", "added_at", "removed_by", "removed_at"}
)


#: Name of a topic -> its table.
_TABLES: Final[Mapping[str, type[WatchEntry | Dismissal | SuppressionRow | PermitRow]]] = {
    table.__tablename__: table for table in (WatchEntry, Dismissal, SuppressionRow, PermitRow)
}


def table_of(topic: Topic) -> type[WatchEntry | Dismissal | SuppressionRow | PermitRow]:
    """Return the table of a topic."""
    return _TABLES[topic.name]


def columns_of(topic: Topic) -> tuple[str, ...]:
    """Return the columns for which the caller of `add` gives values."""
    return tuple(column.name for column in table_of(topic).__table__.columns if column.name not in _FILLED_IN)


#: Columns that entries of earlier versions lack. They count in the digest of an entry only with a value.
_ADDED: Final = frozenset({"substance"})


def entry_digest(topic: Topic, row: Mapping[str, Any]) -> str:
    """Return the salted digest of an entry's columns."""
    columns = ("id", *columns_of(topic))
    content = {column: _plain(row[column]) for column in columns if row[column] != "" or column not in _ADDED}
    return salted(row["salt"], orjson.dumps(content, option=orjson.OPT_SORT_KEYS))


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


#: Rows per read. An import may have a hundred thousand.
_ROWS_AT_ONCE: Final = 2_000
_DIFFER: Final = "its rows differ from those"


class _Lines:
    """SHA-256 of lines joined by line breaks, as `service.lists.repository` makes it."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.count = 0

    def add(self, line: str) -> None:
        self._digest.update((line if self.count == 0 else f"\n{line}").encode())
        self.count += 1

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class _Added(Check):
    """Check of added entries: the rows of the batch equal those that were added, unless one of them was erased."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self.table = table_of(topic)
        self._table: Any = self.table.__table__
        self.kind = f"{topic.kind}_added"

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
        return unrecorded_row(connection, self.kind, self.table, self._table.c.batch)


class _Removed(Check):
    """Check of removed entries: exactly the recorded rows were removed at the time of the entry."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self.table = table_of(topic)
        self._table: Any = self.table.__table__
        self.kind = f"{topic.kind}_removed"

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
            return Fault(None, self.kind, as_text(subject), problem)
        problem = f"{removed} rows of the table {self._topic.name} are removed, but entries record {tally.rows}"
        return Fault(None, self.kind, None, problem)


def _problem(lines: _Lines, erased: bool, facts: Mapping[str, Any], name: str) -> str | None:
    if lines.count != facts.get("entries"):
        return f"it records {facts.get('entries')} rows, but there are {lines.count}"
    if not erased and lines.hexdigest() != facts.get(name):
        return _DIFFER
    return None


CHECKS: Final = tuple(check(topic) for topic in TOPICS for check in (_Added, _Removed))
