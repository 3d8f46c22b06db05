"""All trafficking networks of a world: active periods, shipments, and reactions to seizures and law changes.

A network's shipment replaces a random lawful one, weighted by origin, so trade lanes, kinds of party, items and hours are those of
lawful trade. The sending network is drawn by size, past shipments and preferred places, channels and kinds of consignor. Networks
act in blocks of days. They learn of a seizure some time after its result is known. They react to a law change some days before or
after it takes effect (`agents`, `laws`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np

from training.arrays import Bools, Ints
from training.worlds.own.networks.agents import Craft, Network, Seizure
from training.worlds.own.networks.laws import LawChange, law_changes
from training.worlds.own.priors import Priors
from training.worlds.own.trade.geography import CHANNELS, EPOCH, TradeLanes
from training.worlds.own.trade.goods import Catalogue
from training.worlds.own.trade.parties import CONSIGNORS
from training.worlds.own.trade.plan import TRADE_OF, Consignment, Host, Plan, collect

#: Minimum lifetime of a network in days, and minimum number of networks in a world.
_SHORTEST_LIFE, _FEWEST = 20, 8
#: Number of shipments after which a network is drawn half as often. Otherwise the largest network on a trade lane would send
#: nearly all illicit shipments of the trade lane.
_HALF_AS_OFTEN_AFTER: Final = 8.0
#: Maximum number of networks drawn for one shipment. If all of them pause, the last one sends it anyway.
_TRIES: Final = 4
#: Kinds of consignor that networks of a trade prefer.
_TRADE_KINDS: Final = {
    "opioid": ("pharma", "laboratory"),
    "precursor": ("chemical", "laboratory"),
    "equipment": ("machinery",),
}
_PARCELS: Final = tuple(CHANNELS.index(name) for name in ("express", "postal"))


class Underworld:
    """All networks of a world with about ``shipments`` shipments."""

    def __init__(
        self, priors: Priors, trade_lanes: TradeLanes, catalogue: Catalogue, codes: list[str], shipments: int, seed: int
    ) -> None:
        self._priors, self._codes, self._seed = priors, codes, seed
        self._prevalence, self._split = priors.number("illicit.prevalence"), priors.number("illicit.split")
        self._craft = Craft(priors, catalogue, seed)
        rng = np.random.default_rng([seed, 31])
        count = max(_FEWEST, round(shipments * self._prevalence / priors.number("illicit.shipments_per_network")))
        days, life = len(trade_lanes.regime_of_day), priors.number("illicit.network_life_days")
        self._begin = rng.uniform(-0.7 * life, days - 10, count)
        self._end = self._begin + np.maximum(life * np.exp(0.7 * rng.standard_normal(count)), _SHORTEST_LIFE)
        self._idle_until = np.full(count, -np.inf)
        self._size = 0.4 + np.minimum(rng.pareto(1.7, count), 5)
        self._number, self._sent = np.arange(count), np.zeros(count)
        self._next = count
        contents = priors.table("illicit.contents")
        self._content = rng.choice(list(contents), size=count, p=list(contents.values()))
        factor = priors.table("illicit.origins")
        self._origin_factor = np.array([factor.get(code, factor["OTHER"]) for code in codes])
        self._by_content = {
            trade: np.array([table.get(code, table["OTHER"]) for code in codes])
            for trade in set(TRADE_OF.values())
            for table in (priors.table(f"illicit.origins_{trade}"),)
        }
        self._home = priors.number("illicit.home")
        share = np.bincount(trade_lanes.origin, trade_lanes.expected(), len(codes))
        self._share = np.cumsum(share) / share.sum()
        self._origin, self._destination = np.ones((2, count, len(codes)))
        self._channel, self._kind = np.ones((count, len(CHANNELS))), np.ones((count, len(CONSIGNORS)))
        for slot in range(count):
            self._draw_preferences(slot, rng)
        first = EPOCH + timedelta(days=trade_lanes.first_day)
        self._first = first
        self._laws = self._law_days(law_changes(first, first + timedelta(days=days - 1)), count, rng)
        self._networks: dict[int, Network] = {}
        self._learning = priors.number("illicit.learns_after_days"), priors.number("illicit.learns_within_days")

    def _draw_preferences(self, slot: int, rng: np.random.Generator) -> None:
        """Draw the preferred origins, destinations, channels and kinds of consignor of the network in ``slot``."""
        trade = TRADE_OF[str(self._content[slot])]
        home = int(np.searchsorted(self._share, rng.random(), side="right"))
        self._origin[slot] = self._by_content[trade] * (1 - self._home)
        self._origin[slot, min(home, len(self._share) - 1)] += 6 * self._home
        self._destination[slot] = np.exp(1.5 * rng.standard_normal(len(self._codes)))
        self._channel[slot] = np.exp(0.8 * rng.standard_normal(len(CHANNELS)))
        self._kind[slot] = np.exp(1.3 * rng.standard_normal(len(CONSIGNORS)))
        for kind in _TRADE_KINDS[trade]:
            self._kind[slot, CONSIGNORS.index(kind)] *= 4

    def _law_days(
        self, changes: tuple[LawChange, ...], count: int, rng: np.random.Generator
    ) -> list[list[tuple[int, LawChange]]]:
        """Return for each network the law changes that it reacts to, each with the day of the reaction, in order of days."""
        reacts = self._priors.number("illicit.reacts_to_law")
        before, after = self._priors.number("illicit.law_days_before"), self._priors.number("illicit.law_days_after")
        own: list[list[tuple[int, LawChange]]] = [[] for _ in range(count)]
        for change in changes:
            day = (change.day - self._first).days
            when = day - before + (before + after) * rng.random(count)
            for slot in np.flatnonzero(rng.random(count) < reacts).tolist():
                own[slot].append((int(when[slot]), change))
        return [sorted(days, key=lambda item: item[0]) for days in own]

    def positions(self, origin: Ints, per_day: float, rng: np.random.Generator) -> tuple[Ints, Bools]:
        """Return the ascending positions of illicit shipments in a block, and whether each may be a split parcel.

        ``origin`` (n,) is the origin of each shipment. A split parcel belongs to the consignment of the previous position.
        """
        n = len(origin)
        count = min(int(rng.binomial(n, self._prevalence)), n)
        accepted = self._origin_factor[origin] / self._origin_factor.max()
        taken: dict[int, bool] = {}
        tries = 0
        while len(taken) < count:
            at, tries = int(rng.integers(n)), tries + 1
            if rng.random() > accepted[at] and tries < 50 * count:
                continue
            taken.setdefault(at, False)
            if rng.random() < self._split:
                for _ in range(int(rng.integers(1, 4))):
                    at += 1 + int(rng.random() * per_day * 0.15)
                    if at < n and len(taken) < count:
                        taken.setdefault(at, True)
        order = sorted(taken)
        return np.array(order, dtype=np.int64), np.array([taken[at] for at in order], dtype=np.bool_)

    def plan(self, hosts: list[Host], sibling: Bools, rng: np.random.Generator) -> tuple[Plan, Ints]:
        """Return the plan, and for each shipment the index of the host whose parties and trade lane it uses.

        A split parcel uses the host of the first parcel of its consignment. Every other shipment uses its own host.
        """
        rows: list[Consignment] = []
        source: list[int] = []
        slot = -1
        for i, (host, again) in enumerate(zip(hosts, sibling.tolist(), strict=True)):
            near = again and slot >= 0 and hosts[source[-1]].day >= host.day - 1
            if near and rng.random() < self._network(slot).splits / self._split:
                rows.append(rows[-1].again())
                source.append(source[-1])
                continue
            for _ in range(_TRIES):
                slot = self._draw_network(host, rng)
                self._catch_up(slot, host.day, rng)
                if self._idle_until[slot] <= host.day:
                    break
            self._sent[slot] += 1
            rows.append(self._craft.consignment(self._network(slot), host, rng))
            source.append(i)
        self._discard_ended(hosts[-1].day if hosts else -1)
        return collect(rows), np.array(source, dtype=np.int64)

    def learn(self, plan: Plan, day: Ints, channel: Ints, seized: Bools, known_day: Ints) -> None:
        """Record the seizures among a plan's shipments (n,). Networks learn of each some days after its result is known.

        ``seized`` marks the seized shipments. ``known_day`` is the day of the result, counted from the calendar's first day.
        """
        slots = {int(self._number[slot]): slot for slot in self._networks}
        least, most = self._learning
        for i in np.flatnonzero(seized).tolist():
            slot = slots.get(int(plan.network[i]))
            if slot is None:
                continue
            rng = np.random.default_rng([self._seed, 33, int(plan.network[i]), int(day[i]), i])
            learns_on = int(known_day[i] + least + (most - least) * rng.random())
            network = self._networks[slot]
            network.pending.append(
                Seizure(learns_on, int(plan.shipper[i]), int(plan.address[i]), int(plan.contact[i]), int(channel[i]))
            )

    def _draw_network(self, host: Host, rng: np.random.Generator) -> int:
        """Return the slot of the network that sends the shipment."""
        alive = (self._begin <= host.day) & (host.day < self._end) & (self._idle_until <= host.day)
        slots = np.flatnonzero(alive)
        if not len(slots):
            # A small world may have no active network. A new one then replaces the network that ends last.
            slot = int(np.argmax(np.where(self._begin <= host.day, self._end, -np.inf)))
            self._end[slot], self._idle_until[slot] = host.day + _SHORTEST_LIFE, -np.inf
            self._renew(slot, str(self._content[slot]), rng)
            return slot
        weight = (
            self._size[slots]
            / (1 + self._sent[slots] / _HALF_AS_OFTEN_AFTER)
            * self._origin[slots, host.origin]
            * self._destination[slots, host.destination]
            * self._channel[slots, host.channel]
            * self._kind[slots, host.kind]
        )
        total = np.cumsum(weight)
        return int(slots[min(int(np.searchsorted(total, rng.random() * total[-1], side="right")), len(slots) - 1)])

    def _network(self, slot: int) -> Network:
        if slot not in self._networks:
            number = int(self._number[slot])
            rng = np.random.default_rng([self._seed, 32, number])
            self._networks[slot] = self._craft.new_network(number, str(self._content[slot]), rng)
        return self._networks[slot]

    def _discard_ended(self, day: int) -> None:
        """Discard the details of networks that ended before ``day``."""
        for slot in [slot for slot in self._networks if self._end[slot] < day]:
            del self._networks[slot]

    def _catch_up(self, slot: int, day: int, rng: np.random.Generator) -> None:
        """Carry out the reactions of the network in ``slot`` that are due by ``day``."""
        network = self._network(slot)
        while self._laws[slot] and self._laws[slot][0][0] <= day:
            when, change = self._laws[slot].pop(0)
            if network.content in change.contents:
                before = network.reaction
                self._craft.after_law(network, change, rng)
                if when < self._begin[slot]:
                    # A network that began later adapts to the law, but that is not a reaction.
                    network.reaction = before
                if change.moves == "channel":
                    # The law ends an exemption for small parcels.
                    self._channel[slot, _PARCELS] *= 0.3
        ready = [seizure for seizure in network.pending if seizure.day <= day]
        network.pending = [seizure for seizure in network.pending if seizure.day > day]
        for seizure in ready:
            reaction = self._craft.after_seizure(network, seizure, rng)
            if reaction == "pause":
                self._idle_until[slot] = day + 14 + 30 * rng.random()
            elif reaction == "channel":
                self._channel[slot, seizure.channel] *= 0.15
            elif reaction == "restart":
                self._renew(slot, network.content, rng)
                self._networks[slot].reaction = "seizure:restart"
                return

    def _renew(self, slot: int, content: str, rng: np.random.Generator) -> None:
        """Replace the network in ``slot`` by a new one with another number and other trade lanes, parties and methods."""
        self._number[slot], self._next = self._next, self._next + 1
        self._sent[slot] = 0
        self._draw_preferences(slot, rng)
        self._networks[slot] = self._craft.new_network(int(self._number[slot]), content, rng)
