"""Concatenation of column chunks into a data set, digests of columns and files, and the note on unreadable rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.table.table import Coded


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
