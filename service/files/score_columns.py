"""A chunk of rows -> the score columns of CONTRACT's `score` command, for files and for streamed uploads alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.groups.history.keys import ROWS, history_keys
from features.manifest.fields import HEADS
from features.manifest.shipment import FURTHER, Problem
from features.readers import Chunk
from features.readers.further import further_columns, missing_note
from features.table.table import ManifestTable
from service.files.output import round_significant
from service.files.seen import SeenShipments

if TYPE_CHECKING:
    from features.groups.history.history import History, HistoryRows
    from models.scoring.risk_model import Explain, RiskModel
    from models.scoring.scores import Scores
    from models.scoring.settings import ScoreSettings

N_REASONS: Final = 3
#: Row of the shipments' references among what history knows of them.
_REFERENCE: Final = ROWS.index("reference")
_BEFORE_HEADS: Final = ("risk", "percentile")
_AFTER_HEADS: Final = (
    "item_risk",
    "lane",
    "selected_by",
    *(f"reason_{n + 1}" for n in range(N_REASONS)),
    "substance",
    "substance_kind",
    "substance_hit",
    "warnings",
    "model_version",
    "bundle_digest",
)
#: Every column that scoring may append, in order.
ALL_SCORE_COLUMNS: Final = (*_BEFORE_HEADS, *(f"risk_{head}" for head in HEADS), *_AFTER_HEADS)

LATE: Final = "declared_at: earlier than shipments already in the history, which was taken as it stands now"
RETURNED: Final = "shipment_id: already seen earlier in this file; scored as a part of its own"


def score_columns(heads: Sequence[str]) -> tuple[str, ...]:
    """The appended columns of a model with these heads. A model of one own label has ``risk`` and no further heads."""
    own = () if tuple(heads) == ("risk",) else tuple(f"risk_{head}" for head in heads)
    return (*_BEFORE_HEADS, *own, *_AFTER_HEADS)


@dataclass(frozen=True, slots=True)
class RiskyShipment:
    """One of the riskiest shipments of a file; ``line`` is that of its first row."""

    shipment_id: str
    line: int
    risk: float
    percentile: float
    lane: str
    selected_by: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredChunk:
    """Score columns of the n accepted rows of a chunk.

    Attributes:
        chunk: whose rows these are.
        rows: (n,) their indices among the chunk's rows.
        columns: name -> (n,) values, in the order in which they are appended.
        refused: chunk row -> why it could not be read.
        lanes: shipments per lane.
        warned: accepted rows with a warning.
    """

    chunk: Chunk
    rows: NDArray[np.int64]
    columns: dict[str, Any]
    refused: dict[int, str]
    shipments: int = 0
    lanes: Counter[str] = field(default_factory=Counter)
    warned: int = 0
    riskiest: tuple[RiskyShipment, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PreparedChunk:
    """A chunk on its way: what had to be found out in the file's order.

    Attributes:
        chunk: without its columns: the table has them now, and is gone once it is scored.
        table: its accepted rows, None if there are none.
        rows: (n,) their indices among the chunk's rows.
        history: what the history said when they came.
        returned: (S,) whether a shipment came before, not adjacent.
        refused: chunk row -> why it could not be read.
    """

    chunk: Chunk
    table: ManifestTable | None
    rows: NDArray[np.int64]
    history: HistoryRows | None
    returned: NDArray[np.bool_]
    refused: dict[int, str]


class ChunkScorer:
    """Scores the chunks of one file or upload: `prepare` in their order, then `score` in any."""

    def __init__(
        self,
        model: RiskModel,
        history: History,
        *,
        decimal: str | None,
        explain: Explain = "shown",
        settings: ScoreSettings | None = None,
        update_history: bool = True,
        threads: int = 1,
        top: int = 0,
    ) -> None:
        """
        Args:
            history: advanced by every chunk (unless ``update_history`` is False); pass a copy where it must not change.
            threads: for LightGBM.
            top: how many of each chunk's riskiest shipments to keep for display.
        """
        self._model, self._history, self._decimal = model, history, decimal
        self._explain, self._settings, self._update = explain, settings, update_history
        self._threads = threads
        self._top = top
        self._seen = SeenShipments()
        self._told = False
        self._previous_time: int | None = None
        self.columns = score_columns(model.heads)

    def prepare(self, chunk: Chunk) -> PreparedChunk:
        """The chunk's table, and what the history and the shipments before it say of it."""
        nothing = np.empty(0, dtype=np.int64)
        if not chunk.n_rows:
            return PreparedChunk(chunk, None, nothing, None, nothing.astype(bool), {})
        table = ManifestTable.from_columns(
            chunk.columns,
            chunk.n_rows,
            decimal=self._decimal,
            previous_time=self._previous_time,
            further=further_columns(chunk.native, self._model.space.further_fields),
        )
        refused = {
            row: "; ".join(f"{problem.field}: {problem.problem}" for problem in problems)
            for row, problems in table.refusals().items()
        }
        rows = np.flatnonzero(~table.refused).astype(np.int64)
        accepted = table.accepted()
        self._previous_time = int(table.declared_s[-1])
        if not len(rows):
            return PreparedChunk(chunk, None, nothing, None, nothing.astype(bool), refused)
        lacking = missing_note(self._model.space.further_fields, chunk.native.column_names)
        if lacking is not None and not self._told:
            # Once: it holds for the whole file.
            accepted.warn(0, Problem(FURTHER, lacking))
        self._told = True
        history = self._history.advance(accepted, update=self._update)
        returned = self._seen.add(history_keys(accepted)[_REFERENCE])
        return PreparedChunk(replace(chunk, columns={}), accepted, rows, history, returned, refused)

    def score(self, prepared: PreparedChunk) -> ScoredChunk:
        """Scores of the chunk's readable rows; the others are named with what is wrong."""
        table = prepared.table
        if table is None or prepared.history is None:
            return self._empty(prepared)
        scores = self._model.score_rows(
            table, prepared.history, explain=self._explain, settings=self._settings, threads=self._threads
        )
        warnings = _warnings(prepared, table, scores)
        return ScoredChunk(
            chunk=prepared.chunk,
            rows=prepared.rows,
            columns=self._columns(scores, table, warnings),
            refused=prepared.refused,
            shipments=len(scores),
            lanes=Counter(scores.lane.tolist()),
            warned=len(warnings),
            riskiest=self._riskiest(prepared, scores, table),
        )

    def _empty(self, prepared: PreparedChunk) -> ScoredChunk:
        numbers = {name for name in self.columns if name.startswith("risk") or name in ("percentile", "item_risk")}
        kinds: dict[str, Any] = {
            name: pa.float64() if name in numbers else pa.bool_() if name == "substance_hit" else pa.string()
            for name in self.columns
        }
        columns = {name: pa.array([], kind) for name, kind in kinds.items()}
        return ScoredChunk(prepared.chunk, prepared.rows, columns, prepared.refused)

    def _columns(self, scores: Scores, table: ManifestTable, warnings: Mapping[int, str]) -> dict[str, Any]:
        """Name -> Arrow array. What a shipment's rows share, or most rows lack, is made once and pointed to."""
        per_row: Any = pa.array(table.shipment.astype(np.int32))
        first_rows = np.zeros(table.n_rows, dtype=np.int32)

        def number(values: NDArray[np.float64]) -> Any:
            return pa.DictionaryArray.from_arrays(per_row, pa.array(round_significant(values)))

        def text(values: Any) -> Any:
            return pa.DictionaryArray.from_arrays(per_row, pa.array(values, pa.string()))

        def constant(value: str) -> Any:
            return pa.DictionaryArray.from_arrays(first_rows, pa.array([value]))

        explained = list(scores.explained)
        reasons = scores.explained.texts(N_REASONS)
        reason_of = _places(explained, len(scores))[table.shipment]
        matches = [match for match in scores.substances if match is not None]
        matched = np.array([match is not None for match in scores.substances], dtype=bool)
        match_of = _places(np.flatnonzero(matched), table.n_rows)
        matched[matched] = [match.hit for match in matches]
        found: dict[str, Any] = {
            "risk": number(scores.risk),
            "percentile": number(scores.percentile),
            **{f"risk_{head}": number(values) for head, values in scores.heads.items()},
            "item_risk": pa.array(round_significant(scores.item_risk)),
            "lane": text(scores.lane.astype(object)),
            "selected_by": text(scores.selected_by),
            **{
                f"reason_{n + 1}": _sparse(reason_of, [texts[n] if n < len(texts) else None for texts in reasons])
                for n in range(N_REASONS)
            },
            "substance": _sparse(match_of, [match.substance for match in matches]),
            "substance_kind": _sparse(match_of, [match.kind for match in matches]),
            "substance_hit": pa.array(matched),
            "warnings": _sparse(_places(list(warnings), table.n_rows), list(warnings.values())),
            "model_version": constant(scores.model.version),
            "bundle_digest": constant(scores.model.digest),
        }
        return {name: found[name] for name in self.columns}

    def _riskiest(self, prepared: PreparedChunk, scores: Scores, accepted: ManifestTable) -> tuple[RiskyShipment, ...]:
        if not self._top:
            return ()
        ids = accepted.text("shipment_id")
        first_rows = prepared.rows[accepted.first_row]
        best = np.argsort(-scores.risk, kind="stable")[: self._top]
        return tuple(
            RiskyShipment(
                shipment_id=ids.values[int(ids.codes[accepted.first_row[index]])],
                line=int(prepared.chunk.lines[first_rows[index]]),
                risk=float(scores.risk[index]),
                percentile=float(scores.percentile[index]),
                lane=str(scores.lane[index]),
                selected_by=scores.selected_by[index],
                reasons=tuple(scores.reason_texts(index, N_REASONS)),
            )
            for index in best.tolist()
        )


