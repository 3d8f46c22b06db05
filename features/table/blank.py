"""Rows that cannot be read: without a reference of the shipment, or without any other value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import LABEL_NAMES
from features.manifest.records import DESCRIBING, REFERENCES
from features.table import assembly as kernels
from features.table.coded import Coded

#: Columns that do not make a row readable, and those that are looked at first, because most rows have them.
_PASSED_OVER: Final = frozenset({*REFERENCES, *LABEL_NAMES, *DESCRIBING})


def unreadable_rows(
    ids: NDArray[np.int32], codes: NDArray[np.int32], place: Mapping[str, int], further: Mapping[str, Coded]
) -> tuple[list[int], list[int]]:
    """Return the rows without a shipment reference, and the rows without a value of any other field.

    Args:
        ids: (n,) code of each row's reference, -1 where missing.
        codes: (columns, n) codes of the declared texts, before shipments lend their values to all their rows.
        place: field -> row in ``codes``.
        further: further fields, which make a row readable too.
    """
    filling = [place[name] for name in DESCRIBING if name in place]
    filling += [column for name, column in place.items() if name not in _PASSED_OVER]
    nameless, blank = kernels.unreadable(ids, codes, filling)
    if blank and further:
        given = [column.codes >= 0 for column in further.values()]
        blank = [row for row in blank if not any(there[row] for there in given)]
    return nameless, blank
