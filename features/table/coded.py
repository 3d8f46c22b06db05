"""Dictionary-encoded text columns, in which each distinct text is processed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.texts.declared import encode, numbered


class Coded:
    """Dictionary-encoded text column: ``codes`` (n,) int32 are indices in ``values``; -1 is missing.

    With ``distinct``, all values are known to differ, which avoids comparisons.
    """

    __slots__ = ("_rows", "codes", "distinct", "values")

    def __init__(self, codes: NDArray[np.int32], values: list[str], distinct: bool = False) -> None:
        self.codes = codes
        self.values = values
        self.distinct = distinct
        self._rows: NDArray[np.int32] | None = None

    @classmethod
    def from_list(cls, texts: Sequence[str | None]) -> Coded:
        """Strip and encode texts. Blank texts and ``None`` are missing."""
        codes = np.empty(len(texts), dtype=np.int32)
        return cls(codes, encode(texts, codes), True)

    @classmethod
    def from_arrow(cls, array: Any) -> Coded:
        """Strip and encode a pyarrow array of strings. Blank texts and nulls are missing."""
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
        # `numpy.full` takes three times as long for a few rows.
        codes = np.empty(n, dtype=np.int32)
        codes.fill(-1)
        return cls(codes, [], True)

    def mapped(self, change: Callable[[str], str | None]) -> Coded:
        """Return the column with ``change`` applied to its values. Equal results share a code, and blank ones become missing."""
        values, positions = numbered([change(value) for value in self.values])
        return Coded(renumbered(self.codes, positions), values, True)

    def lookup(self, per_value: NDArray[Any], missing: Any) -> NDArray[Any]:
        """Return each row's entry of ``per_value`` (len(values), ...), or ``missing`` for a row without a text."""
        n = len(per_value)
        padded = np.empty((n + 1, *per_value.shape[1:]), dtype=per_value.dtype)
        padded[:n] = per_value
        # The code -1 selects the last entry.
        padded[n] = missing
        per_row: NDArray[Any] = padded[self.codes]
        return per_row

    def each(self, per_value: list[Any], missing: Any) -> list[Any]:
        """Return each row's entry of ``per_value``, like `lookup` but as a list, which is faster for few rows."""
        padded = [*per_value, missing]
        return [padded[code] for code in self.codes.tolist()]

    def to_list(self) -> list[str | None]:
        return self.each(self.values, None)

    def take(self, rows: NDArray[Any]) -> Coded:
        return Coded(self.codes[rows], self.values, self.distinct)

    def compact(self) -> Coded:
        """Return the column without unused values."""
        present = self.codes >= 0
        used, positions = np.unique(self.codes[present], return_inverse=True)
        codes = np.full(len(self.codes), -1, dtype=np.int32)
        codes[present] = positions
        return Coded(codes, [self.values[code] for code in used.tolist()], self.distinct)

    def __len__(self) -> int:
        return len(self.codes)


class ColumnWriter:
    """Writer of the columns of a matrix (n, F). For one row, it takes a fraction of the time of numpy."""

    def __init__(self, matrix: NDArray[np.float64]) -> None:
        self._matrix = matrix

    def by_text(self, column: int, texts: Coded, numbers: Sequence[float], missing: float) -> None:
        """Write the number of each row's text. ``numbers`` has one entry per distinct text."""
        codes = rows_of(texts)
        matrix = self._matrix
        for row in range(matrix.shape[0]):
            code = codes[row]
            matrix[row, column] = numbers[code] if code >= 0 else missing

    def present(self, column: int, *fields: Coded) -> None:
        """Write how many of the fields have a text."""
        self._count(column, fields, True)

    def missing(self, column: int, *fields: Coded) -> None:
        """Write how many of the fields have no text."""
        self._count(column, fields, False)

    def _count(self, column: int, fields: tuple[Coded, ...], present: bool) -> None:
        matrix = self._matrix
        for row in range(matrix.shape[0]):
            matrix[row, column] = 0.0
        for field in fields:
            codes = rows_of(field)
            for row in range(matrix.shape[0]):
                if (codes[row] >= 0) == present:
                    matrix[row, column] += 1.0

    def by_row(self, column: int, numbers: Sequence[float]) -> None:
        """Write one number per row."""
        matrix = self._matrix
        for row in range(matrix.shape[0]):
            matrix[row, column] = numbers[row]


def rows_of(column: Coded) -> NDArray[np.int32]:
    """Return the codes of a column for a compiled loop.

    Many loops read the same column. They share one memory view, because creating a view takes as long as reading 100 rows.
    """
    if column._rows is None:
        column._rows = column.codes
    return column._rows


def renumbered(codes: NDArray[np.int32], positions: list[int] | None) -> NDArray[np.int32]:
    """Return the codes after values moved to ``positions`` (-1 if removed); None means that no value moved."""
    return codes if positions is None else np.array([*positions, -1], dtype=np.int32)[codes]
