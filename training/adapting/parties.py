"""Concentration of traffic, and the bound on the influence of one party.

A consignor or consignee with more than the share `MOST` of the shipments counts as if it had that share. Otherwise a party that
sends enough could make its own covers usual, or raise the thresholds of the lanes by shipments that are made to look risky.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.entities import Entity, key_row
from features.groups.history.keys import keys_of
from features.table.table import ManifestTable

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Largest share of shipments with which one party counts.
MOST: Final = 0.01
#: Roles of parties, with the manifest column of their names.
_ROLES: Final = {Entity.CONSIGNOR: "consignor_name", Entity.CONSIGNEE: "consignee_name"}


@dataclass(frozen=True, slots=True)
class LargeParty:
    """A party with more than `MOST` of the shipments: its role, its name as first declared, and its share."""

    role: str
    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Concentration:
    """Weights of S shipments, and the large parties.

    Attributes:
        weight: (S,) 1, or less for a shipment of a large party.
        large: parties with more than `MOST` of the shipments, the largest first.
    """

    weight: Floats
    large: tuple[LargeParty, ...]

    @classmethod
    def of(cls, table: ManifestTable) -> Concentration:
        """Count the shipments of each consignor and consignee. Spellings of a name count together."""
        keys = keys_of(table)
        weight = np.ones(table.n_shipments)
        bound = MOST * table.n_shipments
        large: list[LargeParty] = []
        for role, name in _ROLES.items():
            _, first, party, counts = np.unique(
                keys[key_row(role)], return_index=True, return_inverse=True, return_counts=True
            )
            known = keys[key_row(role)] != 0
            share = np.where(known, np.minimum(1.0, bound / counts[party]), 1.0)
            np.minimum(weight, share, out=weight)
            names = table.declared(name)
            for number in np.flatnonzero(counts > bound).tolist():
                row = int(table.first_row[first[number]])
                if known[first[number]]:
                    text = names.values[names.codes[row]] if names.codes[row] >= 0 else ""
                    large.append(LargeParty(role.label, text, float(counts[number] / table.n_shipments)))
        large.sort(key=lambda party: (-party.share, party.role, party.name))
        return cls(weight, tuple(large))

    @property
    def counted(self) -> Bools:
        """(S,) True if the shipment enters the statistics of usual trade.

        Only evenly spaced shipments of a large party enter, in the share that their weight gives.
        """
        total = np.floor(np.cumsum(self.weight) + 1e-9)
        return np.diff(total, prepend=0.0) > 0.0
