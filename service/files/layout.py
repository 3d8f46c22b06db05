"""Output of a scored file: input columns under unique names, then the score columns; and unreadable rows with reasons."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import numpy as np
import pyarrow as pa

from features.readers import OwnValues
from models.scoring.scores import ALL_SCORE_COLUMNS
from service.core.excel_safe import safe_cell
from service.files.chunk_scorer import ScoredChunk
from service.files.delimited import header_line
from service.files.output import remove_stale, whole_file


class OutputLayout:
    """Layout of the output: the copied input columns, their names, and the score columns.

    Attributes:
        names: names of all output columns, in order.
        replaced: input columns that are replaced by score columns of the same name, or dropped.
        notes: one sentence per renamed column.
    """

    def __init__(
        self,
        names: Sequence[str],
        score_columns: Sequence[str],
        *,
        unique_names: bool = False,
        dictionaries: bool = True,
        drop: Sequence[str] = (),
    ) -> None:
        """
        Args:
            names: input columns, in order.
            score_columns: score columns, in order.
            unique_names: whether to rename duplicate column names.
            dictionaries: whether score columns may be dictionary-encoded.
            drop: further input columns to omit.
        """
        self._dictionaries = dictionaries
        replaced = {*ALL_SCORE_COLUMNS, *drop}
        self._copied = [index for index, name in enumerate(names) if name not in replaced]
        self.replaced = tuple(dict.fromkeys(name for name in names if name in replaced))
        self.notes: list[str] = []
        written: list[str] = []
        for index in self._copied:
            name = names[index]
            number = 2
            while unique_names and name in written:
                name = f"{names[index]}_{number}"
                number += 1
            if name != names[index]:
                self.notes.append(f"A further column {names[index]!r} is written as {name!r}.")
            written.append(name)
        self.names = (*written, *score_columns)

    def copied_cells(self, cells: Sequence[str]) -> list[str]:
        """Return those cells of an input row that are copied to the output."""
        return [cells[index] for index in self._copied]

    def accepted_rows(self, scored: ScoredChunk) -> tuple[pa.Table, OwnValues | None]:
        """Return the accepted rows of a chunk with their scores, and the JSON values of the input."""
        chunk = scored.chunk
        copied = self._input_columns(scored)
        own = chunk.own
        if len(scored.rows) < chunk.n_rows:
            accepted = pa.array(scored.rows)
            copied = [column.take(accepted) for column in copied]
            rows = scored.rows.tolist()
            own = own and {name: values and [values[row] for row in rows] for name, values in own.items()}
        if own is not None and self.replaced:
            # A file that was scored before has old values of the score columns; drop these.
            own = {name: values for name, values in own.items() if name not in self.replaced}
        return pa.table([*copied, *self._scores(scored)], names=list(self.names)), own

    def all_rows(self, scored: ScoredChunk) -> pa.Table:
        """Return all rows of a chunk; the scores of refused rows are null."""
        scores = self._scores(scored)
        n_rows = scored.chunk.n_rows
        if len(scored.rows) < n_rows:
            positions = np.full(n_rows, -1, dtype=np.int64)
            positions[scored.rows] = np.arange(len(scored.rows))
            indices: Any = pa.array(positions, mask=positions < 0)
            scores = [column.take(indices) for column in scores]
        return pa.table([*self._input_columns(scored), *scores], names=list(self.names))

    def _input_columns(self, scored: ScoredChunk) -> list[Any]:
        return [scored.chunk.native.column(index) for index in self._copied]

    def _scores(self, scored: ScoredChunk) -> list[Any]:
        columns = list(scored.columns.values())
        if self._dictionaries:
            return columns
        return [column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in columns]


REJECT_COLUMNS: Final = ("line", "reason", "row")


def default_rejects_path(out_path: str | os.PathLike[str]) -> Path:
    """Return ``OUT.rejects.csv`` beside the output, because the folder of the input may be read-only or a folder of devices."""
    path = Path(out_path)
    return path.with_name(path.name + ".rejects.csv")


class RejectsFile:
    """Context manager that writes the rejects file. The first rejected row creates the file.

    Attributes:
        rows: number of rejected rows.
    """

    def __init__(self, path: Path, *, excel_safe: bool = False) -> None:
        """
        Args:
            excel_safe: whether texts that spreadsheets would evaluate as formulas get an apostrophe.
        """
        self._path, self.rows, self._excel_safe = path, 0, excel_safe
        self._stack = contextlib.ExitStack()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        remove_stale(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the file. If no row was rejected, remove the file of an earlier run."""
        self._stack.__exit__(kind, error, trace)
        if kind is None and not self.rows:
            self._path.unlink(missing_ok=True)

    def flush(self) -> None:
        """Write buffered rows to the disk.

        Raises:
            OSError: the disk is full or broken.
        """
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def write(self, scored: ScoredChunk) -> None:
        """Write the rows of a chunk that do not match the header or are unreadable, ordered by line."""
        lines = reject_lines(scored, excel_safe=self._excel_safe)
        if not lines:
            return
        if self._file is None:
            self._file = self._stack.enter_context(whole_file(self._path))
            self._file.write(rejects_header())
        self.rows += len(lines)
        self._file.writelines(lines)


def rejects_header() -> bytes:
    """Return the header line of a rejects file."""
    return header_line(REJECT_COLUMNS)


def reject_lines(scored: ScoredChunk, *, excel_safe: bool) -> list[bytes]:
    """Return the rejected rows of a chunk as lines of a rejects file, ordered by line of the input."""
    chunk = scored.chunk
    lines = [(reject.line, reject.reason, reject.row) for reject in chunk.rejected]
    if scored.refused:
        rows = sorted(scored.refused)
        texts = csv_records(chunk.raw, rows)
        lines += [(int(chunk.lines[row]), scored.refused[row], text) for row, text in zip(rows, texts, strict=True)]
    safe = safe_cell if excel_safe else str
    return [header_line([str(line), safe(reason), safe(row)]) for line, reason, row in sorted(lines)]


def csv_records(table: pa.Table, rows: Sequence[int]) -> list[str]:
    """Return the given rows of a table of strings as CSV records without line ends."""
    selected = table.take(pa.array(rows))
    columns = [column.to_pylist() for column in selected.columns]
    return [
        header_line([value or "" for value in cells]).decode("utf-8").removesuffix("\n")
        for cells in zip(*columns, strict=True)
    ]
