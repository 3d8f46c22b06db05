"""Caches of numbers that follow from a text alone.

Trade repeats its descriptions. A `TextIndex` looks each text of a table up once and gives it a slot. Each feature group keeps
its numbers for the text in that slot (`TextRows`), and computes those that are missing for all new texts of a table together.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import cython
import numpy as np
from numpy.typing import NDArray

from features.texts.declared import prefetch

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int32]

#: Texts whose rows are computed at a time, which bounds the working memory.
BATCH = 2048


class Generation:
    """The texts that have slots now. ``first`` is the number of texts that had slots in earlier generations."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.slots: dict[Any, int] = {}


class TextSlots:
    """Texts of a table and their slots in an index.

    Attributes:
        values: the texts, or the pairs.
        new: indices of the values that had no slot before.
        slots: (len(values),) the slot of each value.
        generation: which texts the slots belong to; another generation has other texts in the same slots.
        room: number of slots, at least one more than the largest in use.
    """

    def __init__(self, values: Any, new: list[int], slots: Codes, generation: Generation, room: int) -> None:
        self.values, self.new, self.generation, self.room = values, new, generation, room
        self.slots = self.slot = slots


class TextPairs:
    """Pairs of a text and a class, one per row.

    Attributes:
        texts: the texts.
        codes: (n,) index in the texts, -1 where a row has no text.
        classes: (n,) class of each row.
    """

    def __init__(self, texts: TextSlots, codes: Codes, classes: Codes) -> None:
        self.texts = texts
        self.codes = self.code = codes
        self.classes = self.class_ = classes

    def keys(self, classes: int) -> list[int]:
        """Return a key per row that no other pair has, in this table or another; ``classes`` is the number of classes."""
        keys: list[int] = []
        slot = self.texts.slot
        for row in range(len(self)):
            code = self.code[row]
            text = self.texts.generation.first + slot[code] if code >= 0 else -1
            keys.append(text * classes + self.class_[row])
        return keys

    def take(self, rows: list[int]) -> TextPairs:
        """Return the pairs of some rows."""
        return TextPairs(self.texts, self.codes[rows], self.classes[rows])

    def distinct_texts(self) -> tuple[list[int], list[int]]:
        """Return the codes of the texts in order of appearance: those new to the index, then the others."""
        new = set(self.texts.new)
        first: dict[int, None] = {}
        later: dict[int, None] = {}
        for row in range(len(self)):
            code = self.code[row]
            if code >= 0:
                (first if code in new else later)[code] = None
        return list(first), list(later)

    def __len__(self) -> int:
        return len(self.codes)


