"""Compiled loops for the filing columns."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.filing.columns import FilingColumn
from features.table.coded import rows_of
from features.table.table import ManifestTable
from features.texts.phrases import numbers

FloatArray = NDArray[np.float64]

_CHANNEL = cython.declare(cython.Py_ssize_t, FilingColumn.CHANNEL)
_FILING_TYPE = cython.declare(cython.Py_ssize_t, FilingColumn.FILING_TYPE)
_TRANSPORT_MODE = cython.declare(cython.Py_ssize_t, FilingColumn.TRANSPORT_MODE)
_MARKETPLACE_PRESENT = cython.declare(cython.Py_ssize_t, FilingColumn.MARKETPLACE_PRESENT)
_FIELDS_MISSING = cython.declare(cython.Py_ssize_t, FilingColumn.FIELDS_MISSING)
_PACKAGE_INDUSTRIAL = cython.declare(cython.Py_ssize_t, FilingColumn.PACKAGE_INDUSTRIAL)
_PACKAGE_INDUSTRIAL_PARCEL = cython.declare(cython.Py_ssize_t, FilingColumn.PACKAGE_INDUSTRIAL_PARCEL)
_DANGEROUS_GOODS = cython.declare(cython.Py_ssize_t, FilingColumn.DANGEROUS_GOODS)
_HOUSE_ID_MISSING = cython.declare(cython.Py_ssize_t, FilingColumn.HOUSE_ID_MISSING)
_HOUSE_ID_CHECK_FAILED = cython.declare(cython.Py_ssize_t, FilingColumn.HOUSE_ID_CHECK_FAILED)
_MASTER_ID_CHECK_FAILED = cython.declare(cython.Py_ssize_t, FilingColumn.MASTER_ID_CHECK_FAILED)
_QUANTITY_WITH_UNIT = cython.declare(cython.Py_ssize_t, FilingColumn.QUANTITY_WITH_UNIT)
_MODE_CONTRADICTS_CHANNEL = cython.declare(cython.Py_ssize_t, FilingColumn.MODE_CONTRADICTS_CHANNEL)

_NAN = cython.declare(cython.double, float("nan"))


def kind_columns(
    table: ManifestTable, codes: tuple[dict[str, int], ...], contradicts: NDArray[np.uint8], out: FloatArray
) -> None:
    """Write the columns of channel, filing type and mode of transport into ``out`` (n, F).

    Args:
        codes: mappings from code to number, counted from 1, for channels, filing types and modes of transport.
        contradicts: (channels, modes) 1 if the mode contradicts the channel. Indices are the numbers minus 1.
    """
    channel_codes, filing_codes, mode_codes = codes
    channel_column = table.text("channel")
    filing_column = table.text("filing_type")
    mode_column = table.text("transport_mode")
    channel = rows_of(channel_column)
    filing = rows_of(filing_column)
    mode = rows_of(mode_column)
    channels = numbers(channel_column.values, channel_codes)
    filings = numbers(filing_column.values, filing_codes)
    modes = numbers(mode_column.values, mode_codes)
    contradictions = contradicts
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            channel_index = channels[channel[row]] - 1 if channel[row] >= 0 else -1
            mode_index = modes[mode[row]] - 1 if mode[row] >= 0 else -1
            matrix[row, _CHANNEL] = channel_index if channel_index >= 0 else _NAN
            matrix[row, _FILING_TYPE] = filings[filing[row]] - 1 if filing[row] >= 0 else _NAN
            matrix[row, _TRANSPORT_MODE] = mode_index if mode_index >= 0 else _NAN
            matrix[row, _MODE_CONTRADICTS_CHANNEL] = (
                contradictions[channel_index, mode_index] if channel_index >= 0 and mode_index >= 0 else _NAN
            )


def missing_column(table: ManifestTable, texts: tuple[str, ...], out: FloatArray) -> None:
    """Write how many of the customs value, the gross mass and the text fields ``texts`` are missing."""
    value = table.number("customs_value")
    mass = table.number("gross_mass_kg")
    matrix = out
    for row in range(matrix.shape[0]):
        matrix[row, _FIELDS_MISSING] = (1.0 if value[row] != value[row] else 0.0) + (
            1.0 if mass[row] != mass[row] else 0.0
        )
    for name in texts:
        # Only the presence of the consignor's address counts, so it is not normalised.
        column = rows_of(table.declared(name) if name == "consignor_address" else table.text(name))
        for row in range(matrix.shape[0]):
            matrix[row, _FIELDS_MISSING] += 1.0 if column[row] < 0 else 0.0


def state_columns(
    table: ManifestTable,
    industrial: dict[str, int],
    parcel: dict[str, int],
    house_faults: FloatArray,
    master_faults: FloatArray,
    out: FloatArray,
) -> None:
    """Write the columns of marketplace, package, dangerous goods, house and master number, and quantity.

    Args:
        industrial: 1 for each industrial package type.
        parcel: 1 for each channel that carries parcels.
        house_faults, master_faults: for each distinct number, 1 if its check digit is wrong, 0 if right, NaN if there is no digit.
    """
    marketplace = rows_of(table.text("marketplace"))
    package_column = table.text("package_type")
    channel_column = table.text("channel")
    package = rows_of(package_column)
    channel = rows_of(channel_column)
    dangerous = rows_of(table.text("undg_number"))
    house = rows_of(table.text("house_id"))
    master = rows_of(table.text("master_id"))
    unit = rows_of(table.text("quantity_unit"))
    quantity = table.number("quantity")
    of_package = numbers(package_column.values, industrial)
    of_channel = numbers(channel_column.values, parcel)
    of_house = house_faults
    of_master = master_faults
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            matrix[row, _MARKETPLACE_PRESENT] = 1.0 if marketplace[row] >= 0 else 0.0
            kind = of_package[package[row]] if package[row] >= 0 else 0
            matrix[row, _PACKAGE_INDUSTRIAL] = kind
            matrix[row, _PACKAGE_INDUSTRIAL_PARCEL] = kind if channel[row] >= 0 and of_channel[channel[row]] else 0
            matrix[row, _DANGEROUS_GOODS] = 1.0 if dangerous[row] >= 0 else 0.0
            matrix[row, _HOUSE_ID_MISSING] = 1.0 if house[row] < 0 else 0.0
            matrix[row, _HOUSE_ID_CHECK_FAILED] = of_house[house[row]] if house[row] >= 0 else _NAN
            matrix[row, _MASTER_ID_CHECK_FAILED] = of_master[master[row]] if master[row] >= 0 else _NAN
            matrix[row, _QUANTITY_WITH_UNIT] = 1.0 if quantity[row] == quantity[row] and unit[row] >= 0 else 0.0
