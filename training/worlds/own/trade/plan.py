"""Shipments of one block of days, and networks' plans for them, as records and as arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.arrays import Bools, Hashes, Ints, Texts
from training.worlds.own.trade.parties import Parties

DAY_S: Final = 86400
MOST_ITEMS: Final = 6


@dataclass(slots=True)
class Shipments:
    """Shipments as parallel arrays (n,) in ascending order of ``time_s``.

    ``plan_row`` is the row of the networks' plan, -1 for lawful shipments. ``traces`` (n, TRACES) contains flags. ``habit`` is a
    hash of the consignor that determines its habits.
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


#: Ids of the typologies of the reference tables that this world simulates.
TRACES: Final = (
    "P1",
    "P2",
    "P3",
    "P4",
    "P5",
    "P7",
    "R1",
    "V1",
    "V2",
    "V3",
    "V4",
    "V5",
    "V6",
    "D1",
    "D3",
    "D4",
    "D5",
    "D7",
    "D8",
    "D9",
    "E1",
    "E2",
    "E3",
    "M4",
    "M5",
    "T1",
)
T: Final = {name: i for i, name in enumerate(TRACES)}

#: Prior of the base rate of a trace. The other traces result from parties, goods and noise.
BASE_RATE: Final = {
    "P2": "habit.no_contact",
    "P7": "habit.phone_elsewhere",
    "R1": "route.third_country",
    "V2": "habit.freight_heavy",
    "V3": "habit.light_or_heavy",
    "V4": "value.bunch_below_threshold",
    "V5": "habit.round_value",
    "V6": "habit.drum",
    "D9": "habit.gift",
}
#: Planned traces that set the shipment's flag. Other traces act through parties, goods and figures. Flags for missing contacts (P2)
#: and round values (V5) would make them more common than in lawful trade.
SWITCHED: Final = ("P7", "R1", "V2", "V4", "V6", "D1", "D3", "D4", "D7", "D9", "M4", "M5")
#: Traces that change single fields of a record. Each has its own probability in the networks that use it, so that it stays rare.
#: All other traces change only relations between fields, parties and days.
BESIDE: Final = ("P4", "P7", "R1", "V2", "V4", "V6", "D1", "D9", "M5")
#: Minimum and maximum number of traces outside `BESIDE`, and the factor on the frequency of traces in `BESIDE`, per strength of a
#: shipment.
TRACES_OF_STRENGTH: Final = {"none": (0, 0), "faint": (1, 1), "combined": (3, 6), "strong": (6, 8)}
BESIDE_OF_STRENGTH: Final = {"none": 0.0, "faint": 0.5, "combined": 1.0, "strong": 1.6}


CONTENTS: Final = ("none", "fentanyl", "analogue", "other_opioid", "precursor", "equipment")
#: Ways to declare a network's shipment: the goods by name, vague words, other goods of the trade, or harmless goods.
DECLARATIONS: Final = ("named", "vague", "other", "harmless")
NAMED, VAGUE, OTHER, HARMLESS = range(4)
STRENGTHS: Final = ("none", "faint", "combined", "strong")
#: The trade of a network for each content.
TRADE_OF: Final = {
    "fentanyl": "opioid",
    "analogue": "opioid",
    "other_opioid": "opioid",
    "precursor": "precursor",
    "equipment": "equipment",
}


@dataclass(frozen=True, slots=True)
class Host:
    """Lawful shipment that a network's shipment replaces: day since the calendar's first, trade lane and kinds of party.

    ``little_known`` states that its consignor sends little, and ``seen_once`` that its consignee receives almost nothing else. The
    family of goods is not included, because the consignor determines the goods.
    """

    day: int
    origin: int
    destination: int
    channel: int
    kind: int
    consignee_kind: int
    little_known: bool
    seen_once: bool


@dataclass(slots=True)
class Consignment:
    """One shipment as planned by its network. Unplanned attributes remain those of the host.

    Attributes:
        shipper, consignee: numbers of the network's own parties; 0 for the host's.
        office, address: numbers from which the places of the network's own parties are derived.
        contact, delivery_contact: party whose telephone and e-mail are declared; 0 for the party itself.
        shipper_kind: kind of the network's own shipper.
        opened_ago: age of the network's own shipper's account in days.
        declaration: index of `DECLARATIONS`.
        good: declared goods; -1 for the host's. If mass or value do not fit harmless goods (V1, V3), the figures are the host's.
        repeat: number from which the figures are derived, so that they repeat; 0 for new figures.
        silent: whether the shipper declares no contact.
    """

    network: int
    content: int
    strength: int
    reaction: str
    traces: frozenset[str]
    shipper: int
    shipper_kind: int
    office: int
    contact: int
    opened_ago: int
    consignee_kind: int
    consignee: int
    address: int
    delivery_contact: int
    declaration: int
    good: int
    permit: bool
    silent: bool
    repeat: int

    def again(self) -> Consignment:
        """Return the next parcel of a split consignment."""
        return replace(self, traces=self.traces | {"M4"}, repeat=0)


@dataclass(slots=True)
class Plan:
    """`Consignment`s of one block as arrays (n,), ordered by position. ``traces`` has shape (n, TRACES)."""

    network: Ints
    content: Ints
    strength: Ints
    reaction: Texts
    traces: Bools
    shipper: Hashes
    shipper_kind: Ints
    office: Hashes
    contact: Hashes
    opened_ago: Ints
    consignee_kind: Ints
    consignee: Hashes
    address: Hashes
    delivery_contact: Hashes
    declaration: Ints
    good: Ints
    permit: Bools
    silent: Bools
    repeat: Hashes

    def __len__(self) -> int:
        return len(self.network)


#: Types of the arrays of a plan that are not integers.
_TYPES: Final = {
    **dict.fromkeys(("shipper", "office", "contact", "consignee", "address", "delivery_contact", "repeat"), np.uint64),
    **dict.fromkeys(("permit", "silent"), np.bool_),
    "reaction": np.object_,
}


def collect(rows: list[Consignment]) -> Plan:
    """Convert consignments to arrays."""
    traces = np.zeros((len(rows), len(TRACES)), dtype=np.bool_)
    for i, row in enumerate(rows):
        traces[i, [T[name] for name in row.traces]] = True
    columns: dict[str, NDArray[Any]] = {
        field.name: np.array([getattr(row, field.name) for row in rows], dtype=_TYPES.get(field.name, np.int64))
        for field in fields(Plan)
        if field.name != "traces"
    }
    return Plan(**columns, traces=traces)
