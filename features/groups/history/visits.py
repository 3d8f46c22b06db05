"""One pass of shipments through history: read each entity as of the shipment, write what features need, count the shipment in.

A pass runs over its shipments once per kind of entity, in the order of the shipments. Logarithms are not taken here: their
arguments are collected, numpy takes them of whole arrays (another library's may differ in the last bit), `finish` puts them in.
"""

from __future__ import annotations

from collections.abc import Mapping

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.history.batch import Batch, References
from features.groups.history.store import Store

IntArray = NDArray[np.int64]

#: Rows of a matrix of keys, as in `features.groups.history.batch`.
CENTS, GRAMS, PRESS, LIMIT, SHIPPER, RECEIVER, KEYS = range(3, 10)
#: Kinds of entities, in the order of their keys; four kinds of contacts are the last.
CONSIGNOR, CONSIGNEE, ADDRESS, PAIR, LANE, OWN_LANE, BUILDING, OCCUPANT, OWN_ADDRESS, CONTACTS = range(10)
#: Columns that begin the narrow state of an entity. A party's first day follows, or a contact's changes of name.
N, LAST_DAY, FINDS, CLEAN, FIRST_DAY = range(5)
CHANGES = FIRST_DAY
#: Inspections that a lane's own rate of finds must outweigh: assumed.
LANE_PRIOR = 50.0
#: Fewer shipments than this are not worth letting other threads run.
MANY = 64


class PartyPlan:
    """How one kind of parties is counted, and which features are read off it.

    Columns are positions in the narrow state, followed by the wide; a length is the position of a window in `Batch.hours`.

    Args:
        windows: (w, 3) of each windowed sum the columns of the present and of the previous block, and the length.
        adds: (a, 2) column, and the amount that each shipment adds to it.
        counts: (p, 2) feature and column.
        logs: (q, 2) logarithm and column.
        recent, sums: (r, 4) feature (of ``sums``: logarithm), columns of the present and the previous block, length.
        at: columns, features and logarithms of what only some kinds have.
    """

    def __init__(
        self,
        windows: IntArray,
        adds: IntArray,
        counts: IntArray,
        logs: IntArray,
        recent: IntArray,
        sums: IntArray,
        at: Mapping[str, int],
    ) -> None:
        self.windows, self.adds, self.counts, self.logs = windows, adds, counts, logs
        self.recent, self.sums = recent, sums
        # Columns of the state.
        self.cents, self.grams = at.get("cents", -1), at.get("grams", -1)
        self.last_cents, self.repeats = at.get("last_cents", -1), at.get("repeats", -1)
        self.small, self.small_cents = at.get("small", -1), at.get("small_cents", -1)
        self.month, self.month_before = at.get("month", -1), at.get("month_before", -1)
        self.year, self.year_before = at.get("year", -1), at.get("year_before", -1)
        # Features.
        self.first_seen, self.last_seen = at.get("first_seen", -1), at.get("last_seen", -1)
        self.value_repeats, self.value_same = at.get("value_repeats", -1), at.get("value_same", -1)
        self.split = at.get("split", -1)
        # Logarithms.
        self.value_ratio, self.mass_ratio = at.get("value_ratio", -1), at.get("mass_ratio", -1)
        self.split_value = at.get("split_value", -1)
        self.growth, self.find_ratio = at.get("growth", -1), at.get("find_ratio", -1)


