"""Trafficking networks as agents: parties, shipments, and reactions to seizures and law changes.

The behaviour follows published typologies only: new or established shippers (P1), several of them at one office (P3), many
parties at one address under several names (P5) or at a forwarder (P4), split parcels (M4), a third country on the route (R1),
press parts in successive shipments (E2), cover goods that do not fit mass, number, value or heading (V1, V3, D4), and neighbours
of listed substances (T1). `declarations` chooses the declared goods. A shipment starts as a lawful one, its `Host`, and differs
only in the attributes planned here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from training.arrays import Floats, Ints
from training.worlds.own.networks.declarations import Declarer
from training.worlds.own.networks.laws import LawChange
from training.worlds.own.priors import Priors
from training.worlds.own.trade.goods import Catalogue
from training.worlds.own.trade.hashing import mix
from training.worlds.own.trade.parties import CONSIGNEES, CONSIGNORS, FORWARDER, PERSON
from training.worlds.own.trade.plan import (
    BESIDE,
    BESIDE_OF_STRENGTH,
    CONTENTS,
    HARMLESS,
    STRENGTHS,
    TRACES_OF_STRENGTH,
    TRADE_OF,
    VAGUE,
    Consignment,
    Host,
)

#: Kind of shipper that trades in the goods of a network, per trade.
_SHIPPER_OF: Final = {"opioid": "chemical", "precursor": "chemical", "equipment": "machinery"}
#: Kinds of the network's own consignees. The firms among them exist on paper only.
_RECIPIENTS: Final = ("house", "flat", "pickup", "business", "forwarder")
_PRIVATE: Final = tuple(CONSIGNEES.index(kind) for kind in ("house", "flat", "pickup"))
_DOORS: Final = tuple(CONSIGNEES.index(kind) for kind in ("house", "flat", "pickup", "forwarder"))
#: Maximum numbers of own shippers and of own delivery addresses that a network uses at a time.
_SHIPPERS, _ADDRESSES = 5, 6
#: Reactions of a network to a seizure. With all but the first, it also abandons the parties of the seized shipment.
REACTIONS: Final = ("nothing", "parties", "covers", "pause", "channel", "route", "split", "typology", "restart")


@dataclass(slots=True)
class _Consignor:
    """Consignor of a network. ``contact`` is 0 if it has its own telephone and e-mail."""

    number: int
    kind: int
    country: int
    opened_on: int
    uses: int
    young: bool
    office: int
    contact: int


@dataclass(slots=True)
class Door:
    """Delivery address with the first consignee name used there."""

    number: int
    kind: int
    destination: int
    uses: int


@dataclass(frozen=True, slots=True)
class Seizure:
    """Find in a network's shipment: the day on which the network learns of it, the numbers of the parties, and the channel."""

    day: int
    shipper: int
    address: int
    contact: int
    channel: int


@dataclass(slots=True)
class Network:
    """State of a network.

    ``repertoire`` contains the weight of each of its traces. ``pending`` contains the seizures to which it has not reacted yet.
    """

    number: int
    content: str
    repertoire: dict[str, float]
    style: Floats
    covers: Ints
    contact: int
    office: int
    recipient: int
    office_uses: int
    contact_uses: int
    silence: float
    believed: bool
    splits: float
    abroad: float = 0.0
    own_shippers: float = 1.0
    neighbours: float = 0.0
    reaction: str = ""
    opened: int = 0
    shippers: list[_Consignor] = field(default_factory=list)
    doors: list[Door] = field(default_factory=list)
    pending: list[Seizure] = field(default_factory=list)


