"""Rows of an office's labelled file, with the features that the adapted champion will compute for later shipments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.permits import mark_permits
from models.scoring import RiskModel
from training.adapting.scoring import Concentration, usual_space
from training.arrays import Floats, Ints
from training.data.dataset import Dataset, rows_of
from training.data.labels import MOST_LEARNING_WEIGHT
from training.data.planning import label_delay
from training.data.window_features import WindowFeatures, parts_of
from training.data.windows import NEVER, Window, Windows
from training.fitting.residual import combined, largest_rows
from training.office.joint import OwnRows
from training.progress import Progress, no_progress

#: Maximum number of shipments without a find to learn from. Each then represents several.
MOST_CLEAN: Final = 20_000
#: Share of the finds before the later weeks, on which a candidate is compared with the adapted champion.
_BEFORE: Final = 0.7
#: Maximum number of shipments in the later weeks, as a share of all.
_MOST_LATER: Final = 0.4
#: Parts of the traffic before the later weeks. The statistics of each are those of the other parts (`training.adapting.scoring`).
_PARTS: Final = 2


def later_weeks(data: Dataset) -> Windows:
    """Return the windows ``fit`` and ``test``: the traffic before and since the latest three tenths of the known finds.

    The test window contains at most two fifths of the traffic, and without finds a quarter. A result that was not known when it
    begins is not used in the fit that it tests.
    """
    declared_s, known_s = data.table.declared_s, data.labels.known_s
    n = len(declared_s)
    finds = np.flatnonzero(data.shipment_has_find())
    first = int(finds[int(_BEFORE * len(finds))]) if len(finds) else n - n // 4
    first = max(first, round((1.0 - _MOST_LATER) * n))
    # Shipments of one second stay together.
    first = int(np.searchsorted(declared_s, declared_s[min(first, n - 1)]))
    cut_s, end_s = int(declared_s[first]), int(declared_s[-1]) + 1
    fit = Window("fit", int(declared_s[0]), cut_s, cut_s, np.arange(first, dtype=np.int64))
    test = Window("test", cut_s, end_s, NEVER, np.arange(first, n, dtype=np.int64))
    refit = Window("refit", int(declared_s[0]), end_s, NEVER, np.arange(n, dtype=np.int64))
    gap_s = label_delay(declared_s, known_s)
    return Windows(fit, test, test, test, test, refit, gap_s=gap_s, in_time=True, notes=())


@dataclass(frozen=True, slots=True)
class OfficeRows:
    """Features of a sample of the shipments before the later weeks, and of all shipments of the later weeks.

    Attributes:
        data: the labelled traffic.
        matrix: (m, F) features.
        prior: (m, K) log-odds of the prior.
        rows: (m,) row of the data.
        times: (S,) number of shipments that each of the S shipments represents; 0 if it was not drawn.
    """

    data: Dataset
    matrix: Floats
    prior: Floats
    rows: Ints
    times: Floats

    @classmethod
    def of(
        cls, data: Dataset, history: Floats, model: RiskModel, windows: Windows, *, seed: int,
        progress: Progress = no_progress,
    ) -> OfficeRows:  # fmt: skip
        """Compute the features.

        Args:
            history: (S, H) features of the replayed history.
            model: gives the feature space to refit, and the prior.
        """
        table, first = data.table, len(windows.fit.shipments)
        times = _drawn(data, seed)
        chosen = times > 0.0
        chosen[first:] = True
        columns = {name: column for column, name in enumerate(model.space.names)}
        counted = Concentration.of(table).counted
        part = np.minimum(np.arange(table.n_shipments) * _PARTS // max(1, first), _PARTS)
        every = np.flatnonzero(chosen)
        rows = rows_of(table, every)
        matrix = np.empty((len(rows), len(model.space.names)))
        done = 0
        for number in range(_PARTS + 1):
            shipments = every[part[every] == number]
            if not len(shipments):
                continue
            progress(f"part {number + 1} of {_PARTS + 1}")
            # A shipment that is part of a statistic looks more usual than a later one.
            space = usual_space(model.space, table, counted & (part != number))
            of_part = table.take(rows_of(table, shipments))
            for within, piece, numbers in parts_of(of_part):
                place = slice(done + within.start, done + within.stop)
                matrix[place] = space.transform(piece, history[shipments[numbers]])
                mark_permits(piece, matrix[place], columns, None)
            done += of_part.n_rows
        return cls(data, matrix, model.prior.log_odds(matrix), rows, times)

    def own(self, cut_s: int = NEVER, *, before: int | None = None) -> OwnRows:
        """Return the rows to learn from, with the results known at ``cut_s``.

        Args:
            before: only of shipments before this one.
        """
        table = self.data.table
        labels = self.data.labels.known_at(table, cut_s)
        shipment = table.shipment[self.rows]
        find = labels.find[self.rows]
        has_find = np.zeros(table.n_shipments, dtype=np.bool_)
        has_find[shipment[find.any(axis=1)]] = True
        represents = np.zeros(len(shipment), dtype=np.bool_)
        largest = np.where(find.any(axis=1), combined(self.prior), -np.inf)
        represents[largest_rows(largest, shipment)] = True
        learned = np.where(has_find[shipment], represents & find.any(axis=1), self.times[shipment] > 0.0)
        # Shipments with other contraband have the weight 0.
        learned &= labels.weight[shipment] > 0.0
        if before is not None:
            learned &= shipment < before
        kept = np.flatnonzero(learned)
        of = shipment[kept]
        return OwnRows(
            self.matrix[kept],
            self.prior[kept],
            find[kept],
            ~labels.presumed[of],
            np.maximum(self.times[of], 1.0),
            np.minimum(labels.weight[of], MOST_LEARNING_WEIGHT),
        )

    def later(self, window: Window) -> WindowFeatures:
        """Return the features and labels of the later weeks."""
        inside = self.data.table.shipment[self.rows] >= window.shipments[0]
        table = self.data.window_table(window)
        return WindowFeatures(self.matrix[inside], self.data.window_labels(window), table.first_row, table.shipment)


def _drawn(data: Dataset, seed: int) -> Floats:
    """Return the number of shipments that each shipment (S,) represents: all finds once, and a sample of the others."""
    find = data.shipment_has_find()
    share = min(1.0, MOST_CLEAN / max(1, int((~find).sum())))
    drawn = find | (np.random.default_rng(seed).random(len(find)) < share)
    return np.where(find, 1.0, np.where(drawn, 1.0 / share, 0.0))
