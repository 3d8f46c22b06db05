"""The rejects file: unreadable rows with their lines and reasons."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import pyarrow as pa

from service.core.excel_safe import safe_cell
from service.files.chunk_scorer import ScoredChunk
from service.files.csv_lines import header_line
from service.files.output import remove_stale, whole_file

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
