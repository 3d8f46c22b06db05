"""Permits in the features: placeholders do not count, and permits in the office's register count more than declared ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.table.table import ManifestTable
from models.permits import Register
from models.rules.facts import Facts

FloatArray = NDArray[np.float64]

FEATURE: Final = "permit_present"
#: Values of the feature: no permit, a declared one, and one in the office's register, for a party and the day of the shipment.
NONE, DECLARED, REGISTERED = 0.0, 1.0, 2.0


def mark_permits(
    table: ManifestTable, matrix: FloatArray, columns: Mapping[str, int], register: Register | None
) -> None:
    """Write `NONE` for placeholders and `REGISTERED` for permits in the register into the column of `FEATURE`.

    The feature space is also used for training, but the register is that of the moment of scoring. Therefore the feature is changed
    here. Trees treat `REGISTERED` as they treat `DECLARED`.

    Args:
        matrix: (n, F) features of the table, changed in place.
        columns: feature name -> column.
        register: None without a register.
    """
    permits = table.text("permit_number")
    if not permits.values or not (permits.codes >= 0).any():
        return
    facts = Facts(table, matrix, columns, register)
    column = matrix[:, columns[FEATURE]]
    column[facts.column("permit_placeholder") == 1.0] = NONE
    column[facts.column("permit_registered") == 1.0] = REGISTERED
