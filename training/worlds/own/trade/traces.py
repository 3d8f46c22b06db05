"""Traces that typologies leave on a manifest, and their base rate in lawful traffic.

Each trace is a flag of the shipment. Lawful shipments have it at a base rate. A network's shipment has it at the same base rate, or
because it belongs to the network's methods. Its effect on the record is the same in all cases.
"""

from __future__ import annotations

from typing import Final

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
