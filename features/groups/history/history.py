"""History: what is known of the parties and addresses of a shipment just before it.

One implementation serves training, files and the service. `History.advance` reads the state as of each shipment and then
counts the shipment. Rows go in file order. A shipment with an earlier time than one already met is `late` and sees the
present state. State is integers only (counts, cents, grams, days; windows as `features.groups.history.state` describes), so
shipments one at a time and in bulk give the same values to the last bit, whatever the chunk size.

Results of inspections enter by `History.learn` and count from then on. `History.replay` runs a labelled past day by day: it
learns the results known by the end of the day before, then advances the day's shipments.

Read the package in this order: entities, columns, state, reads, store, batch, parties, visits, plans, history. The modules
keys, key_rows and address make the keys of entities, and snapshot saves stores in a bundle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, GroupInput
from features.groups.history.batch import Batch, RecentShipments
from features.groups.history.columns import FEATURES, WIDTH
from features.groups.history.entities import CONTACTS, PARTIES, KeyRow, key_row
from features.groups.history.keys import history_keys, keys_of
from features.groups.history.plans import LOG, LOG1P, entity_stores
from features.groups.history.reads import LAYOUTS
from features.groups.history.snapshot import restore, snapshot, strongest
from features.groups.history.visits import learn
from features.table.table import ManifestTable

__all__ = ["FEATURES", "History", "HistoryGroup", "HistoryRows"]

IntArray = NDArray[np.int64]

VERSION: Final = 2
DAY: Final = 86400
#: Shipments advanced at a time: bounds the working memory and keeps it in the processor's cache.
_CHUNK: Final = 4096
#: After so many shipments the state is cut back to its capacity. A fixed count, so that chunks cannot change a value.
_EVICT_EVERY: Final = 65536
#: Shipments remembered, so that a shipment that is sent again receives the same values and counts once.
_REMEMBERED: Final = 32768


@dataclass(frozen=True, slots=True, eq=False)
class HistoryRows:
    """Features ``values`` (n_shipments, H), NaN without a key or a past, and ``late`` (n_shipments,)."""

    values: FloatArray
    late: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Meta:
    """The numbers of a snapshot, in the order of its array ``meta``."""

    version: int
    watermark: int
    sequence: int
    capacity: int
    finds: int
    clean: int

    def to_array(self) -> IntArray:
        numbers = (self.version, self.watermark, self.sequence, self.capacity, self.finds, self.clean)
        return np.array(numbers, dtype=np.int64)

    @classmethod
    def from_array(cls, numbers: NDArray[Any]) -> _Meta:
        """Return the numbers of a snapshot.

        Raises:
            ValueError: they are of another version, or not as many as expected.
        """
        version, *others = (int(number) for number in numbers.tolist())
        if version != VERSION:
            raise ValueError(f"History of version {version}; this code reads version {VERSION}. Train the model again.")
        watermark, sequence, capacity, finds, clean = others
        return cls(version, watermark, sequence, capacity, finds, clean)


class History:
    """State of parties, addresses and trade lanes, and of the links between them, as of the newest shipment.

    Every 65,536 shipments, each kind with more than ``capacity`` entities is cut back to three quarters of the capacity.
    Entities with finds are kept first, then those seen last. With all kinds at their bounds a history takes about 220 MB.

    Attributes:
        capacity: bound of the entities of each kind.
        watermark: newest time met, in seconds since 1970.
        sequence: number of shipments counted.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self.capacity = capacity
        self.watermark = 0
        self.sequence = 0
        self._finds = self._clean = 0
        self._stores = entity_stores()
        # Only a history that advances needs these.
        self._recent: RecentShipments | None = None
        self._batch = Batch(1)

    @classmethod
    def empty(cls) -> History:
        """Return a history without a past."""
        return cls()

    def copy(self) -> History:
        """Return an independent copy."""
        other = History(self.capacity)
        other.watermark, other.sequence = self.watermark, self.sequence
        other._finds, other._clean = self._finds, self._clean
        for entity, store in self._stores.by_entity.items():
            other._stores.by_entity[entity].copy_from(store)
        other._recent = self._recent and self._recent.copy()
        return other

    def sizes(self) -> dict[str, int]:
        """Return the number of entities per kind."""
        return {entity.label: store.count for entity, store in self._stores.by_entity.items()}

    def to_arrays(self, entities: int = 8000) -> dict[str, NDArray[Any]]:
        """Return a snapshot: of each kind the ``entities`` worth most, without references of single shipments."""
        meta = _Meta(VERSION, self.watermark, self.sequence, self.capacity, self._finds, self._clean)
        arrays: dict[str, NDArray[Any]] = {"meta": meta.to_array()}
        for entity, store in self._stores.by_entity.items():
            arrays |= snapshot(entity, LAYOUTS[entity], store, entities)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> History:
        """Return the history of a snapshot.

        Raises:
            KeyError: an array is missing.
            ValueError: another version, or arrays of another shape.
        """
        meta = _Meta.from_array(arrays["meta"])
        self = cls(meta.capacity)
        self.watermark, self.sequence = meta.watermark, meta.sequence
        self._finds, self._clean = meta.finds, meta.clean
        for entity, store in self._stores.by_entity.items():
            restore(entity, LAYOUTS[entity], store, arrays)
        return self

    def advance(self, table: ManifestTable, *, update: bool = True) -> HistoryRows:
        """Return the features of the table's shipments as of the moment before each, and count the shipments.

        With ``update=False`` the state does not change, but shipments still see the earlier ones of the same table.
        """
        keys = history_keys(table)
        return self._advance_all(keys) if update else self._read(keys)

    def advance_keys(self, keys: IntArray) -> HistoryRows:
        """Return what `advance` returns for shipments with these keys (KEY_ROWS, n_shipments), and count them."""
        return self._advance_all(keys)

    def learn(self, table: ManifestTable, find: NDArray[np.bool_]) -> None:
        """Add the results of inspected shipments, known from now on: ``find`` (n_shipments,) is True for a find."""
        self._learn(history_keys(table), find)

    def replay(self, table: ManifestTable, find: NDArray[np.bool_], known_s: IntArray) -> HistoryRows:
        """Learn from and advance over a labelled past, day by day, and return the features of its shipments.

        A result counts from the start of the UTC day after it was known, and never before the day after its shipment.
        Afterwards all results are known.

        Args:
            table: shipments in the order of their times.
            find: (n_shipments,) whether content was found.
            known_s: (n_shipments,) when the result was known, in seconds since 1970; below 0 if never (not inspected).
        """
        # Keys kept in the table would take 180 MB per million shipments, and are not needed again.
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
        finds = int(find.sum())
        self._finds += finds
        self._clean += len(find) - finds
        for start in range(0, len(find), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            results = find[chunk].astype(np.int8)
            for entity in (*PARTIES, *CONTACTS):
                store = self._stores.by_entity[entity]
                store.reserve(len(results), self._bound)
                learn(store, np.ascontiguousarray(keys[key_row(entity), chunk]), results)

    def _advance_all(self, keys: IntArray, *, evict: bool = True) -> HistoryRows:
        n = keys.shape[1]
        values, late = np.empty((n, WIDTH)), np.empty(n, dtype=np.bool_)
        start = 0
        while start < n:
            end = min(start + min(_CHUNK, _EVICT_EVERY - self.sequence % _EVICT_EVERY), n)
            self._advance(keys[:, start:end], values[start:end], late[start:end], update=True)
            if evict and self.sequence % _EVICT_EVERY == 0:
                self._evict()
            start = end
        return HistoryRows(values, late)

    def _advance(self, keys: IntArray, values: FloatArray, late: NDArray[np.bool_], *, update: bool) -> None:
        """Advance by up to `_CHUNK` shipments, and write their values (n, WIDTH) and whether they are late (n,)."""
        n = keys.shape[1]
        if n > self._batch.room:
            self._batch = Batch(max(n, min(2 * self._batch.room, _CHUNK)))
        batch, recent = self._batch, self._recent_shipments()
        batch.finds, batch.clean = self._finds, self._clean
        watermark = batch.load(keys, self.watermark)
        self._stores.advance(batch, recent, update, self._bound)
        log1p, log = np.asarray(batch.log1p)[:n], np.asarray(batch.log)[:n]
        np.log1p(log1p, out=log1p)
        np.log(log, out=log)
        counted = recent.finish(batch, values, late.view(np.int8), LOG1P, LOG)
        if update:
            recent.met += n
            self.sequence += counted
            self.watermark = watermark

    def _recent_shipments(self) -> RecentShipments:
        if self._recent is None:
            self._recent = RecentShipments(_REMEMBERED)
        return self._recent

    @property
    def _bound(self) -> int:
        """The most entities of a kind before they are cut back, unless more are learned than advanced."""
        return self.capacity + _EVICT_EVERY

    def _read(self, keys: IntArray) -> HistoryRows:
        """Return the values of shipments without changing the state."""
        n = keys.shape[1]
        if n <= 1:
            values, late = np.empty((n, WIDTH)), np.empty(n, dtype=np.bool_)
            if n:
                self._advance(keys, values, late, update=False)
            return HistoryRows(values, late)
        if n > _CHUNK and not 0 < self.sequence % _EVICT_EVERY < _EVICT_EVERY - n:
            # Evicted entities cannot be rolled back.
            return self.copy()._advance_all(keys)
        recent, stores = self._recent_shipments(), self._stores.by_entity
        before = self.watermark, self.sequence, recent.met
        remembered = recent.backup(keys[KeyRow.REFERENCE])
        backups = {entity: store.backup(keys[key_row(entity)]) for entity, store in stores.items()}
        try:
            return self._advance_all(keys, evict=False)
        finally:
            for entity, store in stores.items():
                store.roll_back(backups[entity])
            recent.roll_back(remembered)
            self.watermark, self.sequence, recent.met = before

    def _evict(self) -> None:
        """Cut the kinds with more entities than the capacity back to three quarters of it."""
        for entity, store in self._stores.by_entity.items():
            if store.count > self.capacity:
                store.keep_only(strongest(LAYOUTS[entity], store, self.capacity * 3 // 4))


class HistoryGroup(Group):
    """Copies the history of each shipment to its rows."""

    name = "history"
    features = FEATURES

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        """Write the history of each row's shipment into ``out`` (n_rows, H).

        Raises:
            ValueError: ``history`` is not (n_shipments, H).
        """
        table = source.table
        if history.shape != (table.n_shipments, WIDTH):
            raise ValueError(f"Expected a history of shape {(table.n_shipments, WIDTH)}, got {history.shape}.")
        out[:] = history if table.n_shipments == table.n_rows else history[table.shipment]
