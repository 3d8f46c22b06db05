"""Screening of shipments against an office's watch lists, and its suppressions: what the rules ask of the lists.

The lists themselves belong to the service, which keeps them up to date. A screening is immutable, so that one state of the lists
decides a whole table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from features.table.table import ManifestTable

#: Rules that no suppression takes back: a declared controlled substance without a verified permit is never green.
NEVER_SUPPRESSED: Final = frozenset({"watched-without-permit"})


@dataclass(frozen=True, slots=True)
class Suppression:
    """A time in which a rule or a list asks for nothing.

    Attributes:
        until: last moment, ISO 8601.
        by: who decided it; empty if unknown.
    """

    id: str
    reason: str
    until: str
    by: str = ""

    def __str__(self) -> str:
        return f"suppressed until {self.until}{f' by {self.by}' if self.by else ''}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ListHit:
    """A field of a shipment that agrees with an entry of a watch list.

    Attributes:
        entry: id of the entry.
        list_name: name of the list.
        field: the manifest field.
        similarity: 0 to 1; 1 for identifiers.
        lane: code of the lane that the entry asks for.
        reason: why the entry is on the list.
        source: who says so; empty if unknown.
        dismissed: why the entry and the party are not the same, where an officer said so. Such a hit raises nothing.
        suppressed: the suppression in force. Such a hit raises nothing.
    """

    entry: str
    list_name: str
    field: str
    similarity: float
    lane: int
    reason: str
    source: str = ""
    dismissed: str | None = None
    suppressed: Suppression | None = None

    @property
    def counts(self) -> bool:
        """Whether the hit asks for its lane."""
        return self.dismissed is None and self.suppressed is None


class Screening(Protocol):
    """One state of the lists of an office."""

    @property
    def digest(self) -> str:
        """SHA-256 of the entries, dismissals and suppressions in force."""
        ...

    @property
    def suppresses_rules(self) -> bool:
        """Whether a suppression of rules is in force."""
        ...

    def hits(self, table: ManifestTable) -> Mapping[int, tuple[ListHit, ...]]:
        """Return the hits of a table by shipment, without shipments that have none."""
        ...

    def suppression(self, rule: str, consignor: str | None) -> Suppression | None:
        """Return the suppression of a rule for a consignor's name as declared; None without one."""
        ...
