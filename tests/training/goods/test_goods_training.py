"""Training of the goods classifier on small corpora."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path

import numpy as np
import pytest

from features.goods.codes import CODES
from features.goods.model import GoodsModel
from training.goods import fitting
from training.goods.__main__ import measure, measure_vague
from training.goods.calibrating import Sample, calibrate, fit_vagueness, set_contradicted
from training.goods.fitting import Fitted, Settings, arrays_of, fit, naming_words, neutral
from training.goods.tables import UK, WORDS, Corpus, Row, is_of, kinds_of_sources, read_rows, source_facts

SETTINGS = Settings(buckets=1 << 12, learned=8, fixed=4, epochs=4)
GOODS = {
    "640399": "leather shoes boots sandals",
    "610910": "cotton shirt tshirt jersey",
    "870830": "brake pads discs vehicle",
    "180690": "chocolate cocoa bar truffles",
    "851713": "mobile phone smartphone handset",
}


def rows(source: str, seed: int, count: int = 60) -> list[Row]:
    """Return rows of two words each of the goods."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        for code, text in GOODS.items():
            words = tuple(rng.permutation(text.split())[:2].tolist())
            drawn.append(Row(source, "en", code, words))
    return drawn


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus([*rows("first", 1), *rows("second", 2)], SETTINGS.buckets)


def fitted(corpus: Corpus, source: str) -> tuple[np.ndarray, Fitted]:
    numbers = np.flatnonzero([is_of(row, source) for row in corpus.rows])
    vectors = np.random.default_rng(0).normal(size=(len(corpus.vocabulary), SETTINGS.fixed)).astype(np.float32)
    return numbers, fit(corpus, numbers, vectors, SETTINGS)


@pytest.fixture(scope="module")
def sample(corpus: Corpus) -> Sample:
    numbers, result = fitted(corpus, "first")
    other = np.flatnonzero(corpus.source == "second")
    texts = [" ".join(corpus.rows[at].words) for at in other.tolist()]
    return Sample(
        arrays_of(corpus, numbers, result), texts, corpus.labels[other], np.full(len(other), 1.0 / len(other))
    )


def test_an_uncompiled_fit_gives_nearly_the_same_weights(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(fitting.__file__).with_name("descent.py")
    loader = SourceFileLoader("uncompiled_descent", str(source))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    plain = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, loader.name, plain)
    loader.exec_module(plain)

    numbers = np.arange(0, len(corpus.rows), 20)
    vectors = np.random.default_rng(0).normal(size=(len(corpus.vocabulary), SETTINGS.fixed)).astype(np.float32)
    settings = replace(SETTINGS, epochs=2)
    compiled = fit(corpus, numbers, vectors, settings)
    monkeypatch.setattr(fitting, "descend", plain.descend)
    other = fit(corpus, numbers, vectors, settings)
    assert np.abs(compiled.codes[0]).max() > 0.01
    np.testing.assert_allclose(other.grams, compiled.grams, atol=1e-4)
    for level in range(3):
        np.testing.assert_allclose(other.codes[level], compiled.codes[level], atol=1e-4)


def test_a_second_fit_gives_the_same_weights(corpus: Corpus) -> None:
    one, other = fitted(corpus, "first")[1], fitted(corpus, "first")[1]
    assert one.grams.tobytes() == other.grams.tobytes()
    assert all(a.tobytes() == b.tobytes() for a, b in zip(one.codes, other.codes, strict=True))


def test_learns_goods_and_calibrates_on_another_source(sample: Sample) -> None:
    settings, declared = calibrate([sample], neutral(SETTINGS.learned + SETTINGS.fixed))
    settings, grams = fit_vagueness([sample], [["gift", "sample", "parts", "goods", "various"] * 6], settings)
    arrays = {"declared": declared, "vague_grams": grams.astype(np.float16)}
    settings = set_contradicted([sample], settings, arrays)
    model = GoodsModel({**sample.arrays, **arrays}, settings, "")
    measures = measure(model, sample.texts, sample.labels)
    assert measures["chapter_top_1"] > 0.95
    assert measures["roc_auc"] > 0.95
    assert measures["correct_code_flagged"] <= 0.05
    assert measure_vague(model, ["gift", "parts"], sample.texts)["roc_auc"] > 0.9
    assert np.asarray(declared, dtype=np.float64).sum(axis=1) == pytest.approx(1.0, abs=0.02)


