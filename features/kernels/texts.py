"""Numbers that follow from a text alone: worked out once per distinct text and remembered from table to table.

Descriptions repeat heavily in trade. A text of a table is looked up once, which gives its place in memory (`Texts`). What
several groups of features know of it they keep by that place (`TextRows`); what a text was never asked for before is worked
out for all such texts of the table together.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import cython
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int32]

#: Texts that rows are worked out of at a time, which bounds the working memory.
SOME = 2048


class Placed:
    """Texts of a table and where in memory each has its place.

    Attributes:
        values: the texts, or the pairs.
        new: which of them had no place before.
        places: (len(values),) by which `TextRows` keep what they know of them.
        first: tells one generation of places from another, which has other texts in the same places: how many texts were
            given places before it.
        room: places that there are, at least as many as were given.
    """

    def __init__(self, values: Any, new: list[int], places: Codes, first: int, room: int) -> None:
        self.values, self.new, self.places, self.first, self.room = values, new, places, first, room


class Pairs:
    """Pairs of texts and classes, row by row.

    Attributes:
        texts: the texts.
        codes: (n,) into them, -1 where there is none.
        classes: (n,) what each is paired with.
    """

    def __init__(self, texts: Placed, codes: Codes, classes: Codes) -> None:
        self.texts, self.codes, self.classes = texts, codes, classes

    def keys(self, classes: int) -> list[int]:
        """For `Texts`: of each pair a number that no other has, also of other tables; ``classes`` is how many there are."""
        keys: list[int] = []
        places = self.texts.places
        for row in range(len(self)):
            code = self.codes[row]
            text = self.texts.first + places[code] if code >= 0 else -1
            keys.append(text * classes + self.classes[row])
        return keys

    def take(self, rows: list[int]) -> Pairs:
        """The pairs of some rows."""
        return Pairs(self.texts, np.asarray(self.codes)[rows], np.asarray(self.classes)[rows])

    def __len__(self) -> int:
        return len(self.codes)


class Texts:
    """Gives texts, or pairs of texts and something else, their places. Any thread may ask.

    At most ``most`` are remembered, or those of one table if they are more: when the room is used up, all but the texts of the
    table at hand are forgotten, and the next generation of places begins.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._first = 0
        self._known: dict[Any, int] = {}

    def placed(self, texts: list[str]) -> Placed:
        """Texts with their places, equal ones with the same."""
        return self._placed(texts, texts)

    def placed_pairs(self, pairs: Pairs, classes: int) -> Placed:
        """Pairs with their places; ``classes`` is how many things there are that texts are paired with."""
        return self._placed(pairs, pairs.keys(classes))

    def _placed(self, values: Any, keys: list[Any]) -> Placed:
        places = np.empty(len(keys), dtype=np.int32)
        with self._lock:
            new = self._place(keys, places)
            return Placed(values, new, places, self._first, max(len(self._known), self._most))

    def _place(self, keys: list[Any], places: Codes) -> list[int]:
        known = self._known
        new: list[int] = []
        for i in range(len(keys)):
            found = known.get(keys[i])
            if found is None:
                new.append(i)
            else:
                places[i] = found
        if new and len(known) + len(new) > self._most:
            self._first += len(known)
            known = self._known = {}
            new = list(range(len(keys)))
        for i in new:
            place = known.setdefault(keys[i], len(known))
            places[i] = place
        return new


class Held:
    """Rows (room, width) of one generation of places, as far as they are ``filled`` (room,).

    Rows are only ever added, and a place is marked after its row: whoever holds an array of rows can read it while others add
    to it.
    """

    def __init__(self, first: int, width: int) -> None:
        self.first = first
        self.rows: FloatArray = np.empty((0, width))
        self.filled: NDArray[np.int8] = np.zeros(0, dtype=np.int8)


class TextRows:
    """Rows of numbers by text. Any thread may ask.

    Args:
        compute: a list of texts, or `Pairs`, -> (texts, width) float64. A row must not depend on the texts beside it.
        missing: (width,) the row of a missing text.
    """

    def __init__(self, compute: Callable[[Any], FloatArray], missing: FloatArray) -> None:
        self._compute = compute
        self._missing = np.ascontiguousarray(missing, dtype=np.float64)
        self._width = len(missing)
        self._lock = Lock()
        self._held = Held(0, len(missing))

    def fill(self, texts: Placed, codes: Codes, matrix: FloatArray, column: int) -> None:
        """Write the rows of a text column, ``codes`` (n,) into the texts, into ``matrix`` (n, F) from ``column`` on."""
        rows = self._rows(texts)
        places = texts.places
        missing = self._missing
        n = codes.shape[0]
        width = self._width
        with cython.nogil:
            for row in range(n):
                code = codes[row]
                if code >= 0:
                    place = places[code]
                    for k in range(width):
                        matrix[row, column + k] = rows[place, k]
                else:
                    for k in range(width):
                        matrix[row, column + k] = missing[k]

    def of(self, texts: Placed) -> FloatArray:
        """Rows (room, width), in which each text has its own at its place."""
        return np.asarray(self._rows(texts))

    def _rows(self, texts: Placed) -> FloatArray:
        held = self._held
        if held.first != texts.first:
            held = self._held = Held(texts.first, self._width)
        filled, places = held.filled, texts.places
        room = filled.shape[0]
        new: dict[int, int] = {}
        for i in range(places.shape[0]):
            place = places[i]
            if place >= room or not filled[place]:
                new[place] = i
        if new:
            self._learn(held, texts, new)
        # Read after the marks: what grew meanwhile holds all rows from before.
        return held.rows

    def _learn(self, held: Held, texts: Placed, new: dict[int, int]) -> None:
        """Work out the rows of the ``new`` texts, place -> index, and keep them."""
        values, at = texts.values, list(new.values())
        computed = np.empty((len(at), self._width))
        for start in range(0, len(at), SOME):
            some = at[start : start + SOME]
            computed[start : start + SOME] = self._compute(
                values.take(some) if isinstance(values, Pairs) else [values[i] for i in some]
            )
        places = list(new)
        with self._lock:
            room, needed = len(held.filled), max(places) + 1
            if needed > room:
                grown = np.empty((max(needed, min(2 * needed, texts.room)), self._width))
                grown[:room] = held.rows
                filled = np.zeros(len(grown), dtype=np.int8)
                filled[:room] = held.filled
                held.rows, held.filled = grown, filled
            np.asarray(held.rows)[places] = computed
            np.asarray(held.filled)[places] = 1


def any_missing(codes: Codes) -> bool:
    """Whether some row has no text."""
    n = codes.shape[0]
    found = False
    for row in range(n):
        found = found or codes[row] < 0
    return found


def positions(known: dict[str, int], values: list[str], codes: Codes, target: NDArray[Any], column: int) -> None:
    """Write into ``target`` (n, k), column ``column``, the number that ``known`` has for each row's text; 0 where it has none."""
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
