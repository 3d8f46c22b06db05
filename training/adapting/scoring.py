"""Scores of an office's traffic with statistics that do not include it, as later shipments will be scored.

A mass that entered the median of its goods lies closer to the median than a later mass does. Thresholds set on such scores would
therefore let too many later shipments into the lanes. The traffic is split into consecutive blocks, and each block is scored with
statistics of the others. The first block is left out of the thresholds, because its history is too short.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.history import History, HistoryRows
from features.groups.history.keys import keys_of
from features.groups.history.state import Entity, key_row
from features.space import FeatureSpace, Measured
from features.table.table import ManifestTable
from models.evidence import EntryWeights
from models.lanes import GREEN
from models.permits import mark_permits
from models.scoring import RiskModel
from training.arrays import Bools, Floats, Ints
from training.data.dataset import rows_of
from training.data.window_features import parts_of
from training.progress import RowProgress

#: Largest share of shipments with which one party counts.
MOST: Final = 0.01
#: Roles of parties, with the manifest column of their names.
_ROLES: Final = {Entity.CONSIGNOR: "consignor_name", Entity.CONSIGNEE: "consignee_name"}


@dataclass(frozen=True, slots=True)
class LargeParty:
    """A party with more than `MOST` of the shipments: its role, its name as first declared, and its share."""

    role: str
    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Concentration:
    """Weights of S shipments, and the large parties.

    Attributes:
        weight: (S,) 1, or less for a shipment of a large party.
        large: parties with more than `MOST` of the shipments, the largest first.
    """

    weight: Floats
    large: tuple[LargeParty, ...]

    @classmethod
    def of(cls, table: ManifestTable) -> Concentration:
        """Count the shipments of each consignor and consignee. Spellings of a name count together."""
        keys = keys_of(table)
        weight = np.ones(table.n_shipments)
        bound = MOST * table.n_shipments
        large: list[LargeParty] = []
        for role, name in _ROLES.items():
            _, first, party, counts = np.unique(
                keys[key_row(role)], return_index=True, return_inverse=True, return_counts=True
            )
            known = keys[key_row(role)] != 0
            share = np.where(known, np.minimum(1.0, bound / counts[party]), 1.0)
            np.minimum(weight, share, out=weight)
            names = table.declared(name)
            for number in np.flatnonzero(counts > bound).tolist():
                row = int(table.first_row[first[number]])
                if known[first[number]]:
                    text = names.values[names.codes[row]] if names.codes[row] >= 0 else ""
                    large.append(LargeParty(role.label, text, float(counts[number] / table.n_shipments)))
        large.sort(key=lambda party: (-party.share, party.role, party.name))
        return cls(weight, tuple(large))

    @property
    def counted(self) -> Bools:
        """(S,) True if the shipment enters the statistics of usual trade.

        Only evenly spaced shipments of a large party enter, in the share that their weight gives.
        """
        total = np.floor(np.cumsum(self.weight) + 1e-9)
        return np.diff(total, prepend=0.0) > 0.0


LaneCodes = NDArray[np.int8]

#: Number of consecutive blocks. The first block contributes to the history only.
BLOCKS: Final = 3
#: Number of rows that are scored at once. Their features, prior and trees take about 8 kB per row.
_ROWS_AT_A_TIME: Final = 20_000


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of the shipments after the first block, and statistics of their features before and after.

    Attributes:
        shipments: (s,) indices of the shipments in the traffic, ascending.
        before: (s,) uncorrected risk log-odds with the parent's statistics.
        after: (s,) the same with statistics of the office's other blocks.
        floor: (s,) code of the lowest lane that the parent's rules and unread items allow.
        known: (2, F) share of goods items with a value of the feature, before and after.
        mean: (2, F) mean of these values, before and after.
    """

    shipments: Ints
    before: Floats
    after: Floats
    floor: LaneCodes
    known: Floats
    mean: Floats


def usual_space(parent: FeatureSpace, table: ManifestTable, counted: Bools) -> FeatureSpace:
    """Return the parent's feature space, refitted to the shipments of the table that are true in ``counted`` (S,)."""
    if counted.all():
        return parent.refitted(table)
    return parent.refitted(table.take(rows_of(table, np.flatnonzero(counted))).compact())


