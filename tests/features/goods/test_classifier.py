"""The bundled goods model, used as the feature group uses it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.goods.codes import CODES
from features.goods.model import GoodsModelError, Reading, agreement, goods_model, read, read_texts, write
from features.texts.cache import TextIndex
from features.texts.folding import folded
from features.texts.words import TokenisedTexts

MODEL = goods_model()


def reading_of(texts: list[str]) -> Reading:
    tokens = TokenisedTexts(texts, folded, TextIndex(10_000))
    rows = np.zeros((tokens.slots.room, MODEL.width + 2))
    new = tokens.slots.new
    if new:
        rows[np.asarray(tokens.slots.slots)[new]] = MODEL.word_rows([tokens.pieces[at] for at in new])
    return read_texts(MODEL, tokens, rows)


def fit(text: str, code: str) -> float:
    chapter, heading, _ = CODES.numbers(code)
    ratios = agreement(MODEL, reading_of([text]), np.zeros(1, np.int32), np.array([[chapter, heading]], np.int32))
    return float(ratios.sum())


def likeliest(text: str) -> str:
    return CODES.names[0][int(reading_of([text]).chapter_probabilities(MODEL)[0].argmax())]


@pytest.mark.parametrize(
    ("text", "chapter"),
    [
        ("titanium dioxide pigment", "32"),
        ("printing ink", "32"),
        ("leather shoes", "64"),
        ("boots p12 purple", "64"),
        ("men_chelsea_slip_on_boots", "64"),
        ("camiseta de algodón para hombre", "61"),
        ("chaussures en cuir", "64"),
        ("Fahrradreifen aus Kautschuk", "40"),
        ("连衣裙", "62"),
        ("mobile phone", "85"),
        ("chocolate", "18"),
        ("shampoo", "33"),
    ],
)
def test_ordinary_goods_have_their_chapter_in_five_languages(text: str, chapter: str) -> None:
    assert likeliest(text) in ({"61", "62"} if chapter in ("61", "62") else {chapter})


@pytest.mark.parametrize(
    ("text", "code"), [("titanium dioxide pigment", "320611"), ("printing ink", "321519"), ("shoes", "640399")]
)
def test_a_right_code_is_not_contradicted(text: str, code: str) -> None:
    assert fit(text, code) > MODEL.settings.contradicted
    assert fit(text, code) > 0.0


@pytest.mark.parametrize(
    ("text", "code"), [("leather shoes", "080510"), ("brake pads", "293339"), ("chocolate", "8471")]
)
def test_a_code_of_other_goods_is_contradicted(text: str, code: str) -> None:
    assert fit(text, code) < MODEL.settings.contradicted


@pytest.mark.parametrize(
    ("text", "near", "far"), [("cotton trousers", "610342", "847130"), ("plastic cups", "701337", "010121")]
)
def test_a_neighbouring_code_fits_better_than_a_distant_one(text: str, near: str, far: str) -> None:
    assert fit(text, near) > fit(text, far)


@pytest.mark.parametrize("text", ["", "12345", "7"])
def test_a_text_without_words_has_a_doubt_of_1_and_is_vague(text: str) -> None:
    reading = reading_of([text])
    assert reading.doubt.tolist() == [1.0]
    assert reading.vague.tolist() == [1.0]
    assert fit(text, "640399") == pytest.approx(0.0, abs=1e-6)


def test_unknown_words_raise_the_doubt() -> None:
    doubts = reading_of(["zqxvkj wqpzt", "cotton trousers"]).doubt
    assert doubts[0] > 2.0 * doubts[1]


def test_the_contradiction_is_bounded_by_doubt() -> None:
    reading = reading_of(["leather shoes"])
    assert fit("leather shoes", "010121") >= math.log(float(reading.doubt[0])) - 1e-6


UNLIKE_CODES = "610910 640399 080510 180690 293339 300490 392690 711319 847130 870830 901890 950300"
BRANDS = """
    gucci prada versace burberry lacoste adidas asics skechers birkenstock samsung xiaomi huawei lenovo logitech garmin bosch makita
    husqvarna nestle haribo ferrero danone heinz maybelline shiseido lancome clarins pfizer novartis toyota hyundai brembo michelin
    hasbro playmobil mattel ravensburger tefal philips rolex casio swarovski samsonite ikea
