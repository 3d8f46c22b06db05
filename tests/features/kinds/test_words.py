"""Words and phrases of kinds."""

from __future__ import annotations

import pytest

from features.kinds.parties import PARTY_KINDS
from features.kinds.words import KindWords

CHEMICAL, NONE = 1, 0


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("example new material", CHEMICAL),
        ("\u793a\u4f8b new material", CHEMICAL),
        ("example", NONE),
        ("\u793a\u4f8b", NONE),
    ],
)
def test_phrases_are_found_in_texts_of_any_script(text: str, kinds: int) -> None:
    assert KindWords(PARTY_KINDS, {"chemical": CHEMICAL}).inside(text) == kinds


def test_phrases_in_other_scripts_are_found() -> None:
    words = KindWords(PARTY_KINDS, {"chemical": CHEMICAL})
    phrases = words.sections["chemical"]["anywhere"]
    assert not any(map(str.isascii, phrases))
    assert all(words.inside(f"x {phrase} x") == CHEMICAL for phrase in phrases)


def test_without_sections_no_phrase_is_found() -> None:
    assert KindWords(PARTY_KINDS, {}).inside("new material") == NONE
