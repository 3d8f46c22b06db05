"""Rows of the substance group."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int32]


def choose(codes: Codes, numbers: Codes, ranks: Codes, chosen: Codes, best: Codes) -> None:
    """Let the texts of one more column count where they matter more than what was chosen before.

    Args:
        codes: (n,) into the texts of the column.
        numbers: (texts,) what each names.
        ranks: (texts,) how much that matters, 0 where it names nothing.
        chosen: (n,) changed in place: the number of each row.
        best: (n,) changed in place: the rank of that.
    """
    n = codes.shape[0]
    with cython.nogil:
        for row in range(n):
            code = codes[row]
            if code >= 0 and ranks[code] > best[row]:
                best[row] = ranks[code]
                chosen[row] = numbers[code]


def write(
    chosen: Codes,
    of_named: FloatArray,
    unnamed: FloatArray,
    chemical: Codes,
    cas: Codes,
    permit: Codes,
    out: FloatArray,
) -> None:
    """Write all columns.

    Args:
        chosen: (n,) into ``of_named``; below 0 where a row names nothing.
        of_named: (k, w) the first columns of a row that names something.
        unnamed: (F - 1,) the row of one that names nothing; its other columns hold for all rows.
        chemical: (n,) codes of the declared chemical, whose presence stands in the column after the first w.
        cas: (n,) codes of the CAS number, for the column after that.
        permit: (n,) codes of the permit, for the last column.
        out: (n, F).
    """
    n = chosen.shape[0]
    width = of_named.shape[1]
    last = unnamed.shape[0]
    with cython.nogil:
        for row in range(n):
            number = chosen[row]
            for k in range(width):
                out[row, k] = of_named[number, k] if number >= 0 else unnamed[k]
            out[row, width] = 1.0 if chemical[row] >= 0 else 0.0
            out[row, width + 1] = 1.0 if cas[row] >= 0 else 0.0
            for k in range(width + 2, last):
                out[row, k] = unnamed[k]
            out[row, last] = 1.0 if permit[row] >= 0 else 0.0
