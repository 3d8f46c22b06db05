"""Numbers that follow from a text alone: worked out once per distinct text and remembered from table to table.

Descriptions repeat heavily in trade. A lookup costs one dictionary access per distinct text of a table; what a text was never
asked for before is worked out for all such texts of the table together.
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


class Kept:
    """One generation of remembered texts, or other keys: text -> row of ``rows`` (room, width), of which ``used`` are filled.

    Rows are only ever added, and a text is entered after its row: whoever holds a generation can read it while others add to it.
    """

    def __init__(self, known: dict[Any, int], rows: FloatArray) -> None:
        self.known = known
        self.rows = rows
        self.used = len(known)


class TextRows:
    """Rows of numbers by text, for at most ``most`` texts, or those of one table if they are more.

    When the room is used up, all but the texts of the table at hand are forgotten. Any thread may ask.

    Args:
        compute: texts, or other keys, -> (texts, width) float64. A row must not depend on the texts beside it.
        missing: (width,) the row of a missing text.
        most: texts that are remembered.
    """

    def __init__(self, compute: Callable[[list[Any]], FloatArray], missing: FloatArray, most: int) -> None:
        self._compute = compute
        self._missing = np.ascontiguousarray(missing, dtype=np.float64)
        self._width = len(missing)
        self._most = most
        self._lock = Lock()
        self._kept = Kept({}, np.empty((0, len(missing))))

    def fill(self, values: list[Any], codes: Codes, matrix: FloatArray, column: int) -> None:
        """Write the rows of a text column, ``codes`` (n,) into ``values``, into ``matrix`` (n, F) from ``column`` on."""
        places = np.empty(len(values), dtype=np.int32)
        rows = self._placed(values, places)
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

    def of(self, values: list[Any]) -> tuple[FloatArray, Codes]:
        """Rows (m, width) of numbers and where in them (len(values),) each text has its own."""
        places = np.empty(len(values), dtype=np.int32)
        rows = self._placed(values, places)
        return np.asarray(rows), places

    def _placed(self, values: list[Any], places: Codes) -> FloatArray:
        """The rows, ``places`` filled in."""
        kept = self._kept
        known = kept.known
        new: list[int] = []
        n = len(values)
        for i in range(n):
            found = known.get(values[i])
            if found is None:
                new.append(i)
            else:
                places[i] = found
        if new:
            kept = self._learn(kept, values, places, new)
        # Read after the places: what grew meanwhile holds all rows from before.
        return kept.rows

    def _learn(self, kept: Kept, values: list[Any], places: Codes, new: list[int]) -> Kept:
        """Work out the rows of the texts at ``new``, fill in their places, and say which generation the places are of."""
        computed = self._compute([values[i] for i in new])
        with self._lock:
            if kept is not self._kept or kept.used + len(new) > self._most:
                kept = self._renewed(kept, values, places, new, computed)
                self._kept = kept
                return kept
            used = kept.used
            if used + len(new) > len(kept.rows):
                grown = np.empty((max(used + len(new), min(2 * (used + len(new)), self._most)), self._width))
                grown[:used] = np.asarray(kept.rows)[:used]
                kept.rows = grown
            # Texts that another thread has entered meanwhile are entered again, which changes nothing.
            np.asarray(kept.rows)[used : used + len(new)] = computed
            for count, i in enumerate(new):
                places[i] = used + count
                kept.known[values[i]] = used + count
            kept.used = used + len(new)
            return kept

    def _renewed(self, kept: Kept, values: list[Any], places: Codes, new: list[int], computed: FloatArray) -> Kept:
        """A generation of the texts at hand alone; their places are filled in anew."""
        rows = np.empty((len(values), self._width))
        old = np.ones(len(values), dtype=bool)
        old[new] = False
        rows[old] = np.asarray(kept.rows)[np.asarray(places)[old]]
        rows[new] = computed
        np.asarray(places)[:] = np.arange(len(values), dtype=np.int32)
        return Kept({text: i for i, text in enumerate(values)}, rows)


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


def keyed(texts: list[str], headings: list[str], numbers: list[int]) -> list[tuple[str, str | None]]:
    """What the pairs of `pairs` of texts and headings stand for: heading, empty where there is none, and text, if there is one."""
    keys: list[tuple[str, str | None]] = []
    width = len(headings) + 1
    for number in numbers:
        text, heading = number // width, number % width
        keys.append((headings[heading - 1] if heading else "", texts[text - 1] if text else None))
    return keys


def pairs(left: Codes, right: Codes, width: int) -> tuple[Codes, list[int]]:
    """Distinct pairs of codes, each at least -1, of ``right`` below ``width``, in order of appearance.

    Returns:
        (n,) number of each row's pair, and per pair ``(left + 1) * (width + 1) + right + 1``.
    """
    n = left.shape[0]
    numbers = np.empty(n, dtype=np.int32)
    known: dict[int, int] = {}
    for row in range(n):
        key = (left[row] + 1) * (width + 1) + right[row] + 1
        found = known.get(key)
        if found is None:
            found = len(known)
            known[key] = found
        numbers[row] = found
    return numbers, list(known)
