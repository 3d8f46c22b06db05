"""Protection against formulas in files for spreadsheets.

A spreadsheet evaluates a cell that begins with ``=``, ``+``, ``-`` or ``@``. So the author of a manifest could run a formula on the
machine of an officer. An apostrophe before the character makes the cell a text. Spreadsheets with another list separator also split
lines at ``;`` and at line ends within quoted cells, so texts after these are protected too. Plain numbers are not changed.

Source: OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import re
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features.readers.as_text import text_array

#: Characters that begin a formula, also in full width, at the beginning of a cell or after a separator.
_FORMULA: Final = r"(^|[;\t\r\n])([=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}])"
_BLANK_BEGINNING: Final = r"^([\t\r\n])"
_NUMBER: Final = r"^[+-]?[0-9]+([.,][0-9]+)*([eE][+-]?[0-9]+)?$"
_PY_FORMULA: Final = re.compile(_FORMULA.replace(r"\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}", "\uff1d\uff0b\uff0d\uff20"))
_PY_NUMBER: Final = re.compile(_NUMBER.replace("$", r"\Z"))


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet evaluates as a formula."""
    if _PY_NUMBER.match(text):
        return text
    return re.sub(_BLANK_BEGINNING, r"'\1", _PY_FORMULA.sub(r"\1'\2", text))


def safe_table(table: pa.Table) -> pa.Table:
    """Return a table whose texts and column names no spreadsheet evaluates. Columns of numbers and times are not changed."""
    columns = [_safe_column(column) for column in table.columns]
    return pa.table(columns, names=[safe_cell(name) for name in table.column_names])


def _safe_column(column: Any) -> Any:
    kind = column.type
    if pa.types.is_dictionary(kind):
        if not _is_text(kind.value_type):
            return column
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            return pa.chunked_array([_safe_dictionary(chunk) for chunk in array.chunks])
        return _safe_dictionary(array)
    if not _is_text(kind):
        return column
    return pa.chunked_array([_safe_texts(text_array(chunk)) for chunk in column.chunks], pa.string())


def _safe_dictionary(array: Any) -> Any:
    return pa.DictionaryArray.from_arrays(array.indices, _safe_texts(text_array(array.dictionary)))


def _is_text(kind: Any) -> bool:
    return not (pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind))


def _safe_texts(texts: Any) -> Any:
    safe: Any = pc.replace_substring_regex(texts, _FORMULA, r"\1'\2")
    safe = pc.replace_substring_regex(safe, _BLANK_BEGINNING, r"'\1")
    return pc.if_else(pc.match_substring_regex(texts, _NUMBER), texts, safe)
