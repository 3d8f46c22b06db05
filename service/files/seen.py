"""The shipments of a file that were seen before, in bounded memory however long the file."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.store import Store

U64Array = NDArray[np.uint64]

#: Shipments whose hashes are stored exactly, in at most 24 MiB.
_EXACT: Final = 1 << 20
#: 2**29 bits are 64 MiB. A shipment sets 16 of the 512 bits of one block. The last of ten million shipments is wrongly found
#: seen with a probability of 6e-8 (Putze, Sanders and Singler 2007).
_BITS: Final = 1 << 29
_BLOCK_BITS: Final = 512
_WORDS: Final = _BLOCK_BITS // 64
#: Bits of a hash that choose one of the 64 bits of a word.
_BITS_PER_CHOICE: Final = 6
#: Shipments marked at a time: keeps the working memory within the processor's cache.
_CHUNK: Final = 4096
#: A store has no key 0.
_ZERO_KEY: Final = -(2**63)


class SeenShipments:
    """The references of the shipments seen so far.

    Up to ``exact`` references are stored as they are. Beyond that, a blocked Bloom filter replaces the store; all bits of a
    reference are in one block of it, which is one line of the processor's cache.
    """

    def __init__(self, bits: int = _BITS, *, exact: int = _EXACT) -> None:
        """
        Args:
            bits: size of the filter, rounded up to whole blocks.
            exact: number of references stored as they are.
        """
        self._blocks, self._exact = -(-bits // _BLOCK_BITS), exact
        self._store: Store | None = Store(0, 0)
        self._filter: U64Array = np.empty((0, _WORDS), dtype=np.uint64)

    def add(self, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Add shipments in order, and return for each (n,) whether it was seen before, also earlier in this call.

        Args:
            references: (n,) 64-bit hashes of shipment references.
        """
        references = np.where(references == 0, _ZERO_KEY, references)
        store = self._store
        if store is None:
            return self._add_to_filter(references)
        if store.count + len(references) <= self._exact:
            return self._add_to_store(store, references)
        self._store = None
        self._filter = np.zeros((self._blocks, _WORDS), dtype=np.uint64)
        self._add_to_filter(np.asarray(store.keys)[: store.count])
        return self._add_to_filter(references)

    def _add_to_store(self, store: Store, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        last_slot = store.count - 1
        store.reserve(len(references), self._exact)
        slots = store.find(references, add=True)
        # The slot of a new reference is higher than all slots before it.
        highest = np.maximum.accumulate(np.concatenate([[last_slot], slots]))[:-1]
        seen: NDArray[np.bool_] = slots <= highest
        return seen

    def _add_to_filter(self, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        chunks = [references[start : start + _CHUNK] for start in range(0, len(references), _CHUNK)]
        return np.concatenate([np.empty(0, dtype=np.bool_), *map(self._mark, chunks)])

    def _mark(self, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Set the bits of references (n,), and return for each whether all of its bits were set before."""
        distinct, first, inverse = np.unique(references, return_index=True, return_inverse=True)
        hashes = distinct.view(np.uint64)
        block = (_mixed(hashes, 1) % np.uint64(self._blocks)).astype(np.int64)
        marks = _word_bits(_mixed(hashes, 2)) | _word_bits(_mixed(hashes, 3))
        known = ((self._filter[block] & marks) == marks).all(axis=1)
        # Several references may share a block; on a flat array `at` takes a fast path.
        words = block[:, None] * _WORDS + np.arange(_WORDS)
        np.bitwise_or.at(self._filter.reshape(-1), words.ravel(), marks.ravel())
        repeated = np.arange(len(references)) != first[inverse]
        seen: NDArray[np.bool_] = known[inverse] | repeated
        return seen


def _word_bits(hashes: U64Array) -> U64Array:
    """Return for each hash (n,) one bit per word of a block, (n, words)."""
    shifts = np.arange(_WORDS, dtype=np.uint64) * np.uint64(_BITS_PER_CHOICE)
    choice = (hashes[:, None] >> shifts) & np.uint64(63)
    bits: U64Array = np.uint64(1) << choice
    return bits


def _mixed(hashes: U64Array, stream: int) -> U64Array:
    """Return hashes (n,) derived from others, a different one per stream: SplitMix64 (Steele, Lea and Flood 2014)."""
    mixed = hashes + np.uint64(stream * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
