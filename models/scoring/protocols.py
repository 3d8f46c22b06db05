"""Protocol of the history that scoring needs."""

from __future__ import annotations

from typing import Protocol

from features.groups.history.history import HistoryRows
from features.table.table import ManifestTable


class AdvancingHistory(Protocol):
    """History for scoring: `History`, or a history with a lock that threads share."""

    def advance(self, table: ManifestTable, *, update: bool = True, isolate: bool = False) -> HistoryRows:
        """See `features.groups.history.history.History.advance`."""
        ...
