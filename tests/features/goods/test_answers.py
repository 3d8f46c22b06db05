"""Answers about goods descriptions: codes with probabilities, the fit of a declared code, vagueness, language."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from features.goods.answers import EMPTY, GoodsAnswer, GoodsReader, goods_reader
from features.goods.codes import CODES
from features.goods.model import Reading, agreement, goods_model, read_texts
from features.goods.ranking import RANKS, fill_likeliest
from features.goods.scores import FloatArray
from features.texts.cache import TextIndex
from features.texts.folding import folded
from features.texts.words import TokenisedTexts

TEXTS = [
    "mens cotton t-shirt",
    "leather shoes",
    "brake pads",
    "gift",
    "plastic",
    "xqzw",
    "steel pipes 20 mm",
    "手机壳 硅胶",
]


def read(text: str, code: str | None = None) -> GoodsAnswer:
    [answer] = goods_reader().classify([text], [code])
    return answer


def reading_of(texts: list[str]) -> Reading:
    tokens = TokenisedTexts(texts, folded, TextIndex(1000))
    model = goods_model()
    rows = np.zeros((tokens.slots.room, model.width + 2))
    slots = np.asarray(tokens.slots.slots)
    rows[slots] = model.word_rows(tokens.pieces)
    return read_texts(model, tokens, rows)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("mens cotton tshirt", "6109"),
        ("MEN'S COTTON TSHIRT, 3 PCS", "6109"),
        ("leather shoes", "64"),
        ("connecting rods for engines", "84"),
        ("silicone phone case", "3926"),
        ("男式棉T恤", "61"),
        ("camiseta de algodón para hombre", "6109"),
        ("chaussures en cuir", "64"),
        ("Lederschuhe für Damen", "64"),
    ],
)
def test_the_likeliest_code_is_that_of_the_goods(text: str, code: str) -> None:
    answer = read(text)
    likeliest = answer.chapters if len(code) == 2 else answer.headings
    assert likeliest[0].code == code


def test_each_level_has_three_codes_likeliest_first_and_subheadings_of_the_likeliest_headings() -> None:
    for answer in goods_reader().classify(TEXTS, [None] * len(TEXTS)):
        for level, digits in ((answer.chapters, 2), (answer.headings, 4), (answer.subheadings, 6)):
            assert [len(one.code) for one in level] == [digits] * 3
            assert [one.p for one in level] == sorted((one.p for one in level), reverse=True)
            assert 0.0 <= sum(one.p for one in level) <= 1.0
        share = {one.code: one.p for one in (*answer.chapters, *answer.headings)}
        for one in (*answer.headings, *answer.subheadings):
            assert one.p <= share.get(one.code[:-2], 1.0) + 1e-6
        assert {one.code[:4] for one in answer.subheadings} <= {one.code for one in answer.headings}


def conditional(
    vector: FloatArray, matrix: NDArray[np.float32], children: NDArray[np.intp], scale: float
) -> FloatArray:
    """Return the softmax over some codes."""
    scores = scale * (matrix[children, :-1].astype(np.float64) @ vector + matrix[children, -1])
    shares: FloatArray = np.exp(scores - scores.max())
    return np.asarray(shares / shares.sum(), dtype=np.float64)


def test_probabilities_equal_those_computed_for_each_heading() -> None:
    model, reading = goods_model(), reading_of(TEXTS)
    weights, settings = model.weights, model.settings
    ids = np.empty((len(TEXTS), 3 * RANKS), dtype=np.int32)
    shares = np.empty(ids.shape)
    fill_likeliest(reading.vectors, reading.chapters, reading.doubt, model, ids, shares)
    of_chapter = reading.chapter_probabilities(model)
    for row in range(len(TEXTS)):
        vector, doubt = reading.vectors[row].astype(np.float64), reading.doubt[row]
        expected = np.empty(len(CODES.names[1]))
        for chapter in range(len(CODES.names[0])):
            children = np.flatnonzero(CODES.parents[1] == chapter)
            by_words = conditional(vector, weights.headings, children, settings.heading_scale)
            prior = weights.heading_prior[children]
            mixed = (1.0 - settings.heading_doubt) * by_words + settings.heading_doubt * prior
            read_share = (1.0 - doubt) * reading.chapters[row, chapter]
            expected[children] = read_share * mixed + doubt * weights.chapter_prior[chapter] * prior
        assert expected.sum() == pytest.approx(1.0, abs=1e-4)
        order = np.argsort(-expected, kind="stable")[:RANKS]
        assert shares[row, RANKS : 2 * RANKS] == pytest.approx(expected[order], abs=1e-5)
        assert sorted(of_chapter[row])[: -RANKS - 1 : -1] == pytest.approx(shares[row, :RANKS].tolist(), abs=1e-9)
        assert expected[ids[row, RANKS : 2 * RANKS]] == pytest.approx(expected[order], abs=1e-6)
        below = np.flatnonzero(np.isin(CODES.parents[2], ids[row, RANKS : 2 * RANKS]))
        assert shares[row, 2 * RANKS :].sum() <= expected[order].sum() + 1e-6
        assert set(ids[row, 2 * RANKS :].tolist()) <= set(below.tolist())


def test_a_code_fits_or_is_contradicted_by_the_words() -> None:
    fits, contradicted = read("brake pads", "8708"), read("brake pads", "080510")
    assert fits.code_fit is not None
    assert contradicted.code_fit is not None
    assert fits.code_fit > 1.0 > goods_model().settings.contradicted > contradicted.code_fit
    assert (fits.code_contradicted, contradicted.code_contradicted) == (False, True)
    assert contradicted.chapters == fits.chapters


def test_the_fit_is_the_sum_of_chapter_and_heading_and_national_digits_do_not_count() -> None:
    reading = reading_of(["brake pads"])
    pair = np.array([CODES.numbers("8708")[:2]], dtype=np.int32)
    both = agreement(goods_model(), reading, np.zeros(1, dtype=np.int32), pair)
    assert read("brake pads", "8708").code_fit == pytest.approx(both.sum(), abs=1e-4)
    assert read("brake pads", "8708309990").code_fit == read("brake pads", "8708").code_fit


@pytest.mark.parametrize("code", [None, "9901", "7701"])
def test_without_a_chapter_of_hs_2022_there_is_no_fit(code: str | None) -> None:
    answer = read("brake pads", code)
    assert (answer.code_fit, answer.code_contradicted) == (None, None)


def test_a_text_without_words_neither_supports_nor_contradicts_a_code() -> None:
    answer = read("12345 / 678", "610910")
    assert (answer.code_fit, answer.code_contradicted) == (0.0, False)
    assert (answer.chapters, answer.vague, answer.missing) == ((), 1.0, ("what the goods are",))


@pytest.mark.parametrize("text", ["gift", "samples", "parts", "household goods"])
def test_a_generic_text_is_vague(text: str) -> None:
    answer = read(text)
    assert answer.vague_flagged
    assert "what the goods are" in answer.missing


@pytest.mark.parametrize(
    "text", ["mens cotton t-shirt", "leather shoes", "silicone phone case", "hydraulic brake hose for trucks"]
)
def test_a_clear_text_is_not_vague_and_lacks_nothing(text: str) -> None:
    answer = read(text)
    assert not answer.vague_flagged
    assert answer.missing == ()


@pytest.mark.parametrize("text", ["", "  ", "\n\u3000"])
def test_an_empty_text_has_an_empty_answer_and_is_vague(text: str) -> None:
    assert read(text, "610910") is EMPTY
    assert (EMPTY.vague, EMPTY.code_fit, EMPTY.language, EMPTY.chapters) == (1.0, None, None, ())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("mens cotton t-shirt", "en"),
        ("camiseta de algodón para hombre", "es"),
        ("chaussures en cuir pour hommes", "fr"),
        ("Bremsbeläge für Autos", "de"),
        ("手机壳", "zh"),
        ("綿のTシャツ", "ja"),
        ("면 티셔츠", "ko"),
        ("мужская футболка", "ru"),
        ("δερμάτινα παπούτσια", "el"),
        ("brake pads 10 kΩ", "en"),
        ("cotton t-shiрt", "en"),
        ("xqzw", None),
        ("12345", None),
    ],
)
def test_the_language_is_guessed_by_script_and_words(text: str, language: str | None) -> None:
    assert read(text).language == language


def test_an_answer_does_not_depend_on_other_texts_or_on_earlier_ones() -> None:
    texts = [*TEXTS, *(f"{first} {second}" for first in TEXTS for second in TEXTS)] * 40
    codes = [None, "8708", "610910"] * (len(texts) // 3)
    texts = texts[: len(codes)]
    together = goods_reader().classify(texts, codes)
    # A reader whose cache of words is too small for the texts.
    forgetful = GoodsReader(goods_model(), words=4)
    for at in range(0, len(texts), 97):
        assert forgetful.classify([texts[at]], [codes[at]]) == [together[at]]
