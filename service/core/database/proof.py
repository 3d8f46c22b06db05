"""Proof of rows: entries of the audit chain, and checks of them against the tables.

Each subject names the checks of its rows in ``CHECKS`` beside its tables. Most are a `RowCheck`: the row of an entry has the values
and salted digests that the entry says. SQLite stores any value in any column. So checks select `readable` columns, and a row that
cannot be compared is a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Double,
    Label,
    LargeBinary,
    String,
    and_,
    case,
    func,
    literal,
    select,
    type_coerce,
)

from service.core.database.audit import salted
from service.core.database.tables import AuditEntry, Base

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")
Values = Mapping[str, Any]

#: Errors of comparisons with values of another type or form, such as a text that is not UTF-8.
UNREADABLE: Final = (AttributeError, KeyError, TypeError, ValueError)
#: Rows per query. A decision on a large shipment takes a megabyte.
_ROWS_AT_ONCE: Final = 200
#: Type of a column -> the type of its values in SQLite.
_STORED_AS: Final[tuple[tuple[type[Any], str], ...]] = (
    (LargeBinary, "blob"),
    (String, "text"),
    (BigInteger, "integer"),
    (Boolean, "integer"),
    (Double, "real"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Entry whose place in the chain is proven. Attributes are those of `service.core.database.tables.AuditEntry`."""

    number: int
    at: int
    kind: str
    subject: str
    actor: str | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """First broken entry.

    Attributes:
        number: number of the entry; None for a row of a table that no entry records.
        problem: reason why it is broken.
    """

    number: int | None
    kind: str | None
    subject: str | None
    problem: str


@dataclass(slots=True)
class Tally:
    """Counts of a check so far.

    Attributes:
        entries: number of entries of its kind.
        erased: number of these entries whose personal fields were erased.
        rows: number of rows that the entries record, for kinds whose entries record several.
        position: position of the row of the latest entry, for kinds whose rows have the order of their entries.
    """

    entries: int = 0
    erased: int = 0
    rows: int = 0
    position: int = 0


class Check:
    """Check of the entries of one kind against the tables.

    Attributes:
        kind: kind of the entries.
        table: table of their rows; None if they concern several.
    """

    kind: str
    table: Any = None

    def faults(self, connection: Connection, entries: Sequence[Entry], tally: Tally) -> Iterator[Fault]:
        """Yield the faults of entries of this kind, in any order, and count the entries."""
        for entry in entries:
            tally.entries += 1
            try:
                problem = self.problem(connection, entry, tally)
            except UNREADABLE:
                problem = "its facts and its rows cannot be compared"
            if problem is not None:
                yield Fault(entry.number, entry.kind, entry.subject, problem)

    def problem(self, connection: Connection, entry: Entry, tally: Tally) -> str | None:
        """Return how the tables differ from an entry; None if they agree.

        Raises:
            one of `UNREADABLE`: the entry or the rows do not have the form that the service writes.
        """
        raise NotImplementedError

    def unrecorded(self, connection: Connection, tally: Tally) -> Fault | None:
        """Return a fault for a row of the tables that no entry records, if any. Call it after all entries were counted."""
        return None


def readable(connection: Connection, columns: Iterable[Any]) -> list[Label[Any]]:
    """Return columns to select instead, and one more, ``unreadable``: the name of the first column with a value of a wrong type.

    Values of a wrong type are read as NULL. PostgreSQL has none.
    """
    if connection.dialect.name != "sqlite":
        return [*(column.label(column.name) for column in columns), literal(None).label("unreadable")]
    fitting = {
        column: func.typeof(column).in_(
            [stored for kind, stored in _STORED_AS if isinstance(column.type, kind)] + ["null"] * column.nullable
        )
        for column in columns
    }
    return [
        *(type_coerce(case((fits, column)), column.type).label(column.name) for column, fits in fitting.items()),
        case(*((~fits, column.name) for column, fits in fitting.items())).label("unreadable"),
    ]


def as_text(value: object) -> str | None:
    """Return an id for a message, whatever the table contains."""
    return None if value is None else str(value).encode(errors="backslashreplace").decode()


