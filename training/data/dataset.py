"""Training data: a table in time order, its labels, and access to its windows.

Tables of several files are concatenated column by column (`ColumnsBuilder`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.own.counts import Results
from features.groups.own.keys import OwnFields, near_declarations
from features.table.table import Coded, ManifestTable
from training.arrays import Bools, Floats, Ints
from training.data.labels import KnownLabels, Labels, any_of_shipment
from training.data.windows import Window

if TYPE_CHECKING:
    from training.data.world_truth import WorldTruth


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcomes of n shipments: ``find`` (n, K) per head, and ``weight`` (n,).

    ``inspected`` (n,) says whose outcome is known rather than presumed; None: all.
    """

    find: Bools
    weight: Floats
    inspected: Bools | None = None

    @property
    def any(self) -> Bools:
        """(n,) True if the shipment has a find for any head."""
        return np.asarray(self.find.any(axis=1))

    @property
    def clean(self) -> Bools:
        """(n,) True if the shipment counts as clean. One with other contraband has the weight 0 and is neither."""
        return ~self.any & (self.weight > 0.0)


class BadData(ValueError):
    """Error for a data file that is unusable for training or evaluation. The message names the file and the expected form."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Accepted rows in order of (declared_at, arrival), with labels.

    ``truth`` (n_rows, heads) contains the true contents and ``world`` the true senders of simulated data; models never train on
    them. ``own`` describes the further fields of an office's own data (`features.groups.own.group`). ``data_row`` (n_rows,) is
    the number of each row in its source, from 1.
    """

    source: str
    digest: str
    table: ManifestTable
    labels: Labels
    truth: Bools | None
    data_row: Ints
    has_times: bool
    rows_refused: int
    notes: tuple[str, ...]
    world: WorldTruth | None = None
    own: OwnFields | None = None

    def shipment_has_find(self) -> Bools:
        """Return whether each shipment (n_shipments,) has a find, whenever it became known."""
        return np.asarray(self.labels.shipment_find(self.table).any(axis=1))

    def truth_of_shipment(self) -> Bools | None:
        """Return the true contents per shipment (n_shipments, heads); None if they are unknown."""
        return None if self.truth is None else any_of_shipment(self.table, self.truth)

    def span(self) -> tuple[str, str]:
        """Return the first and last day of the data in ISO 8601."""
        return span_of(self.table)

    def window_rows(self, window: Window) -> Ints:
        """Return the row indices of a window's shipments."""
        return rows_of(self.table, window.shipments)

    def window_table(self, window: Window) -> ManifestTable:
        """Return the table of a window's rows."""
        return self.table.take(self.window_rows(window))

    def window_labels(self, window: Window) -> KnownLabels:
        """Return the labels of a window's rows and shipments, as known at the window's cut."""
        labels = self.labels.known_at(self.table, window.cut_s)
        return labels.take(self.window_rows(window), window.shipments)

    def near_repeats(self, rows: Ints, earlier: Ints) -> Bools:
        """Return whether each of the data's ``rows`` (m,) repeats a declaration of the ``earlier`` rows, or nearly so.

        Both ascend. Without own fields all are False.
        """
        if self.own is None:
            return np.zeros(len(rows), dtype=np.bool_)
        both = np.union1d(earlier, rows)
        number = near_declarations(self.table.take(both), self.own)
        return np.isin(number[np.searchsorted(both, rows)], number[np.searchsorted(both, earlier)])

    def window_results(self, window: Window) -> Results:
        """Return the results of a window's rows as known at its cut, for rates learned from an office's own data."""
        labels, rows = self.window_labels(window), self.window_rows(window)
        shipment = self.table.shipment[rows]
        has_result = ~labels.presumed[np.searchsorted(window.shipments, shipment)]
        find = np.asarray(labels.find.any(axis=1), dtype=np.bool_)
        return Results(find, has_result, self.labels.known_s[shipment], self.has_times)


def rows_of(table: ManifestTable, shipments: Ints) -> Ints:
    """Return the row indices of the given shipments, shipment by shipment."""
    first = table.first_row[shipments]
    ends = np.concatenate((table.first_row[1:], [table.n_rows]))[shipments]
    counts = ends - first
    offsets = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.repeat(first, counts) + offsets, dtype=np.int64)


