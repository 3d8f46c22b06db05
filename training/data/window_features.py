"""History features of a data set, and the feature matrices of its windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.history import History
from features.groups.own.as_new import AsNew
from features.space import FeatureSpace
from features.table.table import ManifestTable
from models.scoring.permits import mark_permits
from training.data.dataset import Dataset, rows_of
from training.data.feature_cache import Entry, FeatureCache
from training.data.labels import KnownLabels
from training.data.outcome import Outcome
from training.data.windows import NEVER, Window
from training.progress import Progress, no_progress

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Number of rows per computation of features: about 60 MB at 150 doubles per row.
_ROWS_AT_A_TIME: Final = 50_000
#: Key of the feature matrix among the arrays of a cache entry.
_MATRIX: Final = "features"
#: Key of the columns of rows as if new.
_AS_NEW: Final = "as_new"
#: Key of the matrix of a window that the space was not fitted on.
_PART: Final = "matrix"
#: Part of the cache key. Raise it when this module computes other values: the key holds the code of `features` only.
_VERSION: Final = 3


@dataclass(frozen=True, slots=True)
class WindowFeatures:
    """Features and labels of a window of n shipments and m rows.

    Attributes:
        matrix: (m, F) features.
        labels: Labels as known at the window's cut.
        first_row: (n,) first row of each shipment.
        row_shipment: (m,) shipment of each row, counted within the window.
        as_new: rows as if their declarations had never been seen; None unless the space was fitted on this window and the label is
            an office's own.
    """

    matrix: Floats
    labels: KnownLabels
    first_row: Ints
    row_shipment: Ints
    as_new: AsNew | None = None

    @property
    def outcome(self) -> Outcome:
        """Outcome of the window's shipments."""
        return Outcome(np.logical_or.reduceat(self.labels.find, self.first_row, axis=0), self.labels.weight)

    def select(self, shipments: Bools) -> WindowFeatures:
        """Return the features and labels of the shipments (n,) that are true in ``shipments``."""
        rows = np.flatnonzero(shipments[self.row_shipment])
        labels = self.labels.take(rows, np.flatnonzero(shipments))
        row_shipment = (np.cumsum(shipments) - 1)[self.row_shipment[rows]]
        first_row = np.flatnonzero(np.diff(row_shipment, prepend=-1))
        as_new = None if self.as_new is None else self.as_new.take(rows)
        return WindowFeatures(self.matrix[rows], labels, first_row, row_shipment, as_new)


def replay_history(data: Dataset, cache: FeatureCache | None = None) -> tuple[Floats, History]:
    """Replay all shipments in order. A find enters the history when its result becomes known.

    Returns the history features (n_shipments, H) and the history after the last shipment, which a bundle stores.
    """
    known_s = data.labels.known_s
    data.table.read_texts()

    def replay() -> tuple[Floats, History]:
        history = History.empty()
        rows = history.replay(data.table, data.shipment_has_find(), np.where(known_s == NEVER, -1, known_s))
        return rows.values, history

    def entry() -> Entry:
        values, history = replay()
        return {}, history.to_arrays() | {_MATRIX: values}

    if cache is None:
        return replay()
    _, arrays = cache.get("history", entry)
    state = {name: np.array(array) for name, array in arrays.items() if name != _MATRIX}
    return arrays[_MATRIX], History.from_arrays(state)


def transform(space: FeatureSpace, table: ManifestTable, history: Floats) -> Floats:
    """Compute the features (n_rows, F) of a table in parts, to limit memory."""
    out = np.empty((table.n_rows, len(space.names)))
    for rows, part, shipments in parts_of(table):
        out[rows] = space.transform(part, history[shipments])
    return out


def _with_permits(space: FeatureSpace, table: ManifestTable, matrix: Floats) -> Floats:
    """Count placeholders of permits as none, as scoring does, because the prior weighs permits."""
    mark_permits(table, matrix, {name: column for column, name in enumerate(space.names)}, None)
    return matrix


def parts_of(
    table: ManifestTable, start: int = 0, end: int | None = None, rows_at_a_time: int = _ROWS_AT_A_TIME
) -> Iterator[tuple[slice, ManifestTable, Ints]]:
    """Split a large table; yield the rows, the table and the shipments of each part.

    Args:
        start, end: first shipment, and the end of the last; by default all. Rows are counted from the first.
        rows_at_a_time: about so many rows are a part.
    """
    end = table.n_shipments if end is None else end
    ends = np.append(table.first_row, table.n_rows)
    per_part = max(1, round(rows_at_a_time * (end - start) / max(1, int(ends[end] - ends[start]))))
    done = 0
    for first in range(start, end, per_part):
        shipments = np.arange(first, min(first + per_part, end), dtype=np.int64)
        part = table.take(rows_of(table, shipments)).compact()
        yield slice(done, done + part.n_rows), part, shipments
        done += part.n_rows


