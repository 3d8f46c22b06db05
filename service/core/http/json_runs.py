"""Compiled scan that finds where a large JSON body can be split. It releases the interpreter lock."""

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

    The scan recognises only strings, commas and brackets. In a body that is not JSON, the runs before the first error are those of
    valid JSON. Each element of such a list is in exactly one run. An empty list has no run.

    Args:
        data: bytes of the body.
        least_values, least_bytes: a run ends at the next comma once it has this many values or bytes, at the latest with its list.
        runs: (m, 4) output: start, end, number of values, and number of objects and lists of each run. The row after the last run
            has 0, 0 and the two numbers outside of lists. Commas and opening brackets are counted as values.

    Returns:
        Number of runs, or -1 if there are m or more.
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
