"""History features of a data set, and the feature matrices of its windows."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import features
from features.groups.base import Group
from features.groups.history.history import History, HistoryGroup
from features.groups.own.counts import AsNew
from features.space import FeatureSpace
from features.table.table import ManifestTable
from models.permits import mark_permits
from training.arrays import Bools, Floats, Ints
from training.data.dataset import Dataset, Outcome, rows_of
from training.data.labels import KnownLabels
from training.data.windows import NEVER, Window
from training.progress import Progress, no_progress

#: JSON values, and arrays by name, of a cache entry.
Entry = tuple[dict[str, Any], dict[str, NDArray[Any]]]

_STATE: Final = "state.json"


class FeatureCache:
    """Cache of one data set and seed in ``folder``. The first entry creates the folder.

    ``hits`` counts the entries read, ``misses`` the entries computed.
    """

    def __init__(self, folder: Path, data: Dataset, seed: int) -> None:
        self._folder = folder
        labels = hashlib.sha256()
        for array in (data.labels.find, data.labels.known_s, data.labels.weight):
            labels.update(np.ascontiguousarray(array).tobytes())
        own = None if data.own is None else json.dumps(data.own.to_json(), sort_keys=True)
        self._key = (data.digest, data.table.n_rows, labels.hexdigest(), own, seed, code_digest())
        self.hits = self.misses = 0

    def get(self, name: str, compute: Callable[[], Entry], *windows: Window) -> Entry:
        """Return the entry ``name`` for the given windows, or for the whole data. Compute and store a missing entry.

        Arrays of a stored entry are read-only memory maps.
        """
        spans = [(hashlib.sha256(window.shipments.tobytes()).hexdigest(), window.cut_s) for window in windows]
        digest = hashlib.sha256(repr((name, self._key, spans)).encode()).hexdigest()
        folder = self._folder / digest[:32]
        if (folder / _STATE).is_file():
            self.hits += 1
            return _read_entry(folder)
        entry = compute()
        self.misses += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f".{digest[:32]}-{secrets.token_hex(4)}"
        try:
            _write_entry(partial, entry)
            # Another run may have stored the same entry in the meantime.
            if not folder.exists():
                os.replace(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return entry


def _write_entry(folder: Path, entry: Entry) -> None:
    state, arrays = entry
    folder.mkdir()
    names = list(arrays)
    for number, name in enumerate(names):
        np.save(folder / f"{number}.npy", arrays[name], allow_pickle=False)
    (folder / _STATE).write_text(json.dumps({"arrays": names, "state": state}), encoding="utf-8")


def _read_entry(folder: Path) -> Entry:
    stored = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    arrays = {
        name: np.load(folder / f"{number}.npy", mmap_mode="r", allow_pickle=False)
        for number, name in enumerate(stored["arrays"])
    }
    return stored["state"], arrays


def code_digest() -> str:
    """Return the SHA-256 of the code and the reference data of `features`."""
    digest = hashlib.sha256()
    root = Path(features.__path__[0])
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".so", ".pyd"):
            digest.update(f"{path.relative_to(root)}\x1f".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


#: Number of rows whose features are computed at a time: about 60 MB at 150 doubles per row.
_ROWS_AT_A_TIME: Final = 50_000
#: Key of the feature matrix among the arrays of a cache entry.
_MATRIX: Final = "features"
#: Key of the columns of rows as if new.
_AS_NEW: Final = "as_new"
#: Key of the matrix of a window that the space was not fitted on.
_PART: Final = "matrix"
#: Part of the cache key. Increase it if this module computes other values, because the key contains only the code of `features`.
_VERSION: Final = 3


@dataclass(frozen=True, slots=True)
class WindowFeatures:
    """Features and labels of a window of n shipments and m rows.

    Attributes:
        matrix: (m, F) features.
        labels: Labels as known at the window's cut.
        first_row: (n,) first row of each shipment.
        row_shipment: (m,) shipment of each row, counted within the window.
        as_new: copies of rows as if their declarations had never been seen; None unless the space was fitted on this window and the
            label is an office's own.
    """

    matrix: Floats
    labels: KnownLabels
    first_row: Ints
    row_shipment: Ints
    as_new: AsNew | None = None

    @property
    def outcome(self) -> Outcome:
        """Outcome of the window's shipments."""
        labels = self.labels
        return Outcome(np.logical_or.reduceat(labels.find, self.first_row, axis=0), labels.weight, ~labels.presumed)

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
    """Treat placeholder permit numbers as no permit, as scoring does, because the prior uses permits."""
    mark_permits(table, matrix, {name: column for column, name in enumerate(space.names)}, None)
    return matrix


