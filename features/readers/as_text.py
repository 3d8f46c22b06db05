"""Conversion of Arrow values of any type to human-readable text."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: Chunked array of strings. The type is not more specific, because Arrow's generic array types do not exist at run time.
Texts: TypeAlias = Any


def text_column(column: Any) -> Texts:
    """Return a string column with one text per value; missing values are null.

    Integers have no ``.0``. Other numbers have the shortest exact representation. Booleans are ``true`` and ``false``. Times are
    in ISO 8601, with ``Z`` if the column has a zone. Lists are joined by ``;``. Other nested values are JSON. NaN becomes null,
    because pandas writes it for missing values.
    """
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if column.num_chunks == 0:
        return pa.chunked_array([], pa.string())
    return pa.chunked_array([text_array(chunk) for chunk in column.chunks], pa.string())


def characters(array: Any) -> bytes:
    """Return the concatenated bytes of a string array."""
    if not len(array):
        return b""
    _, offsets, data = array.buffers()
    if data is None:
        return b""
    bounds = np.frombuffer(offsets, dtype=np.int32)
    return bytes(memoryview(data)[bounds[array.offset] : bounds[array.offset + len(array)]])


def text_array(array: Any) -> Any:
    """Return the texts of an array, as `text_column` does.

    If Arrow cannot format a value, such as a time in the year 200,000, its text is the stored integer.
    """
    try:
        return _text_array(array)
    except (pa.ArrowException, ValueError, OverflowError, KeyError):
        return pa.array(list(map(_value_text, array)), pa.string())


def _value_text(value: Any) -> str | None:
    try:
        plain = value.as_py()
    except (pa.ArrowException, ValueError, OverflowError, KeyError):
        return str(getattr(value, "value", None))
    return None if plain is None else _json(plain) if isinstance(plain, dict | list) else str(plain)


def _text_array(array: Any) -> Any:
    kind = array.type
    if pa.types.is_dictionary(kind):
        values = text_array(array.dictionary)
        return values.take(array.indices)
    if pa.types.is_floating(kind):
        # Widen float16 only: as float64, the float32 0.1 would become 0.10000000149011612.
        numbers = array.cast(pa.float64()) if pa.types.is_float16(kind) else array
        return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.string()), numbers.cast(pa.string()))
    if pa.types.is_timestamp(kind):
        return _time_text(array)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _list_text(array)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([None if value is None else _decoded(value) for value in array.to_pylist()], pa.string())
    if pa.types.is_struct(kind) or pa.types.is_map(kind) or pa.types.is_union(kind):
        return pa.array([None if value is None else _json(value) for value in array.to_pylist()], pa.string())
    if pa.types.is_null(kind):
        return pa.nulls(len(array), pa.string())
    return array.cast(pa.string())


def _time_text(array: Any) -> Any:
    # Arrow stores timestamps in UTC, so a timestamp without its zone is a time in UTC.
    utc = array.cast(pa.timestamp(array.type.unit))
    text = pc.strftime(utc, "%Y-%m-%dT%H:%M:%S")
    text = pc.replace_substring_regex(text, r"\.?0+$|(\.\d*?[1-9])0+$", r"\1") if array.type.unit != "s" else text
    return pc.binary_join_element_wise(text, "Z", "") if array.type.tz else text


def _list_text(array: Any) -> Any:
    if pa.types.is_nested(array.type.value_type):
        return pa.array([None if value is None else _json(value) for value in array.to_pylist()], pa.string())
    texts = iter(text_array(array.flatten()).to_pylist())
    lists: list[str | None] = []
    for length in pc.list_value_length(array).to_pylist():
        parts = [next(texts) for _ in range(length or 0)]
        lists.append(None if length is None else ";".join(part for part in parts if part))
    return pa.array(lists, pa.string())


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
