"""The columns of `features.groups.route`, written row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cython
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.table import ManifestTable

FloatArray = NDArray[np.float64]
Numbers = NDArray[np.int32]

_NAN: Final = float("nan")


class PairShares:
    """Numbers of pairs of texts, in the order of the pairs' numbers.

    ``lefts`` and ``rights`` number the texts from 1; a pair has the number left * ``width`` + right.
    """

    def __init__(self, pairs: dict[tuple[str, str], float]) -> None:
        self.lefts = {text: number for number, text in enumerate(dict.fromkeys(left for left, _ in pairs), 1)}
        self.rights = {text: number for number, text in enumerate(dict.fromkeys(right for _, right in pairs), 1)}
        self.width = len(self.rights) + 1
        keys = np.array([self.lefts[a] * self.width + self.rights[b] for a, b in pairs], dtype=np.int64)
        order = np.argsort(keys)
        self.keys = keys[order]
        self.values = np.array(list(pairs.values()), dtype=np.float64)[order]


def numbers(texts: list[str], known: dict[str, int]) -> Numbers:
    """(len(texts),) the number of each text, -1 for an empty one; a text not in ``known`` gets the next."""
    found = np.empty(len(texts), dtype=np.int32)
    view = found
    for place in range(len(texts)):
        text = texts[place]
        view[place] = known.setdefault(text, len(known)) if text else -1
    return found


def passages(routings: list[str], known: dict[str, int]) -> tuple[Numbers, Numbers]:
    """The countries of routings (``KR;JP``) one after another, numbered as by `numbers`, and where those of each text end."""
    parts: list[str] = []
    ends = np.empty(len(routings), dtype=np.int32)
    view = ends
    for place in range(len(routings)):
        parts += routings[place].split(";")
        view[place] = len(parts)
    return numbers(parts, known), ends


def country_columns(
    table: ManifestTable,
    origin_of: Numbers,
    export_of: Numbers,
    consignor_of: Numbers,
    consignee_of: Numbers,
    loading_of: Numbers,
    unloading_of: Numbers,
    passed: tuple[Numbers, Numbers],
    out: FloatArray,
) -> None:
    """Columns 0 to 6 and 10 of ``out`` (n, F) from the number of the country per text of each column, -1 where it has none.

    ``passed`` are the `passages` of ``routing_countries``.
    """
    origins = table.text("origin_country").codes
    exports = table.text("export_country").codes
    consignors = table.text("consignor_country").codes
    consignees = table.text("consignee_country").codes
    loadings = table.text("loading_location").codes
    unloadings = table.text("unloading_location").codes
    routings = table.text("routing_countries").codes
    origin_number = origin_of
    export_number = export_of
    consignor_number = consignor_of
    consignee_number = consignee_of
    loading_number = loading_of
    unloading_number = unloading_of
    countries = passed[0]
    ends = passed[1]
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            origin = origin_number[origins[row]] if origins[row] >= 0 else -1
            export = export_number[exports[row]] if exports[row] >= 0 else -1
            consignor = consignor_number[consignors[row]] if consignors[row] >= 0 else -1
            consignee = consignee_number[consignees[row]] if consignees[row] >= 0 else -1
            loading = loading_number[loadings[row]] if loadings[row] >= 0 else -1
            unloading = unloading_number[unloadings[row]] if unloadings[row] >= 0 else -1
            matrix[row, 0] = _agree(origin, export)
            matrix[row, 1] = _agree(export, consignor)
            matrix[row, 2] = _agree(origin, consignor)
            matrix[row, 3] = _agree(loading, export)
            matrix[row, 4] = _agree(unloading, consignee)
            matrix[row, 10] = 1.0 if origin < 0 else 0.0
            matrix[row, 5] = 0.0
            matrix[row, 6] = 0.0
            code = routings[row]
            if code >= 0:
                start = ends[code - 1] if code > 0 else 0
                matrix[row, 5] = ends[code] - start
                for at in range(start, ends[code]):
                    country = countries[at]
                    if country != origin and country != export and country != consignor and country != consignee:
                        matrix[row, 6] = 1.0


def _agree(left: int, right: int) -> float:
    return _NAN if left < 0 or right < 0 else 1.0 if left == right else 0.0


def share_column(
    left: Numbers, left_of: Numbers, right: Numbers, right_of: Numbers, shares: PairShares, column: int, out: FloatArray
) -> None:
    """One column of ``out`` from two columns of codes (n,), with the number in ``shares`` of each one's texts, 0 for none."""
    left_codes = left
    right_codes = right
    left_number = left_of
    right_number = right_of
    keys = shares.keys
    values = shares.values
    width = shares.width
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            matrix[row, column] = _NAN
            if left_codes[row] < 0 or right_codes[row] < 0:
                continue
            first = left_number[left_codes[row]]
            second = right_number[right_codes[row]]
            if first == 0 or second == 0:
                continue
            key = first * width + second
            low = 0
            high = keys.shape[0]
            while low < high:
                middle = (low + high) // 2
                if keys[middle] < key:
                    low = middle + 1
                else:
                    high = middle
            if low < keys.shape[0] and keys[low] == key:
                matrix[row, column] = values[low]
