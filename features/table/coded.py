"""Dictionary-encoded text columns: whatever is done with a text is done once per distinct text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.table.gather import compact
from features.texts.declared import encode, numbered


class Coded:
    """A dictionary-encoded text column: ``codes`` (n,) int32 into ``values``; -1 is missing.

    ``distinct``: the values are known to differ from each other, which saves comparing them.
    """

    __slots__ = ("codes", "distinct", "values")

    def __init__(self, codes: NDArray[np.int32], values: list[str], distinct: bool = False) -> None:
        self.codes = codes
        self.values = values
        self.distinct = distinct

    @classmethod
    def from_list(cls, texts: Sequence[str | None]) -> Coded:
        """Blank and ``None`` are missing; surrounding white space goes."""
        codes = np.empty(len(texts), dtype=np.int32)
        return cls(codes, encode(texts, codes), True)

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
        return cls(np.full(n, -1, dtype=np.int32), [], True)

    def mapped(self, change: Callable[[str], str | None]) -> Coded:
        """Values through ``change``; equal results share a code, blank ones become missing."""
        values, positions = numbered([change(value) for value in self.values])
        return Coded(renumbered(self.codes, positions), values, True)

    def lookup(self, per_value: NDArray[Any], missing: Any) -> NDArray[Any]:
        """Rows' entries of ``per_value`` (len(values), ...); rows without a text get ``missing``."""
        padded = np.empty((len(per_value) + 1, *per_value.shape[1:]), dtype=per_value.dtype)
        padded[:-1] = per_value
        padded[-1] = missing
        found: NDArray[Any] = padded[self.codes]
        return found

    def to_list(self) -> list[str | None]:
        padded = [*self.values, None]
        return [padded[code] for code in self.codes.tolist()]

    def take(self, rows: NDArray[Any]) -> Coded:
        return Coded(self.codes[rows], self.values, self.distinct)

    def compact(self) -> Coded:
        """The same column without the values that no row has."""
        codes = np.empty(len(self.codes), dtype=np.int32)
        used = compact(self.codes, codes)
        return Coded(codes, [self.values[code] for code in used], self.distinct)

    def __len__(self) -> int:
        return len(self.codes)


def renumbered(codes: NDArray[np.int32], positions: list[int] | None) -> NDArray[np.int32]:
    """Codes of values that have moved to ``positions``, -1 for one that is gone; None: they are where they were."""
    return codes if positions is None else np.array([*positions, -1], dtype=np.int32)[codes]
