"""Files that appear whole or not at all, and tables written as CSV, Parquet or JSON lines."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from json.encoder import encode_basestring
from math import isfinite
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic_core import to_json

from features.readers import OwnValues
from features.readers.as_text import characters, text_array
from service.files.lines import measure, measure_members, place, place_members, quote

if TYPE_CHECKING:
    import pyarrow.parquet as pq

#: Endings of output files, longest first -> format and whether it is gzipped.
_FORMATS: Final[Mapping[str, tuple[str, bool]]] = {
    ".csv.gz": ("csv", True),
    ".tsv.gz": ("tsv", True),
    ".jsonl.gz": ("jsonl", True),
    ".csv": ("csv", False),
    ".tsv": ("tsv", False),
    ".jsonl": ("jsonl", False),
    ".ndjson": ("jsonl", False),
    ".parquet": ("parquet", False),
}
#: What JSON writes otherwise within a text.
_ESCAPED: Final = re.compile(rb'[\x00-\x1f"\\]')
#: Compresses text about as well as the default level 6, in two thirds of the time.
_GZIP_LEVEL: Final = 4


class OutputRefused(ValueError):
    """An output path that cannot be used. The message names the path and what would be right."""


def format_of(path: Path) -> tuple[str, bool]:
    """``csv``, ``tsv``, ``jsonl`` or ``parquet``, and whether gzipped, by the file's ending.

    Raises:
        OutputRefused: another ending.
    """
    for ending, found in _FORMATS.items():
        if path.name.lower().endswith(ending):
            return found
    raise OutputRefused(f"{path}: The ending says the format; use one of {', '.join(_FORMATS)}.")


def check_paths(named: Sequence[tuple[str, Path]]) -> None:
    """Look at the files of one run, the first of which is read, before anything is done.

    Raises:
        OutputRefused: one would overwrite another, or the folder of one that is written is not there.
    """
    for index, (what, path) in enumerate(named):
        for other, earlier in named[:index]:
            if path.absolute() == earlier.absolute() or (path.exists() and earlier.exists() and path.samefile(earlier)):
                raise OutputRefused(f"{path}: The {what} file would overwrite the {other} file; name another.")
    for _, path in named[1:]:
        if not path.parent.is_dir():
            raise OutputRefused(f"{path}: There is no folder {path.parent}; make it first.")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes its place at ``path`` only when the block ends well.

    Until then it stands beside its place under a name that begins with a dot and ends with ``.part``; an exception or
    Ctrl-C removes it and leaves what stood at ``path`` before.

    Raises:
        OutputRefused: the folder does not exist or cannot be written, or ``path`` is a folder.
    """
    if path.is_dir():
        raise OutputRefused(f"{path}: This is a folder; name a file.")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        file = part.open("xb")
    except OSError as error:
        raise OutputRefused(f"{path}: It cannot be written ({error.strerror}).") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class TableWriter(Protocol):
    """Writes tables of one schema one after another."""

    def write(self, table: pa.Table, own: OwnValues | None = None) -> None:
        """``own``: the input's own JSON values, of the columns that come from it, where it was JSON."""

    def close(self) -> None: ...


@contextlib.contextmanager
def open_writer(path: Path) -> Iterator[TableWriter]:
    """A writer in the format of the path's ending, whose file appears whole when the block ends well.

    Raises:
        OutputRefused: see `format_of` and `whole_file`.
    """
    kind, zipped = format_of(path)
    with whole_file(path) as file, contextlib.ExitStack() as stack:
        target = file
        if zipped:
            # Without a name and a time inside, equal content gives equal files.
            target = cast(
                "IO[bytes]",
                stack.enter_context(gzip.GzipFile("", "wb", compresslevel=_GZIP_LEVEL, fileobj=file, mtime=0)),
            )
        writer: TableWriter
        if kind == "parquet":
            writer = _ParquetWriter(target)
        elif kind == "jsonl":
            writer = _JsonlWriter(target)
        else:
            writer = _DelimitedWriter(target, "\t" if kind == "tsv" else ",")
        # Closed also when the block fails: a half-written Parquet file would complain when it is thrown away.
        with contextlib.closing(writer):
            yield writer


