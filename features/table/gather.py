"""Columns of numbers gathered from what is known of each distinct text."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def gather(table: FloatArray, codes: NDArray[np.int32], matrix: FloatArray, column: int, missing: float) -> None:
    """Write rows of ``table`` (values, width) into ``matrix`` (n, F) from ``column`` on; a code below 0 writes ``missing``."""
    n = codes.shape[0]
    width = table.shape[1]
    with cython.nogil:
        for row in range(n):
            code = codes[row]
            for k in range(width):
                matrix[row, column + k] = table[code, k] if code >= 0 else missing


def compact(codes: NDArray[np.int32], out: NDArray[np.int32]) -> list[int]:
    """Number the codes that occur, in their order, into ``out`` (n,), a code below 0 as -1; the codes that occur."""
    places: dict[int, int] = {}
    n = codes.shape[0]
    last = -1
    for row in range(n):
        code = codes[row]
        if code >= 0 and code != last:
            last = code
            places[code] = 0
    used = sorted(places)
    for place, found in enumerate(used):
        places[found] = place
    for row in range(n):
        code = codes[row]
        out[row] = places[code] if code >= 0 else -1
    return used
