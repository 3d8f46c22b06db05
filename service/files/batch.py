"""Scores a file into a file, and an uploaded CSV into a streamed CSV.

Rows keep their order and their own columns; the score columns are appended. Rows that cannot be read go to a rejects
file (for a stream: stay in place, with an ``error``). Memory does not depend on the size of the file.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from features.readers import ROWS_PER_CHUNK, ColumnMapping, OwnValues, TableReader, open_table
from features.readers.as_text import text_column
from features.readers.further import missing_note
from service.files.output import check_paths, delimited, format_of, header_line, open_writer, whole_file
from service.files.pipeline import map_ahead
from service.files.score_columns import ALL_SCORE_COLUMNS, ChunkScorer, RiskyShipment, ScoredChunk

if TYPE_CHECKING:
    from features.groups.history.history import History
    from models.scoring.risk_model import Explain, RiskModel
    from models.scoring.settings import ScoreSettings

#: Called after each chunk with bytes of the input read so far, its size (0: not known) and rows read so far.
Progress = Callable[[int, int, int], None]

REJECT_COLUMNS: Final = ("line", "reason", "row")
ERROR_COLUMN: Final = "error"
#: A streamed answer begins after its first chunk, so this is smaller than that of a file.
_STREAM_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What became of a file. ``rows_in`` = ``rows_out`` + ``rows_rejected``.

    Attributes:
        by_lane: shipments per lane.
        rows_warned: scored rows with something in ``warnings``.
        rejects_path: the rejects file; None if no row was rejected.
        replaced: columns of the input that scoring writes itself and that were therefore replaced.
        notes: what a person should know about the file: guessed columns, names that occur twice, ...
        riskiest: the riskiest shipments, riskiest first.
        seconds: time taken.
    """

    rows_in: int
    rows_out: int
    rows_rejected: int
    shipments: int
    by_lane: Mapping[str, int]
    rows_warned: int
    rejects_path: Path | None
    replaced: tuple[str, ...]
    notes: tuple[str, ...]
    encoding: str | None
    delimiter: str | None
    decimal: str | None
    riskiest: tuple[RiskyShipment, ...]
    seconds: float

    @property
    def rows_per_second(self) -> float:
        return self.rows_in / self.seconds if self.seconds > 0 else 0.0


def default_rejects_path(in_path: str | os.PathLike[str]) -> Path:
    """``IN.rejects.csv``, beside the input."""
    path = Path(in_path)
    return path.with_name(path.name + ".rejects.csv")


def score_file(
    in_path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    model: RiskModel,
    *,
    history: History | None = None,
    mapping: ColumnMapping | None = None,
    rejects_path: str | os.PathLike[str] | None = None,
    explain: Explain = "shown",
    progress: Progress | None = None,
    settings: ScoreSettings | None = None,
    threads: int = 1,
    rows_per_chunk: int = ROWS_PER_CHUNK,
    top: int = 10,
) -> BatchReport:
    """Score a file; the output's ending gives its format.

    History begins as the model's snapshot and advances in the file's order. Output and rejects appear when all is done, or
    not at all. A rejects file of an earlier run is removed if nothing is rejected now.

    Args:
        history: what is advanced; by default a private copy of the model's.

    Raises:
        Unreadable: the input as a whole cannot be read.
        MappingError: the mapping does not fit it.
        OutputRefused: an output path cannot be used.
    """
    started = time.monotonic()
    source, target = Path(in_path), Path(out_path)
    rejects = Path(rejects_path) if rejects_path is not None else default_rejects_path(source)
    format_of(target)
    check_paths([("input", source), ("output", target), ("rejects", rejects)])
    tally = _Tally(top)
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(open_table(source, mapping=mapping, rows_per_chunk=rows_per_chunk))
        scorer = ChunkScorer(
            model,
            model.history.copy() if history is None else history,
            decimal=reader.decimal,
            explain=explain,
            settings=settings,
            threads=threads,
            top=top,
        )
        refusals = stack.enter_context(_RejectsFile(rejects))
        kind = format_of(target)[0]
        layout = _OutputLayout(
            reader.names, scorer.columns, typed=kind in ("parquet", "jsonl"), encoded=kind != "parquet"
        )
        writer = stack.enter_context(open_writer(target))
        for scored in stack.enter_context(_scored(reader, scorer)):
            writer.write(*layout.table(scored))
            refusals.write(scored)
            tally.add(scored)
            if progress is not None:
                progress(scored.chunk.bytes_read, reader.approx_bytes, tally.rows_in)
            # Or it would stay in memory until there is another.
            del scored
    lacking = missing_note(model.space.further_fields, reader.names)
    return BatchReport(
        rows_in=tally.rows_in,
        rows_out=tally.rows_out,
        rows_rejected=tally.rows_in - tally.rows_out,
        shipments=tally.shipments,
        by_lane={lane: tally.lanes.get(lane, 0) for lane in ("red", "yellow", "green")},
        rows_warned=tally.warned,
        rejects_path=rejects if refusals.rows else None,
        replaced=layout.replaced,
        notes=(*_guesses(reader), *reader.notes, *layout.notes, *([lacking] if lacking else [])),
        encoding=reader.encoding,
        delimiter=reader.delimiter,
        decimal=reader.decimal,
        riskiest=tuple(tally.riskiest),
        seconds=time.monotonic() - started,
    )


