"""Trial of watch lists on a file: the number of shipments that each entry would match and raise. No scores are written."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.readers import ROWS_PER_CHUNK, open_table
from models.lanes import LANE_NAMES
from models.rules import Ruling
from models.scoring import ScoreSettings
from service.files.chunk_scorer import ChunkScorer
from service.files.options import ScoreOptions
from service.files.pipeline import map_ahead

if TYPE_CHECKING:
    from models.scoring import RiskModel, Scores
    from service.files.options import Progress
    from service.lists.screening import Entry, ListScreening


@dataclass(slots=True)
class EntryTrial:
    """Number of shipments that an entry matches, and number of those that the entry alone would raise."""

    entry: Entry
    shipments: int = 0
    raised: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        return {
            "entry": self.entry.id,
            "list": self.entry.list_name,
            "kind": str(self.entry.kind),
            "text": self.entry.text,
            "lane": LANE_NAMES[self.entry.lane],
            "shipments": self.shipments,
            "raised": self.raised,
        }


@dataclass(slots=True)
class ListsTrial:
    """Counts of all entries, in order.

    Attributes:
        shipments: number of scored shipments.
        raised: number of shipments that the entries raise together.
        entries: id of an entry -> its counts.
    """

    shipments: int = 0
    raised: int = 0
    rows_rejected: int = 0
    entries: dict[str, EntryTrial] = field(default_factory=dict)

    def add(self, scores: Scores) -> None:
        """Count the shipments of a table."""
        ruling = scores.ruling
        self.shipments += len(scores)
        if not ruling.hits:
            return
        without = Ruling(ruling.digest, ruling.fired, ruling.unread)
        lanes, _ = without.lanes(scores.lane_by_score, scores.selected_by == "random")
        before = lanes.tolist()
        for shipment, hits in ruling.hits.items():
            counting = {hit.entry: hit.lane for hit in hits if hit.counts}
            for entry, lane in counting.items():
                of_entry = self.entries[entry]
                of_entry.shipments += 1
                of_entry.raised += lane > before[shipment]
            self.raised += any(lane > before[shipment] for lane in counting.values())

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        return {
            "shipments": self.shipments,
            "raised": self.raised,
            "rows_rejected": self.rows_rejected,
            "entries": [one.to_json() for one in self.entries.values()],
        }


def try_lists(
    screening: ListScreening,
    path: str | os.PathLike[str],
    model: RiskModel,
    options: ScoreOptions,
    *,
    progress: Progress | None = None,
) -> ListsTrial:
    """Score a file with the rules in force and the entries on trial, and count the shipments that these match and raise.

    Args:
        model: scores the file with a copy of its history.

    Raises:
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
    """
    settings = replace(options.settings or ScoreSettings(), lists=screening)
    trial = ListsTrial(entries={entry.id: EntryTrial(entry) for entry in screening.entries})
    rows = 0
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(
            open_table(Path(path), mapping=options.mapping, rows_per_chunk=options.rows_per_chunk or ROWS_PER_CHUNK)
        )
        scorer = ChunkScorer(model, model.history.copy(), replace(options, settings=settings), decimal=reader.decimal)
        for prepared in stack.enter_context(map_ahead(scorer.prepare, reader)):
            trial.rows_rejected += len(prepared.refused) + len(prepared.chunk.rejected)
            rows += prepared.chunk.n_rows + len(prepared.chunk.rejected)
            if prepared.table is not None and prepared.history is not None:
                trial.add(
                    model.score_rows(prepared.table, prepared.history, settings=settings, threads=options.threads)
                )
            if progress is not None:
                progress(prepared.chunk.bytes_read, reader.approx_bytes, rows)
    return trial
