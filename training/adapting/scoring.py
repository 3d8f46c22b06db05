"""Scores of an office's traffic under statistics that did not see it, as later shipments will be scored.

A mass that itself entered the median of its goods lies closer to it than a later one does, so thresholds set on such scores
would let too many later shipments into the lanes. The traffic is therefore cut into consecutive blocks, and each is scored with
statistics of the others. The first block is left out of the thresholds, because its history is too short.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.history import History
from features.space import FeatureSpace
from features.table.table import ManifestTable
from models.scoring import RiskModel
from models.scoring.permits import mark_permits
from training.adapting.parties import Concentration
from training.data.dataset import rows_of
from training.data.window_features import parts_of
from training.progress import RowProgress

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Consecutive blocks. The first gives history only.
BLOCKS: Final = 3


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of the shipments after the first block, and how the features that compare with usual trade moved.

    Attributes:
        shipments: (s,) their numbers in the traffic, ascending.
        before: (s,) uncorrected risk log-odds with the parent's statistics.
        after: (s,) the same with statistics of the office's other blocks.
        known: (2, F) share of their goods items with a value of the feature, before and after.
        mean: (2, F) mean of these values.
    """

    shipments: Ints
    before: Floats
    after: Floats
    known: Floats
    mean: Floats


def usual_space(parent: FeatureSpace, table: ManifestTable, counted: Bools) -> FeatureSpace:
    """Return the parent's features with what is usual among the shipments of the table that are ``counted`` (S,)."""
    if counted.all():
        return parent.refitted(table)
    return parent.refitted(table.take(rows_of(table, np.flatnonzero(counted))).compact())


def score_blocks(
    model: RiskModel,
    table: ManifestTable,
    concentration: Concentration,
    history: History,
    *,
    threads: int,
    progress: RowProgress | None = None,
) -> Scored:
    """Score the blocks after the first, with the parent's statistics and with those of the other blocks.

    Args:
        model: the parent.
        table: the traffic in order of time.
        history: advanced by the whole traffic.
    """
    counted = concentration.counted
    block = np.arange(table.n_shipments) * BLOCKS // table.n_shipments
    spaces = {number: usual_space(model.space, table, counted & (block != number)) for number in range(1, BLOCKS)}
    shipments = np.flatnonzero(block > 0)
    before, after = np.empty(len(shipments)), np.empty(len(shipments))
    moved = _Moved(len(model.space.names))
    start = rows = 0
    for number in range(BLOCKS):
        part = table.take(rows_of(table, np.flatnonzero(block == number)))
        for _, piece, of_part in parts_of(part):
            past = history.advance(piece).values
            rows += piece.n_rows
            if progress is not None:
                progress(rows)
            if number == 0:
                continue
            chosen = slice(start, start := start + len(of_part))
            matrix = model.space.transform(piece, past)
            moved.add(0, matrix)
            before[chosen] = _risk(model, piece, matrix, threads)
            spaces[number].fill(piece, past, matrix, learned=True)
            moved.add(1, matrix)
            after[chosen] = _risk(model, piece, matrix, threads)
    return Scored(shipments, before, after, *moved.figures())


def _risk(model: RiskModel, table: ManifestTable, matrix: Floats, threads: int) -> Floats:
    """Return the uncorrected risk log-odds of the shipments of a table with these features, in which permits are marked."""
    mark_permits(table, matrix, {name: column for column, name in enumerate(model.space.names)}, None)
    _, items = model.calibrate(model.predict_raw(matrix, threads))
    return np.asarray(np.maximum.reduceat(items, table.first_row))


class _Moved:
    """Sums of the features before and after."""

    def __init__(self, features: int) -> None:
        self._known, self._sum = np.zeros((2, features)), np.zeros((2, features))
        self._rows = 0

    def add(self, when: int, matrix: Floats) -> None:
        self._rows += len(matrix) if when == 0 else 0
        self._known[when] += (~np.isnan(matrix)).sum(axis=0)
        self._sum[when] += np.nansum(matrix, axis=0)

    def figures(self) -> tuple[Floats, Floats]:
        """Return the shares of known values and their means, both (2, F)."""
        return self._known / max(self._rows, 1), self._sum / np.maximum(self._known, 1.0)
