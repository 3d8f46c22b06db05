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

from features.texts.declared import fetch

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
        self.values, self.new, self.first, self.room = values, new, first, room
        self.places = self.at = places


class Pairs:
    """Pairs of texts and classes, row by row.

    Attributes:
        texts: the texts.
        codes: (n,) into them, -1 where there is none.
        classes: (n,) what each is paired with.
    """

    def __init__(self, texts: Placed, codes: Codes, classes: Codes) -> None:
        self.texts = texts
        self.codes = self.code = codes
        self.classes = self.class_ = classes

    def keys(self, classes: int) -> list[int]:
        """For `Texts`: of each pair a number that no other has, also of other tables; ``classes`` is how many there are."""
        keys: list[int] = []
        at = self.texts.at
        for row in range(len(self)):
            code = self.code[row]
            text = self.texts.first + at[code] if code >= 0 else -1
            keys.append(text * classes + self.class_[row])
        return keys

    def take(self, rows: list[int]) -> Pairs:
        """The pairs of some rows."""
        return Pairs(self.texts, self.codes[rows], self.classes[rows])

    def distinct_texts(self) -> tuple[list[int], list[int]]:
        """Codes of the texts in order of appearance: of those that had no place before, and of the others."""
        new = set(self.texts.new)
        fresh: dict[int, None] = {}
        others: dict[int, None] = {}
        for row in range(len(self)):
            code = self.code[row]
            if code >= 0:
                (fresh if code in new else others)[code] = None
        return list(fresh), list(others)

    def __len__(self) -> int:
        return len(self.codes)


class Generation:
    """The texts that have places, and how many texts had some in generations before."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.places: dict[Any, int] = {}


class Texts:
    """Gives texts, or pairs of texts and something else, their places. Any thread may ask.

    At most ``most`` are remembered, or those of one table if they are more: when the room is used up, all but the texts of the
    table at hand are forgotten, and the next generation of places begins.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._generation = Generation(0)

    def placed(self, texts: list[str]) -> Placed:
        """Texts with their places, equal ones with the same."""
        return self._placed(texts, texts)

    def placed_pairs(self, pairs: Pairs, classes: int) -> Placed:
        """Pairs with their places; ``classes`` is how many things there are that texts are paired with."""
        return self._placed(pairs, pairs.keys(classes))

    def _placed(self, values: Any, keys: list[Any]) -> Placed:
        generation = self._generation
        known = generation.places
        places = np.empty(len(keys), dtype=np.int32)
        at = places
        new: list[int] = []
        for i in range(len(keys)):
            found = known.get(keys[i])
            if found is None:
                new.append(i)
            else:
                at[i] = found
        if new:
            with self._lock:
                if generation is not self._generation or len(known) + len(new) > self._most:
                    generation = self._generation = Generation(self._generation.first + len(self._generation.places))
                    new = list(range(len(keys)))
                self._enter(generation.places, keys, new, places)
        return Placed(values, new, places, generation.first, max(len(generation.places), self._most))

    def _enter(self, known: dict[Any, int], keys: list[Any], new: list[int], places: Codes) -> None:
        for i in new:
            places[i] = known.setdefault(keys[i], len(known))


class Held:
    """Rows (room, width) of one generation of places, as far as they are ``filled`` (room,).

    Rows are only ever added, and a place is marked after its row: whoever holds an array of rows can read it while others add
    to it.
    """

    def __init__(self, first: int, width: int) -> None:
        self.first = first
        self.become(np.empty((0, width)), np.zeros(0, dtype=np.int8))

    def become(self, rows: FloatArray, filled: NDArray[np.int8]) -> None:
        """Hold rows in these arrays from now on."""
        self.array = self.rows = rows
        self.filled = filled


