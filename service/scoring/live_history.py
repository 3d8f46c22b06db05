"""The live history of a service: a history with a lock.

The event loop advances it for single requests, and threads advance it for CSV files. Each `advance` covers a whole table, so
requests are processed between the chunks of a file but never within a chunk.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from features.groups.history.history import HistoryRows

if TYPE_CHECKING:
    from features.groups.history.history import History
    from features.table.table import ManifestTable


@dataclass(frozen=True, slots=True, eq=False)
class LiveRows(HistoryRows):
    """History features of a table, and its ``order`` in the live history; None if it left the history alone.

    Orders increase with each table. They are the time in microseconds since 1970, or the last order and one if that is later.
    """

    order: int | None


class LiveHistory:
    """A `History` that several threads may advance."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._first_sequence = history.sequence
        self._order = 0
        self._lock = threading.Lock()

    def advance(self, table: ManifestTable, *, update: bool = True) -> LiveRows:
        """Call `History.advance` with the lock held."""
        with self._lock:
            rows = self._history.advance(table, update=update)
            if update:
                self._order = max(self._order + 1, time.time_ns() // 1000)
            return LiveRows(rows.values, rows.late, self._order if update else None)

    def copy(self) -> History:
        """Return a copy of the current state."""
        with self._lock:
            return self._history.copy()

    def supersedes(self, snapshot: History) -> bool:
        """Return whether a new model should use this history instead of the model's ``snapshot``.

        True if shipments were scored since this history began, and its latest shipment is at least as late as that of the
        snapshot, which then lacks the latest traffic. Both have the same version, because other bundles are refused.
        Inspection results that are only in the snapshot take effect at the next start.
        """
        with self._lock:
            return self._history.sequence != self._first_sequence and self._history.watermark >= snapshot.watermark
