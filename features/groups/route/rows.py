"""Compiled loops that compute the route columns row by row."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.route.columns import RouteColumn
from features.table.coded import rows_of
from features.table.table import ManifestTable

FloatArray = NDArray[np.float64]

_ORIGIN_IS_EXPORT = cython.declare(cython.Py_ssize_t, RouteColumn.ORIGIN_IS_EXPORT)
_EXPORT_IS_CONSIGNOR = cython.declare(cython.Py_ssize_t, RouteColumn.EXPORT_IS_CONSIGNOR)
_ORIGIN_IS_CONSIGNOR = cython.declare(cython.Py_ssize_t, RouteColumn.ORIGIN_IS_CONSIGNOR)
_LOADING_IS_EXPORT = cython.declare(cython.Py_ssize_t, RouteColumn.LOADING_IS_EXPORT)
_UNLOADING_IS_CONSIGNEE = cython.declare(cython.Py_ssize_t, RouteColumn.UNLOADING_IS_CONSIGNEE)
_ROUTING_COUNTRIES = cython.declare(cython.Py_ssize_t, RouteColumn.ROUTING_COUNTRIES)
_ROUTING_THIRD_COUNTRY = cython.declare(cython.Py_ssize_t, RouteColumn.ROUTING_THIRD_COUNTRY)
_TRADE_LANE_SHARE = cython.declare(cython.Py_ssize_t, RouteColumn.TRADE_LANE_SHARE)
_EXPORT_CHAPTER_SHARE = cython.declare(cython.Py_ssize_t, RouteColumn.EXPORT_CHAPTER_SHARE)
_CHANNEL_CARRIER_SHARE = cython.declare(cython.Py_ssize_t, RouteColumn.CHANNEL_CARRIER_SHARE)
_ORIGIN_MISSING = cython.declare(cython.Py_ssize_t, RouteColumn.ORIGIN_MISSING)

_NAN = cython.declare(cython.double, float("nan"))


def _number_countries(columns: list[list[str]]) -> NDArray[np.int32]:
    """Return one number per text, column by column: equal for equal texts, and -1 for an empty text."""
    known: dict[str, int] = {}
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
    """Write the columns that compare countries into ``out`` (n, F).

    Args:
        loading_countries, unloading_countries: country of each distinct place of loading or unloading.
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
    # All columns share one numbering, because countries are compared across columns.
    number = _number_countries(
        [
            origin_column.values,
            export_column.values,
            consignor_column.values,
            consignee_column.values,
            loading_countries,
            unloading_countries,
            passed,
        ]
    )
    of_export = len(origin_column.values)
    of_consignor = of_export + len(export_column.values)
    of_consignee = of_consignor + len(consignor_column.values)
    of_loading = of_consignee + len(consignee_column.values)
    of_unloading = of_loading + len(loading_countries)
    of_passed = of_unloading + len(unloading_countries)
    origins = rows_of(origin_column)
    exports = rows_of(export_column)
    consignors = rows_of(consignor_column)
    consignees = rows_of(consignee_column)
    routings = rows_of(routing_column)
    loadings = rows_of(table.text("loading_location"))
    unloadings = rows_of(table.text("unloading_location"))
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
            matrix[row, _ORIGIN_IS_EXPORT] = _agree(origin, export)
            matrix[row, _EXPORT_IS_CONSIGNOR] = _agree(export, consignor)
            matrix[row, _ORIGIN_IS_CONSIGNOR] = _agree(origin, consignor)
            matrix[row, _LOADING_IS_EXPORT] = _agree(loading, export)
            matrix[row, _UNLOADING_IS_CONSIGNEE] = _agree(unloading, consignee)
            matrix[row, _ORIGIN_MISSING] = 1.0 if origin < 0 else 0.0
            matrix[row, _ROUTING_COUNTRIES] = 0.0
            matrix[row, _ROUTING_THIRD_COUNTRY] = 0.0
            code = routings[row]
            if code >= 0:
                start = end_of[code - 1] if code > 0 else 0
                matrix[row, _ROUTING_COUNTRIES] = end_of[code] - start
                for at in range(start, end_of[code]):
                    country = country_of[of_passed + at]
                    if country != origin and country != export and country != consignor and country != consignee:
                        matrix[row, _ROUTING_THIRD_COUNTRY] = 1.0


def _agree(left: int, right: int) -> float:
    """Return 1 for equal countries, 0 for different ones, and NaN if either is missing."""
    return _NAN if left < 0 or right < 0 else 1.0 if left == right else 0.0


def fill_keys(
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    left_numbers: NDArray[np.int32],
    right_numbers: NDArray[np.int32],
    first_key: int,
    width: int,
    keys: NDArray[np.int64],
) -> None:
    """Write each row's key ``first_key`` + left number * ``width`` + right number; -1 if a text or number is missing.

    Args:
        left, right: (n,) codes of two text columns.
        left_numbers, right_numbers: number of each distinct text; 0 for a text without a number.
        keys: (n,) output.
    """
    with cython.nogil:
        for row in range(left.shape[0]):
            keys[row] = -1
            if left[row] >= 0 and right[row] >= 0:
                first = left_numbers[left[row]]
                second = right_numbers[right[row]]
                if first > 0 and second > 0:
                    keys[row] = first_key + first * width + second


def fill_shares(
    keys: NDArray[np.int64], at: NDArray[np.int64], known: NDArray[np.int64], shares: FloatArray, out: FloatArray
) -> None:
    """Write the shares of pairs into ``out`` (n, F); NaN for unknown pairs.

    Args:
        keys: (3, n) keys of the pairs of trade lanes, exports and carriers.
        at: (3, n) insertion position of each key in ``known``.
        known: (m,) known keys, ascending.
        shares: (m,) shares of the known keys.
    """
    with cython.nogil:
        for row in range(keys.shape[1]):
            out[row, _TRADE_LANE_SHARE] = shares[at[0, row]] if known[at[0, row]] == keys[0, row] else _NAN
            out[row, _EXPORT_CHAPTER_SHARE] = shares[at[1, row]] if known[at[1, row]] == keys[1, row] else _NAN
            out[row, _CHANNEL_CARRIER_SHARE] = shares[at[2, row]] if known[at[2, row]] == keys[2, row] else _NAN
