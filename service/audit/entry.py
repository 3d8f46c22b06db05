"""Types of the proof: entries, faults, counts, the base class of checks, and reading of rows with any content.

SQLite stores any value in any column. So the proof selects `readable` columns, and a row that cannot be compared is a fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import BigInteger, Boolean, Double, Label, LargeBinary, String, case, func, literal, type_coerce

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")

#: Errors of comparisons with values of another type or form, such as a text that is not UTF-8.
UNREADABLE: Final = (AttributeError, KeyError, TypeError, ValueError)
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
    """Check of the entries of one kind against the tables."""

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
