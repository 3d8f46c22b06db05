"""Resolution of a column of chemical names in a file. It appends the columns `service.substances.answers.COLUMNS`.

The output has the same number and order of rows. An unreadable row stays in its place, without an answer.
"""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from features.readers import MappingError, OwnValues, Piece, open_pieces
from features.readers.as_text import text_column
from features.readers.headers import squeeze
from service.files.formats import format_of, open_writer
from service.files.options import Progress
from service.files.output import check_paths
from service.substances.answers import COLUMNS, Question, columns

#: Number of cached answers, which take some tens of megabytes. Lists of chemicals repeat names.
_CACHED: Final = 65_536
_NOTES_SHOWN: Final = 5
_BOOLEAN_COLUMNS: Final = ("hit", "listed", "us_class", "cn_class")
_NUMBER_COLUMNS: Final = ("confidence", "similarity")
_BLANK: Final = (None,) * len(COLUMNS)


@dataclass(slots=True)
class FileReport:
    """Counts and notes of a resolved file. Every input row is also an output row.

    Attributes:
        by_kind: rows per kind of match.
        hits: rows that declare a watched substance.
        blank: rows without a query.
        unread: rows that do not match the header; they have no answer.
        notes: remarks for the user.
        seconds: wall time.
    """

    rows: int = 0
    hits: int = 0
    blank: int = 0
    unread: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rows_per_second(self) -> float:
        """Input rows per second."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


def resolve_file(
    source: Path,
    target: Path,
    *,
    column: str,
    on: date,
    jurisdiction: str | None = None,
    progress: Progress | None = None,
) -> FileReport:
    """Resolve one column of a file. The extension of the output path determines the format.

    Args:
        column: name of the column to read; case and separators may differ from those in the file.
        on: day whose law applies.
        jurisdiction: jurisdiction whose law applies; None for all.

    Raises:
        Unreadable: the input as a whole cannot be read.
        MappingError: the input has no such column.
        OutputRefused: the output path cannot be used.
    """
    started = time.monotonic()
    output = format_of(target)
    check_paths([("input", source), ("output", target)])
    report = FileReport()
    opened = open_pieces(source, expected=(column,))
    pieces = opened.pieces
    try:
        index = _index_of(column, pieces.names, opened.name)
        layout = _Layout(pieces.names, index, pieces.delimiter or ",", report.notes, unique=output.unique_names)

        @lru_cache(maxsize=_CACHED)
        def answer(text: str) -> tuple[Any, ...]:
            return columns(Question(text, on, jurisdiction))

        with open_writer(target) as writer:
            is_empty = True
            for piece in pieces:
                rows = layout.rows_of(piece)
                answers = [answer(text.strip()) if text and text.strip() else _BLANK for text in rows.texts]
                writer.write(layout.with_answers(rows.table, answers), rows.own)
                is_empty = False
                _count(report, rows, answers)
                if progress is not None:
                    progress(pieces.bytes_read, opened.size, report.rows)
            if is_empty:
                writer.write(layout.with_answers(layout.empty_table(), []))
    finally:
        pieces.close()
    if report.unread > _NOTES_SHOWN:
        report.notes.append(f"{report.unread:,} rows in all do not fit the header.")
    report.seconds = time.monotonic() - started
    return report


def _count(report: FileReport, rows: _Rows, answers: Sequence[tuple[Any, ...]]) -> None:
    """Add rows and their answers to the report."""
    report.rows += len(answers)
    report.blank += sum(not (text and text.strip()) for text in rows.texts) - len(rows.unread)
    for line, reason in rows.unread:
        report.unread += 1
        if report.unread <= _NOTES_SHOWN:
            report.notes.append(f"Line {line} has no answer: {reason}.")
    report.hits += sum(answer[1] is True for answer in answers)
    report.by_kind.update(answer[0] for answer in answers if answer[0])


def _index_of(column: str, names: Sequence[str], file: str) -> int:
    """Return the index of a column: an exact match, or the only match without regard to case and separators."""
    if column in names:
        return names.index(column)
    alike = [index for index, name in enumerate(names) if squeeze(name) == squeeze(column)]
    if len(alike) == 1:
        return alike[0]
    if len(names) == 1:
        remedy = f"the only one is {names[0]!r}: name it with --column, or add a header line"
    else:
        remedy = f"it has {', '.join(map(repr, names))}; name one with --column"
    raise MappingError(file, column, f"there is no such column; {remedy}.")


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a piece of the input, with misaligned rows in their places.

    Attributes:
        table: cells of the rows.
        texts: queries; None for a row without a query.
        own: JSON values of a JSON input.
        unread: (line, reason) of the misaligned rows.
    """

    table: pa.Table
    texts: list[str | None]
    own: OwnValues | None
    unread: list[tuple[int, str]]


