"""Detection of repeated shipments in a file, in bounded memory."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from rbloom import Bloom

from features.groups.history.store import Store

#: Number of shipments whose hashes are stored exactly, in at most 24 MiB.
_EXACT: Final = 1 << 20
#: Capacity of the Bloom filter, and its false-positive probability at that capacity. The filter takes 41 MiB.
_SHIPMENTS: Final = 10_000_000
_FALSE_POSITIVES: Final = 6e-8
#: Replacement for the key 0, which `Store` does not support.
_ZERO_KEY: Final = -(2**63)


class SeenShipments:
    """Set of the shipment references seen so far. Beyond ``exact`` references, a Bloom filter replaces the exact store."""

    def __init__(self, *, exact: int = _EXACT) -> None:
        self._exact = exact
        self._store = Store(0, 0)
        self._filter: Bloom | None = None

    def add(self, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Add shipments in order.

        Args:
            references: (n,) 64-bit hashes of shipment references.

        Returns:
            (n,) whether the shipment was added before, in an earlier call or in this one.
        """
        references = np.where(references == 0, _ZERO_KEY, references)
        if self._filter is None:
            if self._store.count + len(references) <= self._exact:
                return self._add_to_store(references)
            self._filter = Bloom(_SHIPMENTS, _FALSE_POSITIVES)
            self._filter.update(np.asarray(self._store.keys)[: self._store.count].tolist())
            self._store = Store(0, 0)
        seen = np.empty(len(references), dtype=np.bool_)
        for row, reference in enumerate(references.tolist()):
            seen[row] = reference in self._filter
            self._filter.add(reference)
        return seen

    def _add_to_store(self, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        last_slot = self._store.count - 1
        self._store.reserve(len(references), self._exact)
        slots = self._store.find(references, add=True)
        # New references get slots above all earlier slots.
        highest = np.maximum.accumulate(np.concatenate([[last_slot], slots]))[:-1]
        seen: NDArray[np.bool_] = slots <= highest
        return seen
