"""Entities by key: integer state in rows, found through a table of open addressing with linear probing.

Knuth, The Art of Computer Programming 3, 6.4. Keys are hashes already, so their low bits say where to look first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

LEAST = 64


class Store:
    """Entities of one kind. Slots are numbered from 0 in the order of arrival.

    Attributes:
        count: entities held.
        keys: (at least count,) int64, their keys, never 0.
        narrow, wide: (at least count, columns) int32 and int64, their state.
    """

    def __init__(self, narrow: int, wide: int) -> None:
        self.count = 0
        self.keys: IntArray = np.zeros(LEAST, dtype=np.int64)
        self.narrow: NDArray[np.int32] = np.zeros((LEAST, narrow), dtype=np.int32)
        self.wide: IntArray = np.zeros((LEAST, wide), dtype=np.int64)
        #: Slots by place; -1 is a free place. At most two thirds are taken, so that searches end soon.
        self.index: NDArray[np.int32] = np.full(2 * LEAST, -1, dtype=np.int32)

    def become(self, other: Store) -> None:
        """Take on a copy of another store's entities."""
        held = max(other.count, 1)
        self.keys, self.narrow, self.wide = (
            _grown(array, other.count, held) for array in (other.keys, other.narrow, other.wide)
        )
        self.count, self.index = other.count, np.array(other.index)

    def reserve(self, more: int, bound: int) -> None:
        """Make room for ``more`` entities. Room doubles up to ``bound`` entities and grows by quarters beyond.

        The last doubling goes all the way: memory that is not written to yet is none, but large arrays that are copied into
        ones hardly larger are there twice.
        """
        needed, held = self.count + more, self.keys.shape[0]
        if needed > held:
            doubled = bound if 4 * held > bound else 2 * held
            room = max(needed, doubled if held < bound else held + held // 4)
            self.keys = _grown(self.keys, self.count, room)
            self.narrow = _grown(self.narrow, self.count, room)
            self.wide = _grown(self.wide, self.count, room)
        places = self.index.shape[0]
        if 3 * needed > 2 * places:
            while 3 * needed > 2 * places:
                places *= 2
            self.index = np.empty(places, dtype=np.int32)
            self._enter()

    def find(self, keys: IntArray, *, add: bool = False) -> NDArray[np.int32]:
        """(n,) slots of keys, -1 for those that are 0 or not held; with ``add``, for which there must be room, they are."""
        slots = np.empty(len(keys), dtype=np.int32)
        self.locate(keys, np.full(len(keys), add, dtype=np.int8), slots, len(keys))
        return slots

    def locate(self, keys: IntArray, added: NDArray[np.int8], slots: NDArray[np.int32], n: int) -> None:
        """Slots of n keys: -1 for those that are 0 or not held. Keys that are ``added`` are held from then on, with zeros.

        There must be room for them (`reserve`).
        """
        mask = self.index.shape[0] - 1
        for row in range(n):
            key = keys[row]
            if key == 0:
                slots[row] = -1
                continue
            place = key & mask
            slot = self.index[place]
            while slot >= 0 and self.keys[slot] != key:
                place = (place + 1) & mask
                slot = self.index[place]
            if slot < 0 and added[row]:
                slot = self.count
                self.count = slot + 1
                self.index[place] = slot
                self.keys[slot] = key
                for column in range(self.narrow.shape[1]):
                    self.narrow[slot, column] = 0
                for column in range(self.wide.shape[1]):
                    self.wide[slot, column] = 0
            slots[row] = slot

    def keep(self, slots: IntArray) -> None:
        """Keep these slots, ascending, and drop all others, in place."""
        count = slots.shape[0]
        for new in range(count):
            old = slots[new]
            self.keys[new] = self.keys[old]
            for column in range(self.narrow.shape[1]):
                self.narrow[new, column] = self.narrow[old, column]
            for column in range(self.wide.shape[1]):
                self.wide[new, column] = self.wide[old, column]
        self.count = count
        self._enter()

    def forget(self, count: int) -> None:
        """Drop the newest entities, so that ``count`` remain."""
        mask = self.index.shape[0] - 1
        # The newest first: no other entity is searched for beyond its place.
        for slot in range(self.count - 1, count - 1, -1):
            place = self.keys[slot] & mask
            while self.index[place] != slot:
                place = (place + 1) & mask
            self.index[place] = -1
        self.count = count

    def put(self, keys: IntArray, narrow: NDArray[np.int32], wide: IntArray) -> None:
        """Hold distinct keys with their state, (n, columns) each, and nothing else."""
        held = max(len(keys), 1)
        self.count = 0
        self.keys, self.narrow, self.wide = (_grown(array, len(array), held) for array in (keys, narrow, wide))
        self.reserve(len(keys), held)
        self.count = len(keys)
        self._enter()

    def saved(self, keys: IntArray) -> tuple[int, NDArray[np.int32], NDArray[np.int32], IntArray]:
        """What `put_back` needs after nothing but the entities of these keys was changed, and others were added."""
        slots = np.unique(self.find(np.ascontiguousarray(keys)))
        slots = slots[slots >= 0]
        return self.count, slots, np.asarray(self.narrow)[slots], np.asarray(self.wide)[slots]

    def put_back(self, saved: tuple[int, NDArray[np.int32], NDArray[np.int32], IntArray]) -> None:
        """Be as before."""
        count, slots, narrow, wide = saved
        self.forget(count)
        np.asarray(self.narrow)[slots] = narrow
        np.asarray(self.wide)[slots] = wide

    def _enter(self) -> None:
        """Enter all entities into an index that says nothing yet."""
        mask = self.index.shape[0] - 1
        self.index[:] = -1
        for slot in range(self.count):
            place = self.keys[slot] & mask
            while self.index[place] >= 0:
                place = (place + 1) & mask
            self.index[place] = slot


def _grown(array: NDArray[Any], count: int, room: int) -> NDArray[Any]:
    """The first ``count`` rows of an array with room for more."""
    held = np.asarray(array)
    grown = np.empty((room, *held.shape[1:]), dtype=held.dtype)
    grown[:count] = held[:count]
    return grown