class _Layout:
    """Layout of the output: input columns, followed by answers."""

    def __init__(
        self, names: Sequence[str], query: int, delimiter: str, notes: list[str], *, unique: bool = False
    ) -> None:
        """Select and name the columns.

        Args:
            names: input columns.
            query: index of the column to resolve.
            notes: list to which a sentence per renamed column is appended.
            unique: whether to rename duplicate column names.
        """
        self._width, self._query, self._delimiter = len(names), query, delimiter
        # Replace the answers in a file that was resolved before.
        own = names[: -len(COLUMNS)] if tuple(names[-len(COLUMNS) :]) == COLUMNS else names
        self._own: list[str] = []
        for name in own:
            written = first = f"input_{name}" if name in COLUMNS else name
            number = 2
            while unique and written in self._own:
                written, number = f"{first}_{number}", number + 1
            if written != name:
                notes.append(f"The input's column {name!r} is written as {written!r}.")
            self._own.append(written)
        self._names = dict(zip(own, self._own, strict=True))

    def empty_table(self) -> pa.Table:
        """Return a table of the input columns without rows."""
        return pa.table([pa.array([], pa.string())] * self._width, names=list(map(str, range(self._width))))

    def rows_of(self, piece: Piece) -> _Rows:
        """Return the rows of a piece, including misaligned rows, in the order of the input.

        In a file with one column, surplus cells are parts of a name that contains the delimiter.
        """
        table, own = piece.table, piece.own
        unread: list[tuple[int, str]] = []
        if piece.rejected:
            parts: list[pa.Table] = []
            start = 0
            for reject in piece.rejected:
                row = reject.row if own is None else ""
                parts += [table.slice(start, reject.position - start), self._misaligned(table.schema, row)]
                start = reject.position
                if self._width > 1 or own is not None:
                    unread.append((reject.line, reject.reason))
            table = pa.concat_tables([*parts, table.slice(start)])
            positions = [reject.position for reject in piece.rejected]
            own = own and {name: values and _insert_none(values, positions) for name, values in own.items()}
        texts = text_column(table.column(self._query)).to_pylist()
        if unread:
            for index, reject in enumerate(piece.rejected):
                texts[reject.position + index] = None
        if own is not None:
            own = {self._names[name]: values for name, values in own.items() if name in self._names}
        return _Rows(table, texts, own, unread)

    def _misaligned(self, schema: pa.Schema, row: str) -> pa.Table:
        """Return a misaligned row as a table of one row; missing cells are null, surplus cells are dropped."""
        cells = [row] if self._width == 1 else _cells(row, self._delimiter)
        cells = [*cells[: self._width], *[""] * (self._width - len(cells))]
        return pa.table([pa.array([cell or None], pa.string()) for cell in cells], names=schema.names)

    def with_answers(self, table: pa.Table, answers: Sequence[tuple[Any, ...]]) -> pa.Table:
        """Return a table with the output's column names and the answers appended."""
        own = table.columns[: len(self._own)]
        values = zip(*answers, strict=True) if answers else [()] * len(COLUMNS)
        answer_columns = [pa.array(list(column), _type(name)) for name, column in zip(COLUMNS, values, strict=True)]
        return pa.table([*own, *answer_columns], names=[*self._own, *COLUMNS])


def _insert_none(values: list[Any], positions: Sequence[int]) -> list[Any]:
    """Return the values with None inserted before each position; positions ascend."""
    parts = [values[start:end] for start, end in zip([0, *positions], [*positions, len(values)], strict=True)]
    return [value for part in parts for value in (*part, None)][:-1]


def _type(name: str) -> pa.DataType:
    return pa.bool_() if name in _BOOLEAN_COLUMNS else pa.float64() if name in _NUMBER_COLUMNS else pa.string()


def _cells(row: str, delimiter: str) -> list[str]:
    """Return the cells of a row, or the whole row as one cell if it is not valid CSV."""
    try:
        return next(csv.reader(io.StringIO(row, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return [row]
