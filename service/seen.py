"""Which shipments of a file came before: in fixed memory, however long the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: 2**29 bits are 64 MiB, of which only what is used becomes real memory. With 8 marks per shipment, ten million
#: shipments are wrongly called seen with a chance of about 1e-7 each (Bloom 1970: (1 - exp(-kn/m))**k).
_BITS: Final = 1 << 29
_MARKS: Final = 8
_KEYS: Final = ("tidewaiter-seen1", "tidewaiter-seen2")


class SeenShipments:
    """A Bloom filter of shipment references."""

    def __init__(self, bits: int = _BITS) -> None:
        self._bits = np.uint64(bits)
        self._marks = np.zeros(bits // 8, dtype=np.uint8)

    def add(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        """Remember shipments in order; (n,) whether each was there before, also earlier in this call."""
        if not ids:
            return np.empty(0, dtype=bool)
        names: Any = np.array(ids, dtype=object)
        first, second = (pd.util.hash_array(names, hash_key=key, categorize=False) for key in _KEYS)
        steps = np.arange(_MARKS, dtype=np.uint64)
        # Kirsch and Mitzenmacher 2006: two hashes stand for any number of them.
        marks = (first[:, None] + steps * (second | np.uint64(1))[:, None]) % self._bits
        byte, bit = (marks >> np.uint64(3)).astype(np.int64), np.uint8(1) << (marks & np.uint64(7)).astype(np.uint8)
        seen: NDArray[np.bool_] = ((self._marks[byte] & bit) != 0).all(axis=1)
        seen |= pd.Series(names).duplicated().to_numpy()
        np.bitwise_or.at(self._marks, byte, bit)
        return seen
