"""Interface of the rules to an office's watch lists and suppressions.

The service holds the lists and keeps them up to date. A screening is immutable, so that one state of the lists decides a whole
table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from features.table.table import ManifestTable

#: Rules that cannot be suppressed: a declared controlled substance without a verified permit is never green.
NEVER_SUPPRESSED: Final = frozenset({"watched-without-permit"})


@dataclass(frozen=True, slots=True)
class Suppression:
    """A period in which a rule or a watch list does not raise lanes.

    Attributes:
        until: its end, ISO 8601.
        by: the person who decided it; empty if unknown.
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
        lane: code of the lane that the entry requires.
        reason: why the entry is on the list.
        source: origin of the entry; empty if unknown.
        dismissed: an officer's reason why the party is not that of the entry; None if not dismissed. A dismissed hit raises no
            lane.
        suppressed: the suppression in force, if any. A suppressed hit raises no lane.
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
        """True if the hit is neither dismissed nor suppressed."""
        return self.dismissed is None and self.suppressed is None


class Screening(Protocol):
    """One state of the lists of an office."""

    @property
    def digest(self) -> str:
        """SHA-256 of the entries, dismissals and suppressions in force."""
        ...

    @property
    def suppresses_rules(self) -> bool:
        """True if a suppression of rules is in force."""
        ...

    def hits(self, table: ManifestTable) -> Mapping[int, tuple[ListHit, ...]]:
        """Return the hits of a table by shipment. Shipments without hits are left out."""
        ...

    def suppression(self, rule: str, consignor: str | None) -> Suppression | None:
        """Return the suppression of a rule for a consignor's declared name, if one is in force."""
        ...
