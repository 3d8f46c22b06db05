"""Integer state of the entities that history remembers, by key.

A store is a table of open addressing with linear probing (Knuth, The Art of Computer Programming 3, 6.4) over arrays: looking
up, adding and copying are whole-array operations, and a key costs some 20 bytes beside its state.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

_LEAST_SLOTS: Final = 64


class Layout:
    """Which integers are kept of an entity: names of all columns, and which of them need 64 bits; the others have 32."""

    __slots__ = ("at", "columns", "narrow", "wide")

    def __init__(self, columns: tuple[str, ...], wide: frozenset[str]) -> None:
        self.columns = columns
        self.at = {name: position for position, name in enumerate(columns)}
        self.wide = np.array([i for i, name in enumerate(columns) if name in wide], dtype=np.int64)
        self.narrow = np.array([i for i, name in enumerate(columns) if name not in wide], dtype=np.int64)

    @property
    def bytes(self) -> int:
        """Bytes of one entity's state."""
        return 4 * len(self.narrow) + 8 * len(self.wide)


class Store:
    """Entities of several kinds with the same layout.

    Attributes:
        count: entities held. Slots are numbered from 0 in the order of arrival.
        keys: (at least count,) their keys; ``kinds`` the kind of each.
    """

    __slots__ = ("_narrow", "_table", "_wide", "count", "keys", "kinds", "layout")

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.count = 0
        # Never without a row: absent keys read some row and are then masked.
        self.keys: IntArray = np.zeros(_LEAST_SLOTS, dtype=np.int64)
        self.kinds: NDArray[np.int8] = np.zeros(_LEAST_SLOTS, dtype=np.int8)
        self._narrow: NDArray[np.int32] = np.zeros((_LEAST_SLOTS, len(layout.narrow)), dtype=np.int32)
        self._wide: IntArray = np.zeros((_LEAST_SLOTS, len(layout.wide)), dtype=np.int64)
        self._table: NDArray[np.int32] = np.full(4 * _LEAST_SLOTS, -1, dtype=np.int32)

    def copy(self) -> Store:
        other = Store.__new__(Store)
        other.layout, other.count = self.layout, self.count
        other.keys, other.kinds, other._table = self.keys.copy(), self.kinds.copy(), self._table.copy()
        other._narrow, other._wide = self._narrow.copy(), self._wide.copy()
        return other

    def find(self, keys: IntArray) -> IntArray:
        """(n,) slot of each key, -1 where it is not held."""
        mask = len(self._table) - 1
        place = keys & mask
        slots: IntArray = self._table[place].astype(np.int64)
        open_ = np.flatnonzero((slots >= 0) & (self.keys[slots] != keys))
        while len(open_):
            place[open_] = (place[open_] + 1) & mask
            tried = self._table[place[open_]]
            slots[open_] = tried
            open_ = open_[(tried >= 0) & (self.keys[tried] != keys[open_])]
        return slots

    def add(self, keys: IntArray, kinds: NDArray[np.int8]) -> IntArray:
        """Slots of distinct keys that are not held yet; their state is zero."""
        start, end = self.count, self.count + len(keys)
        if end > len(self.keys):
            size = max(end, len(self.keys) * 3 // 2)
            self.keys, self.kinds = _grown(self.keys, size), _grown(self.kinds, size)
            self._narrow, self._wide = _grown(self._narrow, size), _grown(self._wide, size)
        self.keys[start:end] = keys
        self.kinds[start:end] = kinds
        self.count = end
        if 2 * end > len(self._table):
            self._table = np.full(2 << end.bit_length(), -1, dtype=np.int32)
            self._place(0, end)
        else:
            self._place(start, end)
        return np.arange(start, end)

    def read(self, slots: IntArray) -> IntArray:
        """(columns, n) state of slots; zeros for slots that are not there yet."""
        held = np.where(slots < self.count, slots, 0)
        state = np.empty((len(self.layout.columns), len(slots)), dtype=np.int64)
        state[self.layout.narrow] = self._narrow[held].T
        state[self.layout.wide] = self._wide[held].T
        absent = np.flatnonzero((slots >= self.count) | (slots < 0))
        if len(absent):
            state[:, absent] = 0
        return state

    def write(self, slots: IntArray, state: IntArray) -> None:
        """Replace the state (columns, n) of distinct slots."""
        self._narrow[slots] = state[self.layout.narrow].T
        self._wide[slots] = state[self.layout.wide].T

    def increase(self, keys: IntArray, kinds: NDArray[np.int8], amounts: dict[str, IntArray]) -> None:
        """Add (n,) amounts to 32-bit columns of the entities with these keys; a key may repeat, 0 is none."""
        valid = np.flatnonzero(keys)
        distinct, first, inverse = np.unique(keys[valid], return_index=True, return_inverse=True)
        slots = self.find(distinct)
        absent = np.flatnonzero(slots < 0)
        if len(absent):
            slots[absent] = self.add(distinct[absent], kinds[valid][first[absent]])
        narrow = {self.layout.columns[column]: place for place, column in enumerate(self.layout.narrow.tolist())}
        for name, amount in amounts.items():
            np.add.at(self._narrow[:, narrow[name]], slots[inverse], amount[valid].astype(np.int32))

    def sizes(self, kinds: int) -> list[int]:
        """Entities of each kind."""
        return [int(size) for size in np.bincount(self.kinds[: self.count], minlength=kinds)]

    def strongest(self, kind: int, count: int) -> IntArray:
        """Slots of the ``count`` entities of a kind worth most: those with finds first, then the most recently seen."""
        slots = np.flatnonzero(self.kinds[: self.count] == kind)
        if len(slots) <= count:
            return slots
        at, state = self.layout.at, self.read(slots)
        order = np.lexsort((self.keys[slots], -state[at["n"]], -state[at["last_day"]], state[at["finds"]] == 0))
        return np.sort(slots[order[:count]])

    def only(self, slots: IntArray) -> Store:
        """A store of these slots alone."""
        return Store.of(self.layout, self.keys[slots], self.kinds[slots], self._narrow[slots], self._wide[slots])

    @classmethod
    def of(
        cls, layout: Layout, keys: IntArray, kinds: NDArray[np.int8], narrow: NDArray[np.int32], wide: IntArray
    ) -> Store:
        """A store with a given state: (n, narrow columns) and (n, wide columns)."""
        self = cls(layout)
        slots = self.add(keys, kinds)
        self._narrow[slots], self._wide[slots] = narrow, wide
        return self

    def arrays(self, slots: IntArray) -> tuple[IntArray, NDArray[np.int32], IntArray]:
        """Keys and state of slots, in the order of the keys."""
        slots = slots[np.argsort(self.keys[slots])]
        return self.keys[slots], self._narrow[slots], self._wide[slots]

    def _place(self, start: int, end: int) -> None:
        """Enter slots into the table. Of those that want one place the last written has it, the others go on."""
        mask = len(self._table) - 1
        slots = np.arange(start, end, dtype=np.int32)
        place = self.keys[start:end] & mask
        while len(slots):
            free = self._table[place] < 0
            self._table[place[free]] = slots[free]
            lost = self._table[place] != slots
            slots, place = slots[lost], (place[lost] + 1) & mask


def _grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    grown = np.zeros((size, *array.shape[1:]), dtype=array.dtype)
    grown[: len(array)] = array
    return grown