def test_wrong_labels_make_calibrated_probabilities_smaller(sample: Sample) -> None:
    rng = np.random.default_rng(3)
    labels = sample.labels.copy()
    wrong = rng.random(len(labels)) < 0.4
    labels[wrong] = labels[rng.permutation(len(labels))][wrong]
    neutral_settings = neutral(SETTINGS.learned + SETTINGS.fixed)
    sure, _ = calibrate([sample], neutral_settings)
    unsure, _ = calibrate([Sample(sample.arrays, sample.texts, labels, sample.weight)], neutral_settings)
    p = [
        measure(GoodsModel(sample.arrays, settings, ""), sample.texts, sample.labels)["probability_of_chapter"]
        for settings in (sure, unsure)
    ]
    assert p[0] > p[1] + 0.1


def test_rare_codes_of_unlike_goods_stay_flagged(sample: Sample) -> None:
    # A fifth of the texts on chocolate have the code of shirts.
    labels = sample.labels.copy()
    chocolate, shirts = (np.flatnonzero(labels[:, 0] == CODES.numbers(code)[0]) for code in ("18", "61"))
    labels[chocolate[::5]] = labels[shirts[0]]
    careless = Sample(sample.arrays, sample.texts, labels, sample.weight)
    _, declared = calibrate([careless], neutral(SETTINGS.learned + SETTINGS.fixed))
    assert np.diagonal(declared).tolist() == [1.0] * len(declared)


def test_words_of_one_text_only_are_unknown(corpus: Corpus) -> None:
    rare = Corpus([*corpus.rows, Row("first", "en", "640399", ("espadrilles",))], SETTINGS.buckets)
    numbers, result = fitted(rare, "first")
    model = GoodsModel(arrays_of(rare, numbers, result), neutral(SETTINGS.learned + SETTINGS.fixed), "")
    known = model.word_rows(["espadrilles", "shoes"])[:, model.width]
    assert known.tolist() == [0.0, 1.0]


def test_brands_words_of_shops_and_words_without_content_do_not_name_goods() -> None:
    tariff = [row for row in rows("tariff", 1) for _ in range(2)]
    brands = [Row("own_brands", "en", "640399", (brand,)) for brand in ("clarks", "chocolate", "horn")]
    shop = [Row("products", "en", "640399", ("clarks", "wallabee"))]
    filler = [replace(row, words=(*row.words, "other")) for row in tariff]
    horn = [Row("tariff", "en", "180690", ("horn",))]
    parcels = [Row(f"{UK}/parcel", "en", "640399", ("zw",)), Row(f"{UK}/index_term", "en", "640399", ("clogs",))]
    headline = [Row("tariff", "fr", "610910", ("effets", "personnels")), Row("tariff", "fr", "610910", ("chemises",))]
    corpus = Corpus([*filler, *brands, *shop, *horn, *parcels, *headline], SETTINGS.buckets)
    vague = [
        Row("vague", "en", "", ("handset",)),
        Row("vague", "en", "", ("vehicle", "discs")),
        Row("vague", "fr", "", ("effets", "personnels")),
    ]
    names = naming_words(corpus, np.arange(len(corpus.rows)), vague)
    not_names = {word for word, number in corpus.vocabulary.items() if not names[number]}
    # "chocolate" is a brand and an ordinary word; "horn" is rare as an ordinary word. "effets" is rare and part of a vague text.
    assert not_names == {"clarks", "wallabee", "zw", "other", "handset", "horn", "effets", "personnels"}
    # Without the rows of the tariff, nothing tells ordinary words from brands.
    assert not naming_words(corpus, np.flatnonzero(corpus.source == "products"), []).any()


class TestTables:
    def test_every_table_has_its_facts(self) -> None:
        facts = source_facts()
        names = {path.name.split(".")[0] for path in WORDS.glob("*.csv*")}
        assert names == set(facts)
        assert all({"kind", "publisher", "licence", "date", "found"} <= set(fact) for fact in facts.values())
        assert sorted(name for names in kinds_of_sources().values() for name in names) == sorted(facts)

    @pytest.mark.long
    def test_codes_are_those_of_the_nomenclature(self) -> None:
        table = read_rows()
        assert len(table) > 100_000
        assert all(
            CODES.numbers(row.code)[len(row.code) // 2 - 1] >= 0
            for row in table[::97]
            if row.code and "uk_" not in row.source
        )

    @pytest.mark.long
    def test_the_five_languages_reach_nearly_every_heading(self) -> None:
        headings: dict[str, set[str]] = {}
        for row in read_rows():
            if len(row.code) >= 4:
                headings.setdefault(row.language, set()).add(row.code[:4])
        assert all(len(headings[language]) > 0.95 * len(CODES.names[1]) for language in ("en", "es", "fr", "de", "zh"))