@dataclass(slots=True)
class Replayed:
    """History features (S, H) of S shipments, which `advance` returns in order, and the history after the last shipment."""

    values: Floats
    history: History
    _done: int = 0

    def advance(self, table: ManifestTable) -> HistoryRows:
        """Return the features of the next shipments, which are those of the table."""
        start, self._done = self._done, self._done + table.n_shipments
        return HistoryRows(self.values[start : self._done], np.zeros(table.n_shipments, dtype=np.bool_))


def score_blocks(
    model: RiskModel,
    table: ManifestTable,
    concentration: Concentration,
    history: History | Replayed,
    *,
    threads: int,
    progress: RowProgress | None = None,
) -> Scored:
    """Score the blocks after the first, with the parent's statistics and with those of the other blocks.

    Args:
        model: the parent.
        table: the traffic in order of time.
        history: is advanced by the whole traffic.
    """
    counted = concentration.counted
    block = np.arange(table.n_shipments) * BLOCKS // table.n_shipments
    ends = np.searchsorted(block, np.arange(BLOCKS + 1))
    # Fit all spaces while the history is still empty, because both take memory.
    spaces = {number: usual_space(model.space, table, counted & (block != number)) for number in range(1, BLOCKS)}
    shipments = np.flatnonzero(block > 0)
    before, after = np.empty(len(shipments)), np.empty(len(shipments))
    floor = np.empty(len(shipments), dtype=np.int8)
    moved = _Moved(len(model.space.names))
    rows = 0
    for number in range(BLOCKS):
        # Free each space after its block, because it fills caches of texts.
        space = spaces.pop(number, None)
        for _, piece, of_piece in parts_of(table, ends.item(number), ends.item(number + 1), _ROWS_AT_A_TIME):
            past = history.advance(piece).values
            rows += piece.n_rows
            if progress is not None:
                progress(rows)
            if space is None:
                continue
            chosen = slice(of_piece[0] - ends[1], of_piece[-1] + 1 - ends[1])
            measured = model.space.measure(piece, past)
            matrix = measured.matrix
            moved.add(0, matrix)
            before[chosen] = _risk(model, piece, matrix, threads)
            space.fill(piece, past, matrix, learned=True)
            moved.add(1, matrix)
            after[chosen] = _risk(model, piece, matrix, threads)
            floor[chosen] = _floor(model, piece, measured)
    return Scored(shipments, before, after, floor, *moved.figures())


def _risk(model: RiskModel, table: ManifestTable, matrix: Floats, threads: int) -> Floats:
    """Return the uncorrected risk log-odds of the shipments of a table with these features, in which permits are marked."""
    mark_permits(table, matrix, {name: column for column, name in enumerate(model.space.names)}, None)
    _, items = model.calibrate(model.predict_raw(matrix, threads), matrix)
    return np.asarray(np.maximum.reduceat(items, table.first_row))


def _floor(model: RiskModel, table: ManifestTable, measured: Measured) -> LaneCodes:
    """Return the lowest lanes that the model's rules and unread items allow, without rules and lists of an office."""
    evidence = EntryWeights(model.prior, measured.matrix) if model.evidence is not None else None
    ruling = model.rulebook().rule_on(table, measured.matrix, measured.substances, evidence)
    lanes, _ = ruling.lanes(np.full(table.n_shipments, GREEN, dtype=np.int8), None)
    return lanes


class _Moved:
    """Sums and counts of feature values before and after."""

    def __init__(self, features: int) -> None:
        self._known, self._sum = np.zeros((2, features)), np.zeros((2, features))
        self._rows = 0

    def add(self, when: int, matrix: Floats) -> None:
        self._rows += len(matrix) if when == 0 else 0
        self._known[when] += (~np.isnan(matrix)).sum(axis=0)
        self._sum[when] += np.nansum(matrix, axis=0)

    def figures(self) -> tuple[Floats, Floats]:
        """Return the shares of known values, and the means of these values, both (2, F)."""
        return self._known / max(self._rows, 1), self._sum / np.maximum(self._known, 1.0)