class FeatureSource:
    """Source of feature matrices for the windows of a data set.

    Most groups of features are not fitted to the data, so their columns are the same for every fit. They are computed once
    for the rows of ``reuse``, a window that covers the other windows, and copied for each window. The fit of ``reuse`` itself
    takes over its matrix without a copy, because a million rows take more than a gigabyte.
    """

    def __init__(
        self, data: Dataset, history: Floats, *, reuse: Window | None = None, cache: FeatureCache | None = None
    ) -> None:
        self.data = data
        self._history = history
        self._cache = cache
        self._reuse = reuse
        self._matrix: Floats | None = None

    def fit(self, window: Window, seed: int, progress: Progress = no_progress) -> tuple[FeatureSpace, WindowFeatures]:
        """Fit a feature space on a window and return it with the window's features. Target encodings are out of fold."""
        table = self.data.window_table(window)

        own = self.data.own
        results = self.data.window_results(window) if own is not None else None

        def compute() -> tuple[FeatureSpace, Entry]:
            space = FeatureSpace(own)
            matrix = self._unfitted(window, progress)
            if matrix is None:
                matrix = self._unfitted_columns(window, progress)
            history = self._history[window.shipments]
            progress("learned statistics")
            matrix = space.fit_transform(table, history, seed=seed, results=results, matrix=matrix)
            computed = {_MATRIX: _with_permits(space, table, matrix)}
            if own is not None and not own.known_label and results is not None:
                as_new = space.as_new(table, results, seed=seed)
                computed |= {} if as_new is None else as_new.to_arrays(_AS_NEW)
            return space, ({}, computed)

        def entry() -> Entry:
            space, (_, computed) = compute()
            state, arrays = space.to_state()
            return state, arrays | computed

        if self._cache is None:
            space, (_, found) = compute()
        else:
            state, found = self._cache.get(f"fitted{_VERSION}", entry, window)
            arrays = {name: np.array(array) for name, array in found.items() if not name.startswith((_MATRIX, _AS_NEW))}
            space = FeatureSpace.from_state(state, arrays)
        if window is self._reuse:
            self._reuse = self._matrix = None
        return space, self._labelled(found[_MATRIX], window, table, AsNew.from_arrays(found, _AS_NEW))

    def transform(self, window: Window, space: FeatureSpace, fitted_on: Window) -> WindowFeatures:
        """Compute a window's features with a space that was fitted on the window ``fitted_on``, part of the cache key."""
        table = self.data.window_table(window)

        def entry() -> Entry:
            history = self._history[window.shipments]
            matrix = self._unfitted(window)
            if matrix is None:
                return {}, {_PART: _with_permits(space, table, transform(space, table, history))}
            for rows, part, shipments in parts_of(table):
                space.fill(part, history[shipments], matrix[rows], learned=True)
            return {}, {_PART: _with_permits(space, table, matrix)}

        _, arrays = entry() if self._cache is None else self._cache.get(f"part{_VERSION}", entry, fitted_on, window)
        return self._labelled(arrays[_PART], window, table)

    def release(self) -> None:
        """Free the history features. Call it after the last window."""
        self._history = np.empty((0, 0))
        self._reuse = self._matrix = None

    def _labelled(
        self, matrix: Floats, window: Window, table: ManifestTable, as_new: AsNew | None = None
    ) -> WindowFeatures:
        return WindowFeatures(matrix, self.data.window_labels(window), table.first_row, table.shipment, as_new)

    def _unfitted(self, window: Window, progress: Progress = no_progress) -> Floats | None:
        """Return a matrix (m, F) with values in the unfitted columns only; None if the window is not part of ``reuse``."""
        reuse = self._reuse
        if reuse is None or not np.isin(window.shipments, reuse.shipments, assume_unique=True).all():
            return None
        matrix = self._unfitted_columns(reuse, progress) if self._matrix is None else self._matrix
        if len(window.shipments) == len(reuse.shipments):
            self._matrix = None
            return matrix
        self._matrix = matrix
        return matrix[np.searchsorted(self.data.window_rows(reuse), self.data.window_rows(window))]

    def _unfitted_columns(self, window: Window, progress: Progress = no_progress) -> Floats:
        space, table = FeatureSpace(self.data.own), self.data.window_table(window)
        matrix = np.empty((table.n_rows, len(space.names)))
        for rows, part, shipments in parts_of(table):
            space.fill(part, self._history[window.shipments[shipments]], matrix[rows], learned=False)
            progress(f"{rows.stop:,} of {table.n_rows:,} rows")
        return matrix
