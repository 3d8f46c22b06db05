"""History: what is known of the parties and addresses of a shipment at the moment before it.

One implementation serves training, files and the service: `History.advance` reads the state as of each shipment and then
counts the shipment in. Rows go in file order; a shipment that comes with an earlier time than one already seen is `late` and
meets the present state. State is integers only (counts, cents, grams, days), so shipments one at a time and in bulk give the
same values to the last bit, whatever the chunk size (`history_state` says how windows are counted).

Results of inspections enter by `History.learn` and count from then on. `History.replay` runs a labelled past day by day: what
was known by the end of the day before is learned, then the day's shipments are advanced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, GroupInput
from features.groups.history.batch import References
from features.groups.history.columns import FEATURES, WIDTH
from features.groups.history.keys import CONTACTS, FIRST, LINKS, PARTIES, ROWS, history_keys, keys_of
from features.groups.history.plans import LOG, LOG1P, batch, links, parties
from features.groups.history.state import STATES
from features.groups.history.store import Store
from features.groups.history.visits import advance, learn
from features.table.table import ManifestTable

__all__ = ["FEATURES", "History", "HistoryGroup", "HistoryRows"]

IntArray = NDArray[np.int64]

VERSION: Final = 2
DAY: Final = 86400
#: Shipments handled at a time: bounds the working memory of a bulk advance, and keeps it in the processor's cache.
_PART: Final = 4096
#: After so many shipments the state is cut back to its capacity. A fixed count, so that chunking cannot change a value.
_EVICT_EVERY: Final = 65536
#: Shipment references remembered, so that a shipment sent again meets the history it met before and counts once.
REMEMBERED: Final = 32768


@dataclass(frozen=True, slots=True, eq=False)
class HistoryRows:
    """``values`` (n_shipments, H) in the order of `FEATURES`, NaN where there is no key or no past; ``late`` (n_shipments,)."""

    values: FloatArray
    late: NDArray[np.bool_]


class History:
    """As-of state of parties, addresses, lanes, and what links them.

    ``capacity`` bounds the entities of each kind: every 65,536 shipments the kinds that have grown beyond it are cut back to
    three quarters of it, entities without finds first, of these the longest unseen. With all kinds at their bounds a history
    takes some 220 MB.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self.capacity = capacity
        self.watermark = 0
        #: Shipments counted.
        self.sequence = 0
        self._finds = self._clean = 0
        self._parties, self._links = parties(), links()
        # Only a history that meets shipments needs these.
        self._references: References | None = None
        self._batch = batch(1)

    @classmethod
    def empty(cls) -> History:
        return cls()

    def copy(self) -> History:
        other = History(self.capacity)
        other.watermark, other.sequence = self.watermark, self.sequence
        other._finds, other._clean = self._finds, self._clean
        for mine, theirs in zip(other._stores(), self._stores(), strict=True):
            mine.become(theirs)
        other._references = self._references and self._references.copy()
        return other

    def _stores(self) -> list[Store]:
        return [*self._parties, *self._links]

    def sizes(self) -> dict[str, int]:
        """Entities per kind."""
        return {kind: store.count for kind, store in zip(STATES, self._stores(), strict=True)}

    def to_arrays(self, entities: int = 8000) -> dict[str, NDArray[Any]]:
        """A snapshot: per kind the ``entities`` worth most. References of single shipments are not part of it."""
        meta = (VERSION, self.watermark, self.sequence, self.capacity, self._finds, self._clean)
        arrays: dict[str, NDArray[Any]] = {"meta": np.array(meta, dtype=np.int64)}
        for (kind, state), store in zip(STATES.items(), self._stores(), strict=True):
            arrays[f"{kind}_keys"], arrays[f"{kind}_narrow"], arrays[f"{kind}_wide"] = state.snapshot(store, entities)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> History:
        """The inverse of `to_arrays`.

        Raises:
            ValueError: another version, or arrays of another shape.
        """
        meta = arrays["meta"].tolist()
        if meta[0] != VERSION:
            raise ValueError(f"History of version {meta[0]}; this code reads version {VERSION}. Train the model again.")
        self = cls(int(meta[3]))
        self.watermark, self.sequence, self._finds, self._clean = (int(meta[i]) for i in (1, 2, 4, 5))
        for (kind, state), store in zip(STATES.items(), self._stores(), strict=True):
            state.restore(store, kind, *(arrays[f"{kind}_{part}"] for part in ("keys", "narrow", "wide")))
        return self

    def advance(self, table: ManifestTable, *, update: bool = True) -> HistoryRows:
        """Features of the table's shipments as of the moment before each, which is then counted in.

        ``update=False`` reads without a trace: the state afterwards is the state before, though shipments of the table
        still see the earlier ones of the same table.
        """
        keys = history_keys(table)
        return self._advance_all(keys) if update else self._read(keys)

    def advance_keys(self, keys: IntArray) -> HistoryRows:
        """`advance` given the keys (len(ROWS), n_shipments) of the shipments."""
        return self._advance_all(keys)

    def learn(self, table: ManifestTable, find: NDArray[np.bool_]) -> None:
        """Record the results of inspected shipments, known from now on: ``find`` (n_shipments,) True where content was found."""
        self._learn(history_keys(table), find)

    def replay(self, table: ManifestTable, find: NDArray[np.bool_], known_s: IntArray) -> HistoryRows:
        """`learn` and `advance` over a labelled past, day by day.

        A result counts from the start of the UTC day after it was known, and never before the day after its shipment was
        met. Afterwards all results are known.

        Args:
            table: shipments in the order of their times.
            find: (n_shipments,) whether content was found.
            known_s: (n_shipments,) when the result was known; a value below 0 means never (not inspected).
        """
        # Nobody asks for them again, and of a million shipments they would stay some 180 MB.
        keys = keys_of(table)
        n = table.n_shipments
        values, late = np.empty((n, WIDTH)), np.empty(n, dtype=bool)
        day = np.maximum.accumulate(np.maximum(table.declared_s, self.watermark)) // DAY
        visible = np.maximum(known_s // DAY, day) + 1
        results = np.flatnonzero(known_s >= 0)
        results = results[np.argsort(visible[results], kind="stable")]
        learned = 0
        days, starts = np.unique(day, return_index=True)
        known_by = np.searchsorted(visible[results], days, side="right")
        for start, end, known in zip(starts.tolist(), [*starts[1:].tolist(), n], known_by.tolist(), strict=True):
            if known > learned:
                chosen = results[learned:known]
                self._learn(keys[:, chosen], find[chosen])
                learned = known
            rows = self._advance_all(keys[:, start:end])
            values[start:end], late[start:end] = rows.values, rows.late
        if learned < len(results):
            self._learn(keys[:, results[learned:]], find[results[learned:]])
        return HistoryRows(values, late)

    def _learn(self, keys: IntArray, find: NDArray[np.bool_]) -> None:
        found = int(find.sum())
        self._finds += found
        self._clean += len(find) - found
        contacts = len(LINKS) - len(CONTACTS)
        learning = [*self._parties, *self._links[contacts:]]
        rows = [*range(FIRST, FIRST + len(PARTIES)), *range(len(ROWS) - len(CONTACTS), len(ROWS))]
        for start in range(0, len(find), _PART):
            part = slice(start, start + _PART)
            results = find[part].astype(np.int8)
            for store, row in zip(learning, rows, strict=True):
                store.reserve(len(results), self._bound)
                learn(store, np.ascontiguousarray(keys[row, part]), results)

    def _advance_all(self, keys: IntArray, *, cut: bool = True) -> HistoryRows:
        n = keys.shape[1]
        values, late = np.empty((n, WIDTH)), np.empty(n, dtype=np.bool_)
        start = 0
        while start < n:
            end = min(start + min(_PART, _EVICT_EVERY - self.sequence % _EVICT_EVERY), n)
            self._advance(keys[:, start:end], values[start:end], late[start:end], update=True)
            if cut and self.sequence % _EVICT_EVERY == 0:
                self._cut()
            start = end
        return HistoryRows(values, late)

    def _advance(self, keys: IntArray, values: FloatArray, late: NDArray[np.bool_], *, update: bool) -> None:
        """Advance by up to `_PART` shipments and write their values (n, WIDTH) and whether they are late (n,)."""
        n = keys.shape[1]
        if n > self._batch.room:
            self._batch = batch(max(n, min(2 * self._batch.room, _PART)))
        if self._references is None:
            self._references = References(REMEMBERED, WIDTH)
        room, references = self._batch, self._references
        room.finds, room.clean = self._finds, self._clean
        watermark = room.load(keys, self.watermark)
        advance(room, self._parties, self._links, references, update, self._bound)
        log1p, log = np.asarray(room.log1p)[:n], np.asarray(room.log)[:n]
        np.log1p(log1p, out=log1p)
        np.log(log, out=log)
        counted = references.finish(room, values, late.view(np.int8), LOG1P, LOG)
        if update:
            references.met += n
            self.sequence += counted
            self.watermark = watermark

    @property
    def _bound(self) -> int:
        """Entities of a kind that there can be before they are cut, unless more are learned of than shipments come."""
        return self.capacity + _EVICT_EVERY

    def _read(self, keys: IntArray) -> HistoryRows:
        """Values of shipments without a trace."""
        n = keys.shape[1]
        if n <= 1:
            values, late = np.empty((n, WIDTH)), np.empty(n, dtype=np.bool_)
            if n:
                self._advance(keys, values, late, update=False)
            return HistoryRows(values, late)
        if n > _PART and not 0 < self.sequence % _EVICT_EVERY < _EVICT_EVERY - n:
            # What is cut away cannot be put back.
            return self.copy()._advance_all(keys)
        if self._references is None:
            self._references = References(REMEMBERED, WIDTH)
        references, stores = self._references, self._stores()
        before = self.watermark, self.sequence, references.met
        remembered = references.saved(keys[ROWS.index("reference")])
        saved = [store.saved(keys[row]) for row, store in enumerate(stores, start=FIRST)]
        try:
            return self._advance_all(keys, cut=False)
        finally:
            for store, state in zip(stores, saved, strict=True):
                store.put_back(state)
            references.put_back(remembered)
            self.watermark, self.sequence, references.met = before

    def _cut(self) -> None:
        for state, store in zip(STATES.values(), self._stores(), strict=True):
            if store.count > self.capacity:
                store.keep(state.strongest(store, self.capacity * 3 // 4))


class HistoryGroup(Group):
    """Spreads the history of shipments over their rows."""

    name = "history"
    features = FEATURES

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table = source.table
        if history.shape != (table.n_shipments, WIDTH):
            raise ValueError(f"History of shape {(table.n_shipments, WIDTH)} is needed, got {history.shape}.")
        out[:] = history if table.n_shipments == table.n_rows else history[table.shipment]
