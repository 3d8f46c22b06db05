"""Compiled stores of parties, which are the entities with windowed sums. The stores write features and count shipments."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.history.batch import Batch
from features.groups.history.columns import HistoryColumn
from features.groups.history.reads import LogColumn
from features.groups.history.state import (
    FIRST_DAY_POSITION,
    INSPECTED,
    Amount,
    Entity,
    FirstColumn,
    KeyRow,
    PartyColumn,
    Window,
)
from features.groups.history.store import Store

IntArray = NDArray[np.int64]

_CENTS_ROW = cython.declare(cython.Py_ssize_t, KeyRow.CENTS)
_GRAMS_ROW = cython.declare(cython.Py_ssize_t, KeyRow.GRAMS)
_PRESS_ROW = cython.declare(cython.Py_ssize_t, KeyRow.PRESS)
_CODED_ROW = cython.declare(cython.Py_ssize_t, KeyRow.CODED)
_CHEMISTRY_ROW = cython.declare(cython.Py_ssize_t, KeyRow.CHEMISTRY)
_LIMIT_ROW = cython.declare(cython.Py_ssize_t, KeyRow.LIMIT)
_ENTITIES_ROW = cython.declare(cython.Py_ssize_t, KeyRow.ENTITIES)

_CONSIGNOR = cython.declare(cython.Py_ssize_t, Entity.CONSIGNOR)
_CONSIGNEE = cython.declare(cython.Py_ssize_t, Entity.CONSIGNEE)
_ADDRESS = cython.declare(cython.Py_ssize_t, Entity.ADDRESS)
_PAIR = cython.declare(cython.Py_ssize_t, Entity.PAIR)
_TRADE_LANE = cython.declare(cython.Py_ssize_t, Entity.TRADE_LANE)
_CONSIGNOR_CITY = cython.declare(cython.Py_ssize_t, Entity.CONSIGNOR_CITY)
#: Number of kinds of parties that count results of inspections. They come first in `Entity`.
_INSPECTED = cython.declare(cython.Py_ssize_t, len(INSPECTED))

# Positions in the state of every party.
_SHIPMENTS = cython.declare(cython.Py_ssize_t, FirstColumn.SHIPMENTS)
_LAST_DAY = cython.declare(cython.Py_ssize_t, FirstColumn.LAST_DAY)
_FINDS = cython.declare(cython.Py_ssize_t, FirstColumn.FINDS)
_CLEAN = cython.declare(cython.Py_ssize_t, FirstColumn.CLEAN)
_FIRST_DAY = cython.declare(cython.Py_ssize_t, FIRST_DAY_POSITION)

# Columns that `PartyPlan.column` maps to positions in the state of a party.
_CENTS = cython.declare(cython.Py_ssize_t, PartyColumn.CENTS)
_GRAMS = cython.declare(cython.Py_ssize_t, PartyColumn.GRAMS)
_REPEATS = cython.declare(cython.Py_ssize_t, PartyColumn.REPEATS)
_CODED = cython.declare(cython.Py_ssize_t, PartyColumn.CODED)
_CHEMISTRY = cython.declare(cython.Py_ssize_t, PartyColumn.CHEMISTRY)
_LAST_CENTS = cython.declare(cython.Py_ssize_t, PartyColumn.LAST_CENTS)
_SMALL_TODAY = cython.declare(cython.Py_ssize_t, PartyColumn.SMALL_1_PRESENT)
_SMALL_CENTS_TODAY = cython.declare(cython.Py_ssize_t, PartyColumn.SMALL_CENTS_1_PRESENT)
_MONTH_PRESENT = cython.declare(cython.Py_ssize_t, PartyColumn.SHIPMENTS_30_PRESENT)
_MONTH_PREVIOUS = cython.declare(cython.Py_ssize_t, PartyColumn.SHIPMENTS_30_PREVIOUS)
_YEAR_PRESENT = cython.declare(cython.Py_ssize_t, PartyColumn.SHIPMENTS_365_PRESENT)
_YEAR_PREVIOUS = cython.declare(cython.Py_ssize_t, PartyColumn.SHIPMENTS_365_PREVIOUS)

_DAY = cython.declare(cython.Py_ssize_t, Window.DAY)
_MONTH = cython.declare(cython.Py_ssize_t, Window.MONTH)
_YEAR = cython.declare(cython.Py_ssize_t, Window.YEAR)
_WINDOWS = cython.declare(cython.Py_ssize_t, len(Window))
_DAY_HOURS = cython.declare(cython.longlong, 24)
_MONTH_DAYS = cython.declare(cython.longlong, Window.MONTH.days)
_YEAR_DAYS = cython.declare(cython.longlong, Window.YEAR.days)

_ADD_GRAMS = cython.declare(cython.Py_ssize_t, Amount.GRAMS)
_ADD_LINKED = cython.declare(cython.Py_ssize_t, Amount.LINKED_SHIPMENTS)
_ADD_REPEATS = cython.declare(cython.Py_ssize_t, Amount.REPEATS)
_ADD_PRESS = cython.declare(cython.Py_ssize_t, Amount.PRESS)
_ADD_PARTNERS = cython.declare(cython.Py_ssize_t, Amount.PARTNERS)
_ADD_PLACES = cython.declare(cython.Py_ssize_t, Amount.PLACES)
_ADD_CODED = cython.declare(cython.Py_ssize_t, Amount.CODED)
_ADD_CHEMISTRY = cython.declare(cython.Py_ssize_t, Amount.CHEMISTRY)
_ADD_CHAPTERS = cython.declare(cython.Py_ssize_t, Amount.CHAPTERS)
_ADD_SHIPMENTS = cython.declare(cython.Py_ssize_t, Amount.SHIPMENTS)
_ADD_CENTS = cython.declare(cython.Py_ssize_t, Amount.CENTS)
_ADD_SMALL = cython.declare(cython.Py_ssize_t, Amount.SMALL)
_ADD_SMALL_CENTS = cython.declare(cython.Py_ssize_t, Amount.SMALL_CENTS)

_LAST_SEEN = cython.declare(cython.Py_ssize_t, HistoryColumn.CONSIGNOR_LAST_SEEN_DAYS)
_VALUE_REPEATS = cython.declare(cython.Py_ssize_t, HistoryColumn.CONSIGNOR_VALUE_REPEATS)
_VALUE_SAME = cython.declare(cython.Py_ssize_t, HistoryColumn.CONSIGNOR_VALUE_SAME)
_CHAPTER_SHARE = cython.declare(cython.Py_ssize_t, HistoryColumn.CONSIGNOR_CHAPTER_SHARE)
_HEADING_SHARE = cython.declare(cython.Py_ssize_t, HistoryColumn.CONSIGNOR_HEADING_SHARE)
_CHEMISTRY_SHARE = cython.declare(cython.Py_ssize_t, HistoryColumn.CONSIGNOR_CHEMISTRY_SHARE)
_CHEMISTRY_TURN = cython.declare(cython.Py_ssize_t, HistoryColumn.CONSIGNOR_CHEMISTRY_TURN)
_VALUE_RATIO = cython.declare(cython.Py_ssize_t, LogColumn.CONSIGNOR_VALUE_RATIO)
_MASS_RATIO = cython.declare(cython.Py_ssize_t, LogColumn.CONSIGNOR_MASS_RATIO)
_GROWTH = cython.declare(cython.Py_ssize_t, LogColumn.TRADE_LANE_GROWTH)
_FIND_RATIO = cython.declare(cython.Py_ssize_t, LogColumn.TRADE_LANE_FIND_RATIO)

_CENTS_PER_DOLLAR = cython.declare(cython.longlong, 100)
#: Weight of the overall find rate in the smoothed find rate of a trade lane, in inspections. Assumed.
_TRADE_LANE_PRIOR = cython.declare(cython.double, 50.0)
#: Position of columns and features that a kind of entity does not have.
ABSENT = -1


class Transfers:
    """Positions of n numbers to copy, from ``source`` (n,) to ``target`` (n,)."""

    def __init__(self, source: IntArray, target: IntArray) -> None:
        self.source, self.target = source, target


class WindowSums:
    """Windowed sums of one kind of party.

    Attributes:
        present, previous: (n,) state positions of the sums over the current and the previous block.
        window, amount: (n,) indices of `Window` and `Amount`.
    """

    def __init__(self, present: IntArray, previous: IntArray, window: IntArray, amount: IntArray) -> None:
        self.present, self.previous, self.window, self.amount = present, previous, window, amount


class PartyFeatures:
    """Features that only some kinds of parties have; `ABSENT` if the kind does not have the feature.

    Attributes:
        first_seen, split: columns of `Batch.values`.
        split_value: column of `Batch.log`.
    """

    def __init__(self, first_seen: int, split: int, split_value: int) -> None:
        self.first_seen, self.split, self.split_value = first_seen, split, split_value


class PartyPlan:
    """Plan for one kind of party: the counted amounts, and the features read from the state.

    In the state, the narrow columns come before the wide columns.

    Attributes:
        column: (len(PartyColumn),) position of each `PartyColumn` in the state; `ABSENT` if the kind does not have the column.
        sums: the windowed sums.
        totals: amount -> position in the state.
        values: position in the state -> feature.
        logs: position in the state -> column of `Batch.log1p`.
        recent: index of a windowed sum -> feature.
        dollars: index of a windowed sum in cents -> column of `Batch.log1p`.
        features: features that only some kinds have.
    """

    def __init__(
        self,
        column: IntArray,
        sums: WindowSums,
        totals: Transfers,
        values: Transfers,
        logs: Transfers,
        recent: Transfers,
        dollars: Transfers,
        features: PartyFeatures,
    ) -> None:
        self.column, self.sums, self.totals = column, sums, totals
        self.values, self.logs, self.recent, self.dollars = values, logs, recent, dollars
        self.features = features


class PartyStore(Store):
    """Store of the parties of one kind."""

    def __init__(self, narrow: int, wide: int, entity: Entity, plan: PartyPlan) -> None:
        super().__init__(narrow, wide)
        self.entity, self.plan = entity, plan

    def locate_all(self, batch: Batch) -> None:
        """Find each shipment's party, and whether it has known finds. Add the unknown parties of counted shipments."""
        self.locate(batch.keys[_ENTITIES_ROW + self.entity], batch.counted, batch.slots[self.entity], batch.n)
        if self.entity >= _INSPECTED:
            return
        for row in range(batch.n):
            slot = batch.slots[self.entity, row]
            batch.has_finds[self.entity, row] = slot >= 0 and self.narrow[slot, _FINDS] > 0

    def visit(self, batch: Batch) -> None:
        """Write the features of each shipment's party, then add the shipment to the party if it is counted."""
        narrow = self.narrow.shape[1]
        for row in range(batch.n):
            if batch.keys[_ENTITIES_ROW + self.entity, row] == 0:
                continue
            slot = batch.slots[self.entity, row]
            self._load_state(batch, slot, row)
            self._write_features(batch, row)
            if not batch.counted[row]:
                continue
            self._count(batch, row)
            for column in range(narrow):
                self.narrow[slot, column] = batch.state[column]
            for column in range(self.wide.shape[1]):
                self.wide[slot, column] = batch.state[narrow + column]

    def _load_state(self, batch: Batch, slot: int, row: int) -> None:
        """Load the state of a slot (-1 for an unknown entity) and shift its windows to the time of the shipment."""
        narrow, wide = self.narrow.shape[1], self.wide.shape[1]
        if slot < 0:
            for column in range(narrow + wide):
                batch.state[column] = 0
            return
        for column in range(narrow):
            batch.state[column] = self.narrow[slot, column]
        for column in range(wide):
            batch.state[narrow + column] = self.wide[slot, column]
        last = batch.state[_LAST_DAY]
        if last == batch.block[_DAY, row]:
            return
        for window in range(_WINDOWS):
            batch.gaps[window] = batch.block[window, row] - last // batch.days[window]
        for i in range(self.plan.sums.present.shape[0]):
            gap = batch.gaps[self.plan.sums.window[i]]
            if gap != 0:
                present, previous = self.plan.sums.present[i], self.plan.sums.previous[i]
                batch.state[previous] = batch.state[present] if gap == 1 else 0
                batch.state[present] = 0

    def _write_features(self, batch: Batch, row: int) -> None:
        """Write the features of the loaded state, and the numbers whose logarithms are features."""
        for i in range(self.plan.values.source.shape[0]):
            batch.values[row, self.plan.values.target[i]] = batch.state[self.plan.values.source[i]]
        for i in range(self.plan.logs.source.shape[0]):
            batch.log1p[row, self.plan.logs.target[i]] = batch.state[self.plan.logs.source[i]]
        for i in range(self.plan.recent.source.shape[0]):
            batch.values[row, self.plan.recent.target[i]] = self._numbered_sum(
                batch, row, self.plan.recent.source[i], 1
            )
        for i in range(self.plan.dollars.source.shape[0]):
            batch.log1p[row, self.plan.dollars.target[i]] = self._numbered_sum(
                batch, row, self.plan.dollars.source[i], _CENTS_PER_DOLLAR
            )
        if self.plan.features.first_seen >= 0 and batch.state[_SHIPMENTS] > 0:
            batch.values[row, self.plan.features.first_seen] = batch.block[_DAY, row] - batch.state[_FIRST_DAY]
        if self.plan.features.split >= 0:
            self._write_split(batch, row)
        if self.entity == _CONSIGNOR:
            self._compare_with_past(batch, row)
            self._compare_goods(batch, row)
        elif self.entity == _PAIR:
            batch.new_pair[row] = batch.state[_SHIPMENTS] == 0
        elif self.entity == _TRADE_LANE:
            self._write_trade_lane(batch, row)

    def _numbered_sum(self, batch: Batch, row: int, i: int, scale: int) -> float:
        """Return the i-th windowed sum, divided by ``scale``."""
        return self._window_sum(
            batch, row, self.plan.sums.present[i], self.plan.sums.previous[i], self.plan.sums.window[i], scale
        )

    def _window_sum(self, batch: Batch, row: int, present: int, previous: int, window: int, scale: int) -> float:
        """Return the windowed sum of the blocks at positions ``present`` and ``previous``, divided by ``scale``."""
        hours = batch.days[window] * _DAY_HOURS
        hour_sum = batch.state[present] * hours + batch.state[previous] * batch.hours_left[window, row]
        return float(hour_sum) / float(hours * scale)

    def _compare_with_past(self, batch: Batch, row: int) -> None:
        """Write the features that compare a shipment with earlier shipments of the consignor."""
        shipments = batch.state[_SHIPMENTS]
        if shipments == 0:
            return
        cents, grams = batch.keys[_CENTS_ROW, row], batch.keys[_GRAMS_ROW, row]
        batch.values[row, _LAST_SEEN] = batch.block[_DAY, row] - batch.state[_LAST_DAY]
        batch.values[row, _VALUE_REPEATS] = float(batch.state[self.plan.column[_REPEATS]]) / float(shipments)
        if cents > 0:
            batch.values[row, _VALUE_SAME] = cents == batch.state[self.plan.column[_LAST_CENTS]]
        past = batch.state[self.plan.column[_CENTS]]
        if cents > 0 and past > 0:
            batch.log[row, _VALUE_RATIO] = float(cents) * float(shipments) / float(past)
        past = batch.state[self.plan.column[_GRAMS]]
        if grams > 0 and past > 0:
            batch.log[row, _MASS_RATIO] = float(grams) * float(shipments) / float(past)

    def _compare_goods(self, batch: Batch, row: int) -> None:
        """Write the features that compare the goods of a shipment with the goods that the consignor has sent.

        Shares are smoothed by adding 0.5 to the number of shipments with these goods, and 1 to the number of all. The share of
        chemistry is not smoothed.
        """
        coded = batch.state[self.plan.column[_CODED]]
        if coded == 0:
            return
        chemistry = batch.state[self.plan.column[_CHEMISTRY]]
        batch.values[row, _CHEMISTRY_SHARE] = float(chemistry) / float(coded)
        if not batch.keys[_CODED_ROW, row]:
            return
        batch.values[row, _CHAPTER_SHARE] = (batch.chapter_shipments[row] + 0.5) / (coded + 1.0)
        batch.values[row, _HEADING_SHARE] = (batch.heading_shipments[row] + 0.5) / (coded + 1.0)
        others = (coded - chemistry + 0.5) / (coded + 1.0)
        batch.values[row, _CHEMISTRY_TURN] = others if batch.keys[_CHEMISTRY_ROW, row] else 0.0

    def _write_split(self, batch: Batch, row: int) -> None:
        """Write the features of consignments that may be split to stay below the duty limit.

        They are the number of other small shipments of the day that reach the limit together with this one, and their total value
        over the limit.
        """
        cents, limit = batch.keys[_CENTS_ROW, row], batch.keys[_LIMIT_ROW, row]
        count = batch.state[self.plan.column[_SMALL_TODAY]]
        together = batch.state[self.plan.column[_SMALL_CENTS_TODAY]] + cents
        several = cents > 0 and cents < limit and count > 0
        batch.raise_to(row, self.plan.features.split, count if several and together >= limit else 0)
        if several:
            batch.log[row, self.plan.features.split_value] = float(together) / float(limit)

    def _write_trade_lane(self, batch: Batch, row: int) -> None:
        """Write a trade lane's traffic relative to that of the past year, and its find rate relative to the overall rate.

        A history younger than a year is compared with its own length, because otherwise each lane of it would seem to grow.
        """
        month = self._window_sum(
            batch, row, self.plan.column[_MONTH_PRESENT], self.plan.column[_MONTH_PREVIOUS], _MONTH, 1
        )
        year = self._window_sum(batch, row, self.plan.column[_YEAR_PRESENT], self.plan.column[_YEAR_PREVIOUS], _YEAR, 1)
        day = batch.block[_DAY, row]
        if batch.counted[row] and (batch.first_day < 0 or day < batch.first_day):
            batch.first_day = day
        days = min(max(day - batch.first_day + 1, _MONTH_DAYS), _YEAR_DAYS) if batch.first_day >= 0 else _MONTH_DAYS
        batch.log[row, _GROWTH] = (month + 1.0) / (year * _MONTH_DAYS / float(days) + 1.0)
        overall = (batch.finds + 1.0) / (batch.finds + batch.clean + 2.0)
        inspected = batch.state[_FINDS] + batch.state[_CLEAN]
        batch.log[row, _FIND_RATIO] = (batch.state[_FINDS] + _TRADE_LANE_PRIOR * overall) / (
            (inspected + _TRADE_LANE_PRIOR) * overall
        )

    def _count(self, batch: Batch, row: int) -> None:
        """Add a shipment to the loaded state."""
        self._set_amounts(batch, row)
        if batch.state[_SHIPMENTS] == 0:
            batch.state[_FIRST_DAY] = batch.block[_DAY, row]
        batch.state[_LAST_DAY] = batch.block[_DAY, row]
        for i in range(self.plan.totals.source.shape[0]):
            batch.state[self.plan.totals.target[i]] += batch.amounts[self.plan.totals.source[i]]
        for i in range(self.plan.sums.present.shape[0]):
            batch.state[self.plan.sums.present[i]] += batch.amounts[self.plan.sums.amount[i]]
        last_cents = self.plan.column[_LAST_CENTS]
        if last_cents >= 0:
            batch.state[last_cents] = batch.keys[_CENTS_ROW, row]

    def _set_amounts(self, batch: Batch, row: int) -> None:
        """Set the amounts that the shipment adds to the loaded state (see `Amount`)."""
        cents = batch.keys[_CENTS_ROW, row]
        batch.amounts[_ADD_GRAMS] = batch.keys[_GRAMS_ROW, row]
        batch.amounts[_ADD_LINKED] = batch.amounts[_ADD_REPEATS] = 0
        batch.amounts[_ADD_PARTNERS] = batch.amounts[_ADD_PLACES] = 0
        if self.entity == _CONSIGNOR:
            batch.amounts[_ADD_LINKED] = batch.has_finds[_CONSIGNEE, row] or batch.has_finds[_ADDRESS, row]
            batch.amounts[_ADD_PARTNERS] = batch.new_pair[row]
            batch.amounts[_ADD_PLACES] = batch.new_address[row]
        elif self.entity == _CONSIGNEE:
            batch.amounts[_ADD_LINKED] = batch.has_finds[_CONSIGNOR, row]
            batch.amounts[_ADD_PARTNERS] = batch.new_pair[row]
        elif self.entity == _ADDRESS:
            batch.amounts[_ADD_LINKED] = batch.has_finds[_CONSIGNOR, row]
            batch.amounts[_ADD_PARTNERS] = batch.new_occupant[row]
            batch.amounts[_ADD_PLACES] = batch.new_address[row]
        elif self.entity == _CONSIGNOR_CITY:
            batch.amounts[_ADD_PARTNERS] = batch.new_pair[row]
        last_cents = self.plan.column[_LAST_CENTS]
        if last_cents >= 0:
            batch.amounts[_ADD_REPEATS] = cents > 0 and cents == batch.state[last_cents]
        batch.amounts[_ADD_PRESS] = batch.keys[_PRESS_ROW, row]
        batch.amounts[_ADD_CODED] = batch.keys[_CODED_ROW, row]
        batch.amounts[_ADD_CHEMISTRY] = batch.keys[_CHEMISTRY_ROW, row]
        batch.amounts[_ADD_CHAPTERS] = batch.keys[_CODED_ROW, row] and batch.chapter_shipments[row] == 0
        batch.amounts[_ADD_SHIPMENTS] = 1
        batch.amounts[_ADD_CENTS] = cents
        batch.amounts[_ADD_SMALL] = cents > 0 and cents < batch.keys[_LIMIT_ROW, row]
        batch.amounts[_ADD_SMALL_CENTS] = cents if batch.amounts[_ADD_SMALL] else 0
