"""Files that appear whole or not at all, and tables written as CSV, Parquet or JSON lines."""

from __future__ import annotations

import contextlib
import gzip
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic_core import to_json

from features.kernels.lines import measure, place, quote
from features.readers.as_text import characters, text_array, text_column

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

    def write(self, table: pa.Table, objects: Sequence[Mapping[str, Any]] | None = None) -> None:
        """``objects``: the rows' own JSON values, where the input was JSON."""

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

    def write(self, table: pa.Table, objects: Sequence[Mapping[str, Any]] | None = None) -> None:
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

    def write(self, table: pa.Table, objects: Sequence[Mapping[str, Any]] | None = None) -> None:
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

    def write(self, table: pa.Table, objects: Sequence[Mapping[str, Any]] | None = None) -> None:
        columns = {name: _json_values(table.column(index)) for index, name in enumerate(table.column_names)}
        names = list(columns)
        lines: list[bytes] = []
        for index, values in enumerate(zip(*columns.values(), strict=True)):
            row = dict(zip(names, values, strict=True))
            if objects is not None:
                given = objects[index]
                # Nearly always: columns are those of all objects.
                kept = given if given.keys() <= row.keys() else {k: v for k, v in given.items() if k in row}
                row.update(kept)
            lines.append(to_json(row))
        if lines:
            self._file.write(b"\n".join([*lines, b""]))

    def close(self) -> None:
        """Nothing is held back."""


def _json_values(column: Any) -> list[Any]:
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return cast("list[Any]", column.to_pylist())
    if pa.types.is_floating(kind):
        return [value if value is None or np.isfinite(value) else None for value in column.to_pylist()]
    return [value or None for value in text_column(column).to_pylist()]


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
    columns = [_texts(column, delimiter) for column in table.columns]
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
    """A column as `features.kernels.lines` takes it."""

    offsets: NDArray[np.int32]
    data: NDArray[np.uint8]
    codes: NDArray[np.int32]
    valid: NDArray[np.uint8]
    first: int


def _texts(column: Any, delimiter: str) -> _Texts:
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
    offsets, data = _quoted_where_needed(values, delimiter)
    if bits is None:
        return _Texts(offsets, data, codes, np.full(len(array) // 8 + 1, 0xFF, dtype=np.uint8), 0)
    return _Texts(offsets, data, codes, np.frombuffer(bits, dtype=np.uint8), indices.offset)


def _quoted_where_needed(values: Any, delimiter: str) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Offsets and bytes of the texts of a string array as cells of CSV."""
    if not len(values):
        return np.zeros(1, dtype=np.int32), np.empty(0, dtype=np.uint8)
    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[values.offset : values.offset + len(values) + 1]
    plain = np.frombuffer(data or b"", dtype=np.uint8)
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
