"""Descriptions without their amounts, and what amounts would do to the reading."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.goods.amounts import without_amounts
from features.goods.answers import goods_reader


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("acetone 99.5% 160 kg drums x 80", "acetone"),
        ("methanol 99.85% 80 x 160 kg drums", "methanol"),
        ("citric acid 25 kg bags", "citric acid"),
        ("25 kg bag cement", "cement"),
        ("cement 5 kg net", "cement"),
        ("12 pcs shoes", "shoes"),
        ("shoes size 10", "shoes"),
        ("masks, qty 500", "masks,"),
        ("frame 60 x 40 cm", "frame"),
        ("苹果 5公斤", "苹果"),
        ("vis acier 200 pièces", "vis acier"),
        ("гвозди 5 кг", "гвозди"),
    ],
)
def test_amounts_are_left_out(text: str, rest: str) -> None:
    assert without_amounts([text]) == [rest]


@pytest.mark.parametrize(
    "text",
    [
        "leather bags",
        "25 kg",
        "x 80",
        "3 boxes 45 kg",
        "100ml bottle",
        "iphone 12 case",
        "4x4 jeep parts",
        "M30 die",
        "fentanyl 25mcg/h patches",
        "boots p12 purple beauty bag 62",
        "vitamin B12",
        "",
    ],
)
def test_goods_numbers_of_models_and_strengths_stay(text: str) -> None:
    assert without_amounts([text]) == [text]


@given(
    st.lists(
        st.sampled_from(["5", "kg", "x", "80", "pcs", "%", "shoes", "20", "drums", "12.5", "size", "ml/", ",", "套"])
    )
)
def test_a_word_remains_or_the_text_stays(parts: list[str]) -> None:
    text = " ".join(parts)
    [rest] = without_amounts([text])
    assert rest == text or re.search(r"[^\W\d_]{2}", rest)
    assert set(rest.split()) <= set(text.split())


@pytest.mark.parametrize("amount", ["25 kg", "160 kg drums x 80", "12 pcs", "500 g", "qty 5", "3 boxes 45 kg"])
def test_an_amount_changes_neither_vagueness_nor_likely_codes(amount: str) -> None:
    texts = ["acetone", "clothes", "gift", "brake pads", "mens cotton tshirt"]
    alone = goods_reader().classify(texts, [None] * len(texts))
    with_amount = goods_reader().classify([f"{text} {amount}" for text in texts], [None] * len(texts))
    assert [(one.vague, one.chapters) for one in with_amount] == [(one.vague, one.chapters) for one in alone]
    assert [one.vague_flagged for one in with_amount] == [False, True, True, False, False]
