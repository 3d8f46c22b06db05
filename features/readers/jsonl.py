"""Reader of JSON lines: one object per line, either a nested shipment as in the API or a flat row.

A shipment with several items becomes one row per item, with the shipment-level values on each row. The file is read twice,
because the columns must be known before the first row, and any line may contain a new key.
"""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.manifest.fields import FIELD, ITEM_NAMES
from features.readers.chunk import Piece, Reject
from features.readers.errors import MAX_COLUMNS, Unreadable, check_width
from features.readers.source import ByteSource, LineBlocks

#: Content of a column: no values, texts only, or other values.
_NOTHING, _TEXTS, _OTHERS = 0, 1, 2
_MAX_SHOWN: Final = 10_000
_PARTIES: Final = ("consignor", "consignee")


class BadLine(ValueError):
    """Error for a line without a readable shipment."""


#: Decoder that keeps the original text of numbers. It returns numbers as bytes, a type that no other JSON value has.
_DECODER: Final = json.JSONDecoder(parse_float=str.encode, parse_int=str.encode, parse_constant=str.encode)


class JsonlPieces:
    """Rows of a JSONL file."""

    format = "jsonl"
    delimiter = None

    def __init__(self, path: str | os.PathLike[str], *, encoding: str | None = None) -> None:
        """Collect the keys of the whole file.

        Raises:
            Unreadable: the file is missing or damaged, no line is a JSON object, or there are too many keys.
        """
        keys: dict[str, None] = {}
        source = ByteSource(path)
        first_problem: str | None = None
        readable = 0
        try:
            source.refuse_other_kinds()
            for _, line in _lines(LineBlocks(source, encoding)):
                try:
                    for row in flat_rows(line):
                        if not row.keys() <= keys.keys():
                            keys.update(dict.fromkeys(row))
                            check_width(source.name, len(keys))
                    readable += 1
                except BadLine as error:
                    first_problem = first_problem or str(error)
        finally:
            source.close()
        if not readable:
            raise Unreadable(
                str(path),
                f"No line is a JSON object ({first_problem or 'the file contains only blank lines'}).",
                "Write one shipment or one goods item per line.",
            )
        # Put manifest fields first, in the order of the manifest, because nested objects define no column order.
        self.names = tuple(name for name in FIELD if name in keys) + tuple(name for name in keys if name not in FIELD)
        self._source = ByteSource(path)
        self._text = LineBlocks(self._source, encoding)

    @property
    def encoding(self) -> str:
        return self._text.encoding

    @property
    def bytes_read(self) -> int:
        return self._source.bytes_read

    def close(self) -> None:
        self._source.close()

    def __iter__(self) -> Iterator[Piece]:
        rows: list[dict[str, Any]] = []
        lines: list[int] = []
        rejected: list[Reject] = []
        size = 0
        for number, line in _lines(self._text):
            try:
                of_line = flat_rows(line)
            except BadLine as error:
                rejected.append(Reject(number, str(error), line.decode("utf-8", "replace")[:_MAX_SHOWN], len(rows)))
                continue
            rows += of_line
            lines += [number] * len(of_line)
            size += len(line)
            if size >= 4 << 20:
                yield self._piece(rows, lines, rejected)
                rows, lines, rejected, size = [], [], [], 0
        if rows or rejected:
            yield self._piece(rows, lines, rejected)

    def _piece(self, rows: list[dict[str, Any]], lines: list[int], rejected: list[Reject]) -> Piece:
        columns, kinds = _columns_of(rows, self.names)
        table = pa.table(list(map(_texts, columns, kinds)), names=list(self.names))
        own = {
            name: list(map(_plain, column)) if kind == _OTHERS else None
            for name, column, kind in zip(self.names, columns, kinds, strict=True)
        }
        return Piece(table, np.array(lines, dtype=np.int64), table.nbytes, tuple(rejected), (), own)


def _lines(blocks: LineBlocks) -> Iterator[tuple[int, bytes]]:
    """Yield non-blank lines with their 1-based numbers."""
    number = 0
    for block in blocks:
        for line in block.splitlines():
            number += 1
            if line.strip():
                yield number, line


def flat_rows(line: bytes) -> list[dict[str, Any]]:
    """Return one flat row per goods item of the JSON object on a line.

    Raises:
        BadLine: the line is not a JSON object, ``items`` is not a list of objects, or there are too many members.
    """
    try:
        data = _DECODER.decode(line.removeprefix(codecs.BOM_UTF8).decode("utf-8"))
        if b"\\ud" in line or b"\\uD" in line:
            json.dumps(_plain(data), ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise BadLine(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except UnicodeEncodeError as error:
        raise BadLine("not text: an unpaired surrogate") from error
    except (RecursionError, UnicodeDecodeError) as error:
        raise BadLine("not JSON: nested too deeply or not UTF-8") from error
    if not isinstance(data, dict):
        raise BadLine(f"not an object: {_kind(data)}")
    items = data.pop("items", None)
    shared = data
    if any(isinstance(data.get(key), dict) for key in _PARTIES):
        shared = {}
        for key, value in data.items():
            if key in _PARTIES and isinstance(value, dict):
                shared.update({f"{key}_{inner}": content for inner, content in value.items()})
            else:
                shared[key] = value
    if items is None or items == "" or items == []:
        return _narrow([shared])
    if not isinstance(items, list):
        raise BadLine(f"items: a list of goods items is needed, got {_kind(items)}")
    rows = [item for item in items if isinstance(item, dict)]
    if not rows:
        raise BadLine(f"items: goods items are objects, got {_kind(items[0])}")
    # Ignore item fields outside ``items``, as the API does.
    shared = {key: value for key, value in shared.items() if key not in ITEM_NAMES}
    return _narrow([{**shared, **item} for item in rows])


def _narrow(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows. Raise `BadLine` if one has too many members, because one line would then make the whole file too wide."""
    widest = max(map(len, rows))
    if widest > MAX_COLUMNS:
        raise BadLine(f"{widest:,} members; at most {MAX_COLUMNS:,} are read")
    return rows


def _texts(values: list[Any], kind: int) -> Any:
    """Return a column as an Arrow string array."""
    return pa.array(list(map(_text, values)) if kind == _OTHERS else values, pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and not any(isinstance(part, list | dict) for part in value):
        return ";".join(_text(part) or "" for part in value)
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Return the value with the texts of numbers converted to numbers if JSON can represent them."""
    if isinstance(value, bytes):
        try:
            return int(value)
        except ValueError:
            number = float(value)
            return number if np.isfinite(number) else value.decode()
    if isinstance(value, dict):
        return {key: content if type(content) is str else _plain(content) for key, content in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _kind(value: object) -> str:
    names = {
        list: "a list",
        str: "a text",
        bool: "a boolean",
        type(None): "null",
        bytes: "a number",
        dict: "an object",
    }
    return names[type(value)]


def _columns_of(rows: list[dict[str, Any]], names: tuple[str, ...]) -> tuple[list[list[Any]], list[int]]:
    """Return the columns of ``rows`` by ``names``, with None for missing values, and the content of each column.

    The content is `_NOTHING`, `_TEXTS` or `_OTHERS`.
    """
    columns: list[list[Any]] = [[None] * len(rows) for _ in names]
    contents = [_NOTHING] * len(names)
    # Look up all names of a row while the row is in the processor's cache.
    for at, row in enumerate(rows):
        for place, name in enumerate(names):
            value = row.get(name)
            if value is not None:
                columns[place][at] = value
                if type(value) is not str:
                    contents[place] = _OTHERS
                elif contents[place] == _NOTHING:
                    contents[place] = _TEXTS
    return columns, contents
