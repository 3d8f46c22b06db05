"""Caches of numbers that depend on a text only.

Descriptions repeat in trade. A `TextIndex` looks up each text of a table once and assigns a slot to it. Each feature group
caches its numbers for the text in that slot (`TextRows`). It computes the numbers of all new texts of a table together.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from types import MethodType
from typing import Any, Final, cast
from weakref import ref

import cython
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int32]

#: Maximum number of texts per computation of rows. A batch also ends with the text that reaches `_BATCH_CHARACTERS`. Both limit
#: the work memory and the time for which a compiled loop holds Python's lock. 2,048 ordinary descriptions have 100,000 characters.
BATCH = 2048
_BATCH_CHARACTERS = cython.declare(cython.Py_ssize_t, 200_000)

#: Longest cached text in characters. Nearly all descriptions are shorter.
LONGEST_CACHED: Final = 512
_LONGEST = cython.declare(cython.Py_ssize_t, LONGEST_CACHED)
#: Maximum total of characters of the cached texts of an index. A character takes at most four bytes.
_MOST_CHARACTERS = cython.declare(cython.Py_ssize_t, 4_000_000)


class Generation:
    """Period in which slots are not reassigned. ``first`` is the number of texts with slots in earlier generations.

    Attributes:
        stores: `TextRows` -> its rows, for a generation that only one table uses; otherwise None.
    """

    def __init__(self, first: int, stores: dict[Any, RowStore] | None = None) -> None:
        self.first = first
        self.slots: dict[Any, int] = {}
        self.stores = stores
        self.characters = 0


class TextSlots:
    """Texts of a table and their slots in an index.

    Attributes:
        values: texts or pairs.
        new: indices of the values without a slot before the lookup.
        slots: (len(values),) slot of each value.
        generation: generation of the slots. In other generations the same slots have other texts.
        room: upper bound of the number of slots in use.
    """

    #: ``slots`` as the loops read them.
    slot: Codes

    def __init__(self, values: Any, new: list[int], slots: Codes, generation: Generation, room: int) -> None:
        self.values, self.new, self.slots, self.generation, self.room = values, new, slots, generation, room


class TextPairs:
    """Pairs of a text and a class, one per row.

    Attributes:
        texts: the texts.
        codes: (n,) index of each row's text in ``texts``; -1 for a row without a text.
        classes: (n,) class of each row.
    """

    def __init__(self, texts: TextSlots, codes: Codes, classes: Codes) -> None:
        self.texts = texts
        self.codes = self.code = codes
        self.classes = self.class_ = classes

    def keys(self, classes: int) -> list[int]:
        """Return one key per row. Across tables, only equal pairs have equal keys. ``classes`` is the number of classes."""
        keys: list[int] = []
        slot = self.texts.slot
        for row in range(len(self)):
            code = self.code[row]
            text = self.texts.generation.first + slot[code] if code >= 0 else -1
            keys.append(text * classes + self.class_[row])
        return keys

    def lengths(self) -> list[int]:
        """Return the number of characters of each row's text."""
        of_text: list[int] = list(map(len, self.texts.values))
        lengths = []
        for row in range(len(self)):
            code = self.code[row]
            lengths.append(of_text[code] if code >= 0 else 0)
        return lengths

    def take(self, rows: list[int]) -> TextPairs:
        """Return the pairs of the given rows, which ascend."""
        if len(rows) == len(self):
            return self
        return TextPairs(self.texts, self.codes[rows], self.classes[rows])

    def distinct_texts(self) -> tuple[list[int], list[int]]:
        """Return the codes of texts that are new to the index, and those of other texts, in order of appearance."""
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
    """Index that assigns slots to texts, or to pairs of a text and a class. Threads may share it.

    When new texts would exceed ``capacity`` slots or `_MOST_CHARACTERS`, the index removes all texts. A new generation begins
    with the texts of the current table, however many these are. A table gets a separate generation, which is discarded, if one
    of its texts exceeds `LONGEST_CACHED` characters, or all its new texts together exceed `_MOST_CHARACTERS`.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = Lock()
        self._generation = Generation(0)

    def look_up(self, texts: list[str]) -> TextSlots:
        """Return the slots of texts. Equal texts have the same slot."""
        return self._look_up(texts, texts, True, False)

    def look_up_pairs(self, pairs: TextPairs, classes: int) -> TextSlots:
        """Return the slots of pairs. ``classes`` is the number of classes."""
        return self._look_up(pairs, pairs.keys(classes), False, pairs.texts.generation.stores is not None)

    def _look_up(self, values: Any, keys: list[Any], are_texts: bool, passing: bool) -> TextSlots:
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
        characters = 0
        if are_texts:
            for i in new:
                length = len(keys[i])
                characters += length
                passing = passing or length > _LONGEST
        if passing or characters > _MOST_CHARACTERS:
            generation = Generation(0, {})
            new = list(range(len(keys)))
            self._enter(generation.slots, keys, new, slot)
        elif new:
            with self._lock:
                if (
                    generation is not self._generation
                    or len(slots) + len(new) > self._capacity
                    or generation.characters + characters > _MOST_CHARACTERS
                ):
                    generation = self._generation = Generation(self._generation.first + len(self._generation.slots))
                    new = list(range(len(keys)))
                generation.characters += characters
                self._enter(generation.slots, keys, new, slot)
        texts = TextSlots(values, new, found_slots, generation, max(len(generation.slots), self._capacity))
        # Making a memory view takes longer than finding a text, so the loops share this one.
        texts.slot = slot
        return texts

    def _enter(self, slots: dict[Any, int], keys: list[Any], new: list[int], found: Codes) -> None:
        for i in new:
            found[i] = slots.setdefault(keys[i], len(slots))


class RowStore:
    """Rows (room, width) of one generation of slots. ``filled`` (room,) marks the slots whose rows are written.

    Rows are never changed, and a slot is marked after its row is written. A thread may therefore read the array of rows while
    others add rows.
    """

    def __init__(self, generation: Generation | None, width: int) -> None:
        self.generation = generation
        self.replace(np.empty((0, width)), np.zeros(0, dtype=np.int8))

    def replace(self, rows: FloatArray, filled: NDArray[np.int8]) -> None:
        """Replace the arrays."""
        self.array = self.rows = rows
        self.filled = filled


class TextRows:
    """Cached rows of numbers by text. Threads may share them.

    Args:
        compute: returns the rows (texts, width) float64 for a list of texts or for `TextPairs`, or a list of numbers if the
            width is 1. The row of a text must not depend on other texts.
        missing: (width,) row of a missing text.
    """

    def __init__(self, compute: Callable[[Any], FloatArray | list[float]], missing: FloatArray) -> None:
        self._compute = compute
        self._missing = np.ascontiguousarray(missing, dtype=np.float64)
        self._width = len(missing)
        self._lock = Lock()
        self._store = RowStore(None, len(missing))

    def fill(self, texts: TextSlots, codes: Codes | None, matrix: FloatArray, column: int) -> None:
        """Write rows into ``matrix`` (n, F), starting at ``column``.

        Args:
            codes: (n,) index of each row's text; -1 where missing. None if row i has text i.
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

    def pick(self, texts: TextSlots, codes: Codes, numbers: Codes, matrix: FloatArray, column: int) -> None:
        """Write one number per row into a column of ``matrix`` (n, F). ``numbers`` (n,) is its index in the row of the text.

        ``codes`` is as in `fill`, but not None.
        """
        rows = self._store_for(texts).rows
        slot = texts.slot
        missing = self._missing
        with cython.nogil:
            for row in range(matrix.shape[0]):
                code = codes[row]
                number = numbers[row]
                matrix[row, column] = rows[slot[code], number] if code >= 0 else missing[number]

    def of(self, texts: TextSlots) -> FloatArray:
        """Return the rows (room, width), indexed by slot."""
        array: FloatArray = self._store_for(texts).array
        return array

    def numbers(self, texts: TextSlots, codes: Codes | None = None) -> Codes:
        """Return the first number of each row as an integer, shape (n,). ``codes`` is as in `fill`."""
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
        """Return a store with the rows of all texts."""
        store = self._store
        if store.generation is not texts.generation:
            stores = texts.generation.stores
            if stores is None:
                store = self._store = RowStore(texts.generation, self._width)
            else:
                if self not in stores:
                    stores[self] = RowStore(texts.generation, self._width)
                store = stores[self]
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
        """Compute and store the rows of ``new`` texts, a mapping from slot to index."""
        indices, slots = list(new.values()), list(new)
        lengths = texts.values.lengths() if isinstance(texts.values, TextPairs) else list(map(len, texts.values))
        start = 0
        while start < len(slots):
            end, characters = start, 0
            while end < len(slots) and end - start < BATCH and characters < _BATCH_CHARACTERS:
                characters += lengths[indices[end]]
                end += 1
            batch = indices[start:end]
            rows = self._compute(
                texts.values.take(batch) if isinstance(texts.values, TextPairs) else [texts.values[i] for i in batch]
            )
            with self._lock:
                self._grow(store, texts.room, max(slots) + 1)
                if isinstance(rows, list):
                    self._store_numbers(store, slots[start:end], rows)
                else:
                    self._store_rows(store, slots[start:end], rows)
            start = end

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


