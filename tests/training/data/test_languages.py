"""Languages of descriptions, by script or by common words."""

from __future__ import annotations

import tomllib

import pytest

from features.table.table import Coded
from training.evaluation.slices import ENGLISH, FILE, NONE, language_of, languages_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("silicone phone case", ENGLISH),
        ("LED lamp E27 12 pcs", ENGLISH),
        ("", ENGLISH),
        ("手机壳", "Chinese characters"),
        ("スマホ ケース", "Japanese"),
        ("휴대폰 케이스", "Korean"),
        ("Запчасти для машины", "Cyrillic"),
        ("phone case 手机", ENGLISH),
        ("Bücher für Kinder", "German"),
        ("REPUESTOS DE COCHE", "Spanish"),
        ("pièces et accessoires neufs pour la maison", "French"),
        ("suliao zhipin", "pinyin"),
    ],
)
def test_a_language_is_recognised_by_script_or_by_words(text: str, language: str) -> None:
    assert language_of(text) == language


def test_each_row_gets_the_language_of_its_text() -> None:
    column = Coded.from_list(["ropa de punto", None, "cup", "ropa de punto", "Strickwaren"])
    assert languages_of(column).tolist() == ["Spanish", NONE, ENGLISH, "Spanish", "German"]


def test_the_word_list_is_plain_ascii_without_duplicates() -> None:
    with FILE.open("rb") as file:
        words = tomllib.load(file)
    for language, texts in words.items():
        assert all(text.isascii() and text.isalpha() and text.islower() for text in texts), language
        assert len(set(texts)) == len(texts), language