"""
VAGUE = """
    sample;samples;gift;goods;parts;spare parts;accessories;various goods;personal effects;general cargo;commercial sample;
    birthday present;documents;equipment;materials;muestra;repuestos;efectos personales;échantillon;cadeau;effets personnels;Muster;
    Geschenk;Ware;Ersatzteile;样品;礼物;配件;零件
"""
INVENTED = "velmora;zorvex;kaspiro;oxyvita;tarquin;lumipro;quorbit;puravelle;dentavio;vzkrpt;xqolm werzuk"


@pytest.mark.parametrize(
    "texts", [BRANDS.split(), VAGUE.split(";"), INVENTED.split(";")], ids=["brands", "vague", "invented"]
)
def test_brands_vague_words_and_unknown_words_neither_support_nor_contradict_a_code(texts: list[str]) -> None:
    assert [(text, code) for text in texts for code in UNLIKE_CODES.split() if fit(text.strip(), code) != 0.0] == []


@pytest.mark.parametrize("text", ["gucci leather shoes", "velmora leather shoes", "adidas running shoes"])
def test_a_brand_or_an_unknown_word_does_not_hide_what_the_other_words_say(text: str) -> None:
    assert fit(text, "640399") > 0.0
    assert fit(text, "080510") < MODEL.settings.contradicted


@pytest.mark.parametrize(("text", "code"), [("蓝牙耳机", "851830"), ("玻璃花瓶", "701399"), ("羊毛围巾", "621420")])
def test_goods_named_inside_a_text_without_spaces_contradict_other_codes(text: str, code: str) -> None:
    assert fit(text, "080510") < MODEL.settings.contradicted
    assert fit(text, code) > MODEL.settings.contradicted


@given(st.text(max_size=40), st.sampled_from(CODES.names[1]))
def test_a_silent_text_has_a_fit_of_exactly_0(text: str, code: str) -> None:
    reading = reading_of([text])
    if reading.silent[0]:
        assert fit(text, code) == 0.0
    else:
        assert reading.vague[0] < MODEL.settings.vague_flagged


def test_vague_words_are_vaguer_than_precise_ones() -> None:
    vague = reading_of(
        ["gift", "sample", "goods", "parts", "connecting rods for diesel engines", "ceramic coffee mugs"]
    ).vague
    assert vague[:4].min() > vague[4:].max()


@given(st.lists(st.text(max_size=40), min_size=2, max_size=6))
def test_the_reading_of_a_text_does_not_depend_on_other_texts(texts: list[str]) -> None:
    together = reading_of(texts)
    for at, text in enumerate(texts):
        alone = reading_of([text])
        for name in ("vectors", "chapters", "doubt", "vague"):
            assert getattr(alone, name)[0].tobytes() == getattr(together, name)[at].tobytes()


@given(st.text(max_size=60), st.sampled_from(CODES.names[1]))
def test_every_text_and_code_give_finite_numbers(text: str, code: str) -> None:
    reading = reading_of([text])
    probabilities = reading.chapter_probabilities(MODEL)
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-4)
    assert math.isfinite(fit(text, code))
    assert 0.0 <= reading.vague[0] <= 1.0


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    write(tmp_path, MODEL.arrays, MODEL.settings)
    assert read(tmp_path).digest == MODEL.digest
    (tmp_path / "grams.npy").write_bytes(b"damaged")
    with pytest.raises(GoodsModelError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["grams", "word_vectors", "word_names", "chapters", "heading_prior", "declared"])
def test_a_model_whose_arrays_do_not_fit_each_other_is_refused_by_name(tmp_path: Path, name: str) -> None:
    array = MODEL.arrays[name]
    damaged = array[..., :-1] if name in ("chapters", "declared") else array[:-1]
    write(tmp_path, {**MODEL.arrays, name: damaged}, MODEL.settings)
    with pytest.raises(GoodsModelError, match="damaged"):
        read(tmp_path)


def test_a_model_with_too_many_coefficients_is_refused(tmp_path: Path) -> None:
    write(tmp_path, MODEL.arrays, replace(MODEL.settings, vague=(*MODEL.settings.vague, 0.0)))
    with pytest.raises(GoodsModelError, match="damaged: vague do not fit"):
        read(tmp_path)


def test_the_arrays_of_the_model_take_at_most_25_megabytes() -> None:
    assert sum(array.nbytes for array in MODEL.arrays.values()) <= 25_000_000
