"""Description and classification features: equal to plain pattern searches, and equal for one row and for many."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.groups.base import Group
from features.groups.classification import ClassificationColumn, ClassificationGroup
from features.groups.description.columns import FEATURES, DescriptionColumn
from features.groups.description.group import _OF_ANY, _PATTERNS, DescriptionGroup
from features.reference import stop_words
from features.table.table import Coded, ManifestTable
from tests.effort import examples

NO_HISTORY = np.empty((0, 0))
GOODS = [
    ("cotton t-shirt men", "610910"),
    ("phone case silicone", "3926909790"),
    ("leather running shoes", "640399"),
    ("citric acid powder 99.5 % food grade", "291814"),
    ("4-methoxybenzyl chloride reagent", "290930"),
    ("TDP 5 tablet press", "847989"),
    ("棉质男士短袖衬衫", "610510"),
    (None, "999999"),
    ("spare parts", None),
]
Row = tuple[str | None, str | None]


def table(rows: list[Row]) -> ManifestTable:
    n = len(rows)
    columns: dict[str, Sequence[str | None]] = {
        "shipment_id": [f"S{i}" for i in range(n)],
        "declared_at": ["2026-03-01"] * n,
        "goods_description": [row[0] for row in rows],
        "hs_code": [row[1] for row in rows],
        "declared_chemical": ["aniline" if i % 3 == 0 else None for i in range(n)],
    }
    return ManifestTable.from_columns({k: Coded.from_list(v) for k, v in columns.items()}, n, receipt=1_780_000_000)


@pytest.fixture(scope="module", params=[DescriptionGroup, ClassificationGroup])
def group(request: pytest.FixtureRequest) -> Group:
    fitted: Group = request.param()
    fitted.fit(table([GOODS[i % len(GOODS)] for i in range(400)]))
    return fitted


_WORDS = st.sampled_from([*" ".join(text for text, _ in GOODS if text).split(), "zylophant", "12", "CAS 50-00-0"])
_TEXTS = st.one_of(st.none(), st.lists(_WORDS, min_size=1, max_size=12).map(" ".join))
_CODES = st.one_of(
    st.none(), st.sampled_from([code for _, code in GOODS if code]), st.sampled_from(["77", "61", "3926"])
)


@given(st.lists(st.tuples(_TEXTS, _CODES), min_size=1, max_size=20))
@examples(60)
def test_single_rows_and_bulk_have_equal_features_to_the_last_bit(group: Group, rows: list[Row]) -> None:
    whole = table(rows)
    fresh = type(group)()
    data, arrays = group.state()
    # A restored group has an empty cache.
    fresh.restore(json.loads(json.dumps(data)), arrays)
    together = fresh.transform(whole, NO_HISTORY)
    for i in range(len(rows)):
        alone = group.transform(whole.take(np.array([i])), NO_HISTORY)
        np.testing.assert_array_equal(alone[0], together[i])


def test_a_second_fit_replaces_the_first() -> None:
    text = "leather running shoes"
    refitted, fitted_once = DescriptionGroup(), DescriptionGroup()
    refitted.fit(table([("cotton dress", "620442")] * 9))
    assert refitted.transform(table([(text, None)]), NO_HISTORY)[0, DescriptionColumn.DESCRIPTION_UNKNOWN_WORDS] == 1.0
    refitted.fit(table([(text, "640399")] * 9))
    fitted_once.fit(table([(text, "640399")] * 9))
    actual, expected = (one.transform(table([(text, None)]), NO_HISTORY) for one in (refitted, fitted_once))
    np.testing.assert_array_equal(actual, expected)
    assert refitted.transform(table([(text, None)]), NO_HISTORY)[0, DescriptionColumn.DESCRIPTION_UNKNOWN_WORDS] == 0.0


def described(text: str) -> dict[str, float]:
    values = DescriptionGroup().transform(table([(text, None)]), NO_HISTORY)[0].tolist()
    return {feature.name.removeprefix("description_"): value for feature, value in zip(FEATURES, values, strict=True)}


_PLAIN_SEARCHES = {
    "chemical_words": r"\w*(?:piperid|pyrid|benz[oy]|phen[yo]|fluoro|chloro|bromo|methyl|ethyl|propyl|butyl|acetyl|propion|anilin|"
    r"amid[eo]\b|amine\b|oxide\b|chlorid|bromid|sulfat|sulphat|phosphat|carbonat|hydroxid|nitrat|stearat|citrat|ketone\b|"
    r"idone\b|anhydrid)\w*",
    "grade": r"\b(?:9[0-9](?:\.\d+)? ?%|reagent|intermediate|r&d|research|lab(?:oratory)?|analytical|standard|purity|crystal\w*|"
    r"powder|raw material|sample)\b|9[0-9](?:\.\d+)?%",
    "medicine": r"\b(?:tablets?|capsules?|injection|medic\w*|pharma\w*|ampoules?|patch(?:es)?|drug|opioid|analg\w*)\b",
    "tooling": r"\b(?:press|punch\w*|dies?|mou?lds?|tooling|stamp\w*|"
    r"(?:candy|milk tablet) (?:maker|making|tools?|sets?|parts?)|spare parts?|machine)\b",
    "equipment": r"\b(?:tablet|pill|capsule|tdp ?\d?)\b.{0,24}\b(?:press\w*|machine|die|dies|mou?lds?|punch\w*|fill\w*|maker)\b|"
    r"(?<!french )\b(?:press(?!ed\b)\w*|punch\w*|die|dies|mou?lds?|stamp)\b.{0,24}\b(?:tablet|pill|capsule|tdp)"
    r"(?!s? ?(?:stand|holder|mount|case|cover|sleeve|bag|pc|computer|pen)\b)\w*|"
    r"\b(?:ta(?:bl?e?l?t|belt)s?|caps?ul\w*|pil+s?)\b.{0,12}\b(?:pres(?!s?ed\b)\w*|fil+(?:ing|er)\w*|mou?ld\w*)|"
    r"(?<!french )\b(?:press?e?|prensa|pressa|prasa|pres|pers|press[eo]r?)\b.{0,16}"
    r"\b(?:comprim\w+|compress[ei]\b|tablet(?!s? ?(?:stand|holder|mount|case|cover|sleeve|bag|pc|computer|pen)\b)\w*|"
    r"tabletek|kapsul\w*|pastil\w*|pillol\w*)|"
    r"\bmatri[cz]\w+.{0,20}\b(?:comprim\w+|tablet\w*)|\bmay dap vien\b|"
    r"\bencapsul\w*|\bpunch(?:es)? (?:and|&) dies?\b",
    "cas": r"\b\d{2,7}-\d{2}-\d\b",
}
_COUNTED = ("chemical_words", "grade")
_NOT_CHEMICAL = r"\b(?:polyamid\w*|phone\w*|phenom\w*|propaganda|benzin\w*|vitamin\w*|ceramid\w*)\b"
_PHRASES = (
    "piperidine;pyridoxine;benzyl;phenyl;phones;phone;polyamide;amides;amide;amine;amines;oxide;oxides;ketones;ketone;idone;"
    "pyrrolidone;vitamins;vitaminc;ceramide;benzine;citrate;98%;99.5%;99 %;99 %x;95% r&d;r&d;raw material;raw materials;lab;labs;"
    "laboratory;standard;crystals;powder;powders;sample;samples;reagent;intermediate;research;analytical;purity;"
    "tablet press;pill die;capsule filler;tdp 5 machine;tdp5 mould;dies for tablets;punch tdp;stamp pills;tablet;tablets;press;"
    "tabelt press;capsul filing;prensa de comprimidos;matriz para tabletas;presse;prasa;comprimidos;pills;filler;may dap vien;"
    "machine;machines;die;dies;mold;moulds;punch and die;punches & dies;encapsulation;tooling;stamped;candy;milk tablet;"
    "spare parts;spare part;spare;milk;medical;pharmacy;patch;patches;drug;drugs;opioid;analgesic;injection;ampoule;50-00-0;"
    "150-00-01;12-34;dress;of;for the"
)
_TEXT_PHRASES = _PHRASES.split(";")


@pytest.mark.parametrize("text", _TEXT_PHRASES)
def test_columns_of_one_phrase_agree_with_pattern_searches(text: str) -> None:
    _compare_with_plain_searches(text)


@given(st.lists(st.sampled_from(_TEXT_PHRASES), min_size=1, max_size=7), st.sampled_from([" ", "-", ", ", "_", "/"]))
@examples(400)
def test_columns_of_several_phrases_agree_with_pattern_searches(words: list[str], joint: str) -> None:
    _compare_with_plain_searches(joint.join(words))


@given(
    st.sampled_from(" ".join(_TEXT_PHRASES).split()),
    st.sampled_from(["", "s", "nitro", "phenyl"]),
    st.text("aelnrst", max_size=3),
)
def test_a_token_that_the_joined_pattern_rejects_matches_no_pattern(word: str, added: str, ending: str) -> None:
    token = word + added + ending
    separate = [
        *(_PATTERNS[section]["token"] for section in _PATTERNS if "token" in _PATTERNS[section]),
        _PATTERNS["medicine"]["pattern"],
    ]
    assert (_OF_ANY.fullmatch(token) is not None) == any(one.fullmatch(token) is not None for one in separate)


def _compare_with_plain_searches(text: str) -> None:
    found = described(text)
    for name, pattern in _PLAIN_SEARCHES.items():
        searched = re.sub(_NOT_CHEMICAL, " ", text) if name == "chemical_words" else text
        if name == "grade":
            searched = re.sub(_PATTERNS["named_powder"]["pattern"], " ", text)
        count = len(re.findall(pattern, searched))
        if name == "equipment":
            # The model name of a tablet press counts on its own.
            count += len(re.findall(r"\btdp[0156]?\b", text))
        assert found[name] == (count if name in _COUNTED else min(count, 1)), name


@pytest.mark.parametrize(
    "text",
    [
        "french press coffee maker, tablet stand",
        "pressed leather tablet case",
        "M30 blues pressed oxy pills",
        "pills, pressed",
    ],
)
def test_things_for_tablet_computers_and_pressed_pills_are_no_tablet_presses(text: str) -> None:
    assert described(text)["equipment"] == 0.0


@pytest.mark.parametrize("term", sorted(stop_words())[::7])
def test_stop_words_are_found_alone_and_within_a_text(term: str) -> None:
    assert described(term.upper())["stop_word"] == 1.0
    assert described(f"zylophant, {term} 12")["stop_word"] == 0.5
    assert described(f"{term}zylophant wrontz")["stop_word"] in (0.0, 0.5)


def test_a_text_without_information_is_uninformative() -> None:
    assert [described(text)["uninformative"] for text in ("123 456", "aaaa", "???", "cotton dress")] == [
        1.0,
        1.0,
        1.0,
        0.0,
    ]


def test_a_book_about_presses_is_not_a_press() -> None:
    texts = ("TABLET PRESS STUDY BOOK", "Lehrbuch Tablettenpresse", "tablet press poster A3")
    presses = (
        "tablet press with handbook",
        "tablet press, manual",
        "tablet press for books",
        "pill die mould, booklet",
    )
    matrix = DescriptionGroup().transform(table([(text, "490199") for text in (*texts, *presses)]), NO_HISTORY)
    found = matrix[:, DescriptionColumn.DESCRIPTION_EQUIPMENT].tolist()
    assert found == [0.0] * len(texts) + [1.0] * len(presses)
    assert matrix[: len(texts), DescriptionColumn.DESCRIPTION_TOOLING].tolist() == [0.0] * len(texts)


def test_the_code_of_a_general_reagent_is_no_code_of_precursors() -> None:
    matrix = ClassificationGroup().transform(table([("goods", code) for code in ("292141", "293339")]), NO_HISTORY)
    assert matrix[:, ClassificationColumn.HS_PRECURSOR].tolist() == [0.0, 1.0]


def test_a_cas_number_makes_generic_words_precise() -> None:
    texts = ("organic intermediate powder", "organic intermediate powder, CAS 103-84-4")
    matrix = DescriptionGroup().transform(table([(text, None) for text in texts]), NO_HISTORY)
    generic, precise = matrix[:, DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY].tolist()
    assert generic > 0.0
    assert precise == 0.0


def test_a_powder_of_a_named_kind_is_no_chemistry_in_general_words() -> None:
    texts = (
        "cosmetic powder sample",
        "化妝粉樣品 face powder",
        "milk powder 25 kg",
        "powder coated steel shelf sample",
    )
    general = ("chemical powder sample", "intermediate powder", "white powder sample")
    matrix = DescriptionGroup().transform(table([(text, None) for text in (*texts, *general)]), NO_HISTORY)
    chemistry = matrix[:, DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY]
    assert chemistry[: len(texts)].tolist() == [0.0] * len(texts)
    assert (chemistry[len(texts) :] >= 2.0).all()
    # A sample stays a sample.
    assert matrix[0, DescriptionColumn.DESCRIPTION_GRADE] == 1.0


def test_press_in_other_senses_is_no_press() -> None:
    texts = ("穿戴甲 press on nails 24pcs", "press-on nails", "press studs brass", "press kit brochure", "garlic press")
    presses = ("hydraulic press 20 t", "press tools", "manual press machine", "press")
    matrix = DescriptionGroup().transform(table([(text, None) for text in (*texts, *presses)]), NO_HISTORY)
    tooling = matrix[:, DescriptionColumn.DESCRIPTION_TOOLING].tolist()
    assert tooling == [0.0] * len(texts) + [1.0] * len(presses)


def test_words_of_substances_are_known_to_every_office() -> None:
    past: list[Row] = [*[("cotton dress", "620442")] * 8, ("linen dress", "620442")]
    group = DescriptionGroup()
    group.fit(table(past))
    matrix = group.transform(table([(text, None) for text in ("carfentanil", "zylophant", "linen")]), NO_HISTORY)
    unknown = matrix[:, DescriptionColumn.DESCRIPTION_UNKNOWN_WORDS].tolist()
    rarest = matrix[:, DescriptionColumn.DESCRIPTION_RAREST_WORD].tolist()
    assert unknown == [0.0, 1.0, 0.0]
    assert rarest[0] == rarest[2]


def test_harmless_words_speak_against_a_chemical_code_and_vague_words_say_nothing() -> None:
    texts: list[str | None] = [
        "leather running shoes",
        "citric acid powder 99.5 % food grade",
        "gift",
        "zylophant",
        None,
    ]
    column = ClassificationColumn.HARMLESS_TEXT_CHEMICAL_CODE
    under = {
        code: ClassificationGroup().transform(table([(text, code) for text in texts]), NO_HISTORY)[:, column]
        for code in ("293339", "640399")
    }
    assert under["293339"][0] > 3.0
    assert under["293339"][1:4].tolist() == [0.0, 0.0, 0.0]
    assert under["640399"][:4].tolist() == [0.0] * 4
