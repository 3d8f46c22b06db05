"""The live history of a service: a history with a lock.

Single requests advance it on the event loop, CSV files in threads. Each `advance` covers a whole table, so a request may
come between two chunks of a file but never within one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.groups.history.history import History, HistoryRows
    from features.table.table import ManifestTable


class LiveHistory:
    """A `History` that several threads may advance."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._first_sequence = history.sequence
        self._lock = threading.Lock()

    def advance(self, table: ManifestTable, *, update: bool = True) -> HistoryRows:
        """Call `History.advance` while holding the lock."""
        with self._lock:
            return self._history.advance(table, update=update)

    def copy(self) -> History:
        """Return a copy of the present state."""
        with self._lock:
            return self._history.copy()

    def supersedes(self, snapshot: History) -> bool:
        """Return whether to keep this history under a new model instead of that model's ``snapshot``.

        True if shipments were scored since this history began and its newest shipment is at least as late as the
        snapshot's: the snapshot then lacks the newest traffic. Both have one version, because a bundle with another
        version is refused. Inspection results that only the snapshot contains take effect at the next start.
        """
        with self._lock:
            return self._history.sequence != self._first_sequence and self._history.watermark >= snapshot.watermark
