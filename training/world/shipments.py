"""Shipments of one block of days as arrays: when, where, how, from whom to whom, and with which habits and traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.world.goods import Catalogue
from training.world.hashing import Floats, Hashes, Ints, cumulate, mix, pick, unit
from training.world.lanes import AIR, CHANNELS, EXPRESS, OCEAN, POSTAL, RAIL, TRUCK, Lanes
from training.world.networks import Plan, Underworld
from training.world.parties import CONSIGNEES, CONSIGNORS, FORWARDER, PERSON, Parties, Register
from training.world.priors import Priors
from training.world.traces import BASE_RATE, TRACES, T

Bools = NDArray[np.bool_]
DAY_S: Final = 86400
#: Hours of the day (UTC) by weight: filings follow the working hours of Asia, Europe and America, and never stop.
_HOURS: Final = cumulate(
    np.array([5, 6, 7, 8, 9, 9, 8, 7, 7, 7, 6, 6, 5, 5, 5, 5, 5, 4, 4, 3, 3, 3, 4, 4], dtype=np.float64)
)
MOST_ITEMS: Final = 6
FILINGS: Final = (
    "ACAS_STD",
    "ACAS_EXP",
    "ACAS_ECOM",
    "ACAS_POST",
    "ITMATT",
    "T86",
    "S321",
    "T11",
    "T01",
    "CUSCAR",
    "CUSDEC",
    "SAD",
    "ICS2_F20",
    "ICS2_F24",
    "ICS2_F27",
    "ICS2_F32",
    "ICS2_F43",
    "ICS2_F50",
)
FILING: Final = {name: i for i, name in enumerate(FILINGS)}
#: Filings by channel, to the United States and elsewhere, once T86 and S321 are set aside: assumed.
_TO_US: Final = {
    "express": {"ACAS_EXP": 0.62, "T11": 0.26, "T01": 0.12},
    "air_cargo": {"ACAS_ECOM": 0.42, "ACAS_STD": 0.28, "T11": 0.18, "T01": 0.12},
    "postal": {"ITMATT": 0.78, "ACAS_POST": 0.22},
    "truck": {"T11": 0.45, "CUSCAR": 0.35, "T01": 0.20},
    "ocean": {"CUSCAR": 0.5, "T01": 0.5},
    "rail": {"CUSCAR": 0.6, "T01": 0.4},
}
_TO_EU: Final = {
    "express": {"ICS2_F32": 0.6, "CUSDEC": 0.25, "SAD": 0.15},
    "air_cargo": {"ICS2_F27": 0.4, "ICS2_F24": 0.2, "CUSDEC": 0.25, "SAD": 0.15},
    "postal": {"ITMATT": 0.55, "ICS2_F43": 0.45},
    "truck": {"SAD": 0.6, "CUSDEC": 0.4},
    "ocean": {"ICS2_F20": 0.6, "CUSDEC": 0.4},
    "rail": {"SAD": 0.6, "CUSCAR": 0.4},
}
_ELSEWHERE: Final = {
    "express": {"CUSDEC": 0.6, "CUSCAR": 0.4},
    "air_cargo": {"CUSDEC": 0.55, "CUSCAR": 0.45},
    "postal": {"ITMATT": 1.0},
    "truck": {"CUSDEC": 0.6, "CUSCAR": 0.4},
    "ocean": {"CUSCAR": 0.6, "CUSDEC": 0.4},
    "rail": {"CUSCAR": 1.0},
}
#: Which table of consignee kinds belongs to a consignor kind, in the order of CONSIGNORS.
_CONSIGNEES_OF: Final = (
    "consumer",
    "consumer",
    "consumer",
    "consumer",
    "trade",
    "chemical",
    "pharma",
    "machinery",
    "laboratory",
)
_OFFICE_SHARE_IF_SHARED: Final = 2.0
_HUBS: Final = ("HK", "KR", "SG", "AE", "TR", "DE", "NL", "JP")


@dataclass(slots=True)
class Shipments:
    """Parallel arrays (n,); ``time_s`` ascending. ``plan_row``: row of the networks' plan, -1 for honest shipments.

    ``traces`` (n, TRACES): switches. ``habit``: a hash of the consignor from which its habits follow.
    """

    time_s: Ints
    day: Ints
    items: Ints
    cell: Ints
    origin: Ints
    destination: Ints
    channel: Ints
    export: Ints
    via: Ints
    filing: Ints
    consignor: Parties
    consignee: Parties
    known: Bools
    bulk: Bools
    plan_row: Ints
    traces: Bools
    habit: Hashes

    def __len__(self) -> int:
        return len(self.time_s)


class Shipper:
    """Builds the shipments of blocks."""

    def __init__(
        self,
        priors: Priors,
        lanes: Lanes,
        register: Register,
        underworld: Underworld,
        goods: Catalogue,
        codes: list[str],
    ) -> None:
        self._lanes, self._register, self._underworld, self._goods = lanes, register, underworld, goods
        self._base = np.zeros(len(TRACES))
        for trace, name in BASE_RATE.items():
            self._base[T[trace]] = priors.number(name)
        self._split = priors.number("habit.split")
        self._kinds = cumulate(np.array([list(priors.table(f"consignor.{_group(c)}").values()) for c in CHANNELS]))
        # Business consignments hold several kinds of goods more often.
        trade = np.array([0.8, 0.9, 0.7, 0.8, 1.6, 1.4, 1.3, 1.3, 1.6])
        self._kinds_of_several = cumulate(np.diff(self._kinds, axis=1, prepend=0.0) * trade)
        self._consignee = cumulate(
            np.array([list(priors.table(f"consignee.{name}").values()) for name in _CONSIGNEES_OF])
        )
        self._us, self._codes = codes.index("US"), codes
        self._eu_filing, self._us_filing, self._other_filing = (_filing_table(t) for t in (_TO_EU, _TO_US, _ELSEWHERE))
        self._t86, self._s321 = priors.number("filing.t86_of_air"), priors.number("filing.s321_of_express")
        self._hubs = np.array([codes.index(code) for code in _HUBS], dtype=np.int64)
        self._in_eu = np.array([code in ("DE", "FR", "NL", "IT", "ES", "PL", "BE", "SE", "IE") for code in codes])

    def block(self, first_day: int, per_day: Ints, items: Ints, rng: np.random.Generator) -> tuple[Shipments, Plan]:
        """Shipments of consecutive days, ``per_day`` (days,) of them, ``items`` (n,) goods items in each."""
        n = len(items)
        day_index = first_day + np.repeat(np.arange(len(per_day)), per_day)
        second = (pick(_HOURS, rng.random(n)) * 3600 + rng.random(n) * 3600).astype(np.int64)
        day = self._lanes.first_day + day_index
        time_s = np.sort(day * DAY_S + second)
        at, sibling = self._underworld.positions(n, max(1.0, float(per_day.mean())), rng)
        plan = self._underworld.plan(day_index[at], sibling, rng)
        plan_row = np.full(n, -1, dtype=np.int64)
        plan_row[at] = np.arange(len(at))

        cell = np.zeros(n, dtype=np.int64)
        regime = self._lanes.regime_of_day[day_index]
        for value in np.unique(regime):
            rows = np.flatnonzero(regime == value)
            cell[rows] = pick(self._lanes.cumulative[value], rng.random(len(rows)))
        copied = self._copied(per_day, plan_row, rng)
        cell[at] = plan.cell
        cell = cell[copied]
        kind = self._consignor_kinds(cell, items, rng)
        kind[at] = plan.shipper_kind
        kind = kind[copied]
        traces = self._traces(n, plan_row, copied, plan, rng)
        consignor = self._consignors(cell, kind, day, copied, at, plan, traces, rng)
        consignee = self._consignees(cell, kind, copied, at, plan, rng)
        traces[:, T["P4"]] |= consignee.kind == FORWARDER
        shipments = self._assemble(time_s, day, items, cell, consignor, consignee, plan_row, traces, regime, rng)
        return shipments, plan

    def _copied(self, per_day: Ints, plan_row: Ints, rng: np.random.Generator) -> Ints:
        """(n,) own position, or for split orders that of an earlier shipment of about the same hours."""
        n = len(plan_row)
        own = np.arange(n)
        back = 1 + (rng.random(n) * max(1.0, float(per_day.mean()) * 0.15)).astype(np.int64)
        earlier = np.maximum(own - back, 0)
        follows = (rng.random(n) < self._split) & (plan_row < 0) & (plan_row[earlier] < 0)
        source = np.where(follows, earlier, own)
        # One step of copying only: a copy of a copy would chain parties of different hours.
        return np.where(source[source] == source, source, own)

    def _consignor_kinds(self, cell: Ints, items: Ints, rng: np.random.Generator) -> Ints:
        channel = self._lanes.channel[cell]
        u = rng.random(len(cell))
        return np.where(items > 1, pick(self._kinds_of_several[channel], u), pick(self._kinds[channel], u))

    def _traces(self, n: int, plan_row: Ints, copied: Ints, plan: Plan, rng: np.random.Generator) -> Bools:
        traces = rng.random((n, len(TRACES))) < self._base
        traces[:, T["M4"]] = copied != np.arange(n)
        at = np.flatnonzero(plan_row >= 0)
        traces[at] |= plan.traces
        return traces

    def _consignors(
        self,
        cell: Ints,
        kind: Ints,
        day: Ints,
        copied: Ints,
        at: Ints,
        plan: Plan,
        traces: Bools,
        rng: np.random.Generator,
    ) -> Parties:
        u = rng.random(len(cell))[copied]
        parties = self._register.consignors(kind, self._lanes.origin[cell], day, u)
        own = plan.shipper > 0
        rows = at[own]
        parties.number[rows] = plan.shipper[own]
        parties.opened_on[rows] = day[rows] - plan.opened_ago[own]
        shared = np.where(traces[rows, T["P3"]], _OFFICE_SHARE_IF_SHARED, -1.0)
        usual = self._register.office(parties.number[rows], parties.country[rows])
        building = self._register.office(parties.number[rows], parties.country[rows], shared)
        parties.address[rows] = np.where(shared > 0, building, usual)
        return parties

    def _consignees(
        self, cell: Ints, kind: Ints, copied: Ints, at: Ints, plan: Plan, rng: np.random.Generator
    ) -> Parties:
        n = len(cell)
        own_kind = pick(self._consignee[kind], rng.random(n))
        # Networks send to whom their consignor's others send to, with more private persons behind trade goods.
        chosen = np.where(plan.consignee_kind >= 0, plan.consignee_kind, own_kind[at])
        house = np.isin(chosen, (3, 4, 5)) & (plan.consignee_kind < 0) & (rng.random(len(at)) < 0.35)
        own_kind[at] = np.where(house, 0, chosen)
        own_kind = own_kind[copied]
        parties = self._register.consignees(
            own_kind, self._lanes.destination[cell], rng.random(n)[copied], rng.random(n)[copied]
        )
        held = plan.consignee > 0
        rows = at[held]
        parties.number[rows] = plan.consignee[held]
        # A delivery address among flats, lockers or forwarders is in a building that others use too.
        parties.address[rows] = self._register.home(parties.kind[rows], parties.country[rows], plan.address[held])
        return parties

    def _assemble(
        self,
        time_s: Ints,
        day: Ints,
        items: Ints,
        cell: Ints,
        consignor: Parties,
        consignee: Parties,
        plan_row: Ints,
        traces: Bools,
        regime: Ints,
        rng: np.random.Generator,
    ) -> Shipments:
        n = len(cell)
        origin, destination, channel = (
            self._lanes.origin[cell],
            self._lanes.destination[cell],
            self._lanes.channel[cell],
        )
        habit = mix(consignor.number, 7)
        # A third country on the way: dispatch from a hub, never from the destination or where the goods are from.
        hub = self._hubs[(rng.random(n) * len(self._hubs)).astype(np.int64)]
        moved = traces[:, T["R1"]] & (hub != origin) & (hub != destination) & (channel != TRUCK)
        traces[:, T["R1"]] = moved
        export = np.where(moved & (rng.random(n) < 0.75), hub, origin)
        via = np.where(moved & (export == origin), hub, -1)
        large = np.isin(channel, (OCEAN, TRUCK, RAIL))
        chance = np.array([0.02, 0.07, 0.0, 0.10, 0.80, 0.45, 0.45, 0.40, 0.45])[consignor.kind]
        bulk = rng.random(n) < np.where(
            large & (consignor.kind != PERSON),
            np.maximum(chance, 0.75),
            np.where(channel == POSTAL, chance * 0.3, chance),
        )
        filing = self._filings(destination, channel, regime, bulk, rng)
        known = unit(habit, 3) < np.array([0.25, 0.10, 0.0, 0.5, 0.35, 0.3, 0.6, 0.35, 0.5])[consignor.kind]
        known &= day - consignor.opened_on > 180
        return Shipments(
            time_s,
            day,
            items,
            cell,
            origin,
            destination,
            channel,
            export,
            via,
            filing,
            consignor,
            consignee,
            known,
            bulk,
            plan_row,
            traces,
            habit,
        )

    def _filings(self, destination: Ints, channel: Ints, regime: Ints, bulk: Bools, rng: np.random.Generator) -> Ints:
        u, v = rng.random(len(channel)), rng.random(len(channel))
        to_us = destination == self._us
        usual = np.where(
            to_us,
            pick(self._us_filing[channel], u),
            np.where(self._in_eu[destination], pick(self._eu_filing[channel], u), pick(self._other_filing[channel], u)),
        )
        small = to_us & (regime < 2) & ~bulk
        usual = np.where(small & np.isin(channel, (AIR, TRUCK)) & (v < self._t86), FILING["T86"], usual)
        return np.where(small & (channel == EXPRESS) & (v < self._s321), FILING["S321"], usual)


def _filing_table(shares: dict[str, dict[str, float]]) -> Floats:
    return cumulate(np.array([[shares[channel].get(filing, 0.0) for filing in FILINGS] for channel in CHANNELS]))


def _group(channel: str) -> str:
    return channel if channel in ("express", "air_cargo", "postal") else "freight"


__all__ = ["CONSIGNEES", "CONSIGNORS", "DAY_S", "FILING", "FILINGS", "MOST_ITEMS", "Bools", "Shipments", "Shipper"]
