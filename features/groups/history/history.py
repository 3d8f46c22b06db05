"""History: statistics of the parties and addresses of a shipment, as of the moment before the shipment.

Training, files and the service use the same implementation. `History.advance` reads the state for each shipment and then counts
the shipment, in the order of the rows. A shipment whose time is before that of an earlier row is `late` and sees the current state.
The state consists of integers (counts, cents, grams, days; for windows see `features.groups.history.state`), so not even the last
bit of a value depends on the chunk size.

`History.learn` adds results of inspections. `History.replay` processes labelled data day by day: it adds the results known by the
end of the previous day and then advances over the shipments of the day.

Read the package in this order: state, columns, reads, store, batch, parties, visits, plans, history. The modules keys, key_rows
and address compute the keys of entities, and saving saves the state in a bundle or a checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, GroupInput
from features.groups.history.batch import Batch, RecentShipments
from features.groups.history.columns import FEATURES, WIDTH
from features.groups.history.declarations import Declarations, HistoryRows
from features.groups.history.keys import history_keys, keys_of
from features.groups.history.plans import LOG, LOG1P, entity_stores
from features.groups.history.reads import LAYOUTS
from features.groups.history.saving import (
    Backup,
    most_important,
    recent_arrays,
    restore,
    restore_store,
    restored_recent,
    snapshot,
    store_arrays,
)
from features.groups.history.state import CONTACTS, FIRST_DAY_POSITION, INSPECTED, VERSION, Entity, FirstColumn, key_row
from features.groups.history.visits import IS_COMPILED, learn
from features.table.table import ManifestTable

__all__ = ["FEATURES", "History", "HistoryGroup", "HistoryRows"]

IntArray = NDArray[np.int64]

DAY: Final = 86400
#: Number of entities per kind in a bundle's history by default.
SAVED: Final = 8000
#: Maximum number of shipments per batch, which limits the work buffers and keeps them in the processor's cache.
_CHUNK: Final = 4096
#: Number of shipments between evictions. It is fixed, so that values do not depend on the chunk size.
_EVICT_EVERY: Final = 65536
#: Number of recent shipments in the cache that detects repeats.
_RECENT: Final = 32768


@dataclass(frozen=True, slots=True)
class _Meta:
    """Numbers in the array ``meta`` of a snapshot, in order."""

    version: int
    watermark: int
    sequence: int
    capacity: int
    finds: int
    clean: int
    #: Only in arrays in which it differs from the watermark.
    declared: int

    def to_array(self) -> IntArray:
        numbers = [self.version, self.watermark, self.sequence, self.capacity, self.finds, self.clean]
        return np.array(numbers if self.declared == self.watermark else [*numbers, self.declared], dtype=np.int64)

    @classmethod
    def from_array(cls, numbers: NDArray[Any]) -> _Meta:
        """Return the numbers of a snapshot.

        Raises:
            ValueError: the version differs, or the array has another length.
        """
        version, *others = (int(number) for number in numbers.tolist())
        if version != VERSION:
            raise ValueError(f"History of version {version}; this code reads version {VERSION}. Train the model again.")
        watermark, sequence, capacity, finds, clean, *rest = others
        [declared] = rest or [watermark]
        return cls(version, watermark, sequence, capacity, finds, clean, declared)


class History:
    """State of parties, addresses and trade lanes, and of the links between them, after the latest shipment.

    Every 65,536 shipments, kinds with more than ``capacity`` entities are reduced to three quarters of the capacity. Entities with
    finds are kept first, then the most recent ones. With all kinds at capacity, a history takes about 270 MB.

    Attributes:
        capacity: maximum number of entities per kind.
        watermark: latest time so far, in seconds since 1970.
        declared: latest declared time so far. A shipment without a time does not raise it, and so makes no other shipment late.
        sequence: number of counted shipments.
        declarations: what was declared before, and in which lane it was.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self.capacity = capacity
        self.watermark = self.declared = 0
        self.declarations = Declarations(capacity)
        self.sequence = 0
        self._finds = self._clean = 0
        self._first_day = -1
        self._stores = entity_stores()
        # Allocated on first use by `advance`.
        self._recent: RecentShipments | None = None
        self._batch = Batch(1)

    @classmethod
    def empty(cls) -> History:
        """Return a history without a past."""
        return cls()

    def copy(self) -> History:
        """Return an independent copy."""
        other = History(self.capacity)
        other.watermark, other.declared, other.sequence = self.watermark, self.declared, self.sequence
        other.declarations = self.declarations.copy()
        other._finds, other._clean, other._first_day = self._finds, self._clean, self._first_day
        for entity, store in self._stores.by_entity.items():
            other._stores.by_entity[entity].copy_from(store)
        other._recent = self._recent and self._recent.copy()
        return other

    def sizes(self) -> dict[str, int]:
        """Return the number of entities per kind."""
        return {entity.label: store.count for entity, store in self._stores.by_entity.items()}

    def to_arrays(self, entities: int = SAVED) -> dict[str, NDArray[Any]]:
        """Return a snapshot of the ``entities`` most important entities per kind, without recent shipments."""
        arrays = self._numbers()
        for entity, store in self._stores.by_entity.items():
            arrays |= snapshot(entity, LAYOUTS[entity], store, entities)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> History:
        """Return the history from a snapshot.

        Raises:
            KeyError: an array is missing.
            ValueError: the version or the shape of an array differs.
        """
        self = cls._with_numbers(arrays)
        for entity, store in self._stores.by_entity.items():
            restore(entity, LAYOUTS[entity], store, arrays)
        self._read_first_day()
        return self

    def _read_first_day(self) -> None:
        """Read the first day of the history from its trade lanes."""
        lanes = self._stores.by_entity[Entity.TRADE_LANE]
        if lanes.count:
            self._first_day = int(np.asarray(lanes.narrow)[: lanes.count, FIRST_DAY_POSITION].min())

    def _numbers(self) -> dict[str, NDArray[Any]]:
        meta = _Meta(VERSION, self.watermark, self.sequence, self.capacity, self._finds, self._clean, self.declared)
        return {"meta": meta.to_array()}

    @classmethod
    def _with_numbers(cls, arrays: Mapping[str, NDArray[Any]]) -> History:
        """Return a history without entities, with the numbers from `_numbers`."""
        meta = _Meta.from_array(arrays["meta"])
        self = cls(meta.capacity)
        self.watermark, self.declared, self.sequence = meta.watermark, meta.declared, meta.sequence
        self._finds, self._clean = meta.finds, meta.clean
        return self

    def to_full_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the full state, for checkpoints. The arrays are views, so copy the history first if it will change."""
        arrays = self._numbers()
        for entity, store in self._stores.by_entity.items():
            arrays |= store_arrays(entity.label, store)
        return arrays | recent_arrays(self._recent_shipments()) | self.declarations.to_arrays()

    @classmethod
    def from_full_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> History:
        """Return the history from `to_full_arrays`. It gives the same values as the original would.

        Raises:
            KeyError: an array is missing.
            ValueError: the version or the shape of an array differs.
        """
        self = cls._with_numbers(arrays)
        for entity, store in self._stores.by_entity.items():
            restore_store(entity.label, store, arrays)
        self._read_first_day()
        self._recent = restored_recent(arrays)
        self.declarations.restore(arrays)
        return self

    def advance(self, table: ManifestTable, *, update: bool = True, isolate: bool = False) -> HistoryRows:
        """Return the features of the table's shipments, each as of the moment before it, and count the shipments.

        With ``update=False`` the state does not change, but shipments still see earlier ones of the same table. A shipment whose
        time is far from the present (`ManifestTable.far_dated`) is never counted, because a wrong time must not affect others.

        Args:
            isolate: True: report a shipment on which the program fails in `HistoryRows.faults`. False: raise the error.

        Raises:
            MemoryError: memory is exhausted. No shipment of the current batch is counted, or of a batch with faults only the first.
        """
        keys = history_keys(table)
        if update:
            rows = self._advance_except(keys, table.far_dated, isolate=isolate)
        else:
            rows = self._advance_and_restore(keys, table.far_dated, isolate=isolate)
        return replace(rows, declarations=self.declarations, update=update)

    def _advance_except(
        self, keys: IntArray, left_out: NDArray[np.bool_] | None, *, isolate: bool, evict: bool = True
    ) -> HistoryRows:
        """Advance in order over all shipments. Shipments in ``left_out`` (n_shipments,) see the state but are not counted."""
        if left_out is None:
            return self._advance_all(keys, evict=evict, isolate=isolate)
        n = keys.shape[1]
        values, late = np.empty((n, WIDTH)), np.empty(n, dtype=bool)
        faults: dict[int, Exception] = {}
        starts = [0, *(np.flatnonzero(np.diff(left_out)) + 1).tolist()]
        for start, end in zip(starts, [*starts[1:], n], strict=True):
            run = np.ascontiguousarray(keys[:, start:end])
            if left_out[start]:
                rows = self._read_state(run, isolate=isolate)
            else:
                rows = self._advance_all(run, evict=evict, isolate=isolate)
            values[start:end], late[start:end] = rows.values, rows.late
            faults |= {start + shipment: error for shipment, error in rows.faults.items()}
        return HistoryRows(values, late, faults=faults)

    def advance_keys(self, keys: IntArray, *, isolate: bool = False) -> HistoryRows:
        """Do the same as `advance` for shipments with the given keys (KEY_ROWS, n_shipments)."""
        return self._advance_all(keys, isolate=isolate)

    def learn(self, table: ManifestTable, find: NDArray[np.bool_]) -> None:
        """Add the results of inspected shipments. ``find`` (n_shipments,) is True for a find."""
        self._learn(history_keys(table), find)

    def learn_keys(self, keys: IntArray, find: NDArray[np.bool_]) -> None:
        """Do the same as `learn` for shipments with the given keys (KEY_ROWS, n_shipments)."""
        self._learn(keys, find)

    def unlearn_keys(self, keys: IntArray, find: NDArray[np.bool_]) -> None:
        """Take back results that `learn` added for shipments with the given keys (KEY_ROWS, n_shipments).

        The counts of finds and clean inspections are then as if the results had never been added, except for entities evicted
        since. Shipments that arrived in between and counted a link to a party with a find keep this link.
        """
        finds = int(find.sum())
        self._finds = max(self._finds - finds, 0)
        self._clean = max(self._clean - (len(find) - finds), 0)
        columns = np.where(find, FirstColumn.FINDS, FirstColumn.CLEAN)
        for entity in (*INSPECTED, *CONTACTS):
            store = self._stores.by_entity[entity]
            slots = store.find(np.ascontiguousarray(keys[key_row(entity)]))
            known = slots >= 0
            narrow = np.asarray(store.narrow)
            np.subtract.at(narrow, (slots[known], columns[known]), 1)
            for column in (FirstColumn.FINDS, FirstColumn.CLEAN):
                narrow[slots[known], column] = np.maximum(narrow[slots[known], column], 0)

    def replay(self, table: ManifestTable, find: NDArray[np.bool_], known_s: IntArray) -> HistoryRows:
        """Process labelled data day by day, and return the features of its shipments.

        A result counts from the start of the UTC day after it became known, and not before the day after its shipment. At the
        end, all results are counted.

        Args:
            table: shipments in order of time.
            find: (n_shipments,) True for a find.
            known_s: (n_shipments,) time of the result in seconds since 1970; negative if not inspected.
        """
        # Do not cache the keys in the table, because they take 230 MB per million shipments.
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
            for entity in (*INSPECTED, *CONTACTS):
                store = self._stores.by_entity[entity]
                store.reserve(len(results), self._bound)
                learn(store, np.ascontiguousarray(keys[key_row(entity), chunk]), results)

    def _advance_all(self, keys: IntArray, *, isolate: bool = False, evict: bool = True) -> HistoryRows:
        rows = _empty_rows(keys.shape[1])
        n, start = keys.shape[1], 0
        while start < n:
            end = min(start + min(_CHUNK, _EVICT_EVERY - self.sequence % _EVICT_EVERY), n)
            self._advance_part(keys, slice(start, end), rows, update=True, isolate=isolate)
            if evict and self.sequence % _EVICT_EVERY == 0:
                self._evict()
            start = end
        return rows

    def _advance_part(self, keys: IntArray, part: slice, rows: HistoryRows, *, update: bool, isolate: bool) -> None:
        """Advance by up to `_CHUNK` shipments, and write their ``rows``. With ``isolate``, write the errors of faulty shipments."""
        try:
            self._advance(keys[:, part], rows.values[part], rows.late[part], update=update)
        except MemoryError:
            # No shipment is at fault.
            raise
        except Exception as error:
            if not isolate:
                raise
            if part.stop - part.start > 1:
                # Values do not depend on the size of parts.
                for shipment in range(part.start, part.stop):
                    self._advance_part(keys, slice(shipment, shipment + 1), rows, update=update, isolate=True)
            else:
                rows.values[part], rows.late[part], rows.faults[part.start] = np.nan, False, error

    def _advance(self, keys: IntArray, values: FloatArray, late: NDArray[np.bool_], *, update: bool) -> None:
        """Advance by up to `_CHUNK` shipments, and write ``values`` (n, WIDTH) and ``late`` (n,). An error changes no state."""
        if IS_COMPILED or not update:
            # Memory is allocated before shipments are counted, and the compiled pass raises no errors.
            self._pass(keys, values, late, update=update)
            return
        backup = self._backup(keys)
        try:
            self._pass(keys, values, late, update=True)
        except Exception:
            self._roll_back(backup)
            raise

    def _pass(self, keys: IntArray, values: FloatArray, late: NDArray[np.bool_], *, update: bool) -> None:
        n = keys.shape[1]
        if n > self._batch.room:
            self._batch = Batch(max(n, min(2 * self._batch.room, _CHUNK)))
        batch, recent = self._batch, self._recent_shipments()
        batch.finds, batch.clean, batch.first_day = self._finds, self._clean, self._first_day
        watermark = batch.load(keys, self.watermark, self.declared)
        self._stores.advance(batch, recent, update, self._bound)
        log1p, log = batch.log1p_rows[:n], batch.log_rows[:n]
        np.log1p(log1p, out=log1p)
        np.log(log, out=log)
        counted = recent.finish(batch, values, late.view(np.int8), LOG1P, LOG)
        if update:
            recent.met += n
            self.sequence += counted
            self.watermark, self.declared, self._first_day = watermark, batch.declared, batch.first_day

    def _recent_shipments(self) -> RecentShipments:
        if self._recent is None:
            self._recent = RecentShipments(_RECENT)
        return self._recent

    @property
    def _bound(self) -> int:
        """Maximum number of entities of a kind before eviction, apart from entities that `learn` adds."""
        return self.capacity + _EVICT_EVERY

    def _read_state(self, keys: IntArray, *, isolate: bool) -> HistoryRows:
        """Return the features of shipments that see the state but not each other."""
        n = keys.shape[1]
        rows = _empty_rows(n)
        for start in range(0, n, _CHUNK):
            self._advance_part(keys, slice(start, min(start + _CHUNK, n)), rows, update=False, isolate=isolate)
        return rows

    def _advance_and_restore(self, keys: IntArray, left_out: NDArray[np.bool_] | None, *, isolate: bool) -> HistoryRows:
        """Advance as `_advance_except` does, and restore the state afterwards."""
        n = keys.shape[1]
        if n <= 1:
            return self._read_state(keys, isolate=isolate)
        if n > _CHUNK and not 0 < self.sequence % _EVICT_EVERY < _EVICT_EVERY - n:
            # A roll-back cannot restore evicted entities, so use a copy.
            return self.copy()._advance_except(keys, left_out, isolate=isolate)
        backup = self._backup(keys)
        try:
            return self._advance_except(keys, left_out, isolate=isolate, evict=False)
        finally:
            self._roll_back(backup)

    def _backup(self, keys: IntArray) -> Backup:
        numbers = self.watermark, self.declared, self.sequence
        return Backup.of(numbers, self._stores.by_entity, self._recent_shipments(), keys)

    def _roll_back(self, backup: Backup) -> None:
        self.watermark, self.declared, self.sequence = backup.numbers
        backup.restore(self._stores.by_entity, self._recent_shipments())

    def _evict(self) -> None:
        """Reduce kinds with more entities than the capacity to three quarters of it."""
        for entity, store in self._stores.by_entity.items():
            if store.count > self.capacity:
                store.keep_only(most_important(LAYOUTS[entity], store, self.capacity * 3 // 4))


def _empty_rows(n: int) -> HistoryRows:
    return HistoryRows(np.empty((n, WIDTH)), np.empty(n, dtype=np.bool_))


class HistoryGroup(Group):
    """History features, copied from shipments to rows."""

    name = "history"
    features = FEATURES

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        """Write the history features of each row's shipment into ``out`` (n_rows, H).

        Raises:
            ValueError: ``history`` is not (n_shipments, H).
        """
        table = source.table
        if history.shape != (table.n_shipments, WIDTH):
            raise ValueError(f"Expected a history of shape {(table.n_shipments, WIDTH)}, got {history.shape}.")
        out[:] = history if table.n_shipments == table.n_rows else history[table.shipment]
