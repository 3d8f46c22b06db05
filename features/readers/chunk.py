"""Output of readers: pieces from a file format, and chunks of whole shipments for callers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.readers.as_text import text_column
from features.table.table import Coded

IntArray = NDArray[np.int64]
#: Column -> JSON values of its rows; None if they equal the table's texts.
OwnValues: TypeAlias = Mapping[str, "list[Any] | None"]


@dataclass(frozen=True, slots=True)
class Reject:
    """Row that cannot be read: it does not match the header or is not valid JSON.

    Attributes:
        line: physical line of the file on which the row begins, from 1; the row number for Parquet.
        reason: the problem.
        row: original text of the row.
        position: index of the next readable row in the chunk; ``n_rows`` if no row follows.
    """

    line: int
    reason: str
    row: str
    position: int


@dataclass(frozen=True, slots=True)
class RowNote:
    """Change made to a row by the reader. ``position`` is the row's index in its chunk."""

    line: int
    text: str
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Rows of one block, in the order of the file.

    Attributes:
        table: input columns with their original types.
        lines: (n_rows,) physical line (in Parquet, row number) of each row.
        n_bytes: approximate memory of the rows.
        own: for JSONL the JSON values of each column, None if they equal the table's texts; None for other formats.
    """

    table: pa.Table
    lines: IntArray
    n_bytes: int
    rejected: tuple[Reject, ...] = ()
    notes: tuple[RowNote, ...] = ()
    own: OwnValues | None = None

    @property
    def n_rows(self) -> int:
        return self.table.num_rows

    def __add__(self, other: Piece) -> Piece:
        shift = self.n_rows
        return Piece(
            pa.concat_tables([self.table, other.table]),
            np.concatenate([self.lines, other.lines]),
            self.n_bytes + other.n_bytes,
            self.rejected + tuple(replace(reject, position=reject.position + shift) for reject in other.rejected),
            self.notes + tuple(replace(note, position=note.position + shift) for note in other.notes),
            None if self.own is None or other.own is None else self._joined(self.own, other, other.own),
        )

    def _joined(self, own: OwnValues, other: Piece, others: OwnValues) -> OwnValues:
        joined: dict[str, list[Any] | None] = {}
        for name in own:
            first, second = own[name], others[name]
            joined[name] = (
                None
                if first is None and second is None
                else (first if first is not None else self.table.column(name).to_pylist())
                + (second if second is not None else other.table.column(name).to_pylist())
            )
        return joined

    def split(self, at: int) -> tuple[Piece, Piece]:
        """Return the rows before row ``at`` and the rest. A reject directly before row ``at`` belongs to the rest."""
        end = at == self.n_rows
        n_bytes = self.n_bytes * at // self.n_rows if self.n_rows else 0
        return (
            Piece(
                self.table.slice(0, at),
                self.lines[:at],
                n_bytes,
                tuple(reject for reject in self.rejected if reject.position < at or end),
                tuple(note for note in self.notes if note.position < at),
                _of_rows(self.own, slice(0, at)),
            ),
            Piece(
                self.table.slice(at),
                self.lines[at:],
                self.n_bytes - n_bytes,
                tuple(replace(r, position=r.position - at) for r in self.rejected if r.position >= at and not end),
                tuple(replace(note, position=note.position - at) for note in self.notes if note.position >= at),
                _of_rows(self.own, slice(at, None)),
            ),
        )


def _of_rows(own: OwnValues | None, rows: slice) -> OwnValues | None:
    return own and {name: values and values[rows] for name, values in own.items()}


class Pieces(Protocol):
    """Open file of some format. The header is known after construction; iteration yields the rows."""

    @property
    def names(self) -> tuple[str, ...]:
        """Original column names of the input, in order."""

    @property
    def encoding(self) -> str | None:
        """Text encoding detected so far, final at the end of the file; None for binary formats."""

    @property
    def delimiter(self) -> str | None:
        """Column delimiter of delimited text, otherwise None."""

    @property
    def bytes_read(self) -> int:
        """Number of bytes read so far."""

    @property
    def format(self) -> str:
        """``csv``, ``jsonl`` or ``parquet``."""

    def __iter__(self) -> Iterator[Piece]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, eq=False)
class Chunk:
    """Rows of whole shipments, in the order of the file.

    Attributes:
        columns: canonical field name -> raw text, for the recognised fields.
        native: input columns with their original types (text for CSV and JSONL), in the order of the input.
        lines: (n_rows,) physical line of each row, from 1; the row number for Parquet.
        rejected: rows that cannot be read, with their positions among the rows of the chunk.
        notes: changes made to single rows by the reader.
        own: for JSONL the JSON values of each column, None if they equal the table's texts; None for other formats.
        bytes_read: number of stored bytes of the file read when the chunk was complete.
    """

    columns: Mapping[str, Coded]
    native: pa.Table
    lines: IntArray
    rejected: tuple[Reject, ...] = ()
    notes: tuple[RowNote, ...] = ()
    own: OwnValues | None = field(default=None, repr=False)
    bytes_read: int = 0

    @property
    def n_rows(self) -> int:
        return self.native.num_rows

    @cached_property
    def raw(self) -> pa.Table:
        """Input columns as human-readable text."""
        return pa.table([text_column(column) for column in self.native.columns], names=self.native.column_names)
