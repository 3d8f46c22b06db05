"""Tables of watch lists, dismissals, suppressions and permits. `service.lists.repository` contains their queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Topic:
    """One of the tables of lists.

    Attributes:
        name: name of the table.
        kind: prefix of kinds of audit entries, as in ``permit_added``.
        filters: columns by which entries may be filtered.
    """

    name: str
    kind: str
    filters: tuple[str, ...]


WATCH_ENTRIES: Final = Topic("watch_entries", "watch_entry", ("list_name", "kind"))
DISMISSALS: Final = Topic("dismissals", "dismissal", ("entry_id",))
SUPPRESSIONS: Final = Topic("suppressions", "suppression", ("rule_id", "list_name", "entry_id"))
PERMITS: Final = Topic("permits", "permit", ("permit_number",))
TOPICS: Final = (WATCH_ENTRIES, DISMISSALS, SUPPRESSIONS, PERMITS)
