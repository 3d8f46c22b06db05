"""Hash table of entities with integer state.

The table uses open addressing with linear probing (Knuth, The Art of Computer Programming 3, 6.4). Keys are hashes, so their low
bits select the bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cython
import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

#: Initial capacity in entities.
_MIN_ROOM: Final = 64
#: Marks a free bucket.
_FREE = cython.declare(cython.int, -1)


@dataclass(frozen=True, slots=True, eq=False)
class StoreBackup:
    """Backup of the number of entities in a store, and of the state of some of them.

    Attributes:
        count: number of entities in the store.
        slots: (n,) slots of the saved entities.
        narrow, wide: (n, columns) state of the saved entities.
    """

    count: int
    slots: NDArray[np.int32]
    narrow: NDArray[np.int32]
    wide: IntArray


class Store:
    """Store of the entities of one kind. Slots are numbered from 0 in order of addition.

    Attributes:
        count: number of entities.
        keys: (at least count,) int64 keys; never 0.
        narrow, wide: (at least count, columns) int32 and int64 state.
        index: (buckets,) slot of each bucket; -1 if free. At most two thirds of the buckets are used, so that searches are short.
    """

    def __init__(self, narrow: int, wide: int) -> None:
        """Create an empty store with the given numbers of narrow and wide columns."""
        self.count = 0
        self.keys: IntArray = np.zeros(_MIN_ROOM, dtype=np.int64)
        self.narrow: NDArray[np.int32] = np.zeros((_MIN_ROOM, narrow), dtype=np.int32)
        self.wide: IntArray = np.zeros((_MIN_ROOM, wide), dtype=np.int64)
        self.index: NDArray[np.int32] = np.full(2 * _MIN_ROOM, _FREE, dtype=np.int32)

    def copy_from(self, other: Store) -> None:
        """Replace the entities with copies of those in another store."""
        room = max(other.count, 1)
        self.keys, self.narrow, self.wide = (
            _resized(array, other.count, room) for array in (other.keys, other.narrow, other.wide)
        )
        self.count, self.index = other.count, np.array(other.index)

    def reserve(self, more: int, bound: int) -> None:
        """Allocate capacity for ``more`` entities. The capacity doubles up to ``bound`` and then grows by a quarter.

        Few large steps are better than many small ones: unused memory takes no space, but each step needs the old and the new
        arrays at once.

        Raises:
            MemoryError: memory is exhausted. The entities are unchanged.
        """
        needed, room = self.count + more, self.keys.shape[0]
        if needed > room:
            doubled = bound if 4 * room > bound else 2 * room
            room = max(needed, doubled if room < bound else room + room // 4)
            self.narrow = _resized(self.narrow, self.count, room)
            self.wide = _resized(self.wide, self.count, room)
            # Resize the keys last, because their length is the capacity. Memory may run out in between.
            self.keys = _resized(self.keys, self.count, room)
        buckets = self.index.shape[0]
        if 3 * needed > 2 * buckets:
            while 3 * needed > 2 * buckets:
                buckets *= 2
            self.index = np.empty(buckets, dtype=np.int32)
            self._rebuild_index()

    def find(self, keys: IntArray, *, add: bool = False) -> NDArray[np.int32]:
        """Return the slots of keys (n,); -1 for keys that are 0 or not in the store.

        With ``add``, missing keys other than 0 are added. Call `reserve` first.
        """
        slots = np.empty(len(keys), dtype=np.int32)
        self.locate(keys, np.full(len(keys), add, dtype=np.int8), slots, len(keys))
        return slots

    def locate(self, keys: IntArray, added: NDArray[np.int8], slots: NDArray[np.int32], n: int) -> None:
        """Write the slots of n keys; -1 for keys that are 0 or not in the store.

        Missing keys other than 0 with ``added`` set are added with a state of zeros. Call `reserve` first.
        """
        for row in range(n):
            slots[row] = self._slot(keys[row], added[row])

    def add_unknown(self, records: IntArray, kinds: IntArray, state: NDArray[np.int32], keys: int, start: int) -> int:
        """Add records in order from ``start`` on, until one has a key in the store. Return its number; n if none has.

        Call `reserve` first.

        Args:
            records: (wide columns, n) wide state of the records. The first ``keys`` rows are keys, 0 where missing.
            kinds: (n,) number of first keys under which a record is added.
            state: (n, narrow columns) narrow state of the records.
        """
        n: int = kinds.shape[0]
        for record in range(start, n):
            for kind in range(keys):
                if self._slot(records[kind, record], 0) >= 0:
                    return record
            for kind in range(kinds[record]):
                slot = self._slot(records[kind, record], 1)
                if slot >= 0:
                    for column in range(self.wide.shape[1]):
                        self.wide[slot, column] = records[column, record]
                    for column in range(self.narrow.shape[1]):
                        self.narrow[slot, column] = state[record, column]
        return n

    def _slot(self, key: int, add: int) -> int:
        if key == 0:
            return -1
        mask = self.index.shape[0] - 1
        bucket = key & mask
        slot: int = self.index[bucket]
        while slot >= 0 and self.keys[slot] != key:
            bucket = (bucket + 1) & mask
            slot = self.index[bucket]
        if slot < 0 and add:
            slot = self.count
            self.count = slot + 1
            self.index[bucket] = slot
            self.keys[slot] = key
            for column in range(self.narrow.shape[1]):
                self.narrow[slot, column] = 0
            for column in range(self.wide.shape[1]):
                self.wide[slot, column] = 0
        return slot

    def keep_only(self, slots: IntArray) -> None:
        """Remove all entities except those in the ascending ``slots`` (n,), in place."""
        count = slots.shape[0]
        for new in range(count):
            old = slots[new]
            self.keys[new] = self.keys[old]
            for column in range(self.narrow.shape[1]):
                self.narrow[new, column] = self.narrow[old, column]
            for column in range(self.wide.shape[1]):
                self.wide[new, column] = self.wide[old, column]
        self.count = count
        self._rebuild_index()

    def drop_newest(self, count: int) -> None:
        """Remove the newest entities until ``count`` remain."""
        mask = self.index.shape[0] - 1
        # Remove the newest first, because no search for an older entity passes its bucket.
        for slot in range(self.count - 1, count - 1, -1):
            bucket = self.keys[slot] & mask
            while self.index[bucket] != slot:
                bucket = (bucket + 1) & mask
            self.index[bucket] = _FREE
        self.count = count

    def replace(self, keys: IntArray, narrow: NDArray[np.int32], wide: IntArray) -> None:
        """Replace all entities with those of n distinct keys and their state, (n, columns) each."""
        room = max(len(keys), 1)
        self.count = 0
        self.keys, self.narrow, self.wide = (_resized(array, len(array), room) for array in (keys, narrow, wide))
        self.reserve(len(keys), room)
        self.count = len(keys)
        self._rebuild_index()

    def backup(self, keys: IntArray) -> StoreBackup:
        """Return a backup for `roll_back`. Call this before changing the entities of ``keys`` or adding new ones."""
        slots = np.unique(self.find(np.ascontiguousarray(keys)))
        slots = slots[slots >= 0]
        return StoreBackup(self.count, slots, np.asarray(self.narrow)[slots], np.asarray(self.wide)[slots])

    def roll_back(self, backup: StoreBackup) -> None:
        """Restore the state of the backup."""
        self.drop_newest(backup.count)
        np.asarray(self.narrow)[backup.slots] = backup.narrow
        np.asarray(self.wide)[backup.slots] = backup.wide

    def _rebuild_index(self) -> None:
        mask = self.index.shape[0] - 1
        self.index[:] = _FREE
        for slot in range(self.count):
            bucket = self.keys[slot] & mask
            while self.index[bucket] >= 0:
                bucket = (bucket + 1) & mask
            self.index[bucket] = slot


def _resized(array: NDArray[Any], count: int, room: int) -> NDArray[Any]:
    """Return a new array of ``room`` rows with the first ``count`` rows of an array."""
    old = np.asarray(array)
    new = np.empty((room, *old.shape[1:]), dtype=old.dtype)
    new[:count] = old[:count]
    return new
