"""The traces that typologies leave on a manifest, and how often honest traffic shows the same.

Each trace is a switch of the shipment. Honest shipments have it at a base rate; a network's shipment has it at the same
base rate, or because the network works that way. What a switch does to the record is the same for both.
"""

from __future__ import annotations

from typing import Final

#: Ids of the typologies of the reference tables that this world can show.
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
    "D9",
    "E1",
    "E2",
    "E3",
    "M4",
    "M5",
    "T1",
)
T: Final = {name: i for i, name in enumerate(TRACES)}

#: Priors that give the base rate of a switch; the other traces come about in the parties, goods and noise themselves.
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
#: Traces of a plan that are carried out by the shipment's switch. The others act through parties, goods and figures, and
#: would change how often a switch is seen: contacts left out (P2) and round values (V5) stay as common as among honest trade.
SWITCHED: Final = ("P7", "R1", "V2", "V4", "V6", "D1", "D3", "D4", "D7", "D9", "M4", "M5")
#: Traces that change how records look, field by field: of a network that works with them, each has a chance of its own, so
#: that they stay rare. All others show only where fields, parties and days are related to each other.
BESIDE: Final = ("P4", "P7", "R1", "V2", "V4", "V6", "D1", "D9", "M5")
#: How many of the other traces a shipment of each strength has, least and most, and how much more often it has those.
TRACES_OF_STRENGTH: Final = {"none": (0, 0), "faint": (1, 1), "combined": (3, 6), "strong": (6, 8)}
BESIDE_OF_STRENGTH: Final = {"none": 0.0, "faint": 0.5, "combined": 1.0, "strong": 1.6}