class Parties(Store):
    """The parties of one kind."""

    def __init__(self, narrow: int, wide: int, kind: int, plan: PartyPlan) -> None:
        super().__init__(narrow, wide)
        self.kind, self.plan = kind, plan

    def find_all(self, batch: Batch) -> None:
        """Find the party of each shipment, and whether finds are known of it; parties of shipments that count are added."""
        self.locate(batch.keys[KEYS + self.kind], batch.counted, batch.slots[self.kind], batch.n)
        for row in range(batch.n):
            slot = batch.slots[self.kind, row]
            batch.found[self.kind, row] = slot >= 0 and self.narrow[slot, FINDS] > 0

    def visit(self, batch: Batch) -> None:
        """Read the parties as of each shipment, and count in the shipments that count."""
        narrow, wide = self.narrow.shape[1], self.wide.shape[1]
        for row in range(batch.n):
            if batch.keys[KEYS + self.kind, row] == 0:
                continue
            slot = batch.slots[self.kind, row]
            self._read(batch, slot, row)
            self._tell(batch, row)
            if not batch.counted[row]:
                continue
            self._amount(batch, row)
            if batch.seen[N] == 0:
                batch.seen[FIRST_DAY] = batch.block[0, row]
            batch.seen[LAST_DAY] = batch.block[0, row]
            for position in range(self.plan.adds.shape[0]):
                batch.seen[self.plan.adds[position, 0]] += batch.amounts[self.plan.adds[position, 1]]
            if self.plan.last_cents >= 0:
                batch.seen[self.plan.last_cents] = batch.keys[CENTS, row]
            for column in range(narrow):
                self.narrow[slot, column] = batch.seen[column]
            for column in range(wide):
                self.wide[slot, column] = batch.seen[narrow + column]

    def _read(self, batch: Batch, slot: int, row: int) -> None:
        """The state of an entity (-1: of one that is not held), its windows moved on to the time of the shipment."""
        narrow, wide = self.narrow.shape[1], self.wide.shape[1]
        if slot < 0:
            for column in range(narrow + wide):
                batch.seen[column] = 0
            return
        for column in range(narrow):
            batch.seen[column] = self.narrow[slot, column]
        for column in range(wide):
            batch.seen[narrow + column] = self.wide[slot, column]
        last = batch.seen[LAST_DAY]
        if last == batch.block[0, row]:
            return
        batch.gaps[0] = batch.block[0, row] - last
        batch.gaps[1] = batch.block[1, row] - last // 7
        batch.gaps[2] = batch.block[2, row] - last // 30
        batch.gaps[3] = batch.block[3, row] - last // 365
        for position in range(self.plan.windows.shape[0]):
            gap = batch.gaps[self.plan.windows[position, 2]]
            if gap != 0:
                now, before = self.plan.windows[position, 0], self.plan.windows[position, 1]
                batch.seen[before] = batch.seen[now] if gap == 1 else 0
                batch.seen[now] = 0

    def _amount(self, batch: Batch, row: int) -> None:
        """What the shipment adds, in the order of `features.groups.history.state.AMOUNTS`.

        A consignor's partners are consignees and its places addresses; a consignee's are consignors and addresses; of an
        address the partners are the names at it, and in the place of places stand the consignors that send to it.
        """
        cents = batch.keys[CENTS, row]
        batch.amounts[0] = batch.keys[GRAMS, row]
        batch.amounts[1] = batch.amounts[2] = batch.amounts[4] = batch.amounts[5] = 0
        if self.kind == CONSIGNOR:
            batch.amounts[1] = batch.found[CONSIGNEE, row] or batch.found[ADDRESS, row]
            batch.amounts[4], batch.amounts[5] = batch.new_pair[row], batch.new_address[row]
        elif self.kind == CONSIGNEE:
            batch.amounts[1] = batch.found[CONSIGNOR, row]
            batch.amounts[4], batch.amounts[5] = batch.new_pair[row], batch.new_occupant[row]
        elif self.kind == ADDRESS:
            batch.amounts[1] = batch.found[CONSIGNOR, row]
            batch.amounts[4], batch.amounts[5] = batch.new_occupant[row], batch.new_address[row]
        if self.plan.last_cents >= 0:
            batch.amounts[2] = cents > 0 and cents == batch.seen[self.plan.last_cents]
        batch.amounts[3] = batch.keys[PRESS, row]
        batch.amounts[6] = 1
        batch.amounts[7] = cents
        batch.amounts[8] = cents > 0 and cents < batch.keys[LIMIT, row]
        batch.amounts[9] = cents if batch.amounts[8] else 0

    def _tell(self, batch: Batch, row: int) -> None:
        """Write the features and the arguments of logarithms that the state of the entity gives."""
        for p in range(self.plan.counts.shape[0]):
            batch.values[row, self.plan.counts[p, 0]] = batch.seen[self.plan.counts[p, 1]]
        for p in range(self.plan.logs.shape[0]):
            batch.log1p[row, self.plan.logs[p, 0]] = batch.seen[self.plan.logs[p, 1]]
        for p in range(self.plan.recent.shape[0]):
            batch.values[row, self.plan.recent[p, 0]] = self._within(
                batch, row, self.plan.recent[p, 1], self.plan.recent[p, 2], self.plan.recent[p, 3], 1
            )
        for p in range(self.plan.sums.shape[0]):
            # Sums of cents are told in dollars.
            batch.log1p[row, self.plan.sums[p, 0]] = self._within(
                batch, row, self.plan.sums[p, 1], self.plan.sums[p, 2], self.plan.sums[p, 3], 100
            )
        if self.plan.first_seen >= 0 and batch.seen[N] > 0:
            batch.values[row, self.plan.first_seen] = batch.block[0, row] - batch.seen[FIRST_DAY]
        if self.plan.split >= 0:
            self._split(batch, row)
        if self.kind == CONSIGNOR:
            self._past(batch, row)
        elif self.kind == PAIR:
            batch.new_pair[row] = batch.seen[N] == 0
        elif self.kind == LANE:
            self._lane(batch, row)

    def _within(self, batch: Batch, row: int, now: int, before: int, length: int, scale: int) -> float:
        """A windowed sum: all of the present block, and of the one before the share still to come of the present one."""
        hours = batch.hours[length]
        whole = batch.seen[now] * hours + batch.seen[before] * batch.left[length, row]
        return float(whole) / float(hours * scale)

    def _past(self, batch: Batch, row: int) -> None:
        """What needs an earlier shipment of the consignor to compare with."""
        n = batch.seen[N]
        if n == 0:
            return
        cents, grams = batch.keys[CENTS, row], batch.keys[GRAMS, row]
        batch.values[row, self.plan.last_seen] = batch.block[0, row] - batch.seen[LAST_DAY]
        batch.values[row, self.plan.value_repeats] = float(batch.seen[self.plan.repeats]) / float(n)
        if cents > 0:
            batch.values[row, self.plan.value_same] = cents == batch.seen[self.plan.last_cents]
        if cents > 0 and batch.seen[self.plan.cents] > 0:
            batch.log[row, self.plan.value_ratio] = float(cents) * float(n) / float(batch.seen[self.plan.cents])
        if grams > 0 and batch.seen[self.plan.grams] > 0:
            batch.log[row, self.plan.mass_ratio] = float(grams) * float(n) / float(batch.seen[self.plan.grams])

    def _split(self, batch: Batch, row: int) -> None:
        """Whether small shipments of one day pass the threshold only together."""
        cents, limit = batch.keys[CENTS, row], batch.keys[LIMIT, row]
        count, together = batch.seen[self.plan.small], batch.seen[self.plan.small_cents] + cents
        several = cents > 0 and cents < limit and count > 0
        batch.at_least(row, self.plan.split, count if several and together >= limit else 0)
        if several:
            batch.log[row, self.plan.split_value] = float(together) / float(limit)

    def _lane(self, batch: Batch, row: int) -> None:
        """How busy the lane is against its own year, and its finds per inspection against all lanes'."""
        month = self._within(batch, row, self.plan.month, self.plan.month_before, 2, 1)
        year = self._within(batch, row, self.plan.year, self.plan.year_before, 3, 1)
        batch.log[row, self.plan.growth] = (month + 1.0) / (year * (30.0 / 365.0) + 1.0)
        overall = (batch.finds + 1.0) / (batch.finds + batch.clean + 2.0)
        inspected = batch.seen[FINDS] + batch.seen[CLEAN]
        batch.log[row, self.plan.find_ratio] = (batch.seen[FINDS] + LANE_PRIOR * overall) / (
            (inspected + LANE_PRIOR) * overall
        )


