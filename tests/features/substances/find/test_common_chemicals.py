"""Tests of the names of common chemicals in other languages: each is read as its chemical, and other texts are not read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.reference import (
    ReferenceDataError,
    Verified,
    benign_chemicals,
    control_listings,
    related_substances,
    substances,
)
from features.reference.translations import ChemicalNames, Language, Standing, chemical_names
from features.substances import BENIGN, WATCHED, Substances, translated_names
from features.substances.find.common_chemicals import CommonChemicals
from features.substances.normalise import compact
from tests.effort import examples

INDEX = Substances.load()
ROWS = chemical_names()
NAMES = [(name, language, row) for row in ROWS for language, names in row.names.items() for name in names]
#: Two examples of each language.
EXAMPLES = [
    ("acido ascorbico", "ascorbic acid"),
    ("dióxido de titanio", "titanium dioxide"),
    ("ácido cítrico anidro", "citric acid"),
    ("amido de milho", "corn starch"),
    ("chlorure de sodium", "sodium chloride"),
    ("noir de carbone", "carbon black"),
    ("Zitronensäure", "citric acid"),
    ("Zitronensaeure wasserfrei", "citric acid"),
    ("biossido di titanio", "titanium dioxide"),
    ("cloruro d'ammonio", "ammonium chloride"),
    ("citroenzuur", "citric acid"),
    ("natriumbenzoaat", "sodium benzoate"),
    ("kwas cytrynowy bezwodny", "citric acid"),
    ("dwutlenek tytanu", "titanium dioxide"),
    ("sitrik asit", "citric acid"),
    ("борная кислота", "boric acid"),
    ("Лимонная кислота пищевая, 25 кг".replace("кг", "kg"), "citric acid"),
    ("柠檬酸", "citric acid"),
    ("无水柠檬酸 食品级", "citric acid"),
]


@pytest.mark.parametrize(("text", "chemical"), EXAMPLES)
def test_a_declared_chemical_in_another_language_is_read_as_harmless(text: str, chemical: str) -> None:
    match = INDEX.match(text, chemical=True)
    assert match is not None
    row = next(row for row in benign_chemicals() if row.name == chemical)
    assert (match.substance, match.group, match.kind, match.hit) == (chemical, BENIGN, "exact", False)
    assert (match.cas, match.inchikey) == (row.cas, row.inchikey)


@pytest.mark.parametrize(
    "text",
    [
        "alcohol metilico", "hipoclorito de calcio", "SODYUM HİDROKSİT", "polipropileno", "polyethylene",
        # English names beside words for form and grade.
        "lactose powder", "caustic soda flakes",
        # Materials by their use.
        "leather dye", "tinta de impresión", "Silikonöl", "reactive black 5", "表面活性剂",
        # Solvents and acids of the 1988 convention, a medicine, and one of them beside a harmless one.
        "acetona", "серная кислота", "tolueno 99%", "loratadina", "acetona y ácido cítrico",
    ],
)  # fmt: skip
def test_other_chemicals_are_read_without_being_called_harmless(text: str) -> None:
    assert INDEX.match(text, chemical=True) is None
    assert INDEX.names_common(text)


@pytest.mark.slow
def test_every_name_is_read_as_its_chemical() -> None:
    texts = [name if at % 2 else name.upper() for at, (name, _, _) in enumerate(NAMES)]
    rows = [row for _, _, row in NAMES]
    wrong = []
    for text, row, match in zip(texts, rows, INDEX.match_all(texts, chemical=True), strict=True):
        if row.standing is Standing.BENIGN:
            right = match is not None and (match.substance, match.group) == (row.chemical, BENIGN)
        else:
            right = (match is None or match.group == BENIGN) and INDEX.names_common(text)
        if not right:
            wrong.append((text, row.chemical, match))
    assert wrong == []


def test_harmless_chemicals_have_names_in_most_languages() -> None:
    counts = [len(set(row.names) - {Language.ENGLISH}) for row in ROWS if row.standing is Standing.BENIGN]
    assert sum(counts) / len(counts) > 8
    assert {language for row in ROWS for language in row.names} == {
        *(Language(code) for code in ("en", "es", "pt", "fr", "de", "it", "nl", "pl", "tr", "ru", "zh"))
    }


def test_no_name_is_that_of_a_listed_substance_or_contains_a_part_of_a_watched_name() -> None:
    rows = [row for row in substances() if row.group.value in WATCHED]
    watched = {compact(name) for row in rows for name in (row.name, *row.synonyms, *row.abbreviations)}
    groups = {row.name: row.group.value for row in substances()}
    watched |= {compact(name.name) for name in translated_names() if groups[name.substance] in WATCHED}
    fragments = ("fentan", "nitazen", "piperid", "anilino", "phenethyl", "fenetil")
    keys = {compact(name): name for name, _, _ in NAMES}
    assert keys.keys() & watched == set()
    controlled = {listing.substance for listing in control_listings()}
    controlled |= {name for row in related_substances() for name in (row.name, *row.synonyms)}
    assert keys.keys() & set(map(compact, controlled)) == set()
    assert [name for key, name in keys.items() if any(fragment in key for fragment in fragments)] == []


@pytest.mark.parametrize(
    "text",
    [
        # With the other words these are other chemicals, some of them precursors of drugs.
        "fenil acetona",
        "anhídrido acético",
        "acide acétique anhydride",
        "Essigsäure-anhydrid",
        "ácido fenil acético",
        "permanganato de potasio",
        "1,4-butilenglicol",
        "2-xileno",
        "boc glicina",
        # Words beside a name, without the name.
        "polvo blanco 25 kg",
        "",
    ],
)
def test_a_text_with_other_words_is_not_read(text: str) -> None:
    assert not INDEX.names_common(text)


def test_names_in_other_languages_are_not_read_in_a_goods_description() -> None:
    assert INDEX.match("silla de polipropileno") is None
    assert INDEX.match("ácido cítrico") is None


@pytest.mark.parametrize("name", [row.name for row in substances() if row.group.value in WATCHED][::7])
@pytest.mark.parametrize("common", ["ácido cítrico", "柠檬酸", "acetona", "Zitronensäure"])
def test_a_watched_name_in_the_same_text_takes_precedence(common: str, name: str) -> None:
    alone = INDEX.match(name, chemical=True)
    assert alone is not None
    for text in (f"{common}, {name}", f"{name} / {common}"):
        match = INDEX.match(text, chemical=True)
        assert match is not None
        assert (match.substance, match.hit) == (alone.substance, True)
        assert not INDEX.names_common(text)


@pytest.mark.slow
@examples(50)
@given(st.text(max_size=80), st.sampled_from(["", "acetona ", "ácido cítrico "]))
def test_no_text_that_is_read_is_a_hit(text: str, common: str) -> None:
    match = INDEX.match(common + text, chemical=True)
    reads = INDEX.names_common(common + text)
    assert not (reads and match is not None and match.hit)


def test_an_index_without_the_table_reads_no_names() -> None:
    assert not CommonChemicals((), benign_chemicals()).reads("ácido cítrico")
    assert not CommonChemicals(ROWS, ()).reads("ácido cítrico")
    assert CommonChemicals(ROWS, ()).reads("acetona")


def test_two_chemicals_with_one_name_are_refused() -> None:
    rows = [
        ChemicalNames(chemical, Standing.KNOWN, {Language.SPANISH: (name,)}, "", Verified.ASSUMED)
        for chemical, name in (("sulfuric acid", "ácido sulfúrico"), ("sulfurous acid", "acido-sulfurico"))
    ]
    with pytest.raises(ReferenceDataError, match="stands for sulfuric acid and sulfurous acid"):
        CommonChemicals(rows, ())
