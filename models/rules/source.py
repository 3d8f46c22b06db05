"""Values that conditions read: the table, the features, the facts and the evidence of its goods items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.table.table import ManifestTable
from models.rules.facts import Facts

FloatArray: TypeAlias = NDArray[np.float64]


class EvidenceLookup(Protocol):
    """The evidence entries of a table's goods items."""

    def column(self, name: str) -> FloatArray:
        """Return the weight of an entry for each row (n,), NaN for a row without it.

        Raises:
            KeyError: there is no such entry.
        """
        ...


# Not frozen, for the time that freezing takes on each request.
@dataclass(slots=True, eq=False)
class Source:
    """The values of n goods items.

    Attributes:
        matrix: (n, F) features, NaN where missing.
        evidence: None where a model has no evidence entries; leaves on evidence then read a missing value.
    """

    table: ManifestTable
    matrix: FloatArray
    facts: Facts
    evidence: EvidenceLookup | None = None
