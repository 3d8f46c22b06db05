"""Steps of reading a table: unreadable rows, overlong texts, implausible declaration times, and the problems of its rows."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import LABEL_NAMES
from features.manifest.records import DESCRIBING, REFERENCES, Problem
from features.table import assembly as kernels
from features.table.coded import Coded

#: Fields that do not make a row readable, and `DESCRIBING`, which is checked before the other fields because most rows have it.
_SKIPPED: Final = frozenset({*REFERENCES, *LABEL_NAMES, *DESCRIBING})


def unreadable_rows(
    ids: NDArray[np.int32], codes: NDArray[np.int32], place: Mapping[str, int], further: Mapping[str, Coded]
) -> tuple[list[int], list[int]]:
    """Return the rows without a shipment reference, and the rows without a value of any other field.

    Args:
        ids: (n,) code of each row's reference, -1 where missing.
        codes: (columns, n) codes of the declared texts, before shipment-level values are copied to all rows of a shipment.
        place: field -> row in ``codes``.
        further: further fields, which make a row readable too.
    """
    describing = [place[name] for name in DESCRIBING if name in place]
    without_id, blank = kernels.unreadable(ids, codes, describing)
    if blank:
        others = [column for name, column in place.items() if name not in _SKIPPED]
        _, blank = kernels.unreadable(ids, codes, describing + others)
    if blank and further:
        present = [column.codes >= 0 for column in further.values()]
        blank = [row for row in blank if not any(mask[row] for mask in present)]
    return without_id, blank


#: Maximum length of a text in characters, and of a text that is searched for substances. The rest is ignored with a warning.
#: Shipment references are never truncated, because two of them may differ only at the end.
LONGEST_TEXT: Final = 1_000
LONGEST_DESCRIPTION: Final = 50_000
_DESCRIPTIONS: Final = frozenset({"goods_description", "declared_chemical"})


def cut_overlong(values: dict[str, tuple[list[str], bool]]) -> dict[str, list[str | None]]:
    """Truncate overlong texts.

    Args:
        values: name -> the texts of the column, and whether they are distinct; changed in place.

    Returns:
        Name of each column with truncated texts -> warning of each text, or None if the text is unchanged.
    """
    cut: dict[str, list[str | None]] = {}
    for name in kernels.overlong(values, _DESCRIPTIONS, LONGEST_TEXT, LONGEST_DESCRIPTION):
        if name == "shipment_id":
            continue
        limit = LONGEST_DESCRIPTION if name in _DESCRIPTIONS else LONGEST_TEXT
        texts = values[name][0]
        cut[name] = [
            f"has {len(text):,} characters; only the first {limit:,} are read" if len(text) > limit else None
            for text in texts
        ]
        values[name] = [text[:limit] for text in texts], False
    return cut


IntArray = NDArray[np.int64]

#: Tolerance for declaration times after the receipt, because of clock differences and time zones.
FUTURE_TOLERANCE_S: Final = 2 * 86400
#: 1990-01-01. Manifests to score are newer, and older laws are not recorded.
EARLIEST_S: Final = 631_152_000
#: A declaration time this far after the receipt is an error or an attempt to manipulate the history, not a clock difference.
FAR_FUTURE_S: Final = 366 * 86400
_FUTURE: Final = Problem("declared_at", "lies in the future; treated as missing")
_PAST: Final = Problem("declared_at", "lies before the year 1990; treated as missing")


@dataclass(frozen=True, slots=True, eq=False)
class DeclarationTimes:
    """Times of the S shipments of a table.

    Attributes:
        seconds: (S,) in seconds since 1970, UTC, with replacements as `ManifestTable.from_columns` describes.
        problems: shipment -> problem of its time.
        far: (S,) whether the declared time is before 1990 or more than 366 days after the receipt; None if there is no such one.
    """

    seconds: IntArray
    problems: dict[int, Problem]
    far: NDArray[np.bool_] | None


def declaration_times(
    times: IntArray, first_row: IntArray, receipt: int | None, previous: int | None
) -> DeclarationTimes:
    """Return the time of each shipment.

    Args:
        times: (n_rows,) declared times, `TIME_MISSING` where missing.
        first_row: (S,) first row of each shipment.
        receipt, previous: see `ManifestTable.from_columns`.
    """
    now = int(clock.time()) if receipt is None else receipt
    known = now if receipt is not None or previous is None else previous
    seconds = np.empty(len(first_row), dtype=np.int64)
    window = EARLIEST_S, now + FUTURE_TOLERANCE_S
    if receipt is None and previous is None:
        # The first rows of a file have no time before them.
        of_shipments = times[first_row]
        plausible = of_shipments[(of_shipments >= window[0]) & (of_shipments <= window[1])]
        known = int(plausible[0]) if len(plausible) else now
    implausible = kernels.fill_times(times, first_row, window, known, receipt is None, seconds)
    if not implausible:
        return DeclarationTimes(seconds, {}, None)
    declared = times[first_row[implausible]]
    far = np.zeros(len(first_row), dtype=np.bool_)
    far[implausible] = (declared < EARLIEST_S) | (declared > now + FAR_FUTURE_S)
    problems = {
        shipment: _FUTURE if moment > now else _PAST
        for shipment, moment in zip(implausible, declared.tolist(), strict=True)
    }
    return DeclarationTimes(seconds, problems, far if far.any() else None)


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
