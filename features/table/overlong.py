"""Truncation of overlong texts."""

from __future__ import annotations

from typing import Final

from features.table import assembly as kernels

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
