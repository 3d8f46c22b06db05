"""Reading of any supported file as chunks of whole shipments with canonical columns (`open_table`)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.manifest.fields import FIELD, FIELDS, Kind
from features.readers.as_text import Texts, characters, text_column
from features.readers.chunk import Chunk, Piece, Pieces
from features.readers.decimals import find_decimal
from features.readers.errors import Unreadable
from features.readers.formats import STREAM_FORMAT, OpenOptions, detect
from features.readers.headers import Recognition, recognise
from features.readers.mapping import BoundMapping, ColumnMapping
from features.readers.source import ByteSource
from features.table import normalise
from features.table.table import Coded

#: Number of rows per chunk. More rows need memory without a benefit, because results per text are cached across chunks.
ROWS_PER_CHUNK: Final = 4_096
#: Maximum size of a chunk, so that memory does not depend on the width of the rows.
BYTES_PER_CHUNK: Final = 64 << 20
#: Maximum number of rows per shipment. Longer shipments are not realistic. They are split, with a note, to limit memory.
MAX_SHIPMENT_ROWS: Final = 100_000
#: Number of rows examined to detect a decimal comma.
_DECIMAL_SAMPLE: Final = 20_000
#: Printable ASCII characters without white space. A text of only these characters is in normal form.
_PLAIN: Final = bytes(range(0x21, 0x7F))


class TableReader:
    """Chunks of a file, which can be iterated over once. As a context manager, it closes the file.

    Attributes:
        name: name of the file in messages.
        recognised: input column name -> field (or fields joined by ``, ``), or None.
        guessed: field -> input column, for columns recognised by an alias in `features.readers.headers`.
        constants: field -> value, for constants of the mapping.
        notes: remarks on the whole file for users; reading may add more.
        decimal: decimal sign that the mapping states, otherwise ``,`` if the file has decimal commas. With None, each number is
            interpreted separately. Pass it to `ManifestTable.from_columns`.
        approx_bytes: stored size of the file; 0 if unknown.
    """

    def __init__(
        self,
        pieces: Pieces,
        name: str,
        *,
        mapping: ColumnMapping | None = None,
        rows_per_chunk: int = ROWS_PER_CHUNK,
        max_shipment_rows: int = MAX_SHIPMENT_ROWS,
        approx_bytes: int = 0,
    ) -> None:
        """Recognise the columns and read the first piece.

        Raises:
            Unreadable: no column is recognised, or there are no rows.
            MappingError: the mapping names a column that is missing.
            ValueError: ``rows_per_chunk`` is below 1.
        """
        if rows_per_chunk < 1:
            raise ValueError(f"rows_per_chunk must be 1 or more, got {rows_per_chunk}.")
        self.name, self.approx_bytes = name, approx_bytes
        self._pieces, self._rows_per_chunk, self._max_shipment_rows = pieces, rows_per_chunk, max_shipment_rows
        self._bound: BoundMapping | None = mapping.bind(pieces.names) if mapping else None
        recognition = recognise(pieces.names) if self._bound is None else None
        self._positions, self.guessed = _positions(self._bound, recognition)
        self.constants: Mapping[str, str] = self._bound.constants if self._bound else {}
        self.notes: list[str] = list((self._bound or cast("Recognition", recognition)).notes)
        if not self._positions:
            raise Unreadable(
                name,
                f"No column is recognised; the first are {', '.join(map(repr, pieces.names[:8]))}.",
                "Name columns such as shipment_id, goods_description, hs_code, or give a mapping.",
            )
        self.recognised = self._recognised()
        self._iterator = iter(pieces)
        self._first = next(self._iterator, None)
        if self._first is None:
            raise Unreadable(name, "The file has a header but no rows.", "At least one goods item is needed.")
        self.decimal: str | None = (mapping.files.decimal if mapping else None) or self._find_decimal(self._first)

    @property
    def names(self) -> tuple[str, ...]:
        """Original column names of the input."""
        return self._pieces.names

    @property
    def format(self) -> str:
        """``csv``, ``jsonl`` or ``parquet``."""
        return self._pieces.format

    @property
    def encoding(self) -> str | None:
        """Text encoding detected so far, final after the last row."""
        return self._pieces.encoding

    @property
    def delimiter(self) -> str | None:
        return self._pieces.delimiter

    @property
    def bytes_read(self) -> int:
        return self._pieces.bytes_read

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._pieces.close()

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the chunks.

        Raises:
            Unreadable: the file is truncated or damaged.
        """
        pending: Piece | None = None
        starts = np.empty(0, dtype=np.int64)
        last_id: str | None = None
        for piece in self._all_pieces():
            new_starts, last_id = self._starts(piece, last_id)
            starts = np.concatenate([starts, new_starts + (pending.n_rows if pending else 0)])
            pending = pending + piece if pending else piece
            while (end := self._chunk_end(pending, starts)) is not None:
                complete, pending = pending.split(end)
                starts = starts[starts >= end] - end
                yield self._chunk(complete)
        if pending is not None and (pending.n_rows or pending.rejected):
            yield self._chunk(pending)

    def _all_pieces(self) -> Iterator[Piece]:
        first, self._first = self._first, None
        if first is None:
            raise RuntimeError(f"{self.name} has been read already; open it again.")
        yield first
        yield from self._iterator

    def _chunk_end(self, pending: Piece, starts: NDArray[np.int64]) -> int | None:
        """Return the row that begins the next chunk, normally the first row of a shipment. None if more rows are needed."""
        target = self._rows_per_chunk
        if pending.n_bytes > BYTES_PER_CHUNK and pending.n_rows > 1:
            target = min(target, max(1, pending.n_rows * BYTES_PER_CHUNK // pending.n_bytes))
        if pending.n_rows <= target:
            return None
        possible = starts[starts > 0]
        within = possible[possible <= target]
        if len(within):
            return int(within[-1])
        limit = max(target, self._max_shipment_rows)
        if len(possible) and possible[0] <= limit:
            return int(possible[0])
        if pending.n_rows > limit:
            self.notes.append(
                f"The shipment in line {int(pending.lines[0])} has more than {limit} rows; "
                "it is read in parts of that size."
            )
            return limit
        return None

    def _starts(self, piece: Piece, last_id: str | None) -> tuple[NDArray[np.int64], str | None]:
        """Return the rows of the piece at which new shipments begin, and the reference of the last row."""
        if "shipment_id" not in self._positions or not piece.n_rows:
            return np.arange(piece.n_rows, dtype=np.int64), last_id
        texts = self._text(piece.table, "shipment_id")
        differs = np.ones(piece.n_rows, dtype=bool)
        differs[1:] = pc.not_equal(texts.slice(1), texts.slice(0, piece.n_rows - 1)).fill_null(True)
        runs = np.flatnonzero(differs)
        if any(characters(chunk).translate(None, _PLAIN) for chunk in texts.chunks):
            return _starts_of_normal(texts.take(pa.array(runs)).to_pylist(), runs, piece.n_rows, last_id)
        first, last = texts[0].as_py(), texts[-1].as_py()
        return runs[1:] if first is not None and first == last_id else runs, last

    def _text(self, table: pa.Table, canonical: str) -> Texts:
        if self._bound is not None:
            return self._bound.text(table, canonical)
        return text_column(table.column(self._positions[canonical][0]))

    def _chunk(self, piece: Piece) -> Chunk:
        columns: dict[str, Coded] = {}
        for canonical in (*self._positions, *self.constants):
            column = _coded(self._text(piece.table, canonical))
            columns[canonical] = self._bound.converted(canonical, column, self.decimal) if self._bound else column
        native = piece.table.rename_columns(list(self.names))
        return Chunk(columns, native, piece.lines, piece.rejected, piece.notes, piece.own, self.bytes_read)

    def _find_decimal(self, piece: Piece) -> str | None:
        values: list[str] = []
        for item in FIELDS:
            if item.kind is Kind.NUMBER and item.name in self._positions:
                distinct = pc.unique(self._text(piece.table.slice(0, _DECIMAL_SAMPLE), item.name))
                values += [value for value in distinct.to_pylist() if value]
        return find_decimal(values, self.delimiter)

    def _recognised(self) -> dict[str, str | None]:
        fields: dict[int, list[str]] = {}
        for canonical, indices in self._positions.items():
            for index in indices:
                fields.setdefault(index, []).append(canonical)
        recognised: dict[str, str | None] = {}
        for index, name in enumerate(self.names):
            if recognised.get(name) is None:
                recognised[name] = ", ".join(fields[index]) if index in fields else None
        return recognised


def _coded(texts: Texts) -> Coded:
    """Encode texts as `Coded.from_arrow` does, but faster if no text has white space around it."""
    encoded = texts.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        return Coded.from_arrow(texts)
    values = encoded.dictionary.to_pylist()
    if not all(values) or list(map(str.strip, values)) != values:
        return Coded.from_arrow(encoded)
    return Coded(encoded.indices.fill_null(-1).to_numpy().astype(np.int32, copy=False), values, distinct=True)


def _starts_of_normal(
    texts: list[str | None], runs: NDArray[np.int64], n_rows: int, last_id: str | None
) -> tuple[NDArray[np.int64], str | None]:
    """Return the rows at which shipments begin, and the last reference, by comparing the normal forms of the texts.

    The table compares normal forms too, so a shipment whose reference is spelled in two ways is not split.

    Args:
        texts: the text of each run of equal texts.
        runs: first row of each run.
    """
    starts: list[int] = []
    ends = [*runs.tolist()[1:], n_rows]
    for text, begin, end in zip(texts, runs.tolist(), ends, strict=True):
        stripped = text.strip() if text else ""
        normal = normalise.text(stripped)[0] if stripped else None
        if normal is None:
            starts += range(begin, end)
        elif normal != last_id:
            starts.append(begin)
        last_id = normal
    return np.array(starts, dtype=np.int64), last_id


def _positions(
    bound: BoundMapping | None, recognised: Recognition | None
) -> tuple[Mapping[str, tuple[int, ...]], Mapping[str, str]]:
    if bound is not None:
        return {name: bound.positions[name] for name in FIELD if name in bound.positions}, {}
    recognition = cast("Recognition", recognised)
    position = recognition.position
    return {name: (position[name],) for name in FIELD if name in position}, recognition.guessed


def open_table(
    file: str | os.PathLike[str] | BinaryIO,
    *,
    mapping: ColumnMapping | None = None,
    rows_per_chunk: int = ROWS_PER_CHUNK,
    name: str | None = None,
) -> TableReader:
    """Open a manifest file in one of `features.readers.formats.FORMATS`.

    `features.readers.formats.detect` determines the format of a path. Open binary files are read as CSV and need not be seekable.

    Raises:
        Unreadable: the whole file cannot be read.
        MappingError: the mapping does not fit the file.
    """
    options = mapping.files if mapping else None
    opened = open_pieces(
        file,
        expected=mapping.source_names if mapping else (),
        encoding=options.encoding if options else None,
        delimiter=options.delimiter if options else None,
        name=name,
    )
    try:
        return TableReader(
            opened.pieces, opened.name, mapping=mapping, rows_per_chunk=rows_per_chunk, approx_bytes=opened.size
        )
    except BaseException:
        opened.pieces.close()
        raise


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose header has been read: its rows, its name in messages, and its size in bytes (0 if unknown)."""

    pieces: Pieces
    name: str
    size: int


def open_pieces(
    file: str | os.PathLike[str] | BinaryIO,
    *,
    expected: Sequence[str] = (),
    encoding: str | None = None,
    delimiter: str | None = None,
    name: str | None = None,
) -> Opened:
    """Open a file with any columns, without recognition of manifest fields. See `open_table` for the formats.

    Args:
        expected: column names that help to detect the delimiter; they may be absent.
        encoding, delimiter: None for detection.

    Raises:
        Unreadable: the whole file cannot be read.
    """
    source = ByteSource(file, name)
    options = OpenOptions(expected, encoding, delimiter)
    try:
        if isinstance(file, str | os.PathLike):
            size = source.size
            pieces = detect(source, Path(file)).open(source, file, options)
        else:
            size = 0
            pieces = STREAM_FORMAT.open(source, file, options)
    except BaseException:
        source.close()
        raise
    return Opened(pieces, source.name, size)
