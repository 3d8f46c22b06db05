"""Unreadable rows: rows without a shipment reference, or without a value in any other field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import LABEL_NAMES
from features.manifest.records import DESCRIBING, REFERENCES
from features.table import assembly as kernels
from features.table.coded import Coded

#: Fields that do not make a row readable, and `DESCRIBING`, which is checked before the other fields because most rows have it.
_SKIPPED: Final = frozenset({*REFERENCES, *LABEL_NAMES, *DESCRIBING})


def unreadable_rows(
    ids: NDArray[np.int32], codes: NDArray[np.int32], place: Mapping[str, int], further: Mapping[str, Coded]
) -> tuple[list[int], list[int]]:
    """Return the rows without a shipment reference, and the rows without a value of any other field.

    Args:
        ids: (n,) code of each row's reference, -1 where missing.
        codes: (columns, n) codes of the declared texts, before shipment-level values are copied to all rows of a shipment.
        place: field -> row in ``codes``.
        further: further fields, which make a row readable too.
    """
    describing = [place[name] for name in DESCRIBING if name in place]
    without_id, blank = kernels.unreadable(ids, codes, describing)
    if blank:
        others = [column for name, column in place.items() if name not in _SKIPPED]
        _, blank = kernels.unreadable(ids, codes, describing + others)
    if blank and further:
        present = [column.codes >= 0 for column in further.values()]
        blank = [row for row in blank if not any(mask[row] for mask in present)]
    return without_id, blank
