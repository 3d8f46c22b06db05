"""Integer state of the entities that history remembers."""

from __future__ import annotations

from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

#: Per entity: shipments, first and last time, the present and the previous block of each length, sums, results.
COLUMNS: Final = (
    "n", "first_s", "last_s", "block0", "now0", "before0", "block1", "now1", "before1", "cents", "grams", "partners",
    "finds", "clean",
)  # fmt: skip
AT: Final = {name: position for position, name in enumerate(COLUMNS)}


class Entities:
    """Integer state of one kind of entity: an index from key to slot and a (slots, columns) array."""

    __slots__ = ("index", "state")

    def __init__(self, keys: IntArray | None = None, state: IntArray | None = None) -> None:
        self.index: dict[int, int] = {} if keys is None else dict(zip(keys.tolist(), range(len(keys)), strict=True))
        # Never without a row: absent keys read the first one and are then masked.
        empty = np.zeros((64, len(COLUMNS)), dtype=np.int64)
        self.state: IntArray = empty if state is None or not len(state) else state

    def copy(self) -> Entities:
        other = Entities.__new__(Entities)
        other.index, other.state = dict(self.index), self.state.copy()
        return other

    def slots(self, keys: IntArray) -> IntArray:
        """Slot of each key, -1 where it is not known."""
        return np.fromiter(map(self.index.get, keys.tolist(), repeat(-1)), dtype=np.int64, count=len(keys))

    def add(self, keys: IntArray) -> IntArray:
        """Slots of keys that are not known yet."""
        start, end = len(self.index), len(self.index) + len(keys)
        if end > len(self.state):
            grown = np.zeros((max(end, 2 * len(self.state)), len(COLUMNS)), dtype=np.int64)
            grown[:start] = self.state[:start]
            self.state = grown
        self.index.update(zip(keys.tolist(), range(start, end), strict=True))
        return np.arange(start, end)

    def strongest(self, count: int) -> tuple[IntArray, IntArray]:
        """Keys and state of the ``count`` entities worth most: finds first, then the most recently seen."""
        keys = np.fromiter(self.index, dtype=np.int64, count=len(self.index))
        state = self.state[: len(keys)]
        order = np.lexsort((keys, -state[:, AT["n"]], -state[:, AT["last_s"]], state[:, AT["finds"]] == 0))
        kept = order[:count]
        kept = kept[np.argsort(keys[kept])]
        return keys[kept], state[kept]
