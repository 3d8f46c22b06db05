"""Missing facts of vague texts."""

from __future__ import annotations

import pytest

from features.goods.answers import Missing, missing
from features.texts.folding import words

GOODS, WHOLE, SUBSTANCE, PREPARATION, MATERIAL, USE = Missing


@pytest.mark.parametrize(
    ("text", "chapters", "heading_p", "expected"),
    [
        ("gift", {"48": 0.2, "33": 0.1, "34": 0.1}, 0.2, (GOODS,)),
        ("spare parts", {"84": 0.3, "87": 0.2, "90": 0.1}, 0.2, (GOODS, WHOLE)),
        ("Ersatzteile", {"84": 0.3, "87": 0.1, "90": 0.05}, 0.2, (GOODS, WHOLE)),
        ("chemical powder", {"29": 0.4, "28": 0.2, "39": 0.1}, 0.2, (SUBSTANCE,)),
        ("frozen fish", {"03": 0.8, "16": 0.1, "84": 0.0}, 0.3, (PREPARATION,)),
        ("shirt", {"61": 0.6, "62": 0.3, "63": 0.0}, 0.8, (MATERIAL,)),
        ("kitchen container", {"39": 0.6, "73": 0.3, "76": 0.0}, 0.2, (MATERIAL, USE)),
        ("drinking vessel", {"39": 0.3, "70": 0.2, "73": 0.1}, 0.5, (GOODS, MATERIAL)),
        ("cotton stuff", {"52": 0.4, "63": 0.1, "61": 0.1}, 0.2, (GOODS,)),
        ("electric machine", {"85": 0.6, "84": 0.2, "95": 0.0}, 0.2, (USE,)),
    ],
)
def test_missing_facts_depend_on_the_likely_chapters_and_on_the_heading(
    text: str, chapters: dict[str, float], heading_p: float, expected: tuple[Missing, ...]
) -> None:
    assert missing(words(text), known=True, chapters=tuple(chapters.items()), heading_p=heading_p) == expected


def test_a_text_without_a_known_word_lacks_what_the_goods_are() -> None:
    assert missing(("xqzw",), known=False, chapters=(("84", 0.9),), heading_p=0.9) == (GOODS,)
    assert missing((), known=False, chapters=(), heading_p=0.0) == (GOODS,)
