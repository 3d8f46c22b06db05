"""The columns of `features.groups.route.group`, written row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cython
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.table.table import Coded, ManifestTable

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


def numbers(columns: list[list[str]], known: dict[str, int]) -> Numbers:
    """The numbers of the texts of columns, one column after another.

    A text not in ``known`` gets the next number, an empty one -1.
    """
    count = 0
    for texts in columns:
        count += len(texts)
    found = np.empty(count, dtype=np.int32)
    view = found
    place = 0
    for texts in columns:
        for text in texts:
            view[place] = known.setdefault(text, len(known)) if text else -1
            place += 1
    return found


def country_columns(
    table: ManifestTable, loading_countries: list[str], unloading_countries: list[str], out: FloatArray
) -> None:
    """Columns 0 to 6 and 10 of ``out`` (n, F).

    Args:
        loading_countries, unloading_countries: per place of loading and of unloading its country, empty where it has none.
    """
    origin_column = table.text("origin_country")
    export_column = table.text("export_country")
    consignor_column = table.text("consignor_country")
    consignee_column = table.text("consignee_country")
    routing_column = table.text("routing_countries")
    passed: list[str] = []
    ends = np.empty(len(routing_column.values), dtype=np.int32)
    end_of = ends
    routing_texts = routing_column.values
    for place in range(len(routing_texts)):
        passed += routing_texts[place].split(";")
        end_of[place] = len(passed)
    # All columns share their numbers, so that equal countries have equal ones.
    known: dict[str, int] = {}
    number = numbers(
        [
            origin_column.values,
            export_column.values,
            consignor_column.values,
            consignee_column.values,
            loading_countries,
            unloading_countries,
            passed,
        ],
        known,
    )
    of_export = len(origin_column.values)
    of_consignor = of_export + len(export_column.values)
    of_consignee = of_consignor + len(consignor_column.values)
    of_loading = of_consignee + len(consignee_column.values)
    of_unloading = of_loading + len(loading_countries)
    of_passed = of_unloading + len(unloading_countries)
    origins = origin_column.codes
    exports = export_column.codes
    consignors = consignor_column.codes
    consignees = consignee_column.codes
    routings = routing_column.codes
    loadings = table.text("loading_location").codes
    unloadings = table.text("unloading_location").codes
    country_of = number
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            origin = country_of[origins[row]] if origins[row] >= 0 else -1
            export = country_of[of_export + exports[row]] if exports[row] >= 0 else -1
            consignor = country_of[of_consignor + consignors[row]] if consignors[row] >= 0 else -1
            consignee = country_of[of_consignee + consignees[row]] if consignees[row] >= 0 else -1
            loading = country_of[of_loading + loadings[row]] if loadings[row] >= 0 else -1
            unloading = country_of[of_unloading + unloadings[row]] if unloadings[row] >= 0 else -1
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
                start = end_of[code - 1] if code > 0 else 0
                matrix[row, 5] = end_of[code] - start
                for at in range(start, end_of[code]):
                    country = country_of[of_passed + at]
                    if country != origin and country != export and country != consignor and country != consignee:
                        matrix[row, 6] = 1.0


def _agree(left: int, right: int) -> float:
    return _NAN if left < 0 or right < 0 else 1.0 if left == right else 0.0


def share_column(
    left: Coded, right: Coded, lefts: Numbers, rights: Numbers, shares: PairShares, column: int, out: FloatArray
) -> None:
    """One column of ``out``: the share of each row's pair of texts, NaN where it has none or a text is missing.

    ``lefts`` and ``rights`` are the numbers of the texts of ``left`` and ``right``, 0 for those without.
    """
    left_of = lefts
    right_of = rights
    left_codes = left.codes
    right_codes = right.codes
    keys = shares.keys
    values = shares.values
    width = shares.width
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            matrix[row, column] = _NAN
            if left_codes[row] < 0 or right_codes[row] < 0:
                continue
            first = left_of[left_codes[row]]
            second = right_of[right_codes[row]]
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
