"""The columns of `features.groups.filing.group`, written row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cython
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.table.table import ManifestTable

FloatArray = NDArray[np.float64]

_NAN: Final = float("nan")


def kind_columns(
    table: ManifestTable,
    channel_of: NDArray[np.int32],
    filing_of: NDArray[np.int32],
    mode_of: NDArray[np.int32],
    contradicts: NDArray[np.uint8],
    out: FloatArray,
) -> None:
    """Columns 0 to 2 and 12 of ``out`` (n, F).

    Args:
        channel_of, filing_of, mode_of: per text its place in the code list, counted from 1.
        contradicts: (channels, modes) whether a mode of transport, by its place counted from 0, does not fit a channel.
    """
    channel = table.text("channel").codes
    filing = table.text("filing_type").codes
    mode = table.text("transport_mode").codes
    channels = channel_of
    filings = filing_of
    modes = mode_of
    contradictions = contradicts
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            first = channels[channel[row]] - 1 if channel[row] >= 0 else -1
            second = modes[mode[row]] - 1 if mode[row] >= 0 else -1
            matrix[row, 0] = first if first >= 0 else _NAN
            matrix[row, 1] = filings[filing[row]] - 1 if filing[row] >= 0 else _NAN
            matrix[row, 2] = second if second >= 0 else _NAN
            matrix[row, 12] = contradictions[first, second] if first >= 0 and second >= 0 else _NAN


def missing_column(table: ManifestTable, texts: tuple[str, ...], out: FloatArray) -> None:
    """Column 4: how many of some text columns, and of value and gross mass, are missing."""
    value = table.number("customs_value")
    mass = table.number("gross_mass_kg")
    matrix = out
    for row in range(matrix.shape[0]):
        matrix[row, 4] = (1.0 if value[row] != value[row] else 0.0) + (1.0 if mass[row] != mass[row] else 0.0)
    for name in texts:
        # Whether there is one shows without its normal form, which nobody needs.
        column = table.declared(name).codes if name == "consignor_address" else table.text(name).codes
        for row in range(matrix.shape[0]):
            matrix[row, 4] += 1.0 if column[row] < 0 else 0.0


def state_columns(
    table: ManifestTable,
    industrial: NDArray[np.int32],
    parcel: NDArray[np.int32],
    house_faults: FloatArray,
    master_faults: FloatArray,
    out: FloatArray,
) -> None:
    """Columns 3 and 5 to 11.

    Args:
        industrial: per package type whether it is an industrial one.
        parcel: per channel whether parcels travel in it.
        house_faults, master_faults: per house and master number whether its check digit is wrong, NaN where it has none.
    """
    marketplace = table.text("marketplace").codes
    package = table.text("package_type").codes
    channel = table.text("channel").codes
    dangerous = table.text("undg_number").codes
    house = table.text("house_id").codes
    master = table.text("master_id").codes
    unit = table.text("quantity_unit").codes
    quantity = table.number("quantity")
    of_package = industrial
    of_channel = parcel
    of_house = house_faults
    of_master = master_faults
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            matrix[row, 3] = 1.0 if marketplace[row] >= 0 else 0.0
            kind = of_package[package[row]] if package[row] >= 0 else 0
            matrix[row, 5] = kind
            matrix[row, 6] = kind if channel[row] >= 0 and of_channel[channel[row]] else 0
            matrix[row, 7] = 1.0 if dangerous[row] >= 0 else 0.0
            matrix[row, 8] = 1.0 if house[row] < 0 else 0.0
            matrix[row, 9] = of_house[house[row]] if house[row] >= 0 else _NAN
            matrix[row, 10] = of_master[master[row]] if master[row] >= 0 else _NAN
            matrix[row, 11] = 1.0 if quantity[row] == quantity[row] and unit[row] >= 0 else 0.0
