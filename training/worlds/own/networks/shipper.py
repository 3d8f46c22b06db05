"""Generator of the shipments of one block of days, in which shipments of networks replace lawful ones."""

from __future__ import annotations

from typing import Final

import numpy as np

from training.arrays import Bools, Floats, Ints
from training.worlds.own.networks.networks import Underworld
from training.worlds.own.priors import Priors
from training.worlds.own.trade.filings import Filings
from training.worlds.own.trade.geography import CHANNELS, OCEAN, POSTAL, RAIL, TRUCK, Geography, TradeLanes
from training.worlds.own.trade.hashing import cumulate, mix, pick, unit
from training.worlds.own.trade.parties import (
    CONSIGNEES,
    CONSIGNORS,
    FORWARDER,
    PERSON,
    Parties,
    Register,
    freight_group,
)
from training.worlds.own.trade.plan import BASE_RATE, DAY_S, SWITCHED, TRACES, Host, Plan, Shipments, T

_SWITCHED: Final = np.array([name in SWITCHED for name in TRACES])
_HOURS: Final = tuple(str(hour) for hour in range(24))


class Shipper:
    """Generator of the shipments of a block."""

    def __init__(
        self,
        priors: Priors,
        trade_lanes: TradeLanes,
        register: Register,
        underworld: Underworld,
        geography: Geography,
    ) -> None:
        self._trade_lanes, self._register, self._underworld = trade_lanes, register, underworld
        self._base = np.zeros(len(TRACES))
        for trace, name in BASE_RATE.items():
            self._base[T[trace]] = priors.number(name)
        self._split = priors.number("habit.split")
        self._other_name = priors.row("consignee.other_name", CONSIGNEES)
        self._hours = cumulate(priors.row("calendar.hours", _HOURS))
        self._kinds = cumulate(np.array([priors.row(f"consignor.{freight_group(c)}", CONSIGNORS) for c in CHANNELS]))
        several = priors.row("items.several", CONSIGNORS)
        self._kinds_of_several = cumulate(np.diff(self._kinds, axis=1, prepend=0.0) * several)
        self._consignee = cumulate(register.consignee_shares)
        self._filings = Filings(priors, geography, trade_lanes)
        hubs = priors.table("route.hubs")
        self._hubs = np.array([geography.index[code] for code in hubs], dtype=np.int64)
        self._hub_shares = cumulate(np.array(list(hubs.values())))
        self._from_hub = priors.number("route.dispatched_from_hub")
        self._bulk = priors.row("consignor.bulk", CONSIGNORS)
        self._bulk_freight, self._bulk_post = (
            priors.number("consignor.bulk_by_freight"),
            priors.number("consignor.bulk_by_post"),
        )
        self._known, self._known_after = (
            priors.row("consignor.known", CONSIGNORS),
            priors.number("consignor.known_after"),
        )
        self._little = priors.number("illicit.little_known")
        self._split_within = priors.number("habit.split_within_days")

    def block(self, first_day: int, per_day: Ints, items: Ints, rng: np.random.Generator) -> tuple[Shipments, Plan]:
        """Return the shipments of consecutive days, ``per_day`` (days,) per day, with ``items`` (n,) goods items each."""
        n = len(items)
        day_index = first_day + np.repeat(np.arange(len(per_day)), per_day)
        second = (pick(self._hours, rng.random(n)) * 3600 + rng.random(n) * 3600).astype(np.int64)
        day = self._trade_lanes.first_day + day_index
        time_s = np.sort(day * DAY_S + second)
        cell = np.zeros(n, dtype=np.int64)
        period = self._trade_lanes.period_of_day[day_index]
        for value in np.unique(period):
            rows = np.flatnonzero(period == value)
            cell[rows] = pick(self._trade_lanes.cumulative[value], rng.random(len(rows)))
        pace = max(1.0, float(per_day.mean()))
        at, sibling = self._underworld.positions(self._trade_lanes.origin[cell], pace, rng)
        plan_row = np.full(n, -1, dtype=np.int64)
        plan_row[at] = np.arange(len(at))
        copied = self._copied(pace, plan_row, rng)
        cell = cell[copied]
        kind = self._consignor_kinds(cell, items, rng)[copied]
        which = rng.random(n)[copied]
        consignor = self._register.consignors(kind, cell, day, which)
        chance = rng.random((4, n))[:, copied]
        by_kind, who, again = self._register.relations(
            consignor, self._trade_lanes.destination[cell], chance[0], chance[1:]
        )
        consignee_kind = pick(self._consignee[kind], by_kind)

        # Networks replace lawful shipments. Parcels of a split consignment have the trade lane and parties of its first parcel.
        hosts = [
            Host(*row)
            for row in zip(
                day_index[at].tolist(),
                self._trade_lanes.origin[cell[at]].tolist(),
                self._trade_lanes.destination[cell[at]].tolist(),
                self._trade_lanes.channel[cell[at]].tolist(),
                kind[at].tolist(),
                consignee_kind[at].tolist(),
                (self._register.volume(kind[at], which[at]) < self._little).tolist(),
                (~self._register.is_seen_again(consignee_kind[at], again[at])).tolist(),
                strict=True,
            )
        ]
        plan, source = self._underworld.plan(hosts, sibling, rng)
        copied[at] = at[source]
        cell, consignee_kind, who, again = cell[copied], consignee_kind[copied], who[copied], again[copied]
        consignor = _copies(consignor, copied)
        self._replace_consignors(consignor, day, at, plan)
        consignee_kind[at] = np.where(plan.consignee_kind >= 0, plan.consignee_kind, consignee_kind[at])
        consignee = self._consignees(cell, consignee_kind, who, again, rng.random(n)[copied])
        self._replace_consignees(consignee, at, plan)
        traces = self._traces(n, plan_row, copied, plan, rng)
        traces[:, T["P4"]] |= consignee.kind == FORWARDER
        shipments = self._assemble(time_s, items, cell, consignor, consignee, plan_row, traces, rng)
        return shipments, plan

    def _copied(self, pace: float, plan_row: Ints, rng: np.random.Generator) -> Ints:
        """Return the position (n,) of the shipment that each shipment copies: its own, or for split orders an earlier one."""
        n = len(plan_row)
        own = np.arange(n)
        back = 1 + (rng.random(n) * pace * self._split_within).astype(np.int64)
        earlier = np.maximum(own - back, 0)
        follows = (rng.random(n) < self._split) & (plan_row < 0) & (plan_row[earlier] < 0)
        source = np.where(follows, earlier, own)
        # Do not copy copies, because a chain would connect parties of different hours.
        return np.where(source[source] == source, source, own)

    def _consignor_kinds(self, cell: Ints, items: Ints, rng: np.random.Generator) -> Ints:
        channel = self._trade_lanes.channel[cell]
        u = rng.random(len(cell))
        return np.where(items > 1, pick(self._kinds_of_several[channel], u), pick(self._kinds[channel], u))

    def _traces(self, n: int, plan_row: Ints, copied: Ints, plan: Plan, rng: np.random.Generator) -> Bools:
        traces = rng.random((n, len(TRACES))) < self._base
        traces[:, T["M4"]] = copied != np.arange(n)
        at = np.flatnonzero(plan_row >= 0)
        traces[at] |= plan.traces & _SWITCHED
        traces[at, T["P2"]] = plan.silent
        return traces

    def _replace_consignors(self, parties: Parties, day: Ints, at: Ints, plan: Plan) -> None:
        """Replace the hosts' consignors by the networks' own shippers of the same country."""
        own = plan.shipper > 0
        rows = at[own]
        number, country = plan.shipper[own], parties.country[rows]
        parties.number[rows], parties.kind[rows] = number, plan.shipper_kind[own]
        parties.opened_on[rows] = day[rows] - plan.opened_ago[own]
        # Offices with several shippers are in shared buildings as often as other offices.
        parties.address[rows] = self._register.office(np.where(plan.office[own] > 0, plan.office[own], number), country)
        usual = self._register.contacts(number, country)
        parties.contact[rows] = np.where(plan.contact[own] > 0, plan.contact[own], usual)

    def _consignees(self, cell: Ints, kind: Ints, who: Floats, again: Floats, u: Floats) -> Parties:
        parties = self._register.consignees(kind, self._trade_lanes.destination[cell], who, again)
        # Some shipments name another person of the household or firm.
        other = u < self._other_name[kind]
        parties.number[other] = mix(parties.number[other], 9, (u[other] * 1e6).astype(np.int64) % 3)
        parties.contact[other] = parties.number[other]
        return parties

    def _replace_consignees(self, parties: Parties, at: Ints, plan: Plan) -> None:
        """Replace the hosts' consignees by the networks' own recipients of the same country."""
        own_consignee = plan.consignee > 0
        rows = at[own_consignee]
        parties.number[rows] = plan.consignee[own_consignee]
        contact = plan.delivery_contact[own_consignee]
        parties.contact[rows] = np.where(contact > 0, contact, plan.consignee[own_consignee])
        # Own addresses in flats, at lockers or forwarders are in shared buildings too.
        parties.address[rows] = self._register.home(
            parties.kind[rows], parties.country[rows], plan.address[own_consignee]
        )

    def _assemble(
        self,
        time_s: Ints,
        items: Ints,
        cell: Ints,
        consignor: Parties,
        consignee: Parties,
        plan_row: Ints,
        traces: Bools,
        rng: np.random.Generator,
    ) -> Shipments:
        n = len(cell)
        day = time_s // DAY_S
        origin, destination, channel = (
            self._trade_lanes.origin[cell],
            self._trade_lanes.destination[cell],
            self._trade_lanes.channel[cell],
        )
        habit = mix(consignor.number, 7)
        # Trace R1: dispatch from a hub in a third country, neither destination nor origin.
        hub = self._hubs[pick(self._hub_shares, rng.random(n))]
        moved = traces[:, T["R1"]] & (hub != origin) & (hub != destination) & (channel != TRUCK)
        traces[:, T["R1"]] = moved
        export = np.where(moved & (rng.random(n) < self._from_hub), hub, origin)
        via = np.where(moved & (export == origin), hub, -1)
        large = np.isin(channel, (OCEAN, TRUCK, RAIL))
        chance = self._bulk[consignor.kind]
        bulk = rng.random(n) < np.where(
            large & (consignor.kind != PERSON),
            np.maximum(chance, self._bulk_freight),
            np.where(channel == POSTAL, chance * self._bulk_post, chance),
        )
        filing = self._filings.draw(destination, channel, day - self._trade_lanes.first_day, bulk, rng)
        known = (unit(habit, 3) < self._known[consignor.kind]) & (day - consignor.opened_on > self._known_after)
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


def _copies(parties: Parties, rows: Ints) -> Parties:
    """Return copies of the parties of the given rows."""
    return Parties(
        parties.kind[rows],
        parties.country[rows],
        parties.number[rows],
        parties.address[rows],
        parties.opened_on[rows],
        parties.contact[rows],
    )
