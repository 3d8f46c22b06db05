"""Output files with all columns and rows of the input, and further columns with an answer per row.

The output has the same number and order of rows. A row that does not fit the header keeps its place, without an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from features.readers import MappingError, OwnValues, Piece, open_pieces
from features.readers.as_text import text_column
from features.readers.headers import squeeze
from service.files.delimited import cells_of
from service.files.options import Progress
from service.files.output import check_paths, format_of, open_writer

#: Texts of the query columns of a row; None if the row has no text.
Query = tuple[str | None, ...]
#: Values of the appended columns.
Values = tuple[Any, ...]

_NOTES_SHOWN: Final = 5


@dataclass(slots=True)
class FileReport:
    """Counts and notes of an answered file. Each input row is also an output row.

    Attributes:
        blank: number of rows whose first query is blank.
        unread: number of rows that do not match the header and so have no answer.
        notes: remarks for the user.
        seconds: wall time.
    """

    rows: int = 0
    blank: int = 0
    unread: int = 0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rows_per_second(self) -> float:
        """Input rows per second."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class QueryColumn:
    """A column to read.

    Attributes:
        name: name of the column; case and separators may differ from those in the file.
        option: command-line option that names the column.
        needed: whether a file without the column is refused.
    """

    name: str
    option: str = "--column"
    needed: bool = True


def append_columns(
    source: Path,
    target: Path,
    queries: Sequence[QueryColumn],
    columns: Mapping[str, pa.DataType],
    answer: Callable[[list[Query]], Sequence[Values]],
    report: FileReport,
    progress: Progress | None = None,
    *,
    excel_safe: bool = False,
) -> None:
    """Answer the rows of a file. The extension of the output path determines the format.

    Args:
        columns: name and type of each appended column.
        answer: returns the values of ``columns`` for each row of a piece of the file, without misaligned rows.
        report: receives counts and notes.
        excel_safe: whether texts that spreadsheets would evaluate as formulas get an apostrophe, in CSV and TSV.

    Raises:
        Unreadable: the input as a whole cannot be read.
        MappingError: the input lacks a required column.
        OutputRefused: the output path cannot be used.
    """
    started = time.monotonic()
    blank = (None,) * len(columns)
    output = format_of(target)
    check_paths([("input", source), ("output", target)])
    opened = open_pieces(source, expected=tuple(query.name for query in queries))
    pieces = opened.pieces
    try:
        indices = [_index_of(query, pieces.names, opened.name) for query in queries]
        delimiter = pieces.delimiter or ","
        layout = _Layout(pieces.names, indices, columns, delimiter, report.notes, unique=output.unique_names)
        with open_writer(target, excel_safe=excel_safe) as writer:
            is_empty = True
            for piece in pieces:
                rows = layout.rows_of(piece)
                answers = iter(answer([query for query in rows.queries if query is not None]))
                values = [blank if query is None else next(answers) for query in rows.queries]
                writer.write(layout.with_answers(rows.table, values), rows.own)
                is_empty = False
                _count(report, rows)
                if progress is not None:
                    progress(pieces.bytes_read, opened.size, report.rows)
            if is_empty:
                writer.write(layout.with_answers(layout.empty_table(), []))
    finally:
        pieces.close()
    if report.unread > _NOTES_SHOWN:
        report.notes.append(f"{report.unread:,} rows in all do not fit the header.")
    report.seconds += time.monotonic() - started


def _count(report: FileReport, rows: _Rows) -> None:
    """Add rows to the report."""
    report.rows += len(rows.queries)
    report.blank += sum(is_blank(query[0]) for query in rows.queries if query is not None)
    for line, reason in rows.unread:
        report.unread += 1
        if report.unread <= _NOTES_SHOWN:
            report.notes.append(f"Line {line} has no answer: {reason}.")


def is_blank(text: str | None) -> bool:
    """Return whether a text is missing or blank."""
    return not (text and text.strip())


