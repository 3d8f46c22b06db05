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
        """Return the weight of an entry for each row (n,); NaN if the entry does not hold for the row.

        Raises:
            KeyError: there is no such entry.
        """
        ...


# Not frozen, because creating a frozen instance is slower and each request creates one.
@dataclass(slots=True, eq=False)
class Source:
    """The values of n goods items.

    Attributes:
        matrix: (n, F) features, NaN where missing.
        evidence: None if the model has no evidence entries; a condition on evidence then compares a missing value.
    """

    table: ManifestTable
    matrix: FloatArray
    facts: Facts
    evidence: EvidenceLookup | None = None
