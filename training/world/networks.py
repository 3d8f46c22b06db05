"""Trafficking networks: agents that open and drop shippers, keep delivery addresses, and choose lanes, covers and traces.

They act block after block of time, so that they can learn from what happened to earlier shipments. All they do is of
the published typologies; what a manifest then shows is produced by the code that serves everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.world.goods import FAMILIES, Catalogue
from training.world.hashing import Floats, Hashes, Ints, mix
from training.world.lanes import Lanes
from training.world.parties import CONSIGNEES, CONSIGNORS
from training.world.priors import Priors
from training.world.traces import REPERTOIRE, TRACES, TRACES_OF_STRENGTH, T

CONTENTS: Final = ("none", "fentanyl", "analogue", "other_opioid", "precursor", "equipment")
STRENGTHS: Final = ("none", "faint", "combined", "strong")
#: A network's trade for each content.
TRADE_OF: Final = {
    "fentanyl": "opioid",
    "analogue": "opioid",
    "other_opioid": "opioid",
    "precursor": "precursor",
    "equipment": "equipment",
}
#: The open declaration is likelier where the network is careless anyway.
_OPENNESS: Final = {"none": 0.6, "faint": 0.8, "combined": 1.0, "strong": 1.7}
#: Families that serve as cover, by trade: assumed. None: whatever the consignor sells.
_COVERS: Final = {
    "opioid": {"consumer": 0.88, "chemical": 0.04, "pharma": 0.03, "excipient": 0.02, "laboratory": 0.03},
    "precursor": {"consumer": 0.62, "chemical": 0.22, "excipient": 0.08, "neighbour": 0.05, "machinery": 0.03},
    "equipment": {"machinery": 0.40, "consumer": 0.60},
}
#: Chapters reported as covers (hs_of_interest: cosmetics, pet food, plastics, machine parts, ...) weigh more.
_COVER_CHAPTERS: Final = {
    33: 2.0,
    34: 1.8,
    39: 1.5,
    21: 2.0,
    23: 2.5,
    84: 1.8,
    85: 1.4,
    87: 1.6,
    95: 1.3,
    82: 1.8,
    73: 1.6,
    83: 1.6,
}
_OPEN_KINDS: Final = {
    "opioid": ("shop", "laboratory", "trader", "chemical", "pharma"),
    "precursor": ("chemical", "trader", "chemical", "shop", "laboratory"),
    "equipment": ("machinery", "shop", "marketplace", "trader", "consolidator"),
}
_COVER_KINDS: Final = {
    "opioid": ("shop", "marketplace", "person", "shop", "trader"),
    "precursor": ("trader", "shop", "chemical", "marketplace", "trader"),
    "equipment": ("shop", "marketplace", "trader", "machinery", "person"),
}
#: Mean further uses of a kept shipper and of a delivery address; share of listed goods declared with a permit: assumed.
_SHIPPER_USES, _ADDRESS_USES, _PERMIT_CLAIMED = 3.0, 3.5, 0.25
#: A network ships from its home origin, and now and then from elsewhere.
_FROM_HOME: Final = 0.75


@dataclass(slots=True)
class Consignment:
    """One shipment as its network plans it.

    ``cell`` of the lanes; ``shipper``: number of the network's own shipper, 0 where an existing one is drawn;
    ``opened_ago``: age of the own shipper's account in days; ``consignee_kind`` -1 and ``consignee`` 0 where drawn as for
    anybody; ``good``: declared, -1 for whatever the consignor sells; ``content_kg``: mass of what is inside.
    """

    network: int
    content: int
    strength: int
    cell: int
    shipper_kind: int
    shipper: int
    opened_ago: int
    consignee_kind: int
    consignee: int
    address: int
    good: int
    declared_openly: bool
    permit: bool
    content_kg: float
    traces: tuple[str, ...]


@dataclass(slots=True)
class Plan:
    """`Consignment`s of one block as arrays (n,), in the order of their positions; ``traces`` (n, TRACES)."""

    network: Ints
    content: Ints
    strength: Ints
    cell: Ints
    shipper_kind: Ints
    shipper: Hashes
    opened_ago: Ints
    consignee_kind: Ints
    consignee: Hashes
    address: Hashes
    good: Ints
    declared_openly: NDArray[np.bool_]
    permit: NDArray[np.bool_]
    content_kg: Floats
    traces: NDArray[np.bool_]


@dataclass(slots=True)
class _Shipper:
    number: int
    kind: int
    opened_on: int
    uses: int
    bold: bool


@dataclass(slots=True)
class _Address:
    number: int
    kind: int
    destination: int
    uses: int


@dataclass(slots=True)
class Network:
    """One agent. ``cells`` of its lanes with their cumulative weight, the parties it holds, and what it works with."""

    number: int
    content: str
    cells: Ints
    lanes_cumulative: Floats
    repertoire: list[str]
    covers: Ints
    shippers: list[_Shipper] = field(default_factory=list)
    addresses: list[_Address] = field(default_factory=list)
    opened: int = 0


class Underworld:
    """All networks of a world: when each is active, and what it sends in a block."""

    def __init__(
        self, priors: Priors, lanes: Lanes, catalogue: Catalogue, codes: list[str], shipments: int, seed: int
    ) -> None:
        self._priors, self._lanes, self._catalogue, self._codes, self._seed = priors, lanes, catalogue, codes, seed
        rng = np.random.default_rng([seed, 31])
        expected = shipments * priors.number("illicit.prevalence")
        count = max(8, round(expected / priors.number("illicit.shipments_per_network")))
        days = len(lanes.regime_of_day)
        life = priors.number("illicit.network_life_days") * np.exp(0.7 * rng.standard_normal(count))
        self._begin = rng.uniform(-0.7 * priors.number("illicit.network_life_days"), days - 10, count)
        self._end = self._begin + np.maximum(life, 20)
        self._weight = 0.4 + np.minimum(rng.pareto(1.7, count), 12)
        contents = priors.table("illicit.contents")
        self._content = rng.choice(list(contents), size=count, p=list(contents.values()))
        self._origin_weight = {trade: self._cell_factors(trade) for trade in REPERTOIRE}
        self._average = lanes.expected()
        self._networks: dict[int, Network] = {}
        self._strengths = np.array(list(priors.table("illicit.strength").values()))
        self._modes = priors.table("illicit.shipper")
        self._split = priors.number("illicit.split")

    def _cell_factors(self, trade: str) -> Floats:
        table = self._priors.table(f"illicit.origins_{trade}")
        return np.array([table.get(self._codes[int(o)], table["OTHER"]) for o in self._lanes.origin])

    def positions(self, n: int, per_day: float, rng: np.random.Generator) -> tuple[Ints, NDArray[np.bool_]]:
        """Which of a block's n shipments are networks', ascending, and which of these belong to the one before (split)."""
        count = int(rng.binomial(n, self._priors.number("illicit.prevalence")))
        taken: dict[int, bool] = {}
        while len(taken) < min(count, n):
            at = int(rng.integers(n))
            taken.setdefault(at, False)
            if rng.random() < self._split:
                for _ in range(int(rng.integers(1, 4))):
                    at += 1 + int(rng.random() * per_day * 0.15)
                    if at < n and len(taken) < count:
                        taken.setdefault(at, True)
        order = sorted(taken)
        return np.array(order, dtype=np.int64), np.array([taken[at] for at in order], dtype=np.bool_)

    def plan(self, day: Ints, sibling: NDArray[np.bool_], rng: np.random.Generator) -> Plan:
        """What is sent at the given days (since the calendar's first); a sibling repeats the parties of the one before."""
        rows: list[Consignment] = []
        last_day = -1
        for at, again in zip(day.tolist(), sibling.tolist(), strict=True):
            if again and rows and last_day >= at - 1:
                rows.append(self._again(rows[-1], rng))
            else:
                rows.append(self._shipment(self._network(self._active(at, rng)), at, rng))
            last_day = at
        return _collect(rows)

    def _active(self, day: int, rng: np.random.Generator) -> int:
        alive = (self._begin <= day) & (day < self._end)
        if not alive.any():
            return int(np.argmin(np.abs(self._begin - day)))
        total = np.cumsum(self._weight * alive)
        return int(np.searchsorted(total, rng.random() * total[-1], side="right"))

    def _network(self, number: int) -> Network:
        if number not in self._networks:
            rng = np.random.default_rng([self._seed, 32, number])
            content = str(self._content[number])
            trade = TRADE_OF[content]
            weight = self._average * self._origin_weight[trade]
            origin = self._lanes.origin[
                int(np.searchsorted(np.cumsum(weight), rng.random() * weight.sum(), side="right"))
            ]
            at_home = self._lanes.origin == origin
            home = np.where(
                at_home, _FROM_HOME / weight[at_home].sum(), (1 - _FROM_HOME) / max(weight[~at_home].sum(), 1e-12)
            )
            # A network keeps to some destinations and channels.
            lane_weight = weight * home * np.exp(1.2 * rng.standard_normal(len(weight)))
            cells = np.arange(len(weight))
            everything = list(REPERTOIRE[trade])
            repertoire = [everything[i] for i in rng.permutation(len(everything))[:9]]
            covers = np.array([self._cover(trade, rng) for _ in range(6)], dtype=np.int64)
            self._networks[number] = Network(
                number, content, cells, np.cumsum(lane_weight) / lane_weight.sum(), repertoire, covers
            )
        return self._networks[number]

    def _cover(self, trade: str, rng: np.random.Generator) -> int:
        shares = _COVERS[trade]
        family = str(rng.choice(list(shares), p=list(shares.values())))
        goods = self._catalogue.of_family(family)
        factor = np.array([_COVER_CHAPTERS.get(int(c), 1.0) for c in self._catalogue.chapter[goods]])
        weight = np.cumsum(self._catalogue.weight[goods] * factor)
        return int(goods[int(np.searchsorted(weight, rng.random() * weight[-1], side="right"))])

    def _shipment(self, network: Network, day: int, rng: np.random.Generator) -> Consignment:
        trade = TRADE_OF[network.content]
        strength = STRENGTHS[int(rng.choice(4, p=self._strengths))]
        least, most = TRACES_OF_STRENGTH[strength]
        chosen = {
            network.repertoire[i]
            for i in rng.permutation(len(network.repertoire))[: int(rng.integers(least, most + 1))]
        }
        chance = self._priors.table("illicit.true_declaration")[network.content] * _OPENNESS[strength]
        openly = bool(rng.random() < chance)
        good = self._declared(network, strength, openly, chosen, rng)
        cell = int(network.cells[int(np.searchsorted(network.lanes_cumulative, rng.random(), side="right"))])
        kind, shipper, ago = self._shipper(network, day, trade, openly, chosen, rng)
        destination = int(self._lanes.destination[cell])
        consignee_kind, consignee, address = self._consignee(network, destination, chosen, rng)
        return Consignment(
            network.number,
            CONTENTS.index(network.content),
            STRENGTHS.index(strength),
            cell,
            kind,
            shipper,
            ago,
            consignee_kind,
            consignee,
            address,
            good,
            openly,
            bool(rng.random() < _PERMIT_CLAIMED),
            self._mass(network.content, rng),
            tuple(sorted(chosen)),
        )

    def _again(self, row: Consignment, rng: np.random.Generator) -> Consignment:
        mass = self._mass(CONTENTS[row.content], rng)
        return replace(row, content_kg=mass, traces=tuple(sorted({*row.traces, "M4"})))

    def _declared(
        self, network: Network, strength: str, openly: bool, chosen: set[str], rng: np.random.Generator
    ) -> int:
        goods = self._catalogue
        if openly:
            chosen.discard("D1")
            if network.content == "equipment":
                chosen.add("E1")
                own = goods.of_content("equipment")
            elif rng.random() < 0.25:
                chosen.add("T1")
                own = goods.of_family("neighbour")
            else:
                chosen.add("D5")
                own = goods.of_content(network.content)
                if network.content == "fentanyl":
                    own = np.concatenate([own, goods.of_family("licensed")[:3]])
                if rng.random() < 0.45:
                    chosen.add("D7")
            weight = np.cumsum(goods.weight[own])
            return int(own[int(np.searchsorted(weight, rng.random() * weight[-1], side="right"))])
        if strength == "none" and rng.random() < 0.75 and "D3" not in chosen:
            return -1
        if "D3" in chosen:
            chemicals = goods.of_family("chemical")
            return int(chemicals[int(rng.integers(len(chemicals)))])
        good = int(network.covers[int(rng.integers(len(network.covers)))])
        if FAMILIES[int(goods.family[good])] == "excipient":
            chosen.add("E3")
        return good

    def _shipper(
        self, network: Network, day: int, trade: str, openly: bool, chosen: set[str], rng: np.random.Generator
    ) -> tuple[int, int, int]:
        """Kind, number (0: drawn among the existing ones) and account age in days."""
        kinds = (_OPEN_KINDS if openly else _COVER_KINDS)[trade]
        kind = CONSIGNORS.index("chemical" if "P3" in chosen else kinds[int(rng.integers(len(kinds)))])
        mode = str(rng.choice(list(self._modes), p=list(self._modes.values())))
        if "P1" in chosen or "P3" in chosen:
            mode = "fresh" if rng.random() < 0.55 else "kept"
        if mode == "consolidator":
            return CONSIGNORS.index("consolidator"), 0, 0
        if mode == "borrowed":
            return kind, 0, 0
        bold = "P1" in chosen
        age = int(rng.exponential(35)) if bold else int(rng.random() * 600)
        if mode == "kept":
            known = [s for s in network.shippers if s.uses > 0 and s.bold == bold]
            if known:
                shipper = known[int(rng.integers(len(known)))]
                shipper.uses -= 1
                return shipper.kind, shipper.number, max(0, day - shipper.opened_on)
        network.opened += 1
        number = int(mix(self._seed, 41, network.number, network.opened)[0])
        if mode == "kept":
            network.shippers.append(_Shipper(number, kind, day - age, 1 + int(rng.exponential(_SHIPPER_USES)), bold))
            network.shippers = network.shippers[-6:]
        return kind, number, age

    def _consignee(
        self, network: Network, destination: int, chosen: set[str], rng: np.random.Generator
    ) -> tuple[int, int, int]:
        """Kind (-1: as the consignor's others), number and address (0: drawn)."""
        kind = CONSIGNEES.index("forwarder") if "P4" in chosen else -1
        reuse = self._priors.number("illicit.consignee_reuse")
        if "P5" not in chosen and "E2" not in chosen and rng.random() >= reuse * 0.6:
            return kind, 0, 0
        known = [
            a for a in network.addresses if a.uses > 0 and a.destination == destination and (kind < 0 or a.kind == kind)
        ]
        network.opened += 1
        number = int(mix(self._seed, 42, network.number, network.opened)[0])
        if known:
            place = known[int(rng.integers(len(known)))]
            place.uses -= 1
            # The same name again, or another one at the same door.
            return place.kind, (place.number if rng.random() < 0.4 else number), place.number
        own = kind if kind >= 0 else int(rng.choice([0, 0, 1, 3]))
        network.addresses.append(_Address(number, own, destination, 1 + int(rng.exponential(_ADDRESS_USES))))
        network.addresses = network.addresses[-8:]
        return own, number, number

    def _mass(self, content: str, rng: np.random.Generator) -> float:
        trade = TRADE_OF[content]
        if trade == "equipment":
            heavy = 20.0 if rng.random() < 0.1 else 1.0
            return float(self._priors.number("illicit.equipment_kg") * heavy * np.exp(0.6 * rng.standard_normal()))
        sigma = self._priors.number(f"illicit.{trade}_sigma")
        return float(self._priors.number(f"illicit.{trade}_kg") * np.exp(sigma * rng.standard_normal()))


def _collect(rows: list[Consignment]) -> Plan:
    traces = np.zeros((len(rows), len(TRACES)), dtype=np.bool_)
    for i, row in enumerate(rows):
        traces[i, [T[name] for name in row.traces]] = True

    def ints(name: str) -> Ints:
        return np.array([getattr(row, name) for row in rows], dtype=np.int64)

    def hashes(name: str) -> Hashes:
        return np.array([getattr(row, name) for row in rows], dtype=np.uint64)

    return Plan(
        ints("network"),
        ints("content"),
        ints("strength"),
        ints("cell"),
        ints("shipper_kind"),
        hashes("shipper"),
        ints("opened_ago"),
        ints("consignee_kind"),
        hashes("consignee"),
        hashes("address"),
        ints("good"),
        np.array([row.declared_openly for row in rows], dtype=np.bool_),
        np.array([row.permit for row in rows], dtype=np.bool_),
        np.array([row.content_kg for row in rows], dtype=np.float64),
        traces,
    )
