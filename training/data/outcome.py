"""What shipments turned out to contain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results of n shipments: ``find`` (n, K) per head, and ``weight`` (n,)."""

    find: NDArray[np.bool_]
    weight: NDArray[np.float64]

    @property
    def any(self) -> NDArray[np.bool_]:
        """(n,) whether there is a find for any head."""
        return np.asarray(self.find.any(axis=1))
