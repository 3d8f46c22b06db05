"""Columns of UTF-8 text -> lines of CSV or of JSON.

A column is ``offsets`` (m + 1,) and ``data``, Arrow's m texts one after the other, and for each row a code among them and a
bit, ``valid``, counted from bit ``first`` on: a row without it has no text.
"""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int32]
LongArray = NDArray[np.int64]
ByteArray = NDArray[np.uint8]


def quote(offsets: IntArray, data: ByteArray, marks: ByteArray, new_offsets: IntArray, new_data: ByteArray) -> None:
    """Put the texts that hold one of the ``marks`` (256,) between quotation marks, those inside doubled.

    Args:
        new_offsets: (m + 1,) and ``new_data``, at least twice as long as the texts and two bytes more for each, get the texts.
    """
    at = 0
    new_offsets[0] = 0
    n = offsets.shape[0] - 1
    with cython.nogil:
        for i in range(n):
            start = offsets[i]
            end = offsets[i + 1]
            marked = 0
            for k in range(start, end):
                marked = marked | marks[data[k]]
            if marked:
                new_data[at] = 34
                at = at + 1
                for k in range(start, end):
                    byte = data[k]
                    if byte == 34:
                        new_data[at] = 34
                        at = at + 1
                    new_data[at] = byte
                    at = at + 1
                new_data[at] = 34
                at = at + 1
            else:
                for k in range(start, end):
                    new_data[at] = data[k]
                    at = at + 1
            new_offsets[i + 1] = at


def measure(offsets: IntArray, codes: IntArray, valid: ByteArray, first: int, widths: LongArray) -> None:
    """Add the bytes of each row's text and of a separator to ``widths`` (n,)."""
    n = codes.shape[0]
    with cython.nogil:
        for i in range(n):
            if valid[(first + i) >> 3] >> ((first + i) & 7) & 1:
                widths[i] += offsets[codes[i] + 1] - offsets[codes[i]] + 1
            else:
                widths[i] += 1


def place(
    offsets: IntArray,
    data: ByteArray,
    codes: IntArray,
    valid: ByteArray,
    first: int,
    separator: int,
    positions: LongArray,
    lines: ByteArray,
) -> None:
    """Write the texts, a separator behind each, at their ``positions`` (n,), which move on behind it."""
    n = codes.shape[0]
    with cython.nogil:
        for i in range(n):
            at = positions[i]
            if valid[(first + i) >> 3] >> ((first + i) & 7) & 1:
                for k in range(offsets[codes[i]], offsets[codes[i] + 1]):
                    lines[at] = data[k]
                    at = at + 1
            lines[at] = separator
            positions[i] = at + 1


def measure_members(
    offsets: IntArray, codes: IntArray, valid: ByteArray, first: int, around: int, missing: int, widths: LongArray
) -> None:
    """Add the bytes of each row's text and ``around`` more to ``widths`` (n,); where there is no text, ``missing``."""
    n = codes.shape[0]
    with cython.nogil:
        for i in range(n):
            if valid[(first + i) >> 3] >> ((first + i) & 7) & 1:
                widths[i] += offsets[codes[i] + 1] - offsets[codes[i]] + around
            else:
                widths[i] += missing


def place_members(
    offsets: IntArray,
    data: ByteArray,
    codes: IntArray,
    valid: ByteArray,
    first: int,
    before: ByteArray,
    behind: ByteArray,
    missing: ByteArray,
    positions: LongArray,
    lines: ByteArray,
) -> None:
    """Write the texts, each between ``before`` and ``behind``, or ``missing`` where there is none, at their ``positions`` (n,),
    which move on behind them.
    """
    n = codes.shape[0]
    with cython.nogil:
        for i in range(n):
            at = positions[i]
            if valid[(first + i) >> 3] >> ((first + i) & 7) & 1:
                for k in range(before.shape[0]):
                    lines[at] = before[k]
                    at = at + 1
                for k in range(offsets[codes[i]], offsets[codes[i] + 1]):
                    lines[at] = data[k]
                    at = at + 1
                for k in range(behind.shape[0]):
                    lines[at] = behind[k]
                    at = at + 1
            else:
                for k in range(missing.shape[0]):
                    lines[at] = missing[k]
                    at = at + 1
            positions[i] = at
