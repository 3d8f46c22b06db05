"""Compiled loop that writes how well the goods of each row fit the lines of business of a party."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.kinds.parties import LINES_FROM

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int32]


def fill_fits(marks: Codes, codes: Codes, chapters: Codes, table: FloatArray, matrix: FloatArray, column: int) -> None:
    """Write the best fit over the lines that each row's name tells into a column of ``matrix`` (n, F); 0 where it tells none.

    Args:
        marks: (names,) `features.kinds.parties.name_marks` of each distinct name.
        codes: (n,) index of each row's name; -1 where missing.
        chapters: (n,) HS chapter of each row.
        table: (lines, chapters) fit of each line.
    """
    first = LINES_FROM
    for row in range(matrix.shape[0]):
        lines = marks[codes[row]] >> first if codes[row] >= 0 else 0
        best = 0.0
        known = False
        line = 0
        while lines:
            if lines & 1 and (not known or table[line, chapters[row]] > best):
                best = table[line, chapters[row]]
                known = True
            lines >>= 1
            line += 1
        matrix[row, column] = best
