"""The data as a stream with its history, and windows of it as matrices with the labels known then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.history import History
from features.groups.own.counts import Results
from features.groups.own.keys import declarations
from features.space import FeatureSpace
from features.table.table import ManifestTable
from training.data.dataset import Dataset, rows_of
from training.data.feature_cache import Entry, FeatureCache
from training.data.labels import MOST_LEARNING_WEIGHT, PRESUMED_WEIGHT, AsOf
from training.data.windows import NEVER, Window, Windows, plan_random, plan_windows
from training.evaluation.evaluation import Outcome
from training.fitting.boosting import Examples, keep_for_prevalence

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Features of this many rows are computed at a time: 150 doubles each, so some 60 MB.
_ROWS_AT_A_TIME: Final = 50_000
#: Name of an entry's features beside the arrays of a state.
_MATRIX: Final = "features"


@dataclass(frozen=True, slots=True)
class Stream:
    """The data with the history features of every shipment, (n_shipments, H)."""

    data: Dataset
    history: Floats

    def rows(self, window: Window) -> Ints:
        return rows_of(self.data.table, window.shipments)

    def table(self, window: Window) -> ManifestTable:
        return self.data.table.take(self.rows(window))

    def labels(self, window: Window) -> AsOf:
        """Labels of the window's rows and shipments as known at its cut."""
        labels = self.data.labels.as_of(self.data.table, window.cut_s)
        return labels.take(self.rows(window), window.shipments)

    def results(self, window: Window) -> Results:
        """Results of the window's rows as known at its cut, for rates that an office's own data teaches."""
        labels, rows = self.labels(window), self.rows(window)
        of_row = self.data.table.shipment[rows]
        known = ~labels.presumed[np.searchsorted(window.shipments, of_row)]
        return Results(
            np.asarray(labels.find.any(axis=1), dtype=np.bool_),
            known,
            self.data.labels.known_s[of_row],
            self.data.has_times,
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """Where features are kept that a space computes which was ``fitted_on`` a window."""

    cache: FeatureCache
    fitted_on: Window


class Unlearned:
    """What the groups that learn nothing say of a window's rows: the same for every space, so worked out once, when the first
    asks for it.

    It is kept in a matrix with room for what is learned, which the window itself takes over in the end: a million rows are
    more than a gigabyte.
    """

    def __init__(self, stream: Stream, window: Window) -> None:
        self._stream, self._window = stream, window
        self._matrix: Floats | None = None

    def take(self, window: Window) -> Floats | None:
        """The matrix (n_rows, F) of a part of the window, the learned columns still without meaning; None if it is no part.

        The window itself is given the only one, and should ask last.
        """
        if not np.isin(window.shipments, self._window.shipments, assume_unique=True).all():
            return None
        matrix = self._filled() if self._matrix is None else self._matrix
        if len(window.shipments) == len(self._window.shipments):
            self._matrix = None
            return matrix
        self._matrix = matrix
        return matrix[np.searchsorted(self._stream.rows(self._window), self._stream.rows(window))]

    def _filled(self) -> Floats:
        space, table = FeatureSpace(self._stream.data.own), self._stream.table(self._window)
        matrix = np.empty((table.n_rows, len(space.names)))
        for rows, part, shipments in _parts(table):
            space.fill(part, self._stream.history[self._window.shipments[shipments]], matrix[rows], learned=False)
        return matrix


@dataclass(frozen=True, slots=True)
class Part:
    """A window ready for a model: features, labels of rows, and of shipments."""

    matrix: Floats
    labels: AsOf
    first_row: Ints
    row_shipment: Ints

    @property
    def outcome(self) -> Outcome:
        return Outcome(np.logical_or.reduceat(self.labels.find, self.first_row, axis=0), self.labels.weight)

    def of(self, shipments: Bools) -> Part:
        """The part of the chosen shipments (n_shipments,)."""
        rows = np.flatnonzero(shipments[self.row_shipment])
        labels = self.labels.take(rows, np.flatnonzero(shipments))
        of_row = (np.cumsum(shipments) - 1)[self.row_shipment[rows]]
        return Part(self.matrix[rows], labels, np.flatnonzero(np.diff(of_row, prepend=-1)), of_row)

    def examples(self, keep: Bools | None = None) -> Examples:
        """Rows to learn from; ``keep`` (n_shipments,) leaves out the others' rows."""
        # A million rows are a gigabyte: no copy where all of them stay.
        rows = slice(None) if keep is None or keep.all() else np.flatnonzero(keep[self.row_shipment])
        known = np.minimum(self.labels.weight, MOST_LEARNING_WEIGHT)
        weight = np.where(self.labels.presumed, PRESUMED_WEIGHT, known)[self.row_shipment]
        return Examples(self.matrix[rows], self.labels.find[rows], weight[rows], self.row_shipment[rows])


def transform(space: FeatureSpace, table: ManifestTable, history: Floats) -> Floats:
    """Features (n_rows, F) of a large table, computed in parts to spare memory."""
    out = np.empty((table.n_rows, len(space.names)))
    for rows, part, shipments in _parts(table):
        out[rows] = space.transform(part, history[shipments])
    return out


def _parts(table: ManifestTable) -> Iterator[tuple[slice, ManifestTable, Ints]]:
    """A large table in parts: their rows, tables and shipments."""
    per_part = max(1, round(_ROWS_AT_A_TIME * table.n_shipments / max(1, table.n_rows)))
    done = 0
    for start in range(0, table.n_shipments, per_part):
        shipments = np.arange(start, min(start + per_part, table.n_shipments), dtype=np.int64)
        part = table.take(rows_of(table, shipments)).compact()
        yield slice(done, done + part.n_rows), part, shipments
        done += part.n_rows


def part_of(
    stream: Stream,
    window: Window,
    space: FeatureSpace,
    kept: Kept | None = None,
    unlearned: Unlearned | None = None,
) -> Part:
    """A window as a fitted space sees it. ``kept`` says where its features are kept for later runs, and ``unlearned`` may
    hold some of them."""
    table = stream.table(window)

    def make() -> Entry:
        history = stream.history[window.shipments]
        matrix = unlearned.take(window) if unlearned is not None else None
        if matrix is None:
            return {}, {"matrix": transform(space, table, history)}
        for rows, part, shipments in _parts(table):
            space.fill(part, history[shipments], matrix[rows], learned=True)
        return {}, {"matrix": matrix}

    _, arrays = make() if kept is None else kept.cache.get("part", make, kept.fitted_on, window)
    return Part(arrays["matrix"], stream.labels(window), table.first_row, table.shipment)


def fitted(
    stream: Stream,
    window: Window,
    seed: int,
    cache: FeatureCache | None = None,
    unlearned: Unlearned | None = None,
) -> tuple[FeatureSpace, Part]:
    """A space fitted on a window, and that window's features, learned encodings out of fold. ``unlearned`` may hold some of
    them."""
    table = stream.table(window)

    def make() -> tuple[FeatureSpace, Floats]:
        space = FeatureSpace(stream.data.own)
        results = stream.results(window) if stream.data.own is not None else None
        matrix = (Unlearned(stream, window) if unlearned is None else unlearned).take(window)
        history = stream.history[window.shipments]
        return space, space.fit_transform(table, history, seed=seed, results=results, matrix=matrix)

    def entry() -> Entry:
        space, matrix = make()
        state, arrays = space.to_state()
        return state, arrays | {_MATRIX: matrix}

    if cache is None:
        space, matrix = make()
    else:
        state, kept = cache.get("fitted", entry, window)
        arrays = {name: np.array(array) for name, array in kept.items() if name != _MATRIX}
        space, matrix = FeatureSpace.from_state(state, arrays), kept[_MATRIX]
    return space, Part(matrix, stream.labels(window), table.first_row, table.shipment)


def sampled(part: Part, seed: int) -> tuple[Examples, float]:
    """Rows to learn from, clean shipments sampled, and the share of those kept."""
    outcome = part.outcome
    chosen, share = keep_for_prevalence(outcome.any, outcome.weight, seed=seed)
    return part.examples(chosen), share


def replayed(data: Dataset, cache: FeatureCache | None = None) -> tuple[Stream, History]:
    """History features of the full stream, finds counting from when they were known; and the state after it, or the
    snapshot of it that a bundle holds."""
    known = data.labels.known_s
    data.table.read_texts()

    def make() -> tuple[Floats, History]:
        history = History.empty()
        rows = history.replay(data.table, data.found(), np.where(known == NEVER, -1, known))
        return rows.values, history

    def entry() -> Entry:
        values, history = make()
        return {}, history.to_arrays() | {_MATRIX: values}

    if cache is None:
        values, history = make()
    else:
        _, kept = cache.get("history", entry)
        values = kept[_MATRIX]
        history = History.from_arrays({name: np.array(array) for name, array in kept.items() if name != _MATRIX})
    return Stream(data, values), history


def plan(data: Dataset, *, with_test: bool, seed: int) -> Windows:
    """Windows in time, or for data without any time at random."""
    find = data.found()
    if data.has_times:
        # What an office hands over with its results has had its delay, unless some of it was not inspected.
        complete = data.own is not None and bool(data.labels.inspected.all())
        return plan_windows(data.table.declared_s, find, data.labels.known_s, with_test=with_test, complete=complete)
    if data.own is not None:
        # Identical declarations stay together: parted, they would tell a later window the answer.
        same = declarations(data.table, data.own)[data.table.first_row]
        group = np.unique(same, return_inverse=True)[1].astype(np.int64)
        return plan_random(group, find, seed=seed, with_test=with_test, by="identical declarations")
    name = data.table.text("consignor_name")
    codes = name.codes[data.table.first_row].astype(np.int64)
    # Shipments without a consignor are groups of their own.
    groups = np.where(codes >= 0, codes, len(name.values) + np.arange(len(codes)))
    return plan_random(np.unique(groups, return_inverse=True)[1].astype(np.int64), find, seed=seed, with_test=with_test)


def base_rate_weights(illicit: Floats, base_rate: float) -> Floats:
    """(n,) weights under which what is ``illicit``, with a probability (n,), is ``base_rate`` of the traffic."""
    total = float(illicit.sum())
    if total <= 0.0 or total >= len(illicit):
        return np.ones(len(illicit))
    return base_rate * illicit / total + (1.0 - base_rate) * (1.0 - illicit) / (len(illicit) - total)
