"""Conversion of Arrow tables to CSV and JSON lines, and of misaligned lines to cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from json.encoder import encode_basestring
from math import isfinite
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic_core import to_json

from features.readers import OwnValues
from features.readers.as_text import characters, text_array
from service.files.lines import measure, place, quote

#: Offsets (m + 1,) and bytes of m texts.
Texts = tuple[NDArray[np.int32], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn:
    """Column of n rows, as m distinct texts and a code per row.

    Attributes:
        offsets: (m + 1,) start of each text in ``data``, and end of the last text.
        data: concatenated bytes of the m texts.
        codes: (n,) index of the row's text.
        valid: one bit per row, 0 if the row is null.
        first: index of the first row's bit.
    """

    offsets: NDArray[np.int32]
    data: NDArray[np.uint8]
    codes: NDArray[np.int32]
    valid: NDArray[np.uint8]
    first: int


def text_column(column: Any, encode: Callable[[Any], Texts]) -> TextColumn:
    """Convert an Arrow column to a text column.

    Args:
        column: a chunked array, dictionary-encoded or not.
        encode: returns the offsets and bytes of a string array, for example with quotation marks added.
    """
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        indices = array.indices.cast(pa.int32())
        values = text_array(array.dictionary)
        if values.null_count:
            values = values.fill_null("")
        codes = np.frombuffer(indices.buffers()[1], dtype=np.int32)[indices.offset : indices.offset + len(indices)]
    else:
        indices = values = text_array(array)
        codes = np.arange(len(array), dtype=np.int32)
    bits = indices.buffers()[0]
    offsets, data = encode(values)
    if bits is None:
        return TextColumn(offsets, data, codes, np.full(len(array) // 8 + 1, 0xFF, dtype=np.uint8), 0)
    return TextColumn(offsets, data, codes, np.frombuffer(bits, dtype=np.uint8), indices.offset)


def unchanged(values: Any) -> Texts:
    """Return the offsets and bytes of a string array."""
    if not len(values):
        return np.zeros(1, dtype=np.int32), np.empty(0, dtype=np.uint8)
    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[values.offset : values.offset + len(values) + 1]
    return bounds, np.frombuffer(data or b"", dtype=np.uint8)


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


#: Characters that JSON escapes in a string.
_ESCAPED: Final = re.compile(rb'[\x00-\x1f"\\]')


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """One member of the JSON objects.

    Attributes:
        texts: values as JSON; strings without their quotation marks.
        before: bytes before each value.
        behind: bytes after each value.
        missing: bytes that replace the member in rows without a value.
    """

    texts: TextColumn
    before: NDArray[np.uint8]
    behind: NDArray[np.uint8]
    missing: NDArray[np.uint8]


def json_lines(table: pa.Table, own: OwnValues | None = None) -> NDArray[np.uint8]:
    """Return the rows of a table as UTF-8 JSON objects, one per line, with the columns in the table's order.

    Numbers and booleans become JSON numbers and booleans. Other values become strings, as `features.readers.as_text` defines.
    Missing values and empty strings become null.

    Args:
        own: column -> JSON values of the input, which are written unchanged, including empty strings.
    """
    n_rows = table.num_rows
    if not n_rows:
        return np.empty(0, dtype=np.uint8)
    members = [_member(name, column, own) for name, column in zip(table.column_names, table.columns, strict=True)]
    widths = np.full(n_rows, len("{") + len("\n"), dtype=np.int64)
    for member in members:
        measure(member.texts, len(member.before) + len(member.behind), len(member.missing), widths)
    positions = np.cumsum(widths) - widths
    lines = np.empty(widths.sum(), dtype=np.uint8)
    lines[positions] = ord("{")
    positions += 1
    for member in members:
        place(member.texts, member.before, member.behind, member.missing, positions, lines)
    # Every member ends with a comma. The closing brace overwrites the last comma.
    lines[positions - 1] = ord("}")
    lines[positions] = ord("\n")
    return lines


def _member(name: str, column: Any, own: OwnValues | None) -> _Member:
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    values = own.get(name) if own is not None else None
    mark = ""
    if values is not None:
        array = pa.array([to_json(value).decode() for value in values], pa.string())
    elif _is_plain(array.type):
        array = _plain_json(array)
    else:
        mark = '"'
        if own is None or name not in own:
            array = _empty_to_null(array)
    texts = text_column(pa.chunked_array([array]), _escaped_where_needed if mark else unchanged)
    start = f"{encode_basestring(name)}:"
    return _Member(texts, _bytes(start + mark), _bytes(f"{mark},"), _bytes(f"{start}null,"))


def _is_plain(kind: Any) -> bool:
    """Return whether an Arrow type maps to JSON numbers or booleans."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _plain_json(array: Any) -> Any:
    """Return numbers and booleans as JSON texts; NaN and infinities become null."""
    if pa.types.is_dictionary(array.type):
        return pa.DictionaryArray.from_arrays(array.indices, _plain_json(array.dictionary))
    finite = [None if isinstance(value, float) and not isfinite(value) else value for value in array.to_pylist()]
    # Numbers and booleans contain no comma, so splitting at commas is safe.
    return pa.array(to_json(finite)[1:-1].decode().split(",") if finite else [], pa.string())


def _empty_to_null(array: Any) -> Any:
    """Return a column with empty strings replaced by null."""
    if pa.types.is_dictionary(array.type):
        if array.dictionary.null_count == 0 and "" not in array.dictionary.to_pylist():
            return array
        # `text_column` writes a null in the dictionary as an empty string, so decode the column first.
        array = text_array(array)
    text, empty, missing = text_array(array), pa.scalar(""), pa.scalar(None, pa.string())
    return pc.if_else(pc.equal(text, empty), missing, text)


def _escaped_where_needed(values: Any) -> Texts:
    """Return the offsets and bytes of a string array as JSON strings without their quotation marks."""
    if _ESCAPED.search(characters(values)):
        values = pa.array([text and encode_basestring(text)[1:-1] for text in values.to_pylist()], pa.string())
    return unchanged(values)


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)
