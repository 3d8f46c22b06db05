"""Compiled scan of a large JSON body that finds where it can be cut. It runs without Python's lock."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

ByteArray = NDArray[np.uint8]
LongArray = NDArray[np.int64]

_QUOTE = cython.declare(cython.uchar, ord('"'))
_BACKSLASH = cython.declare(cython.uchar, ord("\\"))
_COMMA = cython.declare(cython.uchar, ord(","))
_BRACE = cython.declare(cython.uchar, ord("{"))
_BRACKET = cython.declare(cython.uchar, ord("["))
_END_OF_BRACE = cython.declare(cython.uchar, ord("}"))
_END_OF_BRACKET = cython.declare(cython.uchar, ord("]"))
_SPACE = cython.declare(cython.uchar, ord(" "))


def find_runs(data: ByteArray, least_values: int, least_bytes: int, runs: LongArray) -> int:
    """Find runs of elements of the lists that are members of the outermost object: ``{"shipments": [...]}``.

    The scan knows only strings, commas and brackets. Up to the first error of a body that is not JSON, it finds what it would find
    in JSON. Every element of such a list is in one run. A list without elements has none.

    Args:
        data: bytes of the body.
        least_values, least_bytes: a run ends at the next comma once it has so many values or bytes, or else with its list.
        runs: (m, 4) output: start, end, number of values, and number of objects and lists of each run; behind the last run, 0, 0
            and the numbers outside of lists. Values are counted by the commas and brackets before them.

    Returns:
        The number of runs, or -1 if there are m or more.
    """
    n = data.shape[0]
    most = runs.shape[0]
    count = depth = values = nests = apart = nests_apart = begin = i = 0
    root = False
    inside = False
    with cython.nogil:
        while i < n and count < most:
            byte = data[i]
            if byte == _QUOTE:
                i = i + 1
                while i < n and data[i] != _QUOTE:
                    i = i + 1 + (data[i] == _BACKSLASH)
            elif byte == _COMMA:
                values = values + 1
                if inside and depth == 2 and (values >= least_values or i - begin >= least_bytes):
                    runs[count, 0], runs[count, 1] = begin, i
                    runs[count, 2], runs[count, 3] = values, nests
                    count = count + 1
                    begin = i + 1
                    values = nests = 0
            elif byte in (_BRACE, _BRACKET):
                depth = depth + 1
                values = values + 1
                nests = nests + 1
                if depth == 1:
                    root = byte == _BRACE
                elif depth == 2 and root and byte == _BRACKET:
                    inside = True
                    apart = apart + values
                    nests_apart = nests_apart + nests
                    values = nests = 0
                    begin = i + 1
            elif byte in (_END_OF_BRACE, _END_OF_BRACKET):
                if inside and depth == 2:
                    inside = False
                    k = i
                    while k > begin and data[k - 1] <= _SPACE:
                        k = k - 1
                    if k > begin or data[begin - 1] == _COMMA:
                        runs[count, 0], runs[count, 1] = begin, i
                        runs[count, 2], runs[count, 3] = values, nests
                        count = count + 1
                    values = nests = 0
                depth = depth - 1
            i = i + 1
        if inside and count < most:
            runs[count, 0], runs[count, 1] = begin, n
            runs[count, 2], runs[count, 3] = values, nests
            count = count + 1
            values = nests = 0
        if count < most:
            runs[count, 0], runs[count, 1] = 0, 0
            runs[count, 2], runs[count, 3] = apart + values, nests_apart + nests
    return count if count < most else -1