def _index_of(query: QueryColumn, names: Sequence[str], file: str) -> int | None:
    """Return the index of a column: an exact match, or the only match when case and separators are ignored.

    Raises:
        MappingError: the file lacks a required column.
    """
    column = query.name
    if column in names:
        return names.index(column)
    alike = [index for index, name in enumerate(names) if squeeze(name) == squeeze(column)]
    if len(alike) == 1:
        return alike[0]
    if not query.needed:
        return None
    if len(names) == 1:
        remedy = f"the only one is {names[0]!r}: name it with {query.option}, or add a header line"
    else:
        remedy = f"it has {', '.join(map(repr, names))}; name one with {query.option}"
    raise MappingError(file, column, f"there is no such column; {remedy}.")


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a piece of the input, including misaligned rows, in order.

    Attributes:
        table: cells of the rows.
        queries: texts of the query columns of each row; None for a misaligned row.
        own: JSON values of a JSON input; None for other inputs.
        unread: (line, reason) of the misaligned rows.
    """

    table: pa.Table
    queries: list[Query | None]
    own: OwnValues | None
    unread: list[tuple[int, str]]


class _Layout:
    """Layout of the output: input columns, followed by answers.

    Args:
        names: input columns.
        queries: indices of the columns to read; None for a column that the input lacks.
        columns: name and type of each appended column.
        notes: receives a sentence per renamed column.
        unique: whether to rename duplicate column names.
    """

    def __init__(
        self,
        names: Sequence[str],
        queries: Sequence[int | None],
        columns: Mapping[str, pa.DataType],
        delimiter: str,
        notes: list[str],
        *,
        unique: bool,
    ) -> None:
        self._width, self._queries, self._delimiter = len(names), queries, delimiter
        self._appended = columns
        # A file that was answered before ends with these columns; its answers are replaced.
        own = names[: -len(columns)] if tuple(names[-len(columns) :]) == tuple(columns) else names
        self._own: list[str] = []
        kept = {name for name in own if name not in columns}
        for name in own:
            written = first = f"input_{name}" if name in columns else name
            number = 2
            # A new name must not be that of a column that keeps its name.
            while (unique and written in self._own) or (first != name and written in kept):
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

        In a file with one column, a row with surplus cells is not misaligned: its text contains the delimiter.
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
        texts: list[list[str | None]] = [
            [None] * table.num_rows if index is None else text_column(table.column(index)).to_pylist()
            for index in self._queries
        ]
        queries: list[Query | None] = list(zip(*texts, strict=True))
        if unread:
            for index, reject in enumerate(piece.rejected):
                queries[reject.position + index] = None
        if own is not None:
            own = {self._names[name]: values for name, values in own.items() if name in self._names}
        return _Rows(table, queries, own, unread)

    def _misaligned(self, schema: pa.Schema, row: str) -> pa.Table:
        """Return a misaligned row as a table of one row; missing cells are null, surplus cells are dropped."""
        cells = [row] if self._width == 1 else cells_of(row, self._delimiter, self._width)
        return pa.table([pa.array([cell or None], pa.string()) for cell in cells], names=schema.names)

    def with_answers(self, table: pa.Table, answers: Sequence[Values]) -> pa.Table:
        """Return a table with the output's column names and the answers appended."""
        own = table.columns[: len(self._own)]
        values = zip(*answers, strict=True) if answers else [()] * len(self._appended)
        appended = [pa.array(list(column), kind) for column, kind in zip(values, self._appended.values(), strict=True)]
        return pa.table([*own, *appended], names=[*self._own, *self._appended])


def _insert_none(values: list[Any], positions: Sequence[int]) -> list[Any]:
    """Return the values with None inserted before each of the ascending positions."""
    parts = [values[start:end] for start, end in zip([0, *positions], [*positions, len(values)], strict=True)]
    return [value for part in parts for value in (*part, None)][:-1]
