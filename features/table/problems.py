"""Warnings and refusals of the rows of a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.manifest.shipment import Problem

IntArray = NDArray[np.int64]


class RowProblems:
    """Warnings and refusals by row. Problems of values are stored per distinct text, not per row.

    Attributes:
        refusals: row -> reasons for the refusal.
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        #: Field, codes (n_rows,) of its column, and problem of each distinct text.
        self._of_values: list[tuple[str, NDArray[np.int32], list[str | None]]] = []
        self._of_rows: dict[int, list[Problem]] = {}
        self.refusals: dict[int, list[Problem]] = {}

    def warn(self, row: int, *problems: Problem) -> None:
        """Add warnings to a row."""
        self._of_rows.setdefault(row, []).extend(problems)

    def warn_of_values(self, field: str, codes: NDArray[np.int32], problems: list[str | None]) -> None:
        """Add a warning to each row whose text has a problem.

        Args:
            codes: (n_rows,) index in ``problems`` of each row's text; -1 for a row without a text.
        """
        self._of_values.append((field, codes, problems))

    def refuse(self, row: int, problem: Problem) -> None:
        """Refuse a row."""
        self.refusals.setdefault(row, []).append(problem)

    def of_row(self, row: int) -> list[Problem]:
        """Return the warnings of a row."""
        of_values = [
            Problem(field, problem)
            for field, codes, problems in self._of_values
            if (code := codes[row]) >= 0 and (problem := problems[code]) is not None
        ]
        return of_values + self._of_rows.get(row, [])

    def warned_rows(self) -> IntArray:
        """Return the rows with a warning, ascending."""
        mask = np.zeros(self._n_rows, dtype=bool)
        for _, rows, _ in self._rows_of_values():
            mask[rows] = True
        mask[list(self._of_rows)] = True
        return np.flatnonzero(mask)

    def texts(self) -> list[str]:
        """Return the warnings of each row as ``field: problem; field: problem``; empty without warnings."""
        by_row: dict[int, list[str]] = {}
        for field, rows, problems in self._rows_of_values():
            for row, problem in zip(rows.tolist(), problems, strict=True):
                by_row.setdefault(row, []).append(f"{field}: {problem}")
        for row, others in self._of_rows.items():
            by_row.setdefault(row, []).extend(map(str, others))
        texts = [""] * self._n_rows
        for row, of_row in by_row.items():
            texts[row] = "; ".join(of_row)
        return texts

    def take(self, rows: IntArray) -> RowProblems:
        """Return the problems of the given rows, which are renumbered from 0."""
        other = RowProblems(len(rows))
        other._of_values = [(field, codes[rows], problems) for field, codes, problems in self._of_values]
        if self._of_rows or self.refusals:
            position = {row: index for index, row in enumerate(rows.tolist())}
            other._of_rows = {position[r]: list(p) for r, p in self._of_rows.items() if r in position}
            other.refusals = {position[r]: p for r, p in self.refusals.items() if r in position}
        return other

    def _rows_of_values(self) -> list[tuple[str, IntArray, list[str]]]:
        """Return the fields with problems, the affected rows, and their problems."""
        by_field = []
        for field, codes, problems in self._of_values:
            rows = np.flatnonzero(np.array([*(problem is not None for problem in problems), False])[codes])
            by_field.append((field, rows, [str(problems[code]) for code in codes[rows].tolist()]))
        return by_field
