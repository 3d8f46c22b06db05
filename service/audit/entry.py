"""Types of the proof: entries, faults, counts, and the base class of checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection


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
        raise NotImplementedError

    def unrecorded(self, connection: Connection, tally: Tally) -> Fault | None:
        """Return a fault for a row of the tables that no entry records, if any. Call it after all entries were counted."""
        return None


def in_chunks(entries: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    """Yield the entries in parts of at most ``size``."""
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def differing(facts: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """Return a sentence that names the values which differ from the facts; None if all agree."""
    names: Iterable[str] = sorted(name for name in found if facts.get(name) != found[name])
    return f"the table holds other values of {', '.join(names)}" if names else None
