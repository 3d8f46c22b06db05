"""The history a service keeps: one at a time may advance it.

Single requests advance it on the event loop, CSV files in threads. Each `advance` sees and adds whole tables only, so
requests may come between the chunks of a file but never inside one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.groups.history.history import History, HistoryRows
    from features.table.table import ManifestTable


class LiveHistory:
    """A `History` with a lock around it; stands in for one where a model scores."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._began_at = history.sequence
        self._lock = threading.Lock()

    def advance(self, table: ManifestTable, *, update: bool = True) -> HistoryRows:
        """As `History.advance`, alone."""
        with self._lock:
            return self._history.advance(table, update=update)

    def copy(self) -> History:
        """A private copy of the present state."""
        with self._lock:
            return self._history.copy()

    def goes_on_after(self, snapshot: History) -> bool:
        """Whether this history should go on under a model that came with ``snapshot``.

        It should when something was scored since it began and it has seen as late a shipment as the snapshot has:
        then the snapshot knows nothing of the newest traffic. Any two histories in one process are of one version,
        since a bundle with another is refused. Results of inspections that only the snapshot knows come into use with
        the next start.
        """
        with self._lock:
            return self._history.sequence != self._began_at and self._history.watermark >= snapshot.watermark
