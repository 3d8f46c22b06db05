"""What is kept of an entity, and one step of it: read as of each shipment, then count the shipments in.

**Windows.** A count over the last 1, 7, 30 or 365 days is two integers: its sum in the present calendar block of that length
(blocks begin at 1970-01-01 00:00 UTC) and its sum in the block before. At a time at which a part r of the present block is
still to come, the window holds the present block and the part r of the one before: ``present + r * previous``. r is counted in
whole hours, so ``present * length + remaining * previous`` is an integer, and one division at the end makes the float. Which
block is the present one follows from the day on which the entity was last seen.

**In bulk.** The visits of all entities are sorted by entity, in file order within one; sums before each visit are differences
of running totals. All is integer arithmetic, so it does not matter where a stream of shipments is cut into parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history_entities import Layout, Store
from features.groups.history_keys import LINKS, PARTIES, HistoryKeys

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

DAY_HOURS: Final = 24
#: What one shipment adds to its entities. ``partners`` and ``places`` count those met for the first time (`History`).
AMOUNTS: Final = ("grams", "tainted", "repeats", "press", "partners", "places", "n", "cents", "small", "small_cents")
_AMOUNT: Final = {name: position for position, name in enumerate(AMOUNTS)}
#: Sums over all time are kept of the first ones.
_TOTALS: Final = slice(0, 8)
#: Days of a window -> the amounts it is kept of; their order makes each a slice.
WINDOWS: Final = {1: slice(6, 10), 7: slice(6, 8), 30: slice(3, 8), 365: slice(6, 8)}


def window_column(amount: str, days: int, part: str) -> str:
    """Name of the state column of a windowed sum; ``part`` is ``now`` or ``before``."""
    return f"{amount}_{days}_{part}"


_WINDOWED: Final = tuple(
    window_column(amount, days, part)
    for days, kept in WINDOWS.items()
    for part in ("now", "before")
    for amount in AMOUNTS[kept]
)
_COLUMNS: Final = (*AMOUNTS[_TOTALS], *_WINDOWED, "first_day", "last_day", "last_cents", "finds", "clean")
_WIDE: Final = frozenset(name for name in _COLUMNS if name.startswith("grams") or "cents" in name)
PARTY: Final = Layout(_COLUMNS, _WIDE)
LINK: Final = Layout(("n", "last_day", "changes", "finds", "clean", "beside"), frozenset({"beside"}))

_PARTY_AT: Final = PARTY.at
_LINK_AT: Final = LINK.at


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """Visits of n shipments to entities: k kinds, each shipment once per kind, sorted by entity and file order.

    Attributes:
        place: (v,) position of each visit in (kinds, n), flattened; ``shipment`` its shipment.
        begins: (v,) whether another entity begins; ``starts`` (d,) where; ``entity`` (v,) number of the visit's entity.
        keys, kinds: (d,) of the entities; ``slots`` (d,) at or beyond the store's count for new ones.
        state: (columns, d) state of the entities before these shipments.
        counted: (v,) whether the shipment counts.
        previous: (v,) the entity's last counted visit before this one, where ``inside``; otherwise the state has it.
        last: (d,) the entity's last counted visit, where ``any_counted``.
    """

    place: IntArray
    shipment: IntArray
    begins: BoolArray
    starts: IntArray
    entity: IntArray
    keys: IntArray
    kinds: NDArray[np.int8]
    slots: IntArray
    state: IntArray
    counted: BoolArray
    previous: IntArray
    inside: BoolArray
    last: IntArray
    any_counted: BoolArray

    @classmethod
    def of(cls, store: Store, keys: IntArray, counts: BoolArray) -> Visits:
        """The visits that (kinds, n) keys are, with the state of their entities."""
        n = keys.shape[1]
        flat = keys.ravel()
        place = np.flatnonzero(flat)
        key = flat[place]
        slot = store.find(key)
        absent = np.flatnonzero(slot < 0)
        if len(absent):
            slot[absent] = store.count + np.unique(key[absent], return_inverse=True)[1]
        # One sort of slot and position together is several times as fast as a stable sort of slots.
        order = np.sort((slot << 32) | np.arange(len(slot))) & 0xFFFFFFFF
        place, slot = place[order], slot[order]
        begins = np.ones(len(slot), dtype=bool)
        begins[1:] = slot[1:] != slot[:-1]
        starts = np.flatnonzero(begins)
        entity = np.cumsum(begins) - 1
        shipment = place % n
        counted = counts[shipment]
        latest = np.maximum.accumulate(np.where(counted, np.arange(len(slot)), -1))
        previous = np.empty_like(latest)
        previous[:1], previous[1:] = -1, latest[:-1]
        last = latest[np.append(starts[1:], len(slot))[: len(starts)] - 1]
        return cls(
            place=place,
            shipment=shipment,
            begins=begins,
            starts=starts,
            entity=entity,
            keys=key[order][starts],
            kinds=(place[starts] // n).astype(np.int8),
            slots=slot[starts],
            state=store.read(slot[starts]),
            counted=counted,
            previous=previous,
            inside=previous >= starts[entity],
            last=last,
            any_counted=last >= starts,
        )

    def before(self, sums: IntArray, base: IntArray) -> IntArray:
        """(a, v) sums before each visit, from running totals (a, v + 1) and the entities' state (a, d)."""
        return np.take(base - sums[:, self.starts], self.entity, axis=1) + sums[:, :-1]

    def preceding(self, values: IntArray, held: IntArray) -> IntArray:
        """(v,) value at the entity's counted visit before, or what its state ``held`` (d,)."""
        return np.where(self.inside, values[np.maximum(self.previous, 0)], held[self.entity])

    def spread(self, columns: IntArray, size: int) -> IntArray:
        """(a, size) columns of visits at their places; 0 where there is no entity."""
        if not len(self.place):
            return np.zeros((len(columns), size), dtype=np.int64)
        visit = np.full(size, -1, dtype=np.int64)
        visit[self.place] = np.arange(len(self.place))
        # Gathering is several times as fast as scattering. Absent entities read the last visit and are then blanked.
        out = np.take(columns, visit, axis=1, mode="wrap")
        if len(self.place) < size:
            out[:, visit < 0] = 0
        return out

    def write(self, store: Store, after: IntArray) -> None:
        """Store the state (columns, any_counted.sum()) of the entities that were counted; new ones are added."""
        slots = self.slots[self.any_counted]
        new = slots >= store.count
        if new.any():
            slots[new] = store.add(self.keys[self.any_counted][new], self.kinds[self.any_counted][new])
        store.write(slots, after)