def score_csv_stream(
    file: str | os.PathLike[str] | BinaryIO,
    model: RiskModel,
    history: History,
    *,
    mapping: ColumnMapping | None = None,
    explain: Explain = "shown",
    settings: ScoreSettings | None = None,
    update_history: bool = True,
    threads: int = 1,
    name: str = "the uploaded file",
    rows_per_chunk: int = _STREAM_ROWS,
) -> Iterator[bytes]:
    """Score a CSV (gzipped or not) into parts of a CSV: the header first, then whole lines in the input's order.

    A row that cannot be read stays in its place, its score columns empty and the reason in the last column, ``error``.
    The header of the upload is read before this returns, so that an unreadable one can still be answered as an error.

    Args:
        history: advanced in place unless ``update_history`` is False.

    Raises:
        Unreadable: the upload cannot be read; while iterating: it turns out to be cut short.
        MappingError: the mapping does not fit it.
    """
    reader = open_table(file, mapping=mapping, name=name, rows_per_chunk=rows_per_chunk)
    scorer = ChunkScorer(
        model,
        history,
        decimal=reader.decimal,
        explain=explain,
        settings=settings,
        update_history=update_history,
        threads=threads,
    )
    return _streamed(reader, scorer)


@contextlib.contextmanager
def _scored(reader: TableReader, scorer: ChunkScorer) -> Iterator[Iterator[ScoredChunk]]:
    """Yield the file's chunks, read, prepared and scored ahead of the code that writes them."""
    with (
        # Two threads beside the caller's: most of the work needs Python's lock, so more threads would only wait for it.
        map_ahead(scorer.prepare, reader) as prepared,
        map_ahead(scorer.score, prepared) as scored,
    ):
        yield scored


def _streamed(reader: TableReader, scorer: ChunkScorer) -> Iterator[bytes]:
    layout = _OutputLayout(reader.names, scorer.columns, drop=(ERROR_COLUMN,))
    with reader:
        yield header_line((*layout.names, ERROR_COLUMN))
        with _scored(reader, scorer) as chunks:
            for scored in chunks:
                yield _lines(reader, layout, scored)


def _lines(reader: TableReader, layout: _OutputLayout, scored: ScoredChunk) -> bytes:
    """A chunk's lines of a streamed CSV, those that could not be read in their places."""
    chunk = scored.chunk
    full, _ = layout.table(scored, keep_refused=True)
    errors = np.full(chunk.n_rows, None, dtype=object)
    for row, reason in scored.refused.items():
        errors[row] = f"line {int(chunk.lines[row])}: {reason}"
    columns = [text_column(column) for column in full.columns]
    full = pa.table([*columns, pa.array(errors, pa.string())], names=[*full.column_names, ERROR_COLUMN])
    at = 0
    parts: list[bytes] = []
    for reject in chunk.rejected:
        parts.append(delimited(full.slice(at, reject.position - at)))
        at = reject.position
        cells = layout.kept_cells(_cells_of(reject.row, reader.delimiter or ",", len(reader.names)))
        blanks = [""] * len(scored.columns)
        parts.append(header_line([*cells, *blanks, f"line {reject.line}: {reject.reason}"]))
    parts.append(delimited(full.slice(at)))
    return b"".join(parts)


def _cells_of(row: str, delimiter: str, width: int) -> list[str]:
    """The first cells of a row that does not fit the header, as many as the header has."""
    try:
        cells = next(csv.reader(io.StringIO(row, newline=""), delimiter=delimiter), [])
    except csv.Error:
        cells = [row]
    return [*cells[:width], *[""] * (width - len(cells))]


def _guesses(reader: TableReader) -> list[str]:
    return [f"{column!r} was taken for {name}." for name, column in reader.guessed.items()]


