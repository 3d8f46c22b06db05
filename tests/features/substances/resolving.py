"""Helper that resolves a text to the substance that it names."""

from __future__ import annotations

from features.substances import Match, SubstanceIndex


def resolved(text: str, *, chemical: bool = False) -> Match:
    match = SubstanceIndex.load().resolve(text, chemical=chemical)
    assert match is not None, text
    return match
