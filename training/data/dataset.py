"""Training data: a table in time order, its labels, and access to its windows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from features.groups.own.counts import Results
from features.groups.own.keys import OwnFields
from features.table.table import ManifestTable
from training.arrays import Bools, Floats, Ints
from training.data.labels import KnownLabels, Labels, any_of_shipment
from training.data.windows import Window
from training.data.world_truth import WorldTruth


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcomes of n shipments: ``find`` (n, K) per head, and ``weight`` (n,)."""

    find: Bools
    weight: Floats

    @property
    def any(self) -> Bools:
        """(n,) True if the shipment has a find for any head."""
        return np.asarray(self.find.any(axis=1))


class BadData(ValueError):
    """Error for a data file that is unusable for training or evaluation. The message names the file and the expected form."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Accepted rows in order of (declared_at, arrival), with labels.

    ``truth`` (n_rows, heads) contains the true contents and ``world`` the true senders of simulated data; models never train on
    them. ``own`` describes the further fields of an office's own data (`features.groups.own.group`). ``data_row`` (n_rows,) is
    the number of each row in its source, from 1.
    """

    source: str
    digest: str
    table: ManifestTable
    labels: Labels
    truth: Bools | None
    data_row: Ints
    has_times: bool
    rows_refused: int
    notes: tuple[str, ...]
    world: WorldTruth | None = None
    own: OwnFields | None = None

    def shipment_has_find(self) -> Bools:
        """Return whether each shipment (n_shipments,) has a find, whenever it became known."""
        return np.asarray(self.labels.shipment_find(self.table).any(axis=1))

    def truth_of_shipment(self) -> Bools | None:
        """Return the true contents per shipment (n_shipments, heads); None if they are unknown."""
        return None if self.truth is None else any_of_shipment(self.table, self.truth)

    def span(self) -> tuple[str, str]:
        """Return the first and last day of the data in ISO 8601."""
        return span_of(self.table)

    def window_rows(self, window: Window) -> Ints:
        """Return the row indices of a window's shipments."""
        return rows_of(self.table, window.shipments)

    def window_table(self, window: Window) -> ManifestTable:
        """Return the table of a window's rows."""
        return self.table.take(self.window_rows(window))

    def window_labels(self, window: Window) -> KnownLabels:
        """Return the labels of a window's rows and shipments, as known at the window's cut."""
        labels = self.labels.known_at(self.table, window.cut_s)
        return labels.take(self.window_rows(window), window.shipments)

    def window_results(self, window: Window) -> Results:
        """Return the results of a window's rows as known at its cut, for rates learned from an office's own data."""
        labels, rows = self.window_labels(window), self.window_rows(window)
        shipment = self.table.shipment[rows]
        has_result = ~labels.presumed[np.searchsorted(window.shipments, shipment)]
        find = np.asarray(labels.find.any(axis=1), dtype=np.bool_)
        return Results(find, has_result, self.labels.known_s[shipment], self.has_times)


def rows_of(table: ManifestTable, shipments: Ints) -> Ints:
    """Return the row indices of the given shipments, shipment by shipment."""
    first = table.first_row[shipments]
    ends = np.concatenate((table.first_row[1:], [table.n_rows]))[shipments]
    counts = ends - first
    offsets = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.repeat(first, counts) + offsets, dtype=np.int64)


def span_of(table: ManifestTable) -> tuple[str, str]:
    """Return the first and last day of a table in order of time, in ISO 8601."""
    first, last = (datetime.fromtimestamp(int(s), UTC).date().isoformat() for s in table.declared_s[[0, -1]])
    return first, last
