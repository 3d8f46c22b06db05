"""Columns that are mapped to manifest fields, but contain no valid value for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import FIELD, MANIFEST_NAMES, Kind
from features.manifest.records import REFERENCES
from features.table.table import TIME_MISSING, ManifestTable

_EXAMPLE_LENGTH: Final = 40


@dataclass(frozen=True, slots=True)
class UnreadColumn:
    """Input column without a valid value, its fields, the number of its values, and an example with its problem."""

    name: str
    fields: str
    values: int
    example: str
    problem: str

    def note(self, use: str) -> str:
        """Return a note for the user. ``use`` is a sentence on how the column is used instead."""
        shown = f"'{self.example[:_EXAMPLE_LENGTH]}'"
        problem = self.problem if shown in self.problem else f"{shown} {self.problem}"
        return f"Column {self.name!r} is read as {self.fields}, but none of its {self.values:,} values is valid: {problem}. {use}"


def unread_columns(table: ManifestTable, recognised: Mapping[str, str | None]) -> list[UnreadColumn]:
    """Return the input columns whose manifest fields are all declared but never valid.

    Args:
        table: The rows.
        recognised: Input columns -> manifest fields, separated by commas (`TableReader.recognised`).
    """
    unread = {name for name in MANIFEST_NAMES if name in table.raw and name not in REFERENCES and _never(table, name)}
    columns = []
    for column, names in recognised.items():
        fields = (names or "").split(", ")
        if not unread.issuperset(fields):
            continue
        given = table.raw[fields[0]]
        row = int(np.argmax(given.codes >= 0))
        problem = next((one.problem for one in table.warnings_of_row(row) if one.field == fields[0]), "is not valid")
        count = int((given.codes >= 0).sum())
        columns.append(UnreadColumn(column, " and ".join(fields), count, given.values[given.codes[row]], problem))
    return columns


def _never(table: ManifestTable, name: str) -> bool:
    given = table.raw[name].codes >= 0
    return bool(given.any()) and not _valid(table, name)[given].any()


def _valid(table: ManifestTable, name: str) -> NDArray[np.bool_]:
    kind = FIELD[name].kind
    if kind is Kind.NUMBER:
        return ~np.isnan(table.number(name))
    if kind is Kind.TIME:
        return np.asarray(table.seconds(name) != TIME_MISSING)
    return np.asarray(table.text(name).codes >= 0)
