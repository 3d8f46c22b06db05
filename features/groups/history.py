"""History: what is known of the parties and addresses of a shipment at the moment before it.

One implementation serves training, files and the service: `History.advance` reads the state as of each shipment and then
counts the shipment in. Rows go in file order; a shipment that comes with an earlier time than one already seen is `late` and
meets the present state. State is integers only (counts, cents, grams, seconds), so shipments one at a time and in bulk give
the same values to the last bit, whatever the chunk size.

Recent activity is counted in calendar blocks (7 and 30 days): "recent" is the present block and the one before it, between
one and two block lengths, which needs two counters instead of a list of events.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, declare
from features.groups.history_entities import AT, COLUMNS, Entities
from features.groups.history_keys import entity_keys
from features.table import ManifestTable

IntArray = NDArray[np.int64]

VERSION: Final = 1
DAY: Final = 86400
BLOCKS: Final = (7 * DAY, 30 * DAY)
#: Shipments handled at a time: bounds the working memory of a bulk advance.
_PART: Final = 16384
#: After so many shipments the state is cut back to its capacity. A fixed count, so that chunking cannot change a value.
_EVICT_EVERY: Final = 65536
#: Shipment references remembered, so that a shipment sent again meets the history it met before and counts once.
REMEMBERED: Final = 32768

_KINDS: Final = ("consignor", "consignee", "address", "pair", "occupant")
#: What a find at a party is remembered under.
_FOUND_AT: Final = ("consignor", "consignee", "address")

FEATURES: Final = declare(
    "history",
    ("consignor_shipments", "HISTORY_VOLUME", "Shipments of the consignor seen before (log of one more)"),
    ("consignor_recent_7", "HISTORY_VOLUME", "Shipments of the consignor in this and the last 7-day block"),
    ("consignor_recent_30", "HISTORY_VOLUME", "Shipments of the consignor in this and the last 30-day block"),
    ("consignor_first_seen_days", "NEW_CONSIGNOR", "Days since the consignor was first seen"),
    ("consignor_last_seen_days", "HISTORY_VOLUME", "Days since the consignor was last seen"),
    ("consignor_consignees", "HISTORY_VOLUME", "Different consignees the consignor has sent to"),
    ("consignor_value_ratio", "VALUE_HISTORY", "Log of the shipment's value over the consignor's mean value so far"),
    ("consignor_mass_ratio", "VALUE_HISTORY", "Log of the shipment's mass over the consignor's mean mass so far"),
    ("consignor_finds", "FINDS_KNOWN", "Finds known by then in shipments of the consignor", 1),
    ("consignor_clean", "FINDS_KNOWN", "Clean inspections known by then of the consignor"),
    ("consignee_shipments", "HISTORY_VOLUME", "Shipments to the consignee seen before (log of one more)"),
    ("consignee_recent_30", "HISTORY_VOLUME", "Shipments to the consignee in this and the last 30-day block"),
    ("consignee_first_seen_days", "HISTORY_VOLUME", "Days since the consignee was first seen"),
    ("consignee_consignors", "ADDRESS_SHARED", "Different consignors that have sent to the consignee"),
    ("consignee_finds", "FINDS_KNOWN", "Finds known by then in shipments to the consignee", 1),
    ("consignee_clean", "FINDS_KNOWN", "Clean inspections known by then of shipments to the consignee"),
    ("address_shipments", "ADDRESS_SHARED", "Shipments to the address seen before (log of one more)"),
    ("address_recent_7", "ADDRESS_SHARED", "Shipments to the address in this and the last 7-day block"),
    ("address_recent_30", "ADDRESS_SHARED", "Shipments to the address in this and the last 30-day block"),
    ("address_names", "ADDRESS_SHARED", "Different consignee names seen at the address"),
    ("address_finds", "FINDS_KNOWN", "Finds known by then at the address", 1),
    (
        "pair_shipments",
        "HISTORY_VOLUME",
        "Shipments from this consignor to this consignee seen before (log of one more)",
    ),
    ("pair_recent_7", "SPLIT_CONSIGNMENT", "Shipments between the two parties in this and the last 7-day block"),
    ("pair_recent_30", "SPLIT_CONSIGNMENT", "Shipments between the two parties in this and the last 30-day block"),
)


@dataclass(frozen=True, slots=True, eq=False)
class HistoryRows:
    """``values`` (n_shipments, H) in the order of `FEATURES`, NaN where there is no key or no past; ``late`` (n_shipments,)."""

    values: FloatArray
    late: NDArray[np.bool_]


_WIDTH: Final = len(FEATURES)


class History:
    """As-of counts for consignors, consignees, addresses and their pairs.

    ``capacity`` bounds the entities of each kind: every 65,536 shipments the kinds that have grown beyond it are cut back,
    entities without finds and longest unseen first. About 170 bytes each.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self.capacity = capacity
        self.watermark = 0
        self.sequence = 0
        self._entities = {kind: Entities() for kind in _KINDS}
        self._seen: dict[int, int] = {}
        self._seen_rows = np.empty((0, _WIDTH))
        self._seen_identity = np.empty(0, dtype=np.int64)

    @classmethod
    def empty(cls) -> History:
        return cls()

    def copy(self) -> History:
        other = History(self.capacity)
        other.watermark, other.sequence = self.watermark, self.sequence
        other._entities = {kind: entities.copy() for kind, entities in self._entities.items()}
        other._seen = dict(self._seen)
        other._seen_rows, other._seen_identity = self._seen_rows.copy(), self._seen_identity.copy()
        return other

    def sizes(self) -> dict[str, int]:
        """Entities per kind."""
        return {kind: len(entities.index) for kind, entities in self._entities.items()}

    def to_arrays(self, entities: int = 8000) -> dict[str, NDArray[Any]]:
        """A snapshot: per kind the ``entities`` worth most. References of single shipments are not part of it."""
        arrays: dict[str, NDArray[Any]] = {
            "meta": np.array([VERSION, self.watermark, self.sequence, self.capacity], dtype=np.int64)
        }
        for kind in _KINDS:
            arrays[f"{kind}_keys"], arrays[f"{kind}_state"] = self._entities[kind].strongest(entities)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> History:
        """The inverse of `to_arrays`.

        Raises:
            ValueError: another version, or arrays of another shape.
        """
        meta = arrays["meta"].tolist()
        if meta[0] != VERSION:
            raise ValueError(f"History of version {meta[0]}; this code reads version {VERSION}.")
        self = cls(int(meta[3]))
        self.watermark, self.sequence = int(meta[1]), int(meta[2])
        for kind in _KINDS:
            keys, state = arrays[f"{kind}_keys"], arrays[f"{kind}_state"]
            if state.shape != (len(keys), len(COLUMNS)):
                raise ValueError(f"History of {kind} has shape {state.shape}, expected ({len(keys)}, {len(COLUMNS)}).")
            self._entities[kind] = Entities(keys.astype(np.int64), np.ascontiguousarray(state, dtype=np.int64))
        return self

    def advance(self, table: ManifestTable, *, update: bool = True) -> HistoryRows:
        """Features of the table's shipments as of the moment before each, which is then counted in.

        ``update=False`` reads without a trace: the state afterwards is the state before, though shipments of the table
        still see the earlier ones of the same table.
        """
        # A reader of several shipments needs a state to advance, or later ones would not see the earlier ones.
        target = self if update or table.n_shipments == 1 else self.copy()
        update = update or target is not self
        keys = entity_keys(table)
        values = np.empty((table.n_shipments, _WIDTH))
        late = np.empty(table.n_shipments, dtype=bool)
        start = 0
        while start < table.n_shipments:
            room = _EVICT_EVERY - target.sequence % _EVICT_EVERY
            part = slice(start, min(start + _PART, start + room, table.n_shipments))
            values[part], late[part] = target._advance({name: column[part] for name, column in keys.items()}, update)
            if update and target.sequence % _EVICT_EVERY == 0:
                target._evict()
            start = part.stop
        return HistoryRows(values, late)

    def learn(self, table: ManifestTable, find: NDArray[np.bool_]) -> None:
        """Record the results of inspected shipments, known from now on: ``find`` (n_shipments,) True where content was found."""
        keys = entity_keys(table)
        for kind in _FOUND_AT:
            entities = self._entities[kind]
            valid = keys[kind] != 0
            distinct, inverse = np.unique(keys[kind][valid], return_inverse=True)
            slots = entities.slots(distinct)
            slots[slots < 0] = entities.add(distinct[slots < 0])
            found = find[valid].astype(np.int64)
            entities.state[slots, AT["finds"]] += _sums(inverse, found, len(distinct))
            entities.state[slots, AT["clean"]] += _sums(inverse, 1 - found, len(distinct))

    def replay(self, table: ManifestTable, find: NDArray[np.bool_], known_s: IntArray) -> HistoryRows:
        """`advance` over a labelled past, with each result visible from the second after it was known.

        Args:
            table: shipments in the order of their times.
            find: (n_shipments,) whether content was found.
            known_s: (n_shipments,) when the result was known; a value below 0 means never (not inspected).
        """
        rows = self.advance(table)
        keys = entity_keys(table)
        asof = np.maximum.accumulate(table.declared_s)
        inspected = known_s >= 0
        for kind in _FOUND_AT:
            for name, which in ((f"{kind}_finds", inspected & find), (f"{kind}_clean", inspected & ~find)):
                if name in _FEATURE_AT:
                    counted = _known_before(keys[kind], asof, which, known_s)
                    rows.values[:, _FEATURE_AT[name]] += counted
        if inspected.any():
            chosen = table.take(np.flatnonzero(inspected[table.shipment]))
            self.learn(chosen, find[inspected])
        return rows

    def _advance(self, keys: dict[str, IntArray], update: bool) -> tuple[FloatArray, NDArray[np.bool_]]:
        n = len(keys["time"])
        asof = np.maximum(np.maximum.accumulate(keys["time"]), self.watermark)
        late = keys["time"] < asof
        counts, copies = self._first_time(keys["id"], keys["identity"])
        values = np.full((n, _WIDTH), np.nan)
        pending: list[tuple[Entities, IntArray, IntArray, IntArray]] = []
        read: dict[str, dict[str, NDArray[Any]]] = {}
        partners = np.zeros(n, dtype=np.int64)
        names = np.zeros(n, dtype=np.int64)
        # Pairs come first: whether a pair is new is what the parties count as another partner.
        for kind in ("pair", "occupant", "consignor", "consignee", "address"):
            new_partner = {"consignor": partners, "consignee": partners, "address": names}.get(kind)
            read[kind] = seen = self._read(kind, keys, asof, counts, new_partner, pending if update else None)
            if kind == "pair":
                partners[:] = (seen["n"] == 0) & counts & (keys["pair"] != 0)
            elif kind == "occupant":
                names[:] = (seen["n"] == 0) & counts & (keys["occupant"] != 0)
        self._fill(values, read, keys, asof)
        for row, source in copies.items():
            values[row] = self._seen_rows[-1 - source] if source < 0 else values[source]
        if update:
            for entities, slots, fresh, state in pending:
                if len(fresh):
                    slots[slots < 0] = entities.add(fresh)
                entities.state[slots] = state
            self._remember(keys, counts, values)
            if n:
                self.watermark = int(asof[-1])
        return values, late

    def _first_time(self, ids: IntArray, identity: IntArray) -> tuple[NDArray[np.bool_], dict[int, int]]:
        """Which shipments count, and for those that came before unchanged where their values are (negative: remembered)."""
        counts = np.ones(len(ids), dtype=bool)
        copies: dict[int, int] = {}
        _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
        repeated = np.flatnonzero(first[inverse] != np.arange(len(ids)))
        known = np.fromiter(map(self._seen.get, ids.tolist(), repeat(-1)), dtype=np.int64, count=len(ids))
        known[known < self.sequence - REMEMBERED + _PART] = -1
        for row in np.flatnonzero(known >= 0).tolist():
            slot = int(known[row]) % REMEMBERED
            counts[row] = False
            if self._seen_identity[slot] == identity[row]:
                copies[row] = -1 - slot
        for row in repeated.tolist():
            source = int(first[inverse[row]])
            counts[row] = False
            if row not in copies and identity[source] == identity[row]:
                copies[row] = source
        return counts, copies

    def _remember(self, keys: dict[str, IntArray], counts: NDArray[np.bool_], values: FloatArray) -> None:
        rows = np.flatnonzero(counts)
        if not len(self._seen_rows):
            self._seen_rows = np.zeros((REMEMBERED, _WIDTH))
            self._seen_identity = np.zeros(REMEMBERED, dtype=np.int64)
        numbers = self.sequence + np.arange(len(rows))
        self._seen_rows[numbers % REMEMBERED] = values[rows]
        self._seen_identity[numbers % REMEMBERED] = keys["identity"][rows]
        for key in keys["id"][rows].tolist():
            self._seen.pop(key, None)
        self._seen.update(zip(keys["id"][rows].tolist(), numbers.tolist(), strict=True))
        self.sequence += len(rows)
        if self.sequence > REMEMBERED:
            oldest = self.sequence - REMEMBERED
            # A dict keeps the order of insertion, so what is too old stands in front.
            gone = []
            for key, number in self._seen.items():
                if number >= oldest:
                    break
                gone.append(key)
            for key in gone:
                del self._seen[key]

    def _read(
        self,
        kind: str,
        keys: dict[str, IntArray],
        asof: IntArray,
        counts: NDArray[np.bool_],
        new_partner: IntArray | None,
        pending: list[tuple[Entities, IntArray, IntArray, IntArray]] | None,
    ) -> dict[str, NDArray[Any]]:
        """State of one kind as of each shipment; the state afterwards goes to ``pending``."""
        n = len(asof)
        rows = np.flatnonzero(keys[kind] != 0)
        entities = self._entities[kind]
        distinct, inverse = np.unique(keys[kind][rows], return_inverse=True)
        slots = entities.slots(distinct)
        state = np.where(slots[:, None] >= 0, entities.state[np.maximum(slots, 0)], 0)
        order = np.argsort(inverse, kind="stable")
        rows, entity = rows[order], inverse[order]
        start = np.searchsorted(entity, np.arange(len(distinct)))
        counted = counts[rows].astype(np.int64)
        time = asof[rows]
        seen: dict[str, NDArray[Any]] = {}
        after = state.copy()

        def spread(values: IntArray) -> IntArray:
            column = np.zeros(n, dtype=np.int64)
            column[rows] = values
            return column

        def running(column: str, amounts: IntArray) -> None:
            before = np.cumsum(amounts) - amounts
            seen[column] = spread(state[entity, AT[column]] + before - before[start][entity])
            after[:, AT[column]] += _sums(entity, amounts, len(distinct))

        running("n", counted)
        running("cents", keys["cents"][rows] * counted)
        running("grams", keys["grams"][rows] * counted)
        running("partners", (new_partner[rows] if new_partner is not None else np.zeros_like(counted)) * counted)
        for column in ("finds", "clean"):
            seen[column] = spread(state[entity, AT[column]])

        position = np.arange(len(rows))
        latest = np.maximum.accumulate(np.where(counted > 0, position, -1)) if len(rows) else position
        previous = np.concatenate([[-1], latest[:-1]])[: len(rows)]
        inside = previous >= start[entity]
        seen["last_s"] = spread(np.where(inside, time[np.maximum(previous, 0)], state[entity, AT["last_s"]]))
        first_here = (
            np.minimum.reduceat(np.where(counted > 0, time, np.iinfo(np.int64).max), start) if len(rows) else time
        )
        known = state[:, AT["n"]] > 0
        any_counted = after[:, AT["n"]] > state[:, AT["n"]]
        first = np.where(known, state[:, AT["first_s"]], np.where(any_counted, first_here, 0))
        seen["first_s"] = spread(first[entity])
        after[:, AT["first_s"]] = first
        end = np.append(start[1:], len(rows)) - 1
        after[:, AT["last_s"]] = np.where(any_counted, time[latest[end]] if len(rows) else 0, state[:, AT["last_s"]])

        for number, length in enumerate(BLOCKS):
            block_at, now_at, before_at = (AT[f"{part}{number}"] for part in ("block", "now", "before"))
            block = time // length
            held, now, before = state[:, block_at], state[:, now_at], state[:, before_at]
            carried = np.where(block == held[entity], now[entity] + before[entity], 0)
            carried = np.where(block == held[entity] + 1, now[entity], carried)
            low = int(block[0]) if len(block) else 0
            low = min(low, int(block.min())) - 2 if len(block) else 0
            width = int(block.max()) - low + 2 if len(block) else 1
            place = entity * width + (block - low)
            total = np.concatenate([[0], np.cumsum(counted)])
            since = total[np.searchsorted(place, entity * width + (block - 1 - low))]
            seen[f"recent{number}"] = spread(carried + total[:-1] - since)
            last_block = np.where(any_counted, block[latest[end]] if len(rows) else 0, held)
            here = np.arange(len(distinct)) * width + (last_block - low)
            in_last = total[np.searchsorted(place, here, side="right")] - total[np.searchsorted(place, here)]
            in_previous = total[np.searchsorted(place, here)] - total[np.searchsorted(place, here - 1)]
            same, next_to = held == last_block, held + 1 == last_block
            after[:, now_at] = np.where(any_counted, in_last + np.where(same, now, 0), now)
            rest = np.where(same, before, np.where(next_to, now, 0))
            after[:, before_at] = np.where(any_counted, in_previous + rest, before)
            after[:, block_at] = last_block
        if pending is not None and any_counted.any():
            changed = slots[any_counted]
            pending.append((entities, changed, distinct[any_counted][changed < 0], after[any_counted]))
        return seen

    def _fill(
        self, values: FloatArray, read: dict[str, dict[str, NDArray[Any]]], keys: dict[str, IntArray], asof: IntArray
    ) -> None:
        for kind in ("consignor", "consignee", "address", "pair"):
            seen = read[kind]
            valid = keys[kind] != 0
            n = seen["n"].astype(np.float64)
            past = valid & (n > 0)
            columns: dict[str, FloatArray] = {
                "shipments": np.log1p(n),
                "recent_7": seen["recent0"].astype(np.float64),
                "recent_30": seen["recent1"].astype(np.float64),
                "finds": seen["finds"].astype(np.float64),
                "clean": seen["clean"].astype(np.float64),
                {"consignor": "consignees", "consignee": "consignors"}.get(kind, "names"): seen["partners"].astype(
                    np.float64
                ),
                "first_seen_days": np.where(past, (asof - seen["first_s"]) // DAY, np.nan),
                "last_seen_days": np.where(past, (asof - seen["last_s"]) // DAY, np.nan),
                "value_ratio": _ratio(keys["cents"], seen["cents"], n),
                "mass_ratio": _ratio(keys["grams"], seen["grams"], n),
            }
            for name, column in columns.items():
                if (at := _FEATURE_AT.get(f"{kind}_{name}")) is not None:
                    values[:, at] = np.where(valid, column, np.nan)

    def _evict(self) -> None:
        for kind, entities in self._entities.items():
            if len(entities.index) > self.capacity:
                keys, state = entities.strongest(self.capacity * 3 // 4)
                self._entities[kind] = Entities(keys, state.copy())


_FEATURE_AT: Final = {feature.name: position for position, feature in enumerate(FEATURES)}


class HistoryGroup(Group):
    """Spreads the history of shipments over their rows."""

    name = "history"
    features = FEATURES

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        if history.shape != (table.n_shipments, _WIDTH):
            raise ValueError(f"History of shape {(table.n_shipments, _WIDTH)} is needed, got {history.shape}.")
        return history[table.shipment]


def _ratio(own: IntArray, total: IntArray, n: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(own * n / total)
    return np.where((own > 0) & (total > 0), ratio, np.nan)


def _sums(group: NDArray[Any], amounts: IntArray, size: int) -> IntArray:
    """Integer sums per group; exact, unlike `numpy.bincount` with weights."""
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, group, amounts)
    return sums


def _known_before(keys: IntArray, asof: IntArray, which: NDArray[np.bool_], known_s: IntArray) -> FloatArray:
    """(n,) events (rows of ``which``, at ``known_s``) of the same key before each row's time; 0 where there is no key."""
    rows = np.flatnonzero(which & (keys != 0))
    distinct, entity = np.unique(keys[rows], return_inverse=True)
    if not len(distinct):
        return np.zeros(len(keys))
    order = np.lexsort((known_s[rows], entity))
    place = np.searchsorted(distinct, keys)
    match = (place < len(distinct)) & (distinct[np.minimum(place, len(distinct) - 1)] == keys)
    low = min(int(asof.min()), int(known_s[rows].min()))
    width = max(int(asof.max()), int(known_s[rows].max())) - low + 2
    events = entity[order] * width + (known_s[rows][order] - low)
    before = np.searchsorted(events, place * width + (asof - low)) - np.searchsorted(events, place * width)
    return np.where(match, before, 0).astype(np.float64)
