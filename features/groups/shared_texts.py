"""Descriptions and HS codes, with their places in memory: what several groups know of one each keeps by its place."""

from __future__ import annotations

from typing import Final

from features.table.table import Coded, ManifestTable
from features.texts.cache import Placed, Texts, as_subheadings

#: Distinct texts of which groups remember their numbers: some hundred bytes each.
REMEMBERED: Final = 32_768
_DESCRIPTIONS: Final = Texts(REMEMBERED)
_CODES: Final = Texts(REMEMBERED)


def placed_descriptions(table: ManifestTable, column: Coded) -> Placed:
    """The texts of one of a table's columns of descriptions."""
    found: Placed = table.derived((placed_descriptions, id(column)), lambda: _DESCRIPTIONS.placed(column.values))
    return found


def placed_codes(table: ManifestTable) -> Placed:
    """The texts of the HS codes of a table, the digits after the sixth as if they were one and the same."""
    found: Placed = table.derived(placed_codes, lambda: _CODES.placed(as_subheadings(table.text("hs_code").values)))
    return found