def visit_links(store: Store, keys: HistoryKeys, counts: BoolArray, day: IntArray, *, update: bool) -> IntArray:
    """Read the links as of each shipment, then count the shipments in.

    Returns:
        (columns of `LINK`, len(LINKS), n), zeros where there is no entity.
    """
    n = len(day)
    visits = Visits.of(store, keys.links, counts)
    state, at = visits.state, _LINK_AT
    counted = visits.counted.astype(np.int64)
    beside = keys.beside.ravel()[visits.place]
    sums = _running(counted[None])
    seen = np.take(state, visits.entity, axis=1)
    seen[at["n"]] = visits.before(sums, state[at["n"], None])[0]
    other = visits.preceding(beside, state[at["beside"]])
    changed = visits.counted & (seen[at["n"]] > 0) & (beside != 0) & (other != 0) & (other != beside)
    changes = changed.astype(np.int64)
    seen[at["changes"]] = visits.before(_running(changes[None]), state[at["changes"], None])[0]
    if update and visits.any_counted.any():
        last = visits.last[visits.any_counted]
        after = seen[:, last]
        after[at["n"]] += 1
        after[at["changes"]] += changes[last]
        after[at["last_day"]] = day[visits.shipment[last]]
        after[at["beside"]] = beside[last]
        visits.write(store, after)
    return visits.spread(seen, keys.links.size).reshape(len(seen), -1, n)