class Links(Store):
    """The links of one kind.

    Args:
        count: logarithm of its shipments, -1 where no feature tells them.
        changes, finds, clean: features of contacts.
    """

    def __init__(
        self, narrow: int, wide: int, kind: int, count: int = -1, changes: int = -1, finds: int = -1, clean: int = -1
    ) -> None:
        super().__init__(narrow, wide)
        self.kind = kind
        self.count_at, self.changes_at, self.finds_at, self.clean_at = count, changes, finds, clean

    def visit(self, batch: Batch) -> None:
        """Read the links as of each shipment, and count in the shipments that count."""
        self.locate(batch.keys[KEYS + self.kind], batch.counted, batch.slots[self.kind], batch.n)
        contact = self.kind >= CONTACTS
        name = SHIPPER if self.kind < CONTACTS + 2 else RECEIVER
        for row in range(batch.n):
            if batch.keys[KEYS + self.kind, row] == 0:
                continue
            slot = batch.slots[self.kind, row]
            n = self.narrow[slot, N] if slot >= 0 else 0
            if self.count_at >= 0:
                batch.log1p[row, self.count_at] = n
            if self.kind == OCCUPANT:
                batch.new_occupant[row] = n == 0
            elif self.kind == OWN_ADDRESS:
                batch.new_address[row] = n == 0
            elif contact:
                batch.at_least(row, self.changes_at, self.narrow[slot, CHANGES] if slot >= 0 else 0)
                batch.at_least(row, self.finds_at, self.narrow[slot, FINDS] if slot >= 0 else 0)
                batch.at_least(row, self.clean_at, self.narrow[slot, CLEAN] if slot >= 0 else 0)
            if not batch.counted[row]:
                continue
            self.narrow[slot, N] = n + 1
            self.narrow[slot, LAST_DAY] = batch.block[0, row]
            if contact:
                beside, other = batch.keys[name, row], self.wide[slot, 0]
                if n > 0 and beside != 0 and other != 0 and other != beside:
                    self.narrow[slot, CHANGES] += 1
                self.wide[slot, 0] = beside


