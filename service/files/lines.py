"""Compiled loops that assemble lines of CSV or JSON from columns of UTF-8 text."""

from __future__ import annotations

from typing import Any

import cython
import numpy as np
from numpy.typing import NDArray

ByteArray = NDArray[np.uint8]
IntArray = NDArray[np.int32]
LongArray = NDArray[np.int64]

_QUOTATION_MARK = cython.declare(cython.uchar, ord('"'))


def quote(offsets: IntArray, data: ByteArray, marks: ByteArray, new_offsets: IntArray, new_data: ByteArray) -> None:
    """Copy m texts. Quote texts with special characters, and double the quotation marks within them.

    Args:
        offsets: (m + 1,) start of each text in ``data``, and end of the last text.
        data: bytes of the texts.
        marks: (256,) 1 for bytes that require quotation, otherwise 0.
        new_offsets: (m + 1,) output: start of each copy in ``new_data``, and end of the last copy.
        new_data: output: bytes of the copies. Its length is at least twice that of all texts, plus two bytes per text.
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
                new_data[at] = _QUOTATION_MARK
                at = at + 1
                for k in range(start, end):
                    byte = data[k]
                    if byte == _QUOTATION_MARK:
                        new_data[at] = _QUOTATION_MARK
                        at = at + 1
                    new_data[at] = byte
                    at = at + 1
                new_data[at] = _QUOTATION_MARK
                at = at + 1
            else:
                for k in range(start, end):
                    new_data[at] = data[k]
                    at = at + 1
            new_offsets[i + 1] = at


def measure(texts: Any, around: int, missing: int, widths: LongArray) -> None:
    """Add the number of bytes that `place` writes for each row to ``widths`` (n,).

    Args:
        texts: the column of n rows, a `service.files.delimited.TextColumn`.
        around: number of bytes written before and after each text together.
        missing: number of bytes written for a null.
    """
    offsets = texts.offsets
    codes = texts.codes
    valid = texts.valid
    first = texts.first
    n = codes.shape[0]
    with cython.nogil:
        for i in range(n):
            if valid[(first + i) >> 3] >> ((first + i) & 7) & 1:
                widths[i] += offsets[codes[i] + 1] - offsets[codes[i]] + around
            else:
                widths[i] += missing


def place(
    texts: Any,
    before: ByteArray,
    behind: ByteArray,
    missing: ByteArray,
    positions: LongArray,
    lines: ByteArray,
) -> None:
    """Write each row's text into ``lines`` at the row's position, and advance the position.

    Args:
        texts: the column of n rows, a `service.files.delimited.TextColumn`.
        before: bytes written before each text.
        behind: bytes written after each text.
        missing: bytes written for a null.
        positions: (n,) position of each row in ``lines``; updated.
        lines: output: bytes of all lines, of the total length that `measure` returns.
    """
    offsets = texts.offsets
    data = texts.data
    codes = texts.codes
    valid = texts.valid
    first = texts.first
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