@dataclass(slots=True)
class _Tally:
    top: int
    rows_in: int = 0
    rows_out: int = 0
    shipments: int = 0
    warned: int = 0
    lanes: Counter[str] = field(default_factory=Counter)
    riskiest: list[RiskyShipment] = field(default_factory=list)

    def add(self, scored: ScoredChunk) -> None:
        self.rows_in += scored.chunk.n_rows + len(scored.chunk.rejected)
        self.rows_out += len(scored.rows)
        self.shipments += scored.shipments
        self.warned += scored.warned
        self.lanes.update(scored.lanes)
        self.riskiest = sorted([*self.riskiest, *scored.riskiest], key=lambda one: -one.risk)[: self.top]


class _OutputLayout:
    """Which input columns go out, under which names, before the score columns."""

    def __init__(
        self,
        names: Sequence[str],
        appended: Sequence[str],
        *,
        typed: bool = False,
        encoded: bool = True,
        drop: Sequence[str] = (),
    ) -> None:
        """
        Args:
            typed: for formats other than CSV: columns of one name get different ones.
            encoded: score columns may be dictionaries.
            drop: further columns that are written anew.
        """
        self._encoded = encoded
        own = {*ALL_SCORE_COLUMNS, *drop}
        self._kept = [index for index, name in enumerate(names) if name not in own]
        self.replaced = tuple(dict.fromkeys(name for name in names if name in own))
        self.notes: list[str] = []
        kept: list[str] = []
        for index in self._kept:
            name = names[index]
            number = 2
            while typed and name in kept:
                name = f"{names[index]}_{number}"
                number += 1
            if name != names[index]:
                self.notes.append(f"A further column {names[index]!r} is written as {name!r}.")
            kept.append(name)
        self.names = (*kept, *appended)

    def kept_cells(self, cells: Sequence[str]) -> list[str]:
        return [cells[index] for index in self._kept]

    def table(self, scored: ScoredChunk, *, keep_refused: bool = False) -> tuple[pa.Table, OwnValues | None]:
        """Input and score columns of the accepted rows (or of all, refused ones blank), and the input's own JSON values."""
        chunk = scored.chunk
        given = [chunk.native.column(index) for index in self._kept]
        scores: list[Any] = list(scored.columns.values())
        if not self._encoded:
            scores = [
                column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in scores
            ]
        own = chunk.own
        if len(scored.rows) < chunk.n_rows:
            taken: Any
            if keep_refused:
                place = np.full(chunk.n_rows, -1, dtype=np.int64)
                place[scored.rows] = np.arange(len(scored.rows))
                taken = pa.array(place, mask=place < 0)
                scores = [column.take(taken) for column in scores]
            else:
                taken = pa.array(scored.rows)
                given = [column.take(taken) for column in given]
                rows = scored.rows.tolist()
                own = own and {name: values and [values[row] for row in rows] for name, values in own.items()}
        if own is not None and self.replaced:
            # A file that was scored before holds old values of the columns that are written anew.
            own = {name: values for name, values in own.items() if name not in self.replaced}
        return pa.table([*given, *scores], names=list(self.names)), own


class _RejectsFile:
    """The rejects file, begun with its first reject."""

    def __init__(self, path: Path) -> None:
        self._path, self.rows = path, 0
        self._stack = contextlib.ExitStack()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> _RejectsFile:
        return self

    def __exit__(self, *problem: Any) -> None:
        self._stack.__exit__(*problem)
        if problem[0] is None and not self.rows:
            self._path.unlink(missing_ok=True)

    def write(self, scored: ScoredChunk) -> None:
        """Rows of the chunk that could not be aligned or read, by line."""
        chunk = scored.chunk
        lines = [(reject.line, reject.reason, reject.row) for reject in chunk.rejected]
        if scored.refused:
            rows = sorted(scored.refused)
            texts = delimited_rows(chunk.raw, rows)
            lines += [(int(chunk.lines[row]), scored.refused[row], text) for row, text in zip(rows, texts, strict=True)]
        if not lines:
            return
        if self._file is None:
            self._file = self._stack.enter_context(whole_file(self._path))
            self._file.write(header_line(REJECT_COLUMNS))
        self.rows += len(lines)
        self._file.writelines(header_line([str(line), reason, row]) for line, reason, row in sorted(lines))


def delimited_rows(table: pa.Table, rows: Sequence[int]) -> list[str]:
    """Some rows of a table of text, each as one record of CSV."""
    taken = table.take(pa.array(rows))
    columns = [column.to_pylist() for column in taken.columns]
    return [
        header_line([value or "" for value in cells]).decode("utf-8").removesuffix("\n")
        for cells in zip(*columns, strict=True)
    ]
