"""A complete simulated world for tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Whole:
    """A complete world: office and truth columns, whether each row is illicit, and the first rows of shipments."""

    office: dict[str, NDArray[np.object_]]
    truth: dict[str, NDArray[np.object_]]
    illicit: NDArray[np.bool_]
    first: NDArray[np.bool_]
    of_illicit_shipment: NDArray[np.bool_]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column as numbers, NaN where it is blank or not a number."""
        out = np.full(len(self.illicit), np.nan)
        for i, text in enumerate(self.office[name]):
            try:
                out[i] = float(text)
            except ValueError:
                continue
        return out