def _places(wanted: Any, n: int) -> NDArray[np.int32]:
    """(n,) each wanted index's place among them; -1 elsewhere."""
    places = np.full(n, -1, dtype=np.int32)
    places[wanted] = np.arange(len(wanted), dtype=np.int32)
    return places


def _sparse(codes: NDArray[np.int32], texts: Sequence[str | None]) -> Any:
    """A column of texts by their codes; null where the code is -1."""
    indices: Any = pa.array(codes, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()))


def _warnings(prepared: PreparedChunk, table: ManifestTable, scores: Scores) -> dict[int, str]:
    """Row -> what it is warned of, of the rows that are."""
    warnings = {row: text for row, text in enumerate(table.warning_texts()) if text}
    for flags, text in ((prepared.returned, RETURNED), (scores.late, LATE)):
        for row in np.flatnonzero(flags[table.shipment]).tolist():
            before = warnings.get(row)
            warnings[row] = f"{before}; {text}" if before else text
    notes = prepared.chunk.notes
    place = {int(row): index for index, row in enumerate(prepared.rows.tolist())} if notes else {}
    for note in notes:
        if note.position in place:
            row = place[note.position]
            before = warnings.get(row)
            warnings[row] = f"row: {note.text}; {before}" if before else f"row: {note.text}"
    return warnings