def in_chunks(entries: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the entries in parts of at most ``size``."""
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


class RowCheck(Check):
    """Check that the row with the id of an entry has the values and salted digests of its facts.

    Args:
        kind: kind of the entries.
        table: table of the rows, with a column ``id``.
        plain: names of columns, or a function that returns the facts of a row that need no salt.
        private: function that returns the salted digests of a row. Rows whose salt was erased have none.
        columns: names of the columns that the functions need.
        unerased: function that returns what is wrong with a row without salt, or with a salt and without personal data; None if
            nothing is.
        required: names of columns. Each row with a value in all of them needs an entry of this kind.
        related: labelled values from other tables that the functions also need.
    """

    def __init__(
        self,
        kind: str,
        table: type[Base],
        plain: Sequence[str] | Callable[[Values], Values],
        private: Callable[[Values], Values] | None = None,
        *,
        columns: Iterable[str] = (),
        unerased: Callable[[Values, Entry], str | None] | None = None,
        required: Sequence[str] = ("id",),
        related: Sequence[Label[Any]] = (),
    ) -> None:
        self.kind, self._private, self._unerased, self._related = kind, private, unerased, related
        self.table = table
        self._table = table.__table__
        names = () if callable(plain) else plain
        self._plain = plain if callable(plain) else lambda row: {name: row[name] for name in names}
        # New rows must be in the order of their entries, because the order decides which row is the latest.
        self._is_ordered = private is not None and "position" in self._table.c
        needed = ("id", *names, *columns, *(("position",) if self._is_ordered else ()))
        self._columns = [self._table.c[name] for name in dict.fromkeys(needed)]
        self._rows: Mapping[Any, Values] = {}
        self._required = [self._table.c[name].is_not(None) for name in required]

    def faults(self, connection: Connection, entries: Sequence[Entry], tally: Tally) -> Iterator[Fault]:
        for chunk in in_chunks(entries, _ROWS_AT_ONCE):
            columns = [*readable(connection, self._columns), *self._related]
            query = select(*columns).where(self._table.c.id.in_([entry.subject for entry in chunk]))
            self._rows = {row["id"]: {**row} for row in connection.execute(query).mappings()}
            yield from super().faults(connection, chunk, tally)

    def problem(self, connection: Connection, entry: Entry, tally: Tally) -> str | None:
        row = self._rows.get(entry.subject)
        if row is None:
            return f"its row is missing in the table {self.table.__tablename__}"
        if row["unreadable"] is not None:
            return f"the table holds a value of another type of {row['unreadable']}"
        if self._unerased is not None and (problem := self._unerased(row, entry)):
            return problem
        found = {**self._plain(row)}
        if self._private is not None and has_salt(row):
            found |= self._private(row)
        tally.erased += self._private is not None and not has_salt(row)
        problem = _differing(entry, found)
        if problem is None and self._is_ordered:
            if row["position"] <= tally.position:
                return "its row lies before that of an earlier entry"
            tally.position = row["position"]
        return problem

    def unrecorded(self, connection: Connection, tally: Tally) -> Fault | None:
        return unrecorded_row(connection, self.kind, self.table, self._table.c.id, self._required)


def unrecorded_row(
    connection: Connection, kind: str, table: type[Base], subject: Any, required: Iterable[Any] = ()
) -> Fault | None:
    """Return a fault for a row of a table without an entry of a kind, if any.

    Args:
        subject: column that equals the subject of the row's entry.
        required: conditions; only rows that meet them need an entry.
    """
    entry, columns = AuditEntry.__table__, table.__table__.c
    of_the_row = and_(entry.c.kind == kind, entry.c.subject == subject)
    query = select(columns.id).outerjoin(entry, of_the_row).where(entry.c.number.is_(None), *required).limit(1)
    id_ = connection.execute(query).scalar()
    if id_ is None:
        return None
    return Fault(None, kind, as_text(id_), f"no entry records this row of the table {table.__tablename__}")


#: Facts that entries of earlier versions lack. Those versions wrote none of them.
_LATER_FACTS: Final = frozenset(
    {
        *("declared_s", "duration_us", "features", "history_order", "percentile", "request", "version", "via"),
        *("what_if", "recorded_at"),
    }
)


def _differing(entry: Entry, found: Values) -> str | None:
    """Return which values differ from the entry, without facts that its version did not write yet."""
    at_the_time = {"created_at": entry.at, "removed_at": entry.at, "caller": entry.actor, "created_by": entry.actor}
    facts = {**at_the_time, **entry.facts}
    names = sorted(name for name, value in found.items() if facts.get(name) != value)
    names = [name for name in names if name in entry.facts or name not in _LATER_FACTS]
    return f"the table holds other values of {', '.join(names)}" if names else None


def has_salt(row: Values) -> bool:
    """Return whether the salt of a row was not erased. The salt of a webhook is its secret."""
    return bool(row["secret"] if "secret" in row else row["salt"])


def salted_texts(names: Sequence[str]) -> Callable[[Values], Values]:
    """Return a function of a row for the salted digests of texts that may be personal."""

    def private(row: Values) -> Values:
        salt = bytes(row["salt"])
        return {name: None if row[name] is None else salted(salt, row[name].encode()) for name in names}

    return private
