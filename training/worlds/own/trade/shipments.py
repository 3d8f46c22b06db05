"""Shipments of one block of days as arrays: time, route, parties, habits and traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.worlds.own.trade.hashing import Hashes, Ints
from training.worlds.own.trade.parties import Parties

Bools = NDArray[np.bool_]
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
