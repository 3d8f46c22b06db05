"""Training rows as if their declarations had never been seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

#: Maximum number of rows that also enter training as if new. More rows cost time and do not improve the model.
MOST_ROWS: Final = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class AsNew:
    """Some rows of a feature matrix as they would be if their declarations had never been seen.

    Attributes:
        rows: (m,) numbers of these rows in the matrix, ascending.
        values: (m, K) values of the columns that differ.
        column: number of the first of these columns in the matrix.
    """

    rows: IntArray
    values: NDArray[np.float32]
    column: int = 0

    def at(self, column: int) -> Self:
        """Return a copy whose first column is ``column`` of the matrix."""
        return replace(self, column=column)

    def take(self, rows: IntArray) -> Self:
        """Return the values for ``matrix[rows]``, where ``rows`` ascends."""
        position = np.minimum(np.searchsorted(rows, self.rows), max(0, len(rows) - 1))
        taken = np.flatnonzero(rows[position] == self.rows) if len(rows) else np.zeros(0, dtype=np.int64)
        return replace(self, rows=position[taken].astype(np.int64), values=self.values[taken])

    def write(self, part: NDArray[np.float64], positions: int | slice | list[int]) -> NDArray[np.float64]:
        """Return a copy of ``part``, the rows of the matrix at ``positions`` of ``rows``, with the values as if new."""
        changed = part.copy()
        changed[..., self.column : self.column + self.values.shape[1]] = self.values[positions]
        return changed

    def to_arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return the content as arrays whose names begin with ``prefix``."""
        column = np.array([self.column], dtype=np.int64)
        return {f"{prefix}.rows": self.rows, f"{prefix}.values": self.values, f"{prefix}.column": column}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], prefix: str) -> Self | None:
        """Restore the content from `to_arrays`; None if ``arrays`` has no such names."""
        if f"{prefix}.rows" not in arrays:
            return None
        return cls(arrays[f"{prefix}.rows"], arrays[f"{prefix}.values"], int(arrays[f"{prefix}.column"][0]))
