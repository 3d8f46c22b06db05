"""Scoring of a file, with the result in another file.

Rows keep their order and columns; the score columns are appended. Unreadable rows go to a rejects file. Memory use does not depend
on the size of the file.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from features.groups.history.columns import WIDTH
from features.groups.history.history import History, HistoryRows
from features.groups.history.keys import history_keys, seconds_of
from features.readers import ROWS_PER_CHUNK, TableReader, open_table
from features.readers.headers import missing_note
from models.lanes import Lanes, misfit
from models.scoring import AdvancingHistory
from service.files.chunk_scorer import ChunkScorer, FileModel, RiskyShipment, ScoredChunk, scored_chunks
from service.files.layout import OutputLayout, RejectsFile, default_rejects_path
from service.files.options import Progress, ScoreOptions, map_ahead
from service.files.output import check_paths, format_of, open_writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from features.table.table import ManifestTable


@dataclass(frozen=True, slots=True)
class BatchReport:
    """Counts and notes of a scored file. ``rows_in`` = ``rows_out`` + ``rows_rejected``.

    Attributes:
        shipments: number of scored shipments.
        by_lane: number of shipments per triage lane.
        rows_warned: number of scored rows with a text in ``warnings``.
        rows_late: number of scored rows of late shipments: declared before shipments that the history already contained.
        lane_warning: warning that the lanes do not fit this traffic (`models.lanes.misfit`); None if they do.
        rejects_path: the rejects file; None if no row was rejected.
        replaced: input columns that were replaced by score columns of the same name.
        notes: remarks for the user, for example on guessed columns and duplicate column names.
        riskiest: the riskiest shipments, highest risk first.
        seconds: wall time.
    """

    rows_in: int
    rows_out: int
    rows_rejected: int
    shipments: int
    by_lane: Mapping[str, int]
    rows_warned: int
    rows_late: int
    lane_warning: str | None
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
        """Input rows per second."""
        return self.rows_in / self.seconds if self.seconds > 0 else 0.0


class ModelWithHistory(FileModel, Protocol):
    """Model with an initial history."""

    @property
    def history(self) -> History: ...

    @property
    def lanes(self) -> Lanes: ...


def score_file(
    in_path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    model: ModelWithHistory,
    options: ScoreOptions | None = None,
    *,
    history: History | None = None,
    rejects_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> BatchReport:
    """Score a file. The extension of the output path determines the format.

    By default, the history starts from the model's snapshot and advances in the order of the file. The output and the rejects file
    appear only when the whole file is scored. If no row is rejected, the rejects file of an earlier run is removed.

    Args:
        history: history to advance; default: a copy of the model's history.
        rejects_path: the rejects file; default: beside the output.

    Raises:
        Unreadable: the input as a whole cannot be read.
        MappingError: the mapping does not fit the input.
        OutputRefused: an output path cannot be used.
        OutputFailed: the disk is full or broken.
    """
    started = time.monotonic()
    options = options or ScoreOptions()
    source, target = Path(in_path), Path(out_path)
    rejects_file = Path(rejects_path) if rejects_path is not None else default_rejects_path(target)
    output = format_of(target)
    check_paths([("input", source), ("output", target), ("rejects", rejects_file)])
    totals = _Totals(options.top)
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(
            open_table(source, mapping=options.mapping, rows_per_chunk=options.rows_per_chunk or ROWS_PER_CHUNK)
        )
        history = model.history.copy() if history is None else history
        if options.history_file is not None:
            replay_file(options.history_file, model, history, options)
        past: AdvancingHistory = history
        if options.in_time_order:
            past = stack.enter_context(sorted_history(source, model, history, options))
        scorer = ChunkScorer(model, past, options, decimal=reader.decimal)
        rejects = stack.enter_context(RejectsFile(rejects_file, excel_safe=options.excel_safe))
        layout = OutputLayout(
            reader.names, scorer.columns, unique_names=output.unique_names, dictionaries=output.dictionaries
        )
        writer = stack.enter_context(open_writer(target, excel_safe=options.excel_safe))
        for scored in stack.enter_context(scored_chunks(reader, scorer)):
            writer.write(*layout.accepted_rows(scored))
            rejects.write(scored)
            totals.add(scored)
            if progress is not None:
                progress(scored.chunk.bytes_read, reader.approx_bytes, totals.rows_in)
            # Free the chunk before the next one arrives.
            del scored
        # Flush now, so that a full disk raises before the output replaces an earlier file.
        rejects.flush()
    missing = missing_note(model.space.further_fields, reader.names)
    return BatchReport(
        rows_in=totals.rows_in,
        rows_out=totals.rows_out,
        rows_rejected=totals.rows_in - totals.rows_out,
        shipments=totals.shipments,
        by_lane={lane: totals.lanes.get(lane, 0) for lane in ("red", "yellow", "green")},
        rows_warned=totals.warned,
        rows_late=totals.late,
        lane_warning=misfit(totals.by_model, model.lanes),
        rejects_path=rejects_file if rejects.rows else None,
        replaced=layout.replaced,
        notes=(*_guesses(reader), *reader.notes, *layout.notes, *([missing] if missing else []), *totals.notes),
        encoding=reader.encoding,
        delimiter=reader.delimiter,
        decimal=reader.decimal,
        riskiest=tuple(totals.riskiest),
        seconds=time.monotonic() - started,
    )


def _guesses(reader: TableReader) -> list[str]:
    return [f"{column!r} was taken for {name}." for name, column in reader.guessed.items()]


@dataclass(slots=True)
class _Totals:
    """Running totals over the chunks of a file."""

    top: int
    rows_in: int = 0
    rows_out: int = 0
    shipments: int = 0
    warned: int = 0
    faults: int = 0
    late: int = 0
    by_model: Counter[str] = field(default_factory=Counter)
    lanes: Counter[str] = field(default_factory=Counter)
    riskiest: list[RiskyShipment] = field(default_factory=list)

    def add(self, scored: ScoredChunk) -> None:
        self.rows_in += scored.chunk.n_rows + len(scored.chunk.rejected)
        self.rows_out += len(scored.rows)
        self.shipments += scored.shipments
        self.warned += scored.warned
        self.faults += scored.faults
        self.late += scored.late
        self.by_model.update(scored.by_model)
        self.lanes.update(scored.lanes)
        self.riskiest = sorted([*self.riskiest, *scored.riskiest], key=lambda one: -one.risk)[: self.top]

    @property
    def notes(self) -> list[str]:
        """Note on rows that are rejected because of a fault in the program."""
        return [f"{self.faults:,} rows are rejected because of a fault in the program."] if self.faults else []


#: Number of shipments per step of the history, which bounds the memory of their values.
_AT_ONCE: Final = 65_536


def replay_file(path: str | os.PathLike[str], model: FileModel, history: History, options: ScoreOptions) -> None:
    """Advance a history with an earlier manifest file, in the order of the file.

    Raises:
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
    """
    _prepare_all(path, model, history, options)


@contextlib.contextmanager
def sorted_history(path: Path, model: FileModel, history: History, options: ScoreOptions) -> Iterator[SortedHistory]:
    """Read a file, advance the history in order of ``declared_at``, and yield the history values in the order of the file.

    Shipments with equal times keep the order of the file. The values (some 600 bytes per shipment) are in a temporary file, so they
    take no memory; the keys (240 bytes per shipment) are in memory.

    Raises:
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
    """
    collected = _Keys()
    _prepare_all(path, model, collected, options)
    keys = collected.joined()
    order = np.argsort(seconds_of(keys), kind="stable")
    with tempfile.TemporaryFile(prefix="tidewaiter-") as file:
        n = len(order)
        values = np.memmap(file, np.float64, "w+", shape=(max(n, 1), WIDTH))
        late = np.zeros(n, dtype=np.bool_)
        faults: dict[int, Exception] = {}
        for start in range(0, n, _AT_ONCE):
            chosen = order[start : start + _AT_ONCE]
            rows = history.advance_keys(np.ascontiguousarray(keys[:, chosen]), isolate=True)
            values[chosen], late[chosen] = rows.values, rows.late
            faults |= {int(chosen[number]): error for number, error in rows.faults.items()}
        del keys
        yield SortedHistory(HistoryRows(values, late, faults=faults, declarations=history.declarations))


class SortedHistory:
    """History values of the shipments of a file, which `advance` returns in the order of the file."""

    def __init__(self, rows: HistoryRows) -> None:
        self._rows = rows
        self._next = 0

    def advance(self, table: ManifestTable, *, update: bool = True, isolate: bool = False) -> HistoryRows:
        """Return the values of the table's shipments, which must be the next ones of the file."""
        rows, first = self._rows, self._next
        self._next += table.n_shipments
        chosen = slice(first, self._next)
        faults = {shipment - first: error for shipment, error in rows.faults.items() if first <= shipment < self._next}
        return replace(rows, values=np.array(rows.values[chosen]), late=rows.late[chosen], faults=faults)


class _Keys:
    """Stands in for a history, and collects the history keys of the tables."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.int64]] = []

    def advance(self, table: ManifestTable, *, update: bool = True, isolate: bool = False) -> HistoryRows:
        keys = history_keys(table)
        self._parts.append(keys)
        return HistoryRows(np.empty((table.n_shipments, 0)), np.zeros(table.n_shipments, dtype=np.bool_))

    def joined(self) -> NDArray[np.int64]:
        """Return the keys of all shipments, one column per shipment."""
        parts, self._parts = self._parts, []
        return np.concatenate(parts, axis=1) if parts else np.empty((1, 0), dtype=np.int64)


def _prepare_all(
    path: str | os.PathLike[str], model: FileModel, history: History | _Keys, options: ScoreOptions
) -> None:
    """Read a whole file as `score_file` does, and advance the history with its tables."""
    with (
        open_table(path, mapping=options.mapping, rows_per_chunk=options.rows_per_chunk or ROWS_PER_CHUNK) as reader,
        map_ahead((scorer := ChunkScorer(model, history, options, decimal=reader.decimal)).prepare, reader) as prepared,
    ):
        for chunk in prepared:
            if isinstance(history, History):
                scorer.remember(chunk)
