"""Text columns for `service.files.lines`: offsets, bytes and codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.readers.as_text import text_array

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