class TextRows:
    """Rows of numbers by text. Any thread may ask.

    Args:
        compute: a list of texts, or `Pairs`, -> (texts, width) float64, or a list of numbers where the width is 1. A row must not
            depend on the texts beside it.
        missing: (width,) the row of a missing text.
    """

    def __init__(self, compute: Callable[[Any], FloatArray | list[float]], missing: FloatArray) -> None:
        self._compute = compute
        self._missing = np.ascontiguousarray(missing, dtype=np.float64)
        self._width = len(missing)
        self._lock = Lock()
        self._held = Held(0, len(missing))

    def fill(self, texts: Placed, codes: Codes | None, matrix: FloatArray, column: int) -> None:
        """Write rows into ``matrix`` (n, F) from ``column`` on: of a text column, ``codes`` (n,), or of each text in its turn."""
        rows = self._held_for(texts).rows
        at = texts.at
        missing = self._missing
        n = matrix.shape[0]
        width = self._width
        with cython.nogil:
            for row in range(n):
                code = row if codes is None else codes[row]
                if code >= 0:
                    place = at[code]
                    for k in range(width):
                        matrix[row, column + k] = rows[place, k]
                else:
                    for k in range(width):
                        matrix[row, column + k] = missing[k]

    def of(self, texts: Placed) -> FloatArray:
        """Rows (room, width), in which each text has its own at its place."""
        array: FloatArray = self._held_for(texts).array
        return array

    def numbers(self, texts: Placed, codes: Codes | None = None) -> Codes:
        """(n,) the first number, a whole one, of each text in its turn, or of a text column, ``codes`` (n,) into the texts."""
        rows = self._held_for(texts).rows
        at = texts.at
        n = at.shape[0] if codes is None else codes.shape[0]
        found = np.empty(n, dtype=np.int32)
        number = found
        for row in range(n):
            code = row if codes is None else codes[row]
            number[row] = int(rows[at[code], 0] if code >= 0 else self._missing[0])
        return found

    def marked(self, texts: Placed) -> list[int]:
        """Which of the texts have another first number than 0."""
        rows = self._held_for(texts).rows
        at = texts.at
        return [i for i in range(at.shape[0]) if rows[at[i], 0] != 0.0]

    def _held_for(self, texts: Placed) -> Held:
        """What holds the rows of these texts, all of them from now on."""
        held = self._held
        if held.first != texts.first:
            held = self._held = Held(texts.first, self._width)
        filled, at = held.filled, texts.at
        room = filled.shape[0]
        new: dict[int, int] = {}
        for i in range(at.shape[0]):
            place = at[i]
            if place >= room or not filled[place]:
                new[place] = i
        if new:
            self._learn(held, texts, new)
        return held

    def _learn(self, held: Held, texts: Placed, new: dict[int, int]) -> None:
        """Work out the rows of the ``new`` texts, place -> index, and keep them."""
        indices, places = list(new.values()), list(new)
        for start in range(0, len(places), SOME):
            some = indices[start : start + SOME]
            rows = self._compute(
                texts.values.take(some) if isinstance(texts.values, Pairs) else [texts.values[i] for i in some]
            )
            with self._lock:
                self._make_room(held, texts.room, max(places) + 1)
                if isinstance(rows, list):
                    self._keep_numbers(held, places[start : start + SOME], rows)
                else:
                    self._keep(held, places[start : start + SOME], rows)

    def _make_room(self, held: Held, most: int, needed: int) -> None:
        room = held.filled.shape[0]
        if needed > room:
            grown = np.empty((max(needed, min(2 * needed, most)), self._width))
            grown[:room] = held.array
            filled = np.zeros(len(grown), dtype=np.int8)
            filled[:room] = held.filled
            held.become(grown, filled)

    def _keep(self, held: Held, places: list[int], rows: FloatArray) -> None:
        for row in range(len(places)):
            place = places[row]
            for k in range(self._width):
                held.rows[place, k] = rows[row, k]
            held.filled[place] = 1

    def _keep_numbers(self, held: Held, places: list[int], numbers: list[float]) -> None:
        for row in range(len(places)):
            place = places[row]
            held.rows[place, 0] = numbers[row]
            held.filled[place] = 1


def as_subheadings(codes: list[str]) -> list[str]:
    """HS codes of which nothing but their number is left of the digits after the sixth: those are national."""
    fetch(codes)
    return [code if len(code) <= 6 else code[:6].ljust(len(code), "x") for code in codes]


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