def parts_of(
    table: ManifestTable, start: int = 0, end: int | None = None, rows_at_a_time: int = _ROWS_AT_A_TIME
) -> Iterator[tuple[slice, ManifestTable, Ints]]:
    """Split a large table; yield the rows, the table and the shipments of each part.

    Args:
        start, end: half-open range of shipments; by default all. Yielded rows are counted from the first of these shipments.
        rows_at_a_time: approximate number of rows per part.
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


@dataclass(frozen=True, slots=True)
class _Unfitted:
    """Columns of a window's rows that depend neither on a fit nor on other rows. History columns are not included.

    They take about a third of the memory of all columns. Each part is freed as soon as it has been copied for the last time.

    Attributes:
        columns: (U,) positions of the columns in the matrix of all features.
        parts: The values (rows of the part, U) of consecutive rows.
    """

    columns: Ints
    parts: list[Floats]

    def write(self, rows: Ints, matrix: Floats, *, last: bool) -> None:
        """Write the values of ``rows`` (m,), ascending, into ``matrix`` (m, F). If ``last``, free all values."""
        start = written = 0
        for number, part in enumerate(self.parts):
            end = int(np.searchsorted(rows, start + len(part)))
            matrix[written:end, self.columns] = part[rows[written:end] - start]
            start, written = start + len(part), end
            if last:
                self.parts[number] = np.empty((0, 0))


class FeatureSource:
    """Source of feature matrices for the windows of a data set.

    Most groups of features are not fitted to the data, so their columns are the same for every fit. They are computed once
    for the rows of ``reuse``, a window that covers the other windows, and copied for each window. They are freed when ``reuse``
    itself is fitted.
    """

    def __init__(
        self, data: Dataset, history: Floats, *, reuse: Window | None = None, cache: FeatureCache | None = None
    ) -> None:
        self.data = data
        self._shipments, self._history = np.arange(len(history), dtype=np.int64), history
        self._cache = cache
        self._reuse = reuse
        self._unfitted: _Unfitted | None = None

    def fit(
        self,
        window: Window,
        seed: int,
        progress: Progress = no_progress,
        *,
        later: Sequence[Window] | None = None,
    ) -> tuple[FeatureSpace, WindowFeatures]:
        """Fit a feature space on a window and return it with the window's features. Target encodings are out of fold.

        ``later`` lists all windows that will be computed after this one. The history of other shipments is freed.
        """
        table = self.data.window_table(window)

        own = self.data.own
        results = self.data.window_results(window) if own is not None else None

        def compute() -> tuple[FeatureSpace, Entry]:
            space = FeatureSpace(own)
            matrix = self._unfitted_columns(window, table, progress)
            if later is not None:
                # The matrix already contains the history of this window.
                self.keep(*later)
            progress("learned statistics")
            # Pass no history: the matrix contains it, and a copy for a million shipments takes 600 MB.
            matrix, as_new = space.fit_also_as_new(table, self._history[:0], seed=seed, results=results, matrix=matrix)
            computed = {_MATRIX: _with_permits(space, table, matrix)}
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
        if later is not None:
            self.keep(*later)
        if window is self._reuse:
            self._reuse = self._unfitted = None
        return space, self._labelled(found[_MATRIX], window, table, AsNew.from_arrays(found, _AS_NEW))

    def transform(self, window: Window, space: FeatureSpace, fitted_on: Window) -> WindowFeatures:
        """Compute a window's features with a space that was fitted on the window ``fitted_on``, which is part of the cache key."""
        table = self.data.window_table(window)

        def entry() -> Entry:
            if not self._is_reused(window):
                history = self._history_of(window.shipments)
                return {}, {_PART: _with_permits(space, table, transform(space, table, history))}
            matrix = self._unfitted_columns(window, table)
            for rows, part, shipments in parts_of(table):
                space.fill(part, self._history_of(window.shipments[shipments]), matrix[rows], learned=True)
            return {}, {_PART: _with_permits(space, table, matrix)}

        _, arrays = entry() if self._cache is None else self._cache.get(f"part{_VERSION}", entry, fitted_on, window)
        return self._labelled(arrays[_PART], window, table)

    def keep(self, *windows: Window) -> None:
        """Free the history features of shipments outside these windows. No other window can be computed afterwards."""
        shipments = np.unique(np.concatenate([self._shipments[:0], *(window.shipments for window in windows)]))
        self._shipments, self._history = shipments, self._history_of(shipments)

    def release(self) -> None:
        """Free the history features. Call it after the last window."""
        self._shipments, self._history = np.empty(0, dtype=np.int64), np.empty((0, 0))
        self._reuse = self._unfitted = None

    def _history_of(self, shipments: Ints) -> Floats:
        """Return the history features of shipments (s,).

        Raises:
            IndexError: those of a shipment were freed.
        """
        if not np.isin(shipments, self._shipments).all():
            raise IndexError("The history of these shipments was freed.")
        return self._history[np.searchsorted(self._shipments, shipments)]

    def _labelled(
        self, matrix: Floats, window: Window, table: ManifestTable, as_new: AsNew | None = None
    ) -> WindowFeatures:
        return WindowFeatures(matrix, self.data.window_labels(window), table.first_row, table.shipment, as_new)

    def _is_reused(self, window: Window) -> bool:
        """Return whether the window is part of ``reuse``."""
        reuse = self._reuse
        return reuse is not None and bool(np.isin(window.shipments, reuse.shipments, assume_unique=True).all())

    def _unfitted_columns(self, window: Window, table: ManifestTable, progress: Progress = no_progress) -> Floats:
        """Return a matrix (m, F) for a window's table, filled in the columns of the groups that are not fitted."""
        space = FeatureSpace(self.data.own)
        rows = np.arange(table.n_rows, dtype=np.int64)
        last = True
        if self._reuse is not None and self._is_reused(window):
            if self._unfitted is None:
                self._unfitted = self._compute_unfitted(space, self._reuse, progress)
            unfitted, last = self._unfitted, len(window.shipments) == len(self._reuse.shipments)
            rows = np.searchsorted(self.data.window_rows(self._reuse), self.data.window_rows(window))
        else:
            unfitted = self._compute_unfitted(space, window, progress)
        matrix = np.empty((table.n_rows, len(space.names)))
        # Memory stays bounded: the matrix takes memory as its rows are written, while parts of the unfitted columns are freed.
        unfitted.write(rows, matrix, last=last)
        of_history = space.columns_of(is_history)
        for part in range(0, table.n_rows, _ROWS_AT_A_TIME):
            shipments = window.shipments[table.shipment[part : part + _ROWS_AT_A_TIME]]
            matrix[part : part + _ROWS_AT_A_TIME, of_history] = self._history_of(shipments)
        if last:
            self._unfitted = None
        return matrix

    def _compute_unfitted(self, space: FeatureSpace, window: Window, progress: Progress) -> _Unfitted:
        table = self.data.window_table(window)
        columns = space.columns_of(lambda group: not group.learns and not is_history(group))
        parts = []
        for rows, part, shipments in parts_of(table):
            matrix = np.empty((part.n_rows, len(space.names)))
            space.fill(part, self._history_of(window.shipments[shipments]), matrix, learned=False)
            parts.append(np.take(matrix, columns, axis=1))
            progress(f"{rows.stop:,} of {table.n_rows:,} rows")
        return _Unfitted(columns, parts)


def is_history(group: Group) -> bool:
    """Return whether the columns of a group are those of the history."""
    return group.name == HistoryGroup.name
