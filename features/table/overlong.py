"""Texts that are too long to read whole."""

from __future__ import annotations

from typing import Final

from features.table import assembly as kernels

#: Longest text of a field in characters, and of one in which names of substances are looked for. The rest is ignored with a
#: warning. References of shipments are never cut, because two of them may differ at the end.
LONGEST_TEXT: Final = 1_000
LONGEST_DESCRIPTION: Final = 50_000
_DESCRIPTIONS: Final = frozenset({"goods_description", "declared_chemical"})


def cut_overlong(values: dict[str, tuple[list[str], bool]]) -> dict[str, list[str | None]]:
    """Cut the texts of columns that are too long.

    Args:
        values: name -> the texts of the column, and whether they are distinct; changed in place.

    Returns:
        Name of each column with such texts -> the warning of each text, None where it was not cut.
    """
    cut: dict[str, list[str | None]] = {}
    for name in kernels.overlong(values, _DESCRIPTIONS, LONGEST_TEXT, LONGEST_DESCRIPTION):
        if name == "shipment_id":
            continue
        most = LONGEST_DESCRIPTION if name in _DESCRIPTIONS else LONGEST_TEXT
        texts = values[name][0]
        cut[name] = [
            f"has {len(text):,} characters; only the first {most:,} are read" if len(text) > most else None
            for text in texts
        ]
        values[name] = [text[:most] for text in texts], False
    return cut
