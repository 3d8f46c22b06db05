"""Helper that resolves a text to the substance that it names."""

from __future__ import annotations

from features.substances import Match, Substances


def resolved(text: str, *, chemical: bool = False) -> Match:
    match = Substances.load().match(text, chemical=chemical)
    assert match is not None, text
    return match