def advance(
    batch: Batch, parties: list[Parties], links: list[Links], references: References, update: bool, bound: int
) -> None:
    """A pass of the loaded shipments. Stores grow as `Store.reserve` says.

    Without ``update`` nothing is counted in, and later shipments do not see earlier ones.
    """
    if update:
        for store in (*parties, *links):
            store.reserve(batch.n, bound)
    consignor, consignee, address, pair, lane = parties
    own_lane, building, occupant, own_address = links[:4]
    phone, email, consignee_phone, consignee_email = links[4:]
    if batch.n < MANY:
        _pass(
            batch, references, update, consignor, consignee, address, pair, lane,
            own_lane, building, occupant, own_address, phone, email, consignee_phone, consignee_email,
        )  # fmt: skip
    else:
        with cython.nogil:
            _pass(
                batch, references, update, consignor, consignee, address, pair, lane,
                own_lane, building, occupant, own_address, phone, email, consignee_phone, consignee_email,
            )  # fmt: skip


def _pass(
    batch: Batch,
    references: References,
    update: bool,
    consignor: Parties,
    consignee: Parties,
    address: Parties,
    pair: Parties,
    lane: Parties,
    own_lane: Links,
    building: Links,
    occupant: Links,
    own_address: Links,
    phone: Links,
    email: Links,
    consignee_phone: Links,
    consignee_email: Links,
) -> None:
    references.meet(batch, update)
    own_lane.visit(batch)
    building.visit(batch)
    # Whom a shipment meets for the first time, and where finds are known, is settled before its parties are visited.
    occupant.visit(batch)
    own_address.visit(batch)
    phone.visit(batch)
    email.visit(batch)
    consignee_phone.visit(batch)
    consignee_email.visit(batch)
    consignor.find_all(batch)
    consignee.find_all(batch)
    address.find_all(batch)
    pair.find_all(batch)
    lane.find_all(batch)
    pair.visit(batch)
    consignor.visit(batch)
    consignee.visit(batch)
    address.visit(batch)
    lane.visit(batch)


def learn(store: Store, keys: IntArray, find: NDArray[np.int8]) -> None:
    """Add the results of n inspected shipments to their entities; a key of 0 is none. There must be room."""
    _increase(store, store.find(keys, add=True), find)


def _increase(store: Store, slots: NDArray[np.int32], find: NDArray[np.int8]) -> None:
    for row in range(slots.shape[0]):
        slot = slots[row]
        if slot >= 0:
            if find[row]:
                store.narrow[slot, FINDS] += 1
            else:
                store.narrow[slot, CLEAN] += 1
