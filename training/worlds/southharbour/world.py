"""World "southharbour": sea and air cargo and some courier parcels into ES, FR, IT, PT, NL and MA.

Groups of words.toml yield campaigns of shipments, ordinary trade included; house bills are gathered under masters,
evidence is read in order of time, and every shipment is written as a manifest. Licit and illicit shipments pass through
the same code: groups differ only by their parameters in words.toml.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from training.worlds.southharbour.clerk import Clerk, Reader
from training.worlds.southharbour.parties import W
from training.worlds.southharbour.trade import Trade
from training.worlds.writer import COLUMNS, World

TITLE = "Sea, air and courier cargo into southern and western Europe and Morocco, with master and house bills"


def build(shipments: int, seed: int) -> World:
    """Return the world: `shipments` scored shipments, and a warm-up of about a quarter as many before them."""
    trade = Trade(shipments, seed)
    plans = trade.run()
    clerk, reader, numbers = Clerk(trade.draw), Reader(), dict[str, int]()
    rows: list[dict[str, str]] = []
    for plan in plans:
        number = ""
        while not number or number in numbers:
            number = trade.draw.digits(f"25{plan.route.ports[1][:2]}############")
        numbers[number] = len(numbers)
        rows += clerk.shipment(plan, number)
    items = pd.DataFrame(rows, columns=COLUMNS).fillna("").astype(str)
    index = pd.Index(list(numbers), name="shipment_id")
    evidence = pd.DataFrame([reader.note(plan) for plan in plans], index=index).astype(float)
    truth = pd.DataFrame({name: [getattr(plan, name) for plan in plans] for name in ("content", "group", "hard")})
    truth.insert(0, "shipment_id", list(numbers))
    truth["warmup"] = np.arange(len(plans)) < len(plans) - shipments
    points = pd.Series(0.0, index=index, name="points")
    for rule in W["rule"]:
        points += rule["points"] * np.asarray(evidence.eval(rule["when"]), dtype=float)
    return World(items, truth, evidence, points)
