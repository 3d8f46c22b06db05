"""History: what is known of the parties and addresses of a shipment at the moment before it.

One implementation serves training, files and the service: `History.advance` reads the state as of each shipment and then
counts the shipment in. Rows go in file order; a shipment that comes with an earlier time than one already seen is `late` and
meets the present state. State is integers only (counts, cents, grams, days), so shipments one at a time and in bulk give the
same values to the last bit, whatever the chunk size (`history_state` says how windows are counted).

Results of inspections enter by `History.learn` and count from then on. `History.replay` runs a labelled past day by day: what
was known by the end of the day before is learned, then the day's shipments are advanced.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group
from features.groups.history_entities import Layout, Store
from features.groups.history_features import FEATURES, WIDTH, fill
from features.groups.history_keys import CONTACTS, LINKS, PARTIES, HistoryKeys, history_keys
from features.groups.history_state import LINK, PARTY, visit_links, visit_parties
from features.table import ManifestTable

__all__ = ["FEATURES", "History", "HistoryGroup", "HistoryRows"]

IntArray = NDArray[np.int64]

VERSION: Final = 2
DAY: Final = 86400
_HOUR: Final = 3600
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
    three quarters of it, entities without finds first, of these the longest unseen. A party, address, pair or lane takes 208
    bytes of state, a link or contact 28; with keys, index and room to grow about 260 and 60.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self.capacity = capacity
        self.watermark = 0
        #: Shipments counted.
        self.sequence = 0
        self._finds = self._clean = 0
        self._parties, self._links = Store(PARTY), Store(LINK)
        #: Shipments met, those sent again included: the clock by which references are forgotten.
        self._met = 0
        self._references: dict[int, int] = {}
        self._kept_rows = np.empty((0, WIDTH))
        self._kept_identity = np.empty(0, dtype=np.int64)

    @classmethod
    def empty(cls) -> History:
        return cls()

    def copy(self) -> History:
        other = History(self.capacity)
        other.watermark, other.sequence, other._met = self.watermark, self.sequence, self._met
        other._finds, other._clean = self._finds, self._clean
        other._parties, other._links = self._parties.copy(), self._links.copy()
        other._references = dict(self._references)
        other._kept_rows, other._kept_identity = self._kept_rows.copy(), self._kept_identity.copy()
        return other

    def sizes(self) -> dict[str, int]:
        """Entities per kind."""
        parties, links = self._parties.sizes(len(PARTIES)), self._links.sizes(len(LINKS))
        return dict(zip((*PARTIES, *LINKS), (*parties, *links), strict=True))

    def to_arrays(self, entities: int = 8000) -> dict[str, NDArray[Any]]:
        """A snapshot: per kind the ``entities`` worth most. References of single shipments are not part of it."""
        meta = (VERSION, self.watermark, self.sequence, self.capacity, self._finds, self._clean)
        arrays: dict[str, NDArray[Any]] = {"meta": np.array(meta, dtype=np.int64)}
        for store, kinds in ((self._parties, PARTIES), (self._links, LINKS)):
            for number, kind in enumerate(kinds):
                arrays[f"{kind}_keys"], arrays[f"{kind}_narrow"], arrays[f"{kind}_wide"] = store.arrays(
                    store.strongest(number, entities)
                )
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
        self._parties, self._links = _restored(PARTY, PARTIES, arrays), _restored(LINK, LINKS, arrays)
        return self

    def advance(self, table: ManifestTable, *, update: bool = True) -> HistoryRows:
        """Features of the table's shipments as of the moment before each, which is then counted in.

        ``update=False`` reads without a trace: the state afterwards is the state before, though shipments of the table
        still see the earlier ones of the same table.
        """
        # Within one part later shipments see earlier ones anyway; beyond it a reader needs a state of its own to advance.
        target = self if update or table.n_shipments <= _PART else self.copy()
        return target._advance_all(history_keys(table), update=update or target is not self)

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
        keys = history_keys(table)
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
                self._learn(keys.part(chosen), find[chosen])
                learned = known
            rows = self._advance_all(keys.part(slice(start, end)), update=True)
            values[start:end], late[start:end] = rows.values, rows.late
        if learned < len(results):
            self._learn(keys.part(results[learned:]), find[results[learned:]])
        return HistoryRows(values, late)

    def _learn(self, keys: HistoryKeys, find: NDArray[np.bool_]) -> None:
        found = find.astype(np.int64)
        self._finds += int(found.sum())
        self._clean += len(found) - int(found.sum())
        contacts = len(LINKS) - len(CONTACTS)
        for store, entities, first in (
            (self._parties, keys.parties, 0),
            (self._links, keys.links[contacts:], contacts),
        ):
            kinds = np.repeat(np.arange(first, first + len(entities), dtype=np.int8), len(found))
            finds = np.tile(found, len(entities))
            store.increase(entities.ravel(), kinds, {"finds": finds, "clean": 1 - finds})

    def _advance_all(self, keys: HistoryKeys, *, update: bool) -> HistoryRows:
        n = len(keys.time)
        values, late = np.empty((n, WIDTH)), np.empty(n, dtype=bool)
        start = 0
        while start < n:
            end = min(start + min(_PART, _EVICT_EVERY - self.sequence % _EVICT_EVERY if update else _PART), n)
            part = keys if start == 0 and end == n else keys.part(slice(start, end))
            values[start:end], late[start:end] = self._advance(part, update=update)
            if update and self.sequence % _EVICT_EVERY == 0:
                self._evict()
            start = end
        return HistoryRows(values, late)

    def _advance(self, keys: HistoryKeys, *, update: bool) -> tuple[FloatArray, NDArray[np.bool_]]:
        asof = np.maximum(np.maximum.accumulate(keys.time), self.watermark)
        counts, copies = self._first_time(keys)
        hour = asof // _HOUR
        links = visit_links(self._links, keys, counts, asof // DAY, update=update)
        parties = visit_parties(self._parties, keys, counts, links, hour, update=update)
        values = fill(keys, hour, parties, links, (self._finds, self._clean))
        for row, source in copies.items():
            values[row] = self._kept_rows[-1 - source] if source < 0 else values[source]
        if update:
            self._remember(keys, counts, values)
            self.watermark = int(asof[-1])
        return values, keys.time < asof

    def _first_time(self, keys: HistoryKeys) -> tuple[NDArray[np.bool_], dict[int, int]]:
        """Which shipments count, and for those that came before unchanged where their values are (negative: remembered).

        A reference is remembered while fewer than `REMEMBERED` shipments came after the one that counted.
        """
        counts = np.ones(len(keys.time), dtype=bool)
        copies: dict[int, int] = {}
        references = keys.reference.tolist()
        if not (repeated := _repeated(references)) and self._references.keys().isdisjoint(references):
            return counts, copies
        for row, reference in enumerate(references):
            if reference not in repeated and reference not in self._references:
                continue
            # Rows of this part stand at their number, remembered ones at theirs.
            number = repeated.get(reference, -1)
            number = self._references.get(reference, -1) if number < 0 else number
            here = self._met + row
            if number < 0 or here - number >= REMEMBERED:
                repeated[reference] = here
                continue
            counts[row] = False
            if number >= self._met:
                if keys.identity[number - self._met] == keys.identity[row]:
                    copies[row] = number - self._met
            elif self._kept_identity[number % REMEMBERED] == keys.identity[row]:
                copies[row] = -1 - number % REMEMBERED
        return counts, copies

    def _remember(self, keys: HistoryKeys, counts: NDArray[np.bool_], values: FloatArray) -> None:
        if not len(self._kept_rows):
            self._kept_rows = np.zeros((REMEMBERED, WIDTH))
            self._kept_identity = np.zeros(REMEMBERED, dtype=np.int64)
        rows = np.flatnonzero(counts)
        numbers = self._met + rows
        self._kept_rows[numbers % REMEMBERED] = values[rows]
        self._kept_identity[numbers % REMEMBERED] = keys.identity[rows]
        references = keys.reference[rows].tolist()
        for reference in references:
            self._references.pop(reference, None)
        self._references.update(zip(references, numbers.tolist(), strict=True))
        self._met += len(keys.time)
        self.sequence += len(rows)
        # A dict keeps the order of insertion, so what is too old stands in front.
        oldest, gone = self._met - REMEMBERED, []
        for reference, number in self._references.items():
            if number >= oldest:
                break
            gone.append(reference)
        for reference in gone:
            del self._references[reference]

    def _evict(self) -> None:
        self._parties = _cut(self._parties, len(PARTIES), self.capacity)
        self._links = _cut(self._links, len(LINKS), self.capacity)


class HistoryGroup(Group):
    """Spreads the history of shipments over their rows."""

    name = "history"
    features = FEATURES

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        if history.shape != (table.n_shipments, WIDTH):
            raise ValueError(f"History of shape {(table.n_shipments, WIDTH)} is needed, got {history.shape}.")
        return history[table.shipment]


def _repeated(references: list[int]) -> dict[int, int]:
    """References that occur more than once, none of them met yet (-1)."""
    if len(set(references)) == len(references):
        return {}
    return {reference: -1 for reference, times in Counter(references).items() if times > 1}


def _cut(store: Store, kinds: int, capacity: int) -> Store:
    sizes = store.sizes(kinds)
    if max(sizes) <= capacity:
        return store
    kept = [store.strongest(kind, capacity * 3 // 4 if size > capacity else size) for kind, size in enumerate(sizes)]
    return store.only(np.concatenate(kept))


def _restored(layout: Layout, kinds: tuple[str, ...], arrays: dict[str, NDArray[Any]]) -> Store:
    parts: list[tuple[NDArray[Any], ...]] = []
    for number, kind in enumerate(kinds):
        keys, narrow, wide = (arrays[f"{kind}_{part}"] for part in ("keys", "narrow", "wide"))
        expected = ((len(keys), len(layout.narrow)), (len(keys), len(layout.wide)))
        if (narrow.shape, wide.shape) != expected:
            raise ValueError(f"History of {kind} has shapes {narrow.shape} and {wide.shape}, expected {expected}.")
        parts.append((keys.astype(np.int64), np.full(len(keys), number, dtype=np.int8), narrow, wide))
    keys, numbers, narrow, wide = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Store.of(layout, keys, numbers, narrow.astype(np.int32), wide.astype(np.int64))