class TextIndex:
    """Gives texts, or pairs of a text and a class, their slots. Safe for threads.

    When ``capacity`` slots are used up, the index forgets every text and begins a new generation with the texts of the table
    at hand. A table with more texts than that is held as a whole.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = Lock()
        self._generation = Generation(0)

    def look_up(self, texts: list[str]) -> TextSlots:
        """Return the slots of texts; equal texts share one."""
        return self._look_up(texts, texts)

    def look_up_pairs(self, pairs: TextPairs, classes: int) -> TextSlots:
        """Return the slots of pairs; ``classes`` is the number of classes."""
        return self._look_up(pairs, pairs.keys(classes))

    def _look_up(self, values: Any, keys: list[Any]) -> TextSlots:
        generation = self._generation
        slots = generation.slots
        found_slots = np.empty(len(keys), dtype=np.int32)
        slot = found_slots
        new: list[int] = []
        for i in range(len(keys)):
            found = slots.get(keys[i])
            if found is None:
                new.append(i)
            else:
                slot[i] = found
        if new:
            with self._lock:
                if generation is not self._generation or len(slots) + len(new) > self._capacity:
                    generation = self._generation = Generation(self._generation.first + len(self._generation.slots))
                    new = list(range(len(keys)))
                self._enter(generation.slots, keys, new, found_slots)
        return TextSlots(values, new, found_slots, generation, max(len(generation.slots), self._capacity))

    def _enter(self, slots: dict[Any, int], keys: list[Any], new: list[int], found: Codes) -> None:
        for i in new:
            found[i] = slots.setdefault(keys[i], len(slots))


class RowStore:
    """Rows (room, width) of one generation of slots; ``filled`` (room,) marks the slots that have their row.

    Rows are only added, and a slot is marked after its row is written. A thread that holds the array of rows may therefore
    read it while others add to it.
    """

    def __init__(self, generation: Generation | None, width: int) -> None:
        self.generation = generation
        self.replace(np.empty((0, width)), np.zeros(0, dtype=np.int8))

    def replace(self, rows: FloatArray, filled: NDArray[np.int8]) -> None:
        """Hold these arrays from now on."""
        self.array = self.rows = rows
        self.filled = filled


class TextRows:
    """Rows of numbers by text. Safe for threads.

    Args:
        compute: returns the rows (texts, width) float64 of a list of texts or of `TextPairs`, or a list of numbers where the
            width is 1. The row of a text must not depend on the other texts.
        missing: (width,) the row of a missing text.
    """

    def __init__(self, compute: Callable[[Any], FloatArray | list[float]], missing: FloatArray) -> None:
        self._compute = compute
        self._missing = np.ascontiguousarray(missing, dtype=np.float64)
        self._width = len(missing)
        self._lock = Lock()
        self._store = RowStore(None, len(missing))

    def fill(self, texts: TextSlots, codes: Codes | None, matrix: FloatArray, column: int) -> None:
        """Write rows into ``matrix`` (n, F), from ``column`` on.

        Args:
            codes: (n,) index in the texts of each row, -1 where missing; None if row i has text i.
        """
        rows = self._store_for(texts).rows
        slot = texts.slot
        missing = self._missing
        n = matrix.shape[0]
        width = self._width
        with cython.nogil:
            for row in range(n):
                code = row if codes is None else codes[row]
                if code >= 0:
                    place = slot[code]
                    for k in range(width):
                        matrix[row, column + k] = rows[place, k]
                else:
                    for k in range(width):
                        matrix[row, column + k] = missing[k]

    def of(self, texts: TextSlots) -> FloatArray:
        """Return rows (room, width), in which the texts have theirs at their slots."""
        array: FloatArray = self._store_for(texts).array
        return array

    def numbers(self, texts: TextSlots, codes: Codes | None = None) -> Codes:
        """Return the first number of each row as an integer (n,). ``codes`` are as in `fill`."""
        rows = self._store_for(texts).rows
        slot = texts.slot
        n = slot.shape[0] if codes is None else codes.shape[0]
        found = np.empty(n, dtype=np.int32)
        number = found
        for row in range(n):
            code = row if codes is None else codes[row]
            number[row] = int(rows[slot[code], 0] if code >= 0 else self._missing[0])
        return found

    def nonzero(self, texts: TextSlots) -> list[int]:
        """Return the indices of the texts whose first number is not 0."""
        rows = self._store_for(texts).rows
        slot = texts.slot
        return [i for i in range(slot.shape[0]) if rows[slot[i], 0] != 0.0]

    def _store_for(self, texts: TextSlots) -> RowStore:
        """Return the store in which all of these texts have their rows."""
        store = self._store
        if store.generation is not texts.generation:
            store = self._store = RowStore(texts.generation, self._width)
        filled, slot = store.filled, texts.slot
        room = filled.shape[0]
        new: dict[int, int] = {}
        for i in range(slot.shape[0]):
            place = slot[i]
            if place >= room or not filled[place]:
                new[place] = i
        if new:
            self._compute_rows(store, texts, new)
        return store

    def _compute_rows(self, store: RowStore, texts: TextSlots, new: dict[int, int]) -> None:
        """Compute and store the rows of the ``new`` texts, slot -> index."""
        indices, slots = list(new.values()), list(new)
        for start in range(0, len(slots), BATCH):
            batch = indices[start : start + BATCH]
            rows = self._compute(
                texts.values.take(batch) if isinstance(texts.values, TextPairs) else [texts.values[i] for i in batch]
            )
            with self._lock:
                self._grow(store, texts.room, max(slots) + 1)
                if isinstance(rows, list):
                    self._store_numbers(store, slots[start : start + BATCH], rows)
                else:
                    self._store_rows(store, slots[start : start + BATCH], rows)

    def _grow(self, store: RowStore, most: int, needed: int) -> None:
        room = store.filled.shape[0]
        if needed > room:
            grown = np.empty((max(needed, min(2 * needed, most)), self._width))
            grown[:room] = store.array
            filled = np.zeros(len(grown), dtype=np.int8)
            filled[:room] = store.filled
            store.replace(grown, filled)

    def _store_rows(self, store: RowStore, slots: list[int], rows: FloatArray) -> None:
        for row in range(len(slots)):
            slot = slots[row]
            for k in range(self._width):
                store.rows[slot, k] = rows[row, k]
            store.filled[slot] = 1

    def _store_numbers(self, store: RowStore, slots: list[int], numbers: list[float]) -> None:
        for row in range(len(slots)):
            slot = slots[row]
            store.rows[slot, 0] = numbers[row]
            store.filled[slot] = 1


def national_digits_masked(codes: list[str]) -> list[str]:
    """Return HS codes with an x in place of each digit after the sixth: those digits are national."""
    prefetch(codes)
    return [code if len(code) <= 6 else code[:6].ljust(len(code), "x") for code in codes]


def fill_numbers(known: dict[str, int], values: list[str], codes: Codes, target: NDArray[Any], column: int) -> None:
    """Write the number of each row's text into a column of ``target`` (n, k), 0 for a text without a number.

    Args:
        known: number of each text that has one.
        values, codes: the text column: distinct texts, and (n,) the index of each row's text, -1 where missing.
    """
    of_value = np.zeros(len(values) + 1, dtype=np.int32)
    n_values = len(values)
    for i in range(n_values):
        found = known.get(values[i])
        if found is not None:
            of_value[i] = found
    n = codes.shape[0]
    for row in range(n):
        code = codes[row]
        target[row, column] = of_value[code] if code >= 0 else 0
