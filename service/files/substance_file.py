"""A file of names becomes the same file with what each name is: `COLUMNS` of `service.substances.answers` behind its own.

Rows keep their number and order: one that cannot be read stays in its place, without an answer.
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

#: Lists of chemicals repeat names; this many answers take some tens of megabytes.
_REMEMBERED: Final = 65_536
_NOTES_SHOWN: Final = 5
_TRUTHS: Final = ("hit", "listed", "us_class", "cn_class")
_NUMBERS: Final = ("confidence", "similarity")
_BLANK: Final = (None,) * len(COLUMNS)


@dataclass(slots=True)
class FileReport:
    """What became of a file; every row of the input is a row of the output.

    Attributes:
        by_kind: rows per kind of match.
        hits: rows that declare a watched substance.
        blank: rows without a query.
        unread: rows that do not fit the header; they stand in their place without an answer.
        notes: what a person should know about the file.
        seconds: time taken.
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
    """Resolve one column of a file; the output's ending gives its format.

    Args:
        column: its name, as it stands in the file or but for case and separators.

    Raises:
        Unreadable: the input as a whole cannot be read.
        MappingError: it has no such column.
        OutputRefused: the output path cannot be used.
    """
    started = time.monotonic()
    output = format_of(target)
    check_paths([("input", source), ("output", target)])
    report = FileReport()
    opened = open_pieces(source, expected=(column,))
    pieces = opened.pieces
    try:
        place = _place_of(column, pieces.names, opened.name)
        layout = _Layout(pieces.names, place, pieces.delimiter or ",", report.notes, unique=output.unique_names)

        @lru_cache(maxsize=_REMEMBERED)
        def answered(text: str) -> tuple[Any, ...]:
            return columns(Question(text, on, jurisdiction))

        with open_writer(target) as writer:
            written = False
            for piece in pieces:
                rows = layout.whole(piece)
                answers = [answered(text.strip()) if text and text.strip() else _BLANK for text in rows.texts]
                writer.write(layout.with_answers(rows.table, answers), rows.own)
                written = True
                _count(report, rows, answers)
                if progress is not None:
                    progress(pieces.bytes_read, opened.size, report.rows)
            if not written:
                writer.write(layout.with_answers(layout.nothing(), []))
    finally:
        pieces.close()
    if report.unread > _NOTES_SHOWN:
        report.notes.append(f"{report.unread:,} rows in all do not fit the header.")
    report.seconds = time.monotonic() - started
    return report


def _count(report: FileReport, rows: _Rows, answers: Sequence[tuple[Any, ...]]) -> None:
    report.rows += len(answers)
    report.blank += sum(not (text and text.strip()) for text in rows.texts) - len(rows.unread)
    for line, reason in rows.unread:
        report.unread += 1
        if report.unread <= _NOTES_SHOWN:
            report.notes.append(f"Line {line} stands without an answer: {reason}.")
    report.hits += sum(answer[1] is True for answer in answers)
    report.by_kind.update(answer[0] for answer in answers if answer[0])


def _place_of(column: str, names: Sequence[str], file: str) -> int:
    """Index of the column; spelling decides, then spelling without case and separators where only one is so spelt."""
    if column in names:
        return names.index(column)
    alike = [index for index, name in enumerate(names) if squeeze(name) == squeeze(column)]
    if len(alike) == 1:
        return alike[0]
    if len(names) == 1:
        remedy = f"the only one is {names[0]!r}: name it with --column, or put a header line above the first row"
    else:
        remedy = f"it has {', '.join(map(repr, names))}; name one with --column"
    raise MappingError(file, column, f"there is no such column; {remedy}.")


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a piece, those that could not be aligned in their places."""

    table: pa.Table
    texts: list[str | None]
    own: OwnValues | None
    unread: list[tuple[int, str]]


class _Layout:
    """The columns of the output: the input's own, under their names, then the answers."""

    def __init__(
        self, names: Sequence[str], place: int, delimiter: str, notes: list[str], *, unique: bool = False
    ) -> None:
        """
        Args:
            notes: gets a line for each column that must change its name.
            unique: give columns of one name different ones, as formats other than CSV need.
        """
        self._width, self._place, self._delimiter = len(names), place, delimiter
        # A file that was resolved before is resolved anew.
        own = names[: -len(COLUMNS)] if tuple(names[-len(COLUMNS) :]) == COLUMNS else names
        self._own: list[str] = []
        for name in own:
            kept = plain = f"input_{name}" if name in COLUMNS else name
            number = 2
            while unique and kept in self._own:
                kept, number = f"{plain}_{number}", number + 1
            if kept != name:
                notes.append(f"The input's column {name!r} is written as {kept!r}.")
            self._own.append(kept)
        self._names = dict(zip(own, self._own, strict=True))

    def nothing(self) -> pa.Table:
        """No rows."""
        return pa.table([pa.array([], pa.string())] * self._width, names=list(map(str, range(self._width))))

    def whole(self, piece: Piece) -> _Rows:
        """A piece with the rows that could not be aligned put back into their places.

        A cell too many in a file of one column is a name with the delimiter in it, and read as one.
        """
        table, own = piece.table, piece.own
        unread: list[tuple[int, str]] = []
        if piece.rejected:
            parts: list[pa.Table] = []
            at = 0
            for reject in piece.rejected:
                row = reject.row if own is None else ""
                parts += [table.slice(at, reject.position - at), self._put_back(table.schema, row)]
                at = reject.position
                if self._width > 1 or own is not None:
                    unread.append((reject.line, reject.reason))
            table = pa.concat_tables([*parts, table.slice(at)])
            places = [reject.position for reject in piece.rejected]
            own = own and {name: values and _put_in(values, places) for name, values in own.items()}
        texts = text_column(table.column(self._place)).to_pylist()
        if unread:
            for index, reject in enumerate(piece.rejected):
                texts[reject.position + index] = None
        if own is not None:
            own = {self._names[name]: values for name, values in own.items() if name in self._names}
        return _Rows(table, texts, own, unread)

    def _put_back(self, schema: pa.Schema, row: str) -> pa.Table:
        cells = [row] if self._width == 1 else _cells(row, self._delimiter)
        cells = [*cells[: self._width], *[""] * (self._width - len(cells))]
        return pa.table([pa.array([cell or None], pa.string()) for cell in cells], names=schema.names)

    def with_answers(self, table: pa.Table, answers: Sequence[tuple[Any, ...]]) -> pa.Table:
        """The table under its names in the output, with the answers to its rows behind."""
        own = table.columns[: len(self._own)]
        values = zip(*answers, strict=True) if answers else [()] * len(COLUMNS)
        made = [pa.array(list(column), _kind(name)) for name, column in zip(COLUMNS, values, strict=True)]
        return pa.table([*own, *made], names=[*self._own, *COLUMNS])


def _put_in(values: list[Any], places: Sequence[int]) -> list[Any]:
    """The values with None before each of the places, in ascending order."""
    parts = [values[start:end] for start, end in zip([0, *places], [*places, len(values)], strict=True)]
    return [value for part in parts for value in (*part, None)][:-1]


def _kind(name: str) -> pa.DataType:
    return pa.bool_() if name in _TRUTHS else pa.float64() if name in _NUMBERS else pa.string()


def _cells(row: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(row, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return [row]