class _DelimitedWriter:
    def __init__(self, file: IO[bytes], delimiter: str) -> None:
        self._file, self._delimiter, self._started = file, delimiter, False

    def write(self, table: pa.Table, own: OwnValues | None = None) -> None:
        if not self._started:
            self._file.write(header_line(table.column_names, self._delimiter))
            self._started = True
        self._file.write(_lines(table, self._delimiter).data)

    def close(self) -> None:
        """Nothing is held back."""


class _ParquetWriter:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table, own: OwnValues | None = None) -> None:
        # The input's own metadata (pandas' index columns, say) does not describe the table with the scores.
        table = table.replace_schema_metadata(None)
        if self._writer is None:
            import pyarrow.parquet as pq

            self._writer = pq.ParquetWriter(self._file, table.schema)
        if table.num_rows:
            self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _JsonlWriter:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, table: pa.Table, own: OwnValues | None = None) -> None:
        self._file.write(json_lines(table, own).data)

    def close(self) -> None:
        """Nothing is held back."""


def header_line(names: Sequence[str], delimiter: str = ",") -> bytes:
    """Column names as a line of CSV in UTF-8."""
    return (delimiter.join(_quoted(name, delimiter) for name in names) + "\n").encode("utf-8")


def _quoted(text: str, delimiter: str) -> str:
    if any(mark in text for mark in (delimiter, '"', "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text


def delimited(table: pa.Table, delimiter: str = ",") -> bytes:
    """The rows of a table as CSV in UTF-8 without a header; a cell has quotation marks only where it needs them.

    Values are written as `features.readers.as_text` writes them, null as nothing. (Arrow's own writer quotes all text.)
    """
    return _lines(table, delimiter).tobytes()


def _lines(table: pa.Table, delimiter: str) -> NDArray[np.uint8]:
    """What `delimited` returns, as it is made."""
    n_rows = table.num_rows
    if not n_rows:
        return np.empty(0, dtype=np.uint8)
    columns = [_texts(column, partial(_quoted_where_needed, delimiter=delimiter)) for column in table.columns]
    widths = np.zeros(n_rows, dtype=np.int64)
    for texts in columns:
        measure(texts.offsets, texts.codes, texts.valid, texts.first, widths)
    positions = np.cumsum(widths) - widths
    lines = np.empty(widths.sum(), dtype=np.uint8)
    separators = [*[ord(delimiter)] * (len(columns) - 1), ord("\n")]
    for texts, separator in zip(columns, separators, strict=True):
        place(texts.offsets, texts.data, texts.codes, texts.valid, texts.first, separator, positions, lines)
    return lines


@dataclass(frozen=True, slots=True, eq=False)
class _Texts:
    """A column as `service.files.lines` takes it."""

    offsets: NDArray[np.int32]
    data: NDArray[np.uint8]
    codes: NDArray[np.int32]
    valid: NDArray[np.uint8]
    first: int


def _texts(column: Any, written: Callable[[Any], tuple[NDArray[np.int32], NDArray[np.uint8]]]) -> _Texts:
    """The texts of a column as ``written`` gives them: offsets and bytes of a string array."""
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
    offsets, data = written(values)
    if bits is None:
        return _Texts(offsets, data, codes, np.full(len(array) // 8 + 1, 0xFF, dtype=np.uint8), 0)
    return _Texts(offsets, data, codes, np.frombuffer(bits, dtype=np.uint8), indices.offset)


def _quoted_where_needed(values: Any, delimiter: str) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Offsets and bytes of the texts of a string array as cells of CSV."""
    bounds, plain = _as_they_are(values)
    text = characters(values)
    marks = [ord(mark) for mark in (delimiter, '"', "\n", "\r") if mark.encode() in text]
    if not marks:
        return bounds, plain
    marked = np.zeros(256, dtype=np.uint8)
    marked[marks] = 1
    new_bounds = np.empty_like(bounds)
    quoted = np.empty(2 * len(text) + 2 * len(values), dtype=np.uint8)
    quote(bounds, plain, marked, new_bounds, quoted)
    return new_bounds, quoted


def json_lines(table: pa.Table, own: OwnValues | None = None) -> NDArray[np.uint8]:
    """The rows of a table as JSON objects in UTF-8, each on a line, with all columns in their order; what is missing is null.

    Numbers and truth values are written as such, all else as `features.readers.as_text` writes it. An empty text is missing.

    Args:
        own: columns that were JSON themselves, whose values stay as they are, an empty text too.
    """
    n_rows = table.num_rows
    if not n_rows:
        return np.empty(0, dtype=np.uint8)
    columns = [_member(name, column, own) for name, column in zip(table.column_names, table.columns, strict=True)]
    widths = np.full(n_rows, len("{") + len("\n"), dtype=np.int64)
    for texts, before, behind, missing in columns:
        around = len(before) + len(behind)
        measure_members(texts.offsets, texts.codes, texts.valid, texts.first, around, len(missing), widths)
    positions = np.cumsum(widths) - widths
    lines = np.empty(widths.sum(), dtype=np.uint8)
    # Each member ends with what stands between it and the next; behind the last comes the end of the object.
    lines[positions] = ord("{")
    positions += 1
    for texts, before, behind, missing in columns:
        place_members(
            texts.offsets, texts.data, texts.codes, texts.valid, texts.first, before, behind, missing, positions, lines
        )
    lines[positions - 1] = ord("}")
    lines[positions] = ord("\n")
    return lines


def _member(
    name: str, column: Any, own: OwnValues | None
) -> tuple[_Texts, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """A column's values in JSON, without the quotation marks of texts; what stands before and behind each, and what for none."""
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    values = own.get(name) if own is not None else None
    mark = ""
    if values is not None:
        array = pa.array([to_json(value).decode() for value in values], pa.string())
    elif _stands_for_itself(array.type):
        array = _plain_json(array)
    else:
        mark = '"'
        if own is None or name not in own:
            array = _empty_to_null(array)
    texts = _texts(pa.chunked_array([array]), _escaped_where_needed if mark else _as_they_are)
    start = f"{encode_basestring(name)}:"
    return texts, _bytes(start + mark), _bytes(f"{mark},"), _bytes(f"{start}null,")


def _stands_for_itself(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _plain_json(array: Any) -> Any:
    """Numbers and truth values as JSON."""
    if pa.types.is_dictionary(array.type):
        return pa.DictionaryArray.from_arrays(array.indices, _plain_json(array.dictionary))
    finite = [None if isinstance(value, float) and not isfinite(value) else value for value in array.to_pylist()]
    # No comma but those between them.
    return pa.array(to_json(finite)[1:-1].decode().split(",") if finite else [], pa.string())


def _empty_to_null(array: Any) -> Any:
    if pa.types.is_dictionary(array.type):
        if array.dictionary.null_count == 0 and "" not in array.dictionary.to_pylist():
            return array
        # Of a dictionary's values each is a text.
        array = text_array(array)
    text, empty, missing = text_array(array), pa.scalar(""), pa.scalar(None, pa.string())
    return pc.if_else(pc.equal(text, empty), missing, text)


def _as_they_are(values: Any) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Offsets and bytes of the texts of a string array."""
    if not len(values):
        return np.zeros(1, dtype=np.int32), np.empty(0, dtype=np.uint8)
    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[values.offset : values.offset + len(values) + 1]
    return bounds, np.frombuffer(data or b"", dtype=np.uint8)


def _escaped_where_needed(values: Any) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Offsets and bytes of the texts of a string array as JSON, without quotation marks around them."""
    if _ESCAPED.search(characters(values)):
        values = pa.array([text and encode_basestring(text)[1:-1] for text in values.to_pylist()], pa.string())
    return _as_they_are(values)


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def round_significant(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Values of 0..1 at 9 significant digits, as the float nearest to that decimal number; NaN stays.

    Written in the fewest digits that give the float back, such a float shows 9 digits at most.
    """
    rounded = np.asarray(values, dtype=np.float64).copy()
    # Powers of ten up to 1e22 are exact in a float, so scaling back is correctly rounded; smaller values go one by one.
    plain = np.isfinite(rounded) & (np.abs(rounded) >= 1e-13) & (np.abs(rounded) < 1e9)
    scale = 10.0 ** (8 - np.floor(np.log10(np.abs(rounded[plain]))))
    rounded[plain] = np.rint(rounded[plain] * scale) / scale
    tiny = np.isfinite(rounded) & (rounded != 0.0) & ~plain
    rounded[tiny] = [float(f"{value:.9g}") for value in rounded[tiny].tolist()]
    return rounded
