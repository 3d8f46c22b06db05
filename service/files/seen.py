"""Which shipments of a file came before: in fixed memory, however long the file."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.store import Store
from service.files.bloom import remember

#: Shipments whose hashes are kept as they are, in at most 24 MiB.
_EXACT: Final = 1 << 20
#: 2**29 bits are 64 MiB. A shipment sets 16 of the 512 bits of one block: among ten million shipments the last is wrongly
#: called seen with a chance of 6e-8 (Putze, Sanders and Singler 2007).
_BITS: Final = 1 << 29
_BLOCK: Final = 512
_INSTEAD_OF_ZERO: Final = -(2**63)
U64Array = NDArray[np.uint64]


class SeenShipments:
    """The references of up to ``exact`` shipments, and a Bloom filter in their place when there are more.

    ``bits`` of the filter are rounded up to whole blocks.
    """

    def __init__(self, bits: int = _BITS, *, exact: int = _EXACT) -> None:
        self._bits, self._exact = bits, exact
        self._known: Store | None = Store(0, 0)
        self._words: U64Array = np.empty((0, 8), dtype=np.uint64)

    def add(self, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Remember shipments in order; (n,) whether each was there before, also earlier in this call.

        Args:
            references: (n,) 64-bit hashes of shipment references.
        """
        # A store knows no key 0.
        references = np.where(references == 0, _INSTEAD_OF_ZERO, references)
        if self._known is None:
            return self._marked(references)
        if self._known.count + len(references) <= self._exact:
            return self._added(self._known, references)
        known, self._known = self._known, None
        self._words = np.zeros((-(-self._bits // _BLOCK), 8), dtype=np.uint64)
        self._marked(np.asarray(known.keys)[: known.count])
        return self._marked(references)

    def _added(self, known: Store, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        newest = known.count - 1
        known.reserve(len(references), self._exact)
        slots = known.find(references, add=True)
        # A new one has a place behind all before it.
        behind = np.maximum.accumulate(np.concatenate([[newest], slots]))[:-1]
        seen: NDArray[np.bool_] = slots <= behind
        return seen

    def _marked(self, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        hashes = references.view(np.uint64)
        blocks = (_mixed(hashes, 1) % np.uint64(len(self._words))).astype(np.int64)
        seen = np.empty(len(hashes), dtype=np.uint8)
        remember(self._words, blocks, _mixed(hashes, 2), _mixed(hashes, 3), seen)
        return seen.view(bool)


def _mixed(hashes: U64Array, stream: int) -> U64Array:
    """One of several hashes made of one: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    mixed = hashes + np.uint64(stream * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
