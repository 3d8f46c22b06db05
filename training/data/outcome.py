"""Outcomes of shipments: finds and weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcomes of n shipments: ``find`` (n, K) per head, and ``weight`` (n,)."""

    find: NDArray[np.bool_]
    weight: NDArray[np.float64]

    @property
    def any(self) -> NDArray[np.bool_]:
        """(n,) True if the shipment has a find for any head."""
        return np.asarray(self.find.any(axis=1))
