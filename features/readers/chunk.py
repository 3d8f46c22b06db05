"""Output of readers: pieces as a format yields them, and chunks as callers need them."""

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
#: Column -> its rows' JSON values, None where they are the table's texts.
OwnValues: TypeAlias = Mapping[str, "list[Any] | None"]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be aligned with the header.

    Attributes:
        line: physical line in the file (of its first line), 1-based; the row number for Parquet.
        reason: the problem.
        row: its original text.
        position: index of the chunk's row before which it was; ``n_rows`` after the last.
    """

    line: int
    reason: str
    row: str
    position: int


@dataclass(frozen=True, slots=True)
class RowNote:
    """A change made to a row on reading; ``position`` is the row's index in its chunk."""

    line: int
    text: str
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Some rows in the file's order, as many as one block gave.

    Attributes:
        table: the input's own columns in their own types.
        lines: (n_rows,) physical line (Parquet: row number) of each row.
        n_bytes: approximate memory of the rows.
        own: for JSONL each column's JSON values, None where they are the table's texts; None for other formats.
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
            first, then = own[name], others[name]
            joined[name] = (
                None
                if first is None and then is None
                else (first if first is not None else self.table.column(name).to_pylist())
                + (then if then is not None else other.table.column(name).to_pylist())
            )
        return joined

    def split(self, at: int) -> tuple[Piece, Piece]:
        """Return the rows before row ``at`` and the others. A reject directly before row ``at`` goes with the others."""
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
    """A file format. Its header is known after construction; its rows come by iteration."""

    @property
    def names(self) -> tuple[str, ...]:
        """Column names of the input, in order, unchanged."""

    @property
    def encoding(self) -> str | None:
        """Text encoding, final at the end of the file; None for binary formats."""

    @property
    def delimiter(self) -> str | None:
        """Column delimiter of delimited text, otherwise None."""

    @property
    def bytes_read(self) -> int:
        """Bytes of the file read so far."""

    @property
    def format(self) -> str:
        """``csv``, ``jsonl`` or ``parquet``."""

    def __iter__(self) -> Iterator[Piece]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, eq=False)
class Chunk:
    """Rows of whole shipments, in the file's order.

    Attributes:
        columns: canonical field name -> its raw text, for the recognised fields.
        native: the input's own columns in their own types (text for CSV and JSONL), in input order.
        lines: (n_rows,) physical line of each row, 1-based; the row number for Parquet.
        rejected: rows that could not be aligned, each with its position among this chunk's rows.
        notes: changes made to single rows on reading.
        own: for JSONL each column's JSON values, None where they are the table's texts; None for other formats.
        bytes_read: stored bytes of the file read when the chunk was complete.
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

    @property
    def first_line(self) -> int:
        """Physical line of the first row, or of the first reject if there are no rows."""
        if len(self.lines):
            return int(self.lines[0])
        return self.rejected[0].line if self.rejected else 0

    @cached_property
    def raw(self) -> pa.Table:
        """The input's own columns as text, as a person would write the values."""
        return pa.table([text_column(column) for column in self.native.columns], names=self.native.column_names)
