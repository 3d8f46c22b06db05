"""Compiled loops for the route columns."""

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

#: Columns of `fill_shares`, in the order of its argument ``shares``.
_SHARE_COLUMNS = (_TRADE_LANE_SHARE, _EXPORT_CHAPTER_SHARE, _CHANNEL_CARRIER_SHARE)
_NAN = cython.declare(cython.double, float("nan"))


def _number_countries(columns: list[list[str]]) -> NDArray[np.int32]:
    """Return one number per text, column by column: equal for equal texts, and -1 for an empty text."""
    known: dict[str, int] = {}
    count = 0
    for texts in columns:
        count += len(texts)
    numbers = np.empty(count, dtype=np.int32)
    view = numbers
    place = 0
    for texts in columns:
        for text in texts:
            view[place] = known.setdefault(text, len(known)) if text else -1
            place += 1
    return numbers


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


def fill_shares(
    table: ManifestTable, shares: list[tuple[str, str, dict[str, dict[str, float]]]], out: FloatArray
) -> None:
    """Write the log shares of pairs of values into ``out`` (n, F); NaN for unknown pairs.

    Args:
        shares: first field, second field, and the log share by their values, for trade lanes, exports and carriers. HS codes are
            reduced to their chapters.
    """
    matrix = out
    for kind in range(len(shares)):
        left_name, right_name, of_left = shares[kind]
        left_column = table.text(left_name)
        right_column = table.text(right_name)
        lefts = rows_of(left_column)
        rights = rows_of(right_column)
        of_texts: list[dict[str, float] | None] = [of_left.get(text) for text in left_column.values]
        texts = right_column.values
        if right_name == "hs_code":
            texts = [code[:2] for code in texts]
        column = _SHARE_COLUMNS[kind]
        for row in range(matrix.shape[0]):
            share = None
            if lefts[row] >= 0 and rights[row] >= 0:
                of_text = of_texts[lefts[row]]
                if of_text is not None:
                    share = of_text.get(texts[rights[row]])
            matrix[row, column] = _NAN if share is None else share
