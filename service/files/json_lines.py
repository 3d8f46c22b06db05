"""Rows of Arrow tables as JSON lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
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
from service.files.lines import measure, place
from service.files.text_columns import TextColumn, Texts, text_column, unchanged

#: Characters that JSON escapes within a text.
_ESCAPED: Final = re.compile(rb'[\x00-\x1f"\\]')


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """One member of every object.

    Attributes:
        texts: the values in JSON; texts without their quotation marks.
        before, behind: bytes written before and behind each value.
        missing: bytes written instead of the value where the row is null.
    """

    texts: TextColumn
    before: NDArray[np.uint8]
    behind: NDArray[np.uint8]
    missing: NDArray[np.uint8]


def json_lines(table: pa.Table, own: OwnValues | None = None) -> NDArray[np.uint8]:
    """Return the rows of a table as JSON objects in UTF-8, one per line, with all columns in their order.

    Numbers and truth values are JSON numbers and truth values. Other values are written as `features.readers.as_text` writes
    them. A missing value and an empty text are null.

    Args:
        own: column -> JSON values of the input, which are written unchanged, also an empty text.
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
    # Every member ends with a comma; the closing brace overwrites the last one.
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
    """Return whether JSON has values of an Arrow type: numbers and truth values."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _plain_json(array: Any) -> Any:
    """Return numbers and truth values as JSON texts; NaN and infinities are null."""
    if pa.types.is_dictionary(array.type):
        return pa.DictionaryArray.from_arrays(array.indices, _plain_json(array.dictionary))
    finite = [None if isinstance(value, float) and not isfinite(value) else value for value in array.to_pylist()]
    # No number or truth value contains a comma, so splitting at commas is safe.
    return pa.array(to_json(finite)[1:-1].decode().split(",") if finite else [], pa.string())


def _empty_to_null(array: Any) -> Any:
    """Return a column in which empty texts are null."""
    if pa.types.is_dictionary(array.type):
        if array.dictionary.null_count == 0 and "" not in array.dictionary.to_pylist():
            return array
        # `text_column` writes a null value of a dictionary as an empty text, so decode the column first.
        array = text_array(array)
    text, empty, missing = text_array(array), pa.scalar(""), pa.scalar(None, pa.string())
    return pc.if_else(pc.equal(text, empty), missing, text)


def _escaped_where_needed(values: Any) -> Texts:
    """Return the offsets and bytes of a string array as JSON, without the quotation marks around each text."""
    if _ESCAPED.search(characters(values)):
        values = pa.array([text and encode_basestring(text)[1:-1] for text in values.to_pylist()], pa.string())
    return unchanged(values)


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)