def span_of(table: ManifestTable) -> tuple[str, str]:
    """Return the first and last day of a table in order of time, in ISO 8601."""
    first, last = (datetime.fromtimestamp(int(s), UTC).date().isoformat() for s in table.declared_s[[0, -1]])
    return first, last


class ColumnsBuilder:
    """Builder that concatenates chunks of coded columns. If a chunk lacks a column, its rows get blanks."""

    def __init__(self) -> None:
        self._codes: dict[str, list[NDArray[np.int32]]] = {}
        self._code_of: dict[str, dict[str, int]] = {}
        self.n_rows = 0

    def add(self, columns: Mapping[str, Coded], n_rows: int) -> None:
        """Append a chunk of ``n_rows`` rows."""
        for name, column in columns.items():
            code_of = self._code_of.setdefault(name, {})
            codes = self._codes.setdefault(name, [_blank(self.n_rows)] if self.n_rows else [])
            new_codes = np.array([code_of.setdefault(value, len(code_of)) for value in column.values], dtype=np.int32)
            recoded = new_codes[column.codes] if len(new_codes) else _blank(n_rows)
            codes.append(np.where(column.codes < 0, np.int32(-1), recoded).astype(np.int32))
        self.n_rows += n_rows
        for name, codes in self._codes.items():
            if name not in columns:
                codes.append(_blank(n_rows))

    def columns(self) -> dict[str, Coded]:
        """Return the concatenated columns and empty the builder, because its chunks take the same memory again."""
        return {
            name: Coded(np.concatenate(self._codes.pop(name)), list(self._code_of.pop(name)), True)
            for name in list(self._codes)
        }


def _blank(n: int) -> NDArray[np.int32]:
    return np.full(n, -1, dtype=np.int32)


def as_text(values: Iterable[Any]) -> list[str | None]:
    """Convert values to manifest texts: numbers in their shortest form, missing values as None."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    out: list[str | None] = []
    for value in values:
        if value is None or isinstance(value, str):
            out.append(value or None)
        elif isinstance(value, bool):
            out.append("true" if value else "false")
        elif isinstance(value, float):
            out.append(None if value != value else repr(value))
        elif isinstance(value, datetime):
            # Only pandas.NaT differs from itself.
            out.append(None if value != value else value.isoformat())
        else:
            out.append(str(value))
    return out


def columns_digest(columns: Mapping[str, Coded]) -> str:
    """Return the SHA-256 of columns' names, values and codes. The order of the columns does not matter."""
    digest = hashlib.sha256()
    for name in sorted(columns):
        column = columns[name]
        digest.update(f"{name}\x1f{len(column.values)}\x1f".encode())
        digest.update("\x1e".join(column.values).encode("utf-8", "surrogatepass"))
        digest.update(np.ascontiguousarray(column.codes, dtype="<i4").tobytes())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_SHOWN_REASONS: Final = 4
_SHOWN_LINES: Final = 5


def left_out_note(refused: Iterable[tuple[int, str]], rows: int) -> str | None:
    """Return a note on the refused rows, with the most frequent reasons first; None if no row is refused.

    Args:
        refused: line and reason of each refused row.
        rows: number of rows of the file, including the refused ones.
    """
    by_reason = sorted(refused, key=lambda row: (row[1], row[0]))
    if not by_reason:
        return None
    groups = [(reason, [line for line, _ in same]) for reason, same in groupby(by_reason, key=lambda row: row[1])]
    groups.sort(key=lambda group: (-len(group[1]), group[0]))
    reasons = []
    for reason, lines in groups[:_SHOWN_REASONS]:
        shown = ", ".join(map(str, lines[:_SHOWN_LINES])) + (", ..." if len(lines) > _SHOWN_LINES else "")
        reasons.append(f"{len(lines):,}: {reason} (line{'s' if len(lines) > 1 else ''} {shown})")
    rest = sum(len(lines) for _, lines in groups[_SHOWN_REASONS:])
    if rest:
        reasons.append(f"{rest:,}: other reasons")
    return f"{len(by_reason):,} of {rows:,} rows could not be read and were left out. {'; '.join(reasons)}."
