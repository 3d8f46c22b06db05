"""Conversion of Arrow tables to CSV lines, and of misaligned lines to cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.readers.as_text import characters
from service.files.lines import measure, place, quote
from service.files.text_columns import Texts, text_column, unchanged


def header_line(names: Sequence[str], delimiter: str = ",") -> bytes:
    """Return column names (or other cells) as a line of CSV in UTF-8."""
    return (delimiter.join(_quoted(name, delimiter) for name in names) + "\n").encode("utf-8")


def _quoted(text: str, delimiter: str) -> str:
    if any(mark in text for mark in (delimiter, '"', "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text


def cells_of(row: str, delimiter: str, width: int) -> list[str]:
    """Return the first ``width`` cells of a row that does not match the header; missing cells are empty.

    A row that is not valid CSV is one cell.
    """
    try:
        cells = next(csv.reader(io.StringIO(row, newline=""), delimiter=delimiter), [])
    except csv.Error:
        cells = [row]
    return [*cells[:width], *[""] * (width - len(cells))]


def delimited(table: pa.Table, delimiter: str = ",") -> bytes:
    """Return the rows of a table as CSV in UTF-8 without a header.

    Values are written as `features.readers.as_text` defines; nulls are empty cells. Cells are quoted only if necessary, whereas
    Arrow's writer quotes all texts.
    """
    return csv_lines(table, delimiter).tobytes()


def csv_lines(table: pa.Table, delimiter: str) -> NDArray[np.uint8]:
    """Return the bytes of `delimited` as an array, without a copy."""
    n_rows = table.num_rows
    if not n_rows:
        return np.empty(0, dtype=np.uint8)
    columns = [text_column(column, partial(_quoted_where_needed, delimiter=delimiter)) for column in table.columns]
    widths = np.zeros(n_rows, dtype=np.int64)
    for texts in columns:
        measure(texts, 1, 1, widths)
    positions = np.cumsum(widths) - widths
    lines = np.empty(widths.sum(), dtype=np.uint8)
    nothing = np.empty(0, dtype=np.uint8)
    for index, texts in enumerate(columns):
        separator = np.array([ord(delimiter if index < len(columns) - 1 else "\n")], dtype=np.uint8)
        place(texts, nothing, separator, separator, positions, lines)
    return lines


def _quoted_where_needed(values: Any, delimiter: str) -> Texts:
    """Return the offsets and bytes of a string array as cells of CSV."""
    offsets, data = unchanged(values)
    text = characters(values)
    marks = [ord(mark) for mark in (delimiter, '"', "\n", "\r") if mark.encode() in text]
    if not marks:
        return offsets, data
    is_mark = np.zeros(256, dtype=np.uint8)
    is_mark[marks] = 1
    new_offsets = np.empty_like(offsets)
    new_data = np.empty(2 * len(text) + 2 * len(values), dtype=np.uint8)
    quote(offsets, data, is_mark, new_offsets, new_data)
    return new_offsets, new_data