class Craft:
    """Planner of shipments and reactions, parameterised by the priors."""

    def __init__(self, priors: Priors, catalogue: Catalogue, seed: int) -> None:
        self._seed = seed
        self._strengths = priors.row("illicit.strength", STRENGTHS)
        self._weights = {trade: dict(priors.table(f"illicit.traces_{trade}")) for trade in set(TRADE_OF.values())}
        self._known = int(priors.number("illicit.repertoire"))
        self._beside = priors.number("illicit.works_with")
        self._no_contact = priors.number("habit.no_contact")
        self._believed = priors.number("illicit.believed")
        self._declarer = Declarer(priors, catalogue)
        self._split = priors.number("illicit.split")
        self._borrow = priors.number("illicit.borrowed")
        self._young, self._life = priors.number("illicit.young_days"), priors.number("illicit.account_days")
        self._uses, self._door_uses = priors.number("illicit.shipper_uses"), priors.number("illicit.address_uses")
        self._contact, self._names = priors.number("illicit.contact_kept"), priors.number("illicit.name_kept")
        self._before_listing = priors.number("illicit.relatives_before_listing")
        self._after_listing = priors.number("illicit.relatives_after_listing")
        self._permit = priors.number("illicit.permit_claimed")
        self._young_if_declared = priors.number("illicit.young_if_declared")
        self._of_trade = priors.number("illicit.shipper_of_trade")
        self._recipients = np.cumsum(priors.row("illicit.recipients", _RECIPIENTS))
        self._to_precursors = priors.number("illicit.moves_to_precursors")
        self._reactions = priors.row("illicit.reaction", REACTIONS)

    def new_network(self, number: int, content: str, rng: np.random.Generator) -> Network:
        """Return a new network with its own mix of typologies."""
        weights = self._weights[TRADE_OF[content]]
        names = [name for name in weights if name not in BESIDE]
        share = np.array([weights[name] for name in names])
        known = rng.choice(len(names), size=min(self._known, len(names)), replace=False, p=share / share.sum())
        works_with = {names[i] for i in known.tolist()}
        works_with |= {name for name in weights if name in BESIDE and rng.random() < self._beside}
        style, covers = self._declarer.style(content, rng), self._declarer.covers(rng)
        # Some networks rarely declare a contact, and the others nearly always do. Overall, contacts are about as common as
        # among lawful declarants.
        silent = rng.random() < self._no_contact
        return Network(
            number,
            content,
            {name: weight for name, weight in weights.items() if name in works_with},
            style,
            covers,
            contact=self._new(number, 51),
            office=self._new(number, 52),
            recipient=self._new(number, 53),
            office_uses=1,
            contact_uses=1,
            silence=0.9 if silent else 0.1 * self._no_contact / (1 - self._no_contact),
            believed=bool(rng.random() < self._believed),
            splits=float(rng.random() * 2 * self._split),
            neighbours=self._before_listing,
        )

    def _new(self, *parts: int) -> int:
        return int(mix(self._seed, *parts)[0])

    def consignment(self, network: Network, host: Host, rng: np.random.Generator) -> Consignment:
        """Return the consignment that ``network`` sends in place of ``host``."""
        strength = int(np.searchsorted(np.cumsum(self._strengths), rng.random(), side="right"))
        chosen = self._chosen(network, host, STRENGTHS[min(strength, 3)], rng)
        declared = self._declarer.draw(network.style, chosen, rng)
        if declared == HARMLESS:
            good = self._declarer.cover(network.covers, host, chosen, rng)
        else:
            good = self._declarer.good(declared, network.content, network.neighbours, chosen, rng)
        shipper, repeat = self._shipper(network, host, chosen, declared, rng)
        door, name = self._door(network, host, chosen, declared, rng)
        if declared == VAGUE and door and door.kind in _PRIVATE and network.content != "equipment":
            chosen.add("D8")
        silent = bool(rng.random() < network.silence)
        if silent and chosen:
            chosen.add("P2")
        return Consignment(
            network=network.number,
            content=CONTENTS.index(network.content),
            strength=min(strength, 3),
            reaction=network.reaction,
            traces=frozenset(chosen),
            shipper=shipper.number if shipper else 0,
            shipper_kind=shipper.kind if shipper else host.kind,
            office=shipper.office if shipper else 0,
            contact=shipper.contact if shipper else 0,
            opened_ago=max(0, host.day - shipper.opened_on) if shipper else 0,
            consignee_kind=door.kind if door else -1,
            consignee=name,
            address=door.number if door else 0,
            delivery_contact=network.recipient if door and rng.random() < self._contact else 0,
            declaration=declared,
            good=good,
            permit=network.believed and bool(rng.random() < self._permit),
            silent=silent,
            repeat=repeat,
        )

    def _chosen(self, network: Network, host: Host, strength: str, rng: np.random.Generator) -> set[str]:
        least, most = TRACES_OF_STRENGTH[strength]
        if most == 0:
            return set()
        possible = {name: weight for name, weight in network.repertoire.items() if _fits(name, host)}
        more = BESIDE_OF_STRENGTH[strength] / self._beside
        beside = {name for name in possible if name in BESIDE and rng.random() < more * possible[name]}
        names = [name for name in possible if name not in BESIDE]
        if not names:
            return beside
        # Weighted sampling without replacement: the largest values of u ** (1 / weight) (Efraimidis and Spirakis 2006).
        key = np.log(rng.random(len(names))) / np.array([possible[name] for name in names])
        chosen = beside | {names[i] for i in np.argsort(-key)[: int(rng.integers(least, most + 1))].tolist()}
        if rng.random() < network.abroad:
            chosen.add("R1")
        return chosen

    def _shipper(
        self, network: Network, host: Host, chosen: set[str], declared: int, rng: np.random.Generator
    ) -> tuple[_Consignor | None, int]:
        """Return the consignor (None for the host's) and the number of the figures that it repeats."""
        kind = host.kind
        if declared != HARMLESS and rng.random() < self._own_if_declared(network):
            # Well-known firms do not send such goods for networks.
            if rng.random() < self._of_trade:
                kind = CONSIGNORS.index(_SHIPPER_OF[TRADE_OF[network.content]])
            if network.own_shippers > 0 and kind != PERSON and rng.random() < self._young_if_declared:
                chosen.add("P1")
        else:
            needs_own = bool({"P1", "P3", "V5"} & chosen)
            # Own parties replace only parties with little history, so that well-known parties keep their share of the traffic.
            if not host.little_known or (
                not needs_own and rng.random() < self._borrow + 0.4 * (1 - network.own_shippers)
            ):
                return None, 0
        return self._own_shipper(network, host, kind, chosen, rng)

    @staticmethod
    def _own_if_declared(network: Network) -> float:
        return 0.4 + 0.6 * network.own_shippers

    def _own_shipper(
        self, network: Network, host: Host, kind: int, chosen: set[str], rng: np.random.Generator
    ) -> tuple[_Consignor, int]:
        young, shared = "P1" in chosen, "P3" in chosen
        needs_own = bool({"P1", "P3", "V5"} & chosen)
        fitting = [
            s
            for s in network.shippers
            if s.uses > 0 and s.kind == kind and s.country == host.origin and (s.young or not young)
        ]
        if fitting and kind != PERSON:
            shipper = fitting[int(rng.integers(len(fitting)))]
            shipper.uses -= 1
        else:
            network.opened += 1
            self._move_on(network, shared, rng)
            age = rng.exponential(self._young) if young else rng.random() * self._life
            shipper = _Consignor(
                self._new(41, network.number, network.opened),
                kind,
                host.origin,
                host.day - int(age),
                int(rng.exponential(self._uses)),
                young,
                network.office if shared else 0,
                network.contact if rng.random() < (self._contact if needs_own else 0.5 * self._contact) else 0,
            )
            network.shippers = [*network.shippers, shipper][-_SHIPPERS:]
        return shipper, self._new(54, shipper.number) if "V5" in chosen else 0

    def _move_on(self, network: Network, shared: bool, rng: np.random.Generator) -> None:
        """Replace the office and telephone after a number of shippers."""
        network.office_uses -= shared
        if network.office_uses < 0:
            network.office = self._new(52, network.number, network.opened)
            network.office_uses = 1 + int(rng.exponential(self._uses))
        network.contact_uses -= 1
        if network.contact_uses < 0:
            network.contact = self._new(51, network.number, network.opened)
            network.contact_uses = 1 + int(rng.exponential(self._uses))

    def _door(
        self, network: Network, host: Host, chosen: set[str], declared: int, rng: np.random.Generator
    ) -> tuple[Door | None, int]:
        """Return the delivery address (None for the host's) and the number of the recipient."""
        if declared != HARMLESS:
            # Private persons, and firms that are new and have no visible use for the goods.
            at = int(np.searchsorted(self._recipients, rng.random(), side="right"))
            kind = CONSIGNEES.index(_RECIPIENTS[min(at, len(_RECIPIENTS) - 1)])
        elif not host.seen_once or not {"P4", "P5", "E2"} & chosen:
            return None, 0
        else:
            kind = FORWARDER if "P4" in chosen else host.consignee_kind
        known = [
            d
            for d in network.doors
            if d.uses > 0
            and d.destination == host.destination
            and (d.kind in _PRIVATE) == (kind in _PRIVATE)
            and (d.kind == FORWARDER) == (kind == FORWARDER)
        ]
        network.opened += 1
        if known:
            door = known[int(rng.integers(len(known)))]
            door.uses -= 1
            # Reuse the name, or use another name at the same address.
            return door, door.number if rng.random() < self._names else self._new(42, network.number, network.opened)
        number = self._new(42, network.number, network.opened)
        door = Door(number, kind, host.destination, 1 + int(rng.exponential(self._door_uses)))
        network.doors = [*network.doors, door][-_ADDRESSES:]
        return door, number

    def after_seizure(self, network: Network, seizure: Seizure, rng: np.random.Generator) -> str:
        """Change ``network`` in reaction to a seizure, and return one of `REACTIONS`.

        The caller carries out the reactions pause, channel and restart.
        """
        reaction = str(REACTIONS[int(np.searchsorted(np.cumsum(self._reactions), rng.random(), side="right"))])
        if reaction == "nothing":
            return reaction
        network.shippers = [s for s in network.shippers if s.number != seizure.shipper]
        network.doors = [d for d in network.doors if d.number != seizure.address]
        network.opened += 1
        if seizure.contact == network.contact:
            network.contact = self._new(51, network.number, network.opened)
        network.recipient = self._new(53, network.number, network.opened)
        if reaction == "parties":
            network.shippers, network.doors = [], []
            network.office = self._new(52, network.number, network.opened)
        elif reaction == "covers":
            network.covers = self._declarer.covers(rng)
            network.style = self._declarer.style(network.content, rng)
        elif reaction == "route":
            network.abroad = 0.3
        elif reaction == "split":
            network.splits = min(0.9, 2 * network.splits + 0.1)
        elif reaction == "typology":
            self._swap(network, rng)
        network.reaction = f"seizure:{reaction}"
        return reaction

    def _swap(self, network: Network, rng: np.random.Generator) -> None:
        """Replace one trace of the network's repertoire by another."""
        weights = self._weights[TRADE_OF[network.content]]
        others = [name for name in weights if name not in network.repertoire]
        if not others:
            return
        dropped = list(network.repertoire)[int(rng.integers(len(network.repertoire)))]
        del network.repertoire[dropped]
        added = others[int(rng.integers(len(others)))]
        network.repertoire[added] = weights[added]

    def after_law(self, network: Network, change: LawChange, rng: np.random.Generator) -> None:
        """Change ``network`` in reaction to a law change. The caller carries out a change of channel."""
        if change.moves == "neighbours":
            network.neighbours = self._after_listing
        elif change.moves == "precursors":
            if rng.random() >= self._to_precursors:
                return
            network.content = "precursor"
            network.style = self._declarer.style(network.content, rng)
        elif change.moves == "accounts":
            network.own_shippers = 0.0
            network.repertoire.pop("P1", None)
        elif change.moves == "third_country":
            network.abroad = 0.3
        elif change.moves == "wording" and "D1" in network.repertoire:
            del network.repertoire["D1"]
            network.repertoire.setdefault("D4", 1.0)
        network.reaction = f"law:{change.day.isoformat()}"


def _fits(trace: str, host: Host) -> bool:
    """Return whether a trace is possible on a shipment like ``host``."""
    kind = CONSIGNORS[host.kind]
    if trace in ("P3", "V5"):
        return host.little_known and host.kind != PERSON
    if trace == "P1":
        return host.little_known
    if trace in ("P4", "P5"):
        return host.seen_once and host.consignee_kind in _DOORS
    if trace == "E2":
        return kind in ("machinery", "trader")
    if trace == "E3":
        return kind in ("chemical", "trader", "machinery")
    return True
