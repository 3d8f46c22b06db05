"""Scoring of the chunks of a file in two steps, which run in different threads."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from rbloom import Bloom

from features.groups.history.history import HistoryRows
from features.groups.history.keys import history_keys
from features.groups.history.state import KeyRow
from features.groups.history.store import Store
from features.manifest.shipment import FURTHER, Problem
from features.readers import Chunk, TableReader
from features.readers.headers import further_columns, missing_note
from features.space import FeatureSpace
from features.table.parts import alone
from features.table.table import ManifestTable
from models.scoring import AdvancingHistory, Explain, Scores, ScoreSettings
from models.scoring.isolating import failing, fault
from models.scoring.scores import N_REASONS, score_columns
from service.files.options import ScoreOptions, map_ahead
from service.files.score_columns import columns_of, empty_columns

#: Number of shipments whose hashes are stored exactly, in at most 24 MiB.
_EXACT: Final = 1 << 20
#: Capacity of the Bloom filter, and its false-positive probability at that capacity. The filter takes 41 MiB.
_SHIPMENTS: Final = 10_000_000
_FALSE_POSITIVES: Final = 6e-8
#: Replacement for the key 0, which `Store` does not support.
_ZERO_KEY: Final = -(2**63)


class SeenShipments:
    """Set of the shipment references seen so far. Beyond ``exact`` references, a Bloom filter replaces the exact store."""

    def __init__(self, *, exact: int = _EXACT) -> None:
        self._exact = exact
        self._store = Store(0, 0)
        self._filter: Bloom | None = None

    def add(self, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Add shipments in order.

        Args:
            references: (n,) 64-bit hashes of shipment references.

        Returns:
            (n,) whether the shipment was added before, in an earlier call or in this one.
        """
        references = np.where(references == 0, _ZERO_KEY, references)
        if self._filter is None:
            if self._store.count + len(references) <= self._exact:
                return self._add_to_store(references)
            self._filter = Bloom(_SHIPMENTS, _FALSE_POSITIVES)
            self._filter.update(np.asarray(self._store.keys)[: self._store.count].tolist())
            self._store = Store(0, 0)
        seen = np.empty(len(references), dtype=np.bool_)
        for row, reference in enumerate(references.tolist()):
            seen[row] = reference in self._filter
            self._filter.add(reference)
        return seen

    def _add_to_store(self, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        last_slot = self._store.count - 1
        self._store.reserve(len(references), self._exact)
        slots = self._store.find(references, add=True)
        # New references get slots above all earlier slots.
        highest = np.maximum.accumulate(np.concatenate([[last_slot], slots]))[:-1]
        seen: NDArray[np.bool_] = slots <= highest
        return seen


LATE: Final = "declared_at: earlier than shipments that the history already contains; scored with the present history"
RETURNED: Final = "shipment_id: already seen earlier in this file; scored as a separate part"


class FileModel(Protocol):
    """Members of `models.scoring.risk_model.RiskModel` that are needed to score a file."""

    @property
    def heads(self) -> tuple[str, ...]: ...

    @property
    def space(self) -> FeatureSpace: ...

    def score_rows(
        self,
        table: ManifestTable,
        rows: HistoryRows,
        *,
        explain: Explain = ...,
        settings: ScoreSettings | None = ...,
        threads: int = ...,
    ) -> Scores: ...


@dataclass(frozen=True, slots=True)
class RiskyShipment:
    """One of the riskiest shipments of a file; ``line`` is the line of its first row."""

    shipment_id: str
    line: int
    risk: float
    percentile: float
    one_in: int
    rank_one_in: int
    lane: str
    selected_by: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredChunk:
    """Scores of the n accepted rows of a chunk.

    Attributes:
        chunk: the chunk of the input.
        rows: (n,) indices of the accepted rows within the chunk.
        columns: name -> (n,) values, in the order in which they are appended.
        refused: chunk row -> reason for its refusal.
        faults: number of rows that are refused because of a fault in the program.
        shipments: number of accepted shipments.
        lanes: number of shipments per triage lane.
        by_model: the same without random selections; empty if the lanes are those of a capacity instead of the model's.
        warned: number of accepted rows with a warning.
        late: number of accepted rows of late shipments.
        riskiest: the riskiest shipments of the chunk.
        kept: scores, history values and seconds of scoring, for `ScoreOptions.keep`; None if ``keep`` is not set.
    """

    chunk: Chunk
    rows: NDArray[np.int64]
    columns: dict[str, Any]
    refused: dict[int, str]
    faults: int = 0
    shipments: int = 0
    lanes: Counter[str] = field(default_factory=Counter)
    by_model: Counter[str] = field(default_factory=Counter)
    warned: int = 0
    late: int = 0
    riskiest: tuple[RiskyShipment, ...] = ()
    kept: tuple[Scores, HistoryRows, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PreparedChunk:
    """Chunk with all values that depend on the order of the file.

    Attributes:
        chunk: the chunk without its columns, which the table contains.
        table: table of the accepted rows; None if there are none.
        rows: (n,) indices of the accepted rows within the chunk.
        history: history values of the shipments as of their arrival; None if no row was accepted.
        returned: (S,) whether the shipment occurred earlier in the file, before other shipments.
        refused: chunk row -> reason for its refusal.
        faults: number of rows that are refused because of a fault in the program.
    """

    chunk: Chunk
    table: ManifestTable | None
    rows: NDArray[np.int64]
    history: HistoryRows | None
    returned: NDArray[np.bool_]
    refused: dict[int, str]
    faults: int = 0


class ChunkScorer:
    """Scores the chunks of one file or upload. Call `prepare` in the order of the file; the order of `score` does not matter.

    Attributes:
        columns: names of the score columns, in order.
    """

    def __init__(
        self, model: FileModel, history: AdvancingHistory, options: ScoreOptions, *, decimal: str | None
    ) -> None:
        """
        Args:
            history: advanced by each chunk unless the options disable that. Pass a copy if it must not change.
            decimal: decimal mark of the file, see `ManifestTable.from_columns`.
        """
        self._model, self._history, self._options, self._decimal = model, history, options, decimal
        self._seen = SeenShipments()
        self._noted_missing = False
        self._previous_time: int | None = None
        self.columns = score_columns(model.heads)

    def prepare(self, chunk: Chunk) -> PreparedChunk:
        """Read the chunk's table, look up its history, and find shipments that occurred before."""
        if not chunk.n_rows:
            return _without_rows(chunk, {})
        table, readable, refused = self._readable(chunk)
        faults = len(refused)
        if table is None:
            return _without_rows(chunk, refused, faults)
        refused |= {
            int(readable[row]): "; ".join(f"{problem.field}: {problem.problem}" for problem in problems)
            for row, problems in table.refusals().items()
        }
        rows = readable[~table.refused]
        accepted = table.accepted()
        self._previous_time = int(table.declared_s[-1])
        if not len(rows):
            return _without_rows(chunk, refused, faults)
        missing = missing_note(self._model.space.further_fields, chunk.native.column_names)
        if missing is not None and not self._noted_missing:
            # Warn once per file, because the columns are missing in all chunks.
            accepted.warn(0, Problem(FURTHER, missing))
        self._noted_missing = True
        history = self._history.advance(accepted, update=self._options.update_history, isolate=True)
        if history.faults:
            faulty = np.isin(accepted.shipment, list(history.faults))
            faults += int(faulty.sum())
            refused |= {
                row: f"shipment: {fault(history.faults[shipment])}"
                for row, shipment in zip(rows[faulty].tolist(), accepted.shipment[faulty].tolist(), strict=True)
            }
            counted = np.setdiff1d(np.arange(accepted.n_shipments), list(history.faults))
            if not len(counted):
                return _without_rows(chunk, refused, faults)
            accepted, rows, history = alone(accepted, np.flatnonzero(~faulty)), rows[~faulty], history.take(counted)
        returned = self._seen.add(history_keys(accepted)[KeyRow.REFERENCE])
        return PreparedChunk(replace(chunk, columns={}), accepted, rows, history, returned, refused, faults)

    def _readable(self, chunk: Chunk) -> tuple[ManifestTable | None, NDArray[np.int64], dict[int, str]]:
        """Return the table of the rows on which the program does not fail, their indices, and the faults of the other rows."""
        all_rows = np.arange(chunk.n_rows, dtype=np.int64)
        try:
            return self._table(chunk, None), all_rows, {}
        except Exception:
            faults = failing(chunk.n_rows, lambda rows: self._table(chunk, rows))
            if not faults:
                raise
        rows = np.setdiff1d(all_rows, list(faults))
        return (
            self._table(chunk, rows) if len(rows) else None,
            rows,
            {row: f"row: {why}" for row, why in faults.items()},
        )

    def _table(self, chunk: Chunk, rows: NDArray[np.int64] | None) -> ManifestTable:
        """Return the table of a chunk, or of ``rows`` of it, with its history keys computed."""
        columns = chunk.columns
        further = further_columns(chunk.native, self._model.space.further_fields)
        n_rows = chunk.n_rows
        if rows is not None:
            n_rows = len(rows)
            columns, further = (
                {name: column.take(rows).compact() for name, column in all_rows.items()}
                for all_rows in (columns, further)
            )
        table = ManifestTable.from_columns(
            columns, n_rows, decimal=self._decimal, previous_time=self._previous_time, further=further
        )
        history_keys(table.accepted())
        return table

    def score(self, prepared: PreparedChunk) -> ScoredChunk:
        """Score the accepted rows of a prepared chunk. Shipments on which the program fails are refused; the others are scored."""
        table, history = prepared.table, prepared.history
        if table is None or history is None:
            empty = empty_columns(self.columns)
            return ScoredChunk(prepared.chunk, prepared.rows, empty, prepared.refused, prepared.faults)
        try:
            return self._scored(prepared, table, history)
        except Exception:
            scored = self._scored_apart(prepared, table, history)
            if scored is None:
                raise
            return scored

    def remember(self, prepared: PreparedChunk) -> None:
        """Let later declarations see those of a prepared chunk whose scores are not needed."""
        if prepared.table is not None and prepared.history is not None:
            self._model.score_rows(
                prepared.table, prepared.history, settings=self._options.settings, threads=self._options.threads
            )

    def _scored_apart(self, prepared: PreparedChunk, table: ManifestTable, history: HistoryRows) -> ScoredChunk | None:
        """Refuse the shipments that fail when scored alone, and score the others. Return None if no shipment fails alone."""

        def some(shipments: NDArray[np.int64], refused: dict[int, str]) -> ScoredChunk:
            rows = np.flatnonzero(np.isin(table.shipment, shipments))
            part, of_part = alone(table, rows), history.take(shipments)
            chosen = replace(prepared, rows=prepared.rows[rows], returned=prepared.returned[shipments], refused=refused)
            return self._scored(chosen, part, of_part) if len(rows) else self.score(replace(chosen, table=None))

        faults = failing(table.n_shipments, lambda shipments: some(shipments, {}))
        if not faults:
            return None
        faulty = {
            row: f"shipment: {faults[shipment]}"
            for row, shipment in zip(prepared.rows.tolist(), table.shipment.tolist(), strict=True)
            if shipment in faults
        }
        scored = some(np.setdiff1d(np.arange(table.n_shipments), list(faults)), {**prepared.refused, **faulty})
        return replace(scored, faults=prepared.faults + len(faulty))

    def _scored(self, prepared: PreparedChunk, table: ManifestTable, history: HistoryRows) -> ScoredChunk:
        started = time.perf_counter()
        scores = self._model.score_rows(
            table,
            history,
            explain=self._options.explain,
            settings=self._options.settings,
            threads=self._options.threads,
        )
        warnings = _warnings(prepared, table, scores)
        return ScoredChunk(
            chunk=prepared.chunk,
            rows=prepared.rows,
            columns=columns_of(self.columns, scores, table, warnings),
            refused=prepared.refused,
            faults=prepared.faults,
            shipments=len(scores),
            lanes=Counter(scores.lane.tolist()),
            by_model=Counter(scores.lane[~scores.is_drawn].tolist() if scores.chosen.group is None else ()),
            warned=len(warnings),
            late=int(scores.late[table.shipment].sum()),
            riskiest=_riskiest(prepared, scores, table, self._options.top),
            kept=None if self._options.keep is None else (scores, history, time.perf_counter() - started),
        )

    def keep(self, scored: ScoredChunk) -> ScoredChunk:
        """Pass the scores of a chunk to `ScoreOptions.keep`, if set, and return the chunk without the scores."""
        if scored.kept is None or self._options.keep is None:
            return scored
        self._options.keep(*scored.kept)
        return replace(scored, kept=None)


@contextlib.contextmanager
def scored_chunks(reader: TableReader, scorer: ChunkScorer, *, done: int = 0) -> Iterator[Iterator[ScoredChunk]]:
    """Yield an iterator over the scored chunks of a file. Chunks are read, prepared and scored ahead of the consumer.

    Args:
        done: number of first chunks that are only prepared and remembered, because later chunks depend on them.
    """
    with (
        # Two threads besides the caller's. Most of the work holds the global interpreter lock, so more threads do not help.
        map_ahead(scorer.prepare, reader) as prepared,
        map_ahead(scorer.score, _from(prepared, scorer, done)) as scored,
    ):
        yield map(scorer.keep, scored)


def _from(prepared: Iterator[PreparedChunk], scorer: ChunkScorer, done: int) -> Iterator[PreparedChunk]:
    """Yield the chunks after the first ``done`` ones, whose lanes are remembered for later declarations."""
    for chunk in islice(prepared, done):
        scorer.remember(chunk)
    yield from prepared


def _without_rows(chunk: Chunk, refused: dict[int, str], faults: int = 0) -> PreparedChunk:
    """Return a prepared chunk without accepted rows."""
    return PreparedChunk(chunk, None, np.empty(0, dtype=np.int64), None, np.empty(0, dtype=np.bool_), refused, faults)


def _riskiest(prepared: PreparedChunk, scores: Scores, accepted: ManifestTable, top: int) -> tuple[RiskyShipment, ...]:
    """Return the ``top`` riskiest shipments of a chunk, highest risk first."""
    if not top:
        return ()
    ids = accepted.text("shipment_id")
    first_rows = prepared.rows[accepted.first_row]
    best = np.argsort(-scores.risk, kind="stable")[:top]
    one_in, rank_one_in = scores.one_in, scores.rank_one_in
    return tuple(
        RiskyShipment(
            shipment_id=ids.values[int(ids.codes[accepted.first_row[index]])],
            line=int(prepared.chunk.lines[first_rows[index]]),
            risk=float(scores.risk[index]),
            percentile=float(scores.percentile[index]),
            one_in=int(one_in[index]),
            rank_one_in=int(rank_one_in[index]),
            lane=str(scores.lane[index]),
            selected_by=scores.selected_by[index],
            reasons=tuple(scores.reason_texts(index, N_REASONS)),
        )
        for index in best.tolist()
    )


def _warnings(prepared: PreparedChunk, table: ManifestTable, scores: Scores) -> dict[int, str]:
    """Return row -> text of its warnings, for the rows that have warnings."""
    warnings = {row: text for row, text in enumerate(table.warning_texts()) if text}
    for flags, text in ((prepared.returned, RETURNED), (scores.late, LATE)):
        for row in np.flatnonzero(flags[table.shipment]).tolist():
            earlier = warnings.get(row)
            warnings[row] = f"{earlier}; {text}" if earlier else text
    notes = prepared.chunk.notes
    row_of = {int(position): row for row, position in enumerate(prepared.rows.tolist())} if notes else {}
    for note in notes:
        if note.position in row_of:
            row = row_of[note.position]
            earlier = warnings.get(row)
            warnings[row] = f"row: {note.text}; {earlier}" if earlier else f"row: {note.text}"
    return warnings