def weak_method(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that calls a method and does not keep its object alive.

    An object uses it for `TextRows` of its own. Otherwise the two form a cycle, and the caches of a replaced model stay in memory
    until a full garbage collection.
    """
    # `weakref.WeakMethod` does the same, but calls several functions for each call.
    bound = cast(MethodType, method)
    function, reference = bound.__func__, ref(bound.__self__)

    def call(texts: Any) -> Any:
        owner = reference()
        if owner is None:
            raise ReferenceError("the owner of the rows no longer exists")
        return function(owner, texts)

    return call


def national_digits_masked(codes: list[str]) -> list[str]:
    """Return HS codes with an x in place of each digit after the sixth, because these digits are national."""
    return [code if len(code) <= 6 else code[:6].ljust(len(code), "x") for code in codes]


def fill_numbers(known: dict[str, int], values: list[str], codes: Codes, target: NDArray[Any], column: int) -> None:
    """Write the number of each row's text into a column of ``target`` (n, k); 0 for a text without a number.

    Args:
        known: text -> number.
        values: distinct texts of the text column.
        codes: (n,) index of each row's text; -1 where missing.
    """
    of_value: list[int] = [known.get(value, 0) for value in values]
    for row in range(codes.shape[0]):
        code = codes[row]
        target[row, column] = of_value[code] if code >= 0 else 0