def visit_parties(
    store: Store,
    keys: HistoryKeys,
    counts: BoolArray,
    links: IntArray,
    hour: IntArray,
    *,
    update: bool,
) -> IntArray:
    """Read the parties as of each shipment, then count the shipments in.

    Args:
        links: result of `visit_links` for the same shipments.
        hour: (n,) hours since 1970.

    Returns:
        (columns of `PARTY`, len(PARTIES), n), zeros where there is no entity.
    """
    n = len(hour)
    visits = Visits.of(store, keys.parties, counts)
    state, at, entity = visits.state, _PARTY_AT, visits.entity
    day = (hour // DAY_HOURS)[visits.shipment]
    cents = keys.cents[visits.shipment]
    amounts = np.zeros((len(AMOUNTS), len(entity)), dtype=np.int64)
    amounts[_AMOUNT["n"]] = visits.counted
    met = visits.before(_running(amounts[_AMOUNT["n"], None]), state[at["n"], None])[0]
    held = visits.spread(np.stack([met, state[at["finds"]][entity]]), keys.parties.size).reshape(2, -1, n)
    preceding = visits.preceding(cents, state[at["last_cents"]])
    amounts[_AMOUNT["cents"]] = cents
    amounts[_AMOUNT["grams"]] = keys.grams[visits.shipment]
    amounts[_AMOUNT["press"]] = keys.press[visits.shipment]
    amounts[_AMOUNT["repeats"]] = (cents > 0) & (cents == preceding)
    small = (cents > 0) & (cents < keys.limit[visits.shipment])
    amounts[_AMOUNT["small"]] = small
    amounts[_AMOUNT["small_cents"]] = cents * small
    amounts[[_AMOUNT[name] for name in ("partners", "places", "tainted")]] = np.take(
        _of_other_parties(keys, links, held[0], held[1]).reshape(3, -1), visits.place, axis=1
    )
    amounts *= visits.counted
    sums = _running(amounts)
    seen = np.empty((len(state), len(entity)), dtype=np.int64)
    seen[_TOTALS] = visits.before(sums[_TOTALS], state[_TOTALS])
    for name in ("finds", "clean", "last_cents"):
        seen[at[name]] = state[at[name]][entity]
    seen[at["last_cents"]] = preceding
    seen[at["last_day"]] = visits.preceding(day, state[at["last_day"]])
    first_day = np.where(state[at["n"]] > 0, state[at["first_day"]], _first_counted(visits, day))
    seen[at["first_day"]] = first_day[entity]
    for length, kept in WINDOWS.items():
        now, before = _window(length, kept)
        seen[now], seen[before] = _blocks(visits, day // length, length, sums[kept], state[now], state[before])
    if update and visits.any_counted.any():
        last = visits.last[visits.any_counted]
        after = seen[:, last]
        after[_TOTALS] += amounts[_TOTALS, last]
        for length, kept in WINDOWS.items():
            after[_window(length, kept)[0]] += amounts[kept, last]
        after[at["last_day"]] = day[last]
        after[at["last_cents"]] = cents[last]
        visits.write(store, after)
    return visits.spread(seen, keys.parties.size).reshape(len(seen), -1, n)


def _of_other_parties(keys: HistoryKeys, links: IntArray, met: IntArray, finds: IntArray) -> IntArray:
    """(3, len(PARTIES), n): whether a partner or a place is met for the first time, and a party with known finds is met.

    A consignor's partners are consignees and its places addresses; a consignee's are consignors and addresses; of an address
    the partners are the names at it, and in the place of places stand the consignors that send to it.
    """
    out = np.zeros((3, len(PARTIES), keys.parties.shape[1]), dtype=np.int64)
    consignor, consignee, address, pair = (
        PARTIES.index(name) for name in ("consignor", "consignee", "address", "pair")
    )
    n = links[_LINK_AT["n"]]
    occupant, own_address = LINKS.index("occupant"), LINKS.index("consignor_address")
    partners, places, tainted = out
    partners[[consignor, consignee]] = (keys.parties[pair] != 0) & (met[pair] == 0)
    partners[address] = places[consignee] = (keys.links[occupant] != 0) & (n[occupant] == 0)
    places[[consignor, address]] = (keys.links[own_address] != 0) & (n[own_address] == 0)
    tainted[consignor] = (finds[consignee] > 0) | (finds[address] > 0)
    tainted[[consignee, address]] = finds[consignor] > 0
    return out


def _running(amounts: IntArray) -> IntArray:
    """(a, v + 1) totals before each of (a, v) amounts, and the total."""
    sums = np.zeros((len(amounts), amounts.shape[1] + 1), dtype=np.int64)
    np.cumsum(amounts, axis=1, out=sums[:, 1:])
    return sums


def _first_counted(visits: Visits, day: IntArray) -> IntArray:
    """(d,) day of each entity's first counted visit; 0 without one."""
    counted = np.append(np.flatnonzero(visits.counted), 0)
    first = counted[np.searchsorted(counted[:-1], visits.starts)]
    return np.where(visits.any_counted, np.append(day, 0)[first], 0)


def _window(length: int, kept: slice) -> tuple[slice, slice]:
    start = _PARTY_AT[window_column(AMOUNTS[kept.start], length, "now")]
    width = kept.stop - kept.start
    return slice(start, start + width), slice(start + width, start + 2 * width)


def _blocks(
    visits: Visits, block: IntArray, length: int, sums: IntArray, now: IntArray, before: IntArray
) -> tuple[IntArray, IntArray]:
    """(a, v) sums of the present block before each visit, and of the block before it.

    Args:
        block: (v,) number of the block of each visit.
        sums: (a, v + 1) running totals.
        now, before: (a, d) state of the entities, as of the block they were last seen in.
    """
    begins = visits.begins.copy()
    begins[1:] |= block[1:] != block[:-1]
    run = np.flatnonzero(begins)
    total = sums[:, run]
    of_run = block[run]
    earlier = np.zeros_like(total)
    follows = 1 + np.flatnonzero(~visits.begins[run[1:]] & (of_run[1:] - of_run[:-1] == 1))
    earlier[:, follows] = total[:, follows] - total[:, follows - 1]
    entity = visits.entity[run]
    gap = of_run - (visits.state[_PARTY_AT["last_day"]] // length)[entity]
    was_now, was_before = now[:, entity], before[:, entity]
    number = np.cumsum(begins) - 1
    present = np.take(was_now * (gap == 0) - total, number, axis=1) + sums[:, :-1]
    previous = np.take(earlier + was_now * (gap == 1) + was_before * (gap == 0), number, axis=1)
    return present, previous
