"""Dictionary-encoded text columns: whatever is done with a text is done once per distinct text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Coded:
    """A dictionary-encoded text column: ``codes`` (n,) int32 into ``values``; -1 is missing."""

    __slots__ = ("codes", "values")

    def __init__(self, codes: NDArray[np.int32], values: list[str]) -> None:
        self.codes = codes
        self.values = values

    @classmethod
    def from_list(cls, texts: Sequence[str | None]) -> Coded:
        """Blank and ``None`` are missing; surrounding white space goes."""
        known: dict[str, int] = {}
        codes = np.empty(len(texts), dtype=np.int32)
        for row, text in enumerate(texts):
            stripped = text.strip() if text else ""
            codes[row] = known.setdefault(stripped, len(known)) if stripped else -1
        return cls(codes, list(known))

    @classmethod
    def from_arrow(cls, array: Any) -> Coded:
        """From a pyarrow array of strings; blank and null are missing."""
        import pyarrow as pa

        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        codes = np.asarray(array.indices.fill_null(-1)).astype(np.int32)
        return cls(codes, array.dictionary.to_pylist()).mapped(str.strip)

    @classmethod
    def missing(cls, n: int) -> Coded:
        return cls(np.full(n, -1, dtype=np.int32), [])

    def mapped(self, change: Callable[[str], str | None]) -> Coded:
        """Values through ``change``; equal results share a code, blank ones become missing."""
        known: dict[str, int] = {}
        new = [known.setdefault(v, len(known)) if v else -1 for v in map(change, self.values)]
        if new == list(range(len(new))):
            return Coded(self.codes, list(known))
        return Coded(np.array([*new, -1], dtype=np.int32)[self.codes], list(known))

    def lookup(self, per_value: NDArray[Any], missing: Any) -> NDArray[Any]:
        """Rows' entries of ``per_value`` (len(values), ...); rows without a text get ``missing``."""
        padding = np.full((1, *per_value.shape[1:]), missing, dtype=per_value.dtype)
        return np.concatenate([per_value, padding])[self.codes]

    def to_list(self) -> list[str | None]:
        padded = [*self.values, None]
        return [padded[code] for code in self.codes.tolist()]

    def take(self, rows: NDArray[Any]) -> Coded:
        return Coded(self.codes[rows], self.values)

    def compact(self) -> Coded:
        """The same column without the values that no row has."""
        used, codes = np.unique(self.codes, return_inverse=True)
        shift = 1 if used.size and used[0] < 0 else 0
        values = [self.values[code] for code in used[shift:].tolist()]
        return Coded((codes - shift).astype(np.int32), values)

    def __len__(self) -> int:
        return len(self.codes)
