"""Tests of the substance index: a text declares a watched substance, resembles one, or contains none."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import casrn

from features.reference import Group, ReferenceDataError, Substance, Verified, benign_chemicals, substances
from features.substances import BENIGN, WATCHED, Substances, opsin
from features.substances.find import index
from tests.features.substances.resolving import resolved
from tests.growth import cost_grows_linearly

INDEX = Substances.load()
RESOLVED = [row for row in substances() if row.group not in (Group.EQUIPMENT, Group.LEGAL_CLASS)]
NAMES = [(name, row) for row in RESOLVED for name in (row.name, *row.synonyms)]
SYSTEMATIC = [(row.systematic_name, row) for row in RESOLVED]
ABBREVIATIONS = [(name, row) for row in RESOLVED for name in row.abbreviations]


def test_cached_answers_are_bounded_in_number_and_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_REMEMBERED", 50)
    monkeypatch.setattr(INDEX, "_known", {})
    texts = [f"fentanyl {number}" for number in range(120)]
    for start in range(0, 120, 30):
        for match in INDEX.match_all(texts[start : start + 30]):
            assert match is not None
            assert match.substance == "Fentanyl"
    assert sum(map(len, INDEX._known.values())) <= 50
    assert INDEX.is_known(texts[-1])
    longest = "fentanyl ".ljust(index._LONGEST_REMEMBERED, "x")
    for text in (longest, longest + "x"):
        INDEX.match(text)
        assert INDEX.is_known(text) is (text == longest)


# Every name in the reference data finds its substance


@pytest.mark.parametrize(("name", "row"), [*NAMES, *SYSTEMATIC], ids=lambda value: getattr(value, "name", value))
def test_every_name_synonym_and_systematic_name_finds_its_substance(name: str, row: Substance) -> None:
    for text in (name, name.upper(), f"{name} 99% purity", f"1 drum of {name}, industrial", name.replace("-", " ")):
        match = resolved(text)
        assert match.substance == row.name, text
        assert match.hit is (row.group in WATCHED), text
        assert (match.cas, match.inchikey, match.group) == (row.cas, row.inchikey, row.group)


def test_systematic_names_match_as_systematic_and_trivial_names_as_exact() -> None:
    assert resolved("Norfentanyl").kind == "exact"
    assert resolved("N-phenyl-1-(2-phenylethyl)piperidin-4-amine").kind == "systematic"


@pytest.mark.parametrize("row", [row for row in RESOLVED if row.cas], ids=lambda row: row.name)
def test_every_cas_number_finds_its_substance_alone_in_text_and_without_hyphens(row: Substance) -> None:
    for text in (
        row.cas,
        f"CAS No. {row.cas}",
        f"white solid ({row.cas}) 25kg",
        row.cas.replace("-", "‑"),
        row.cas.replace("-", " - "),
    ):
        match = resolved(text)
        assert (match.substance, match.kind, match.hit) == (row.name, "identifier", row.group in WATCHED)
    for text in (row.cas, row.cas.replace("-", ""), f"CAS {row.cas}", f" {row.cas} "):
        match_of_number = INDEX.match_cas(text)
        assert match_of_number is not None
        assert match_of_number.substance == row.name


@pytest.mark.parametrize("row", RESOLVED, ids=lambda row: row.name)
def test_every_inchikey_finds_its_substance(row: Substance) -> None:
    match = resolved(f"sample {row.inchikey}")
    assert (match.substance, match.kind) == (row.name, "identifier")


def test_a_benign_chemical_is_resolved_but_is_not_a_hit() -> None:
    for chemical in benign_chemicals():
        for text in (chemical.name, chemical.cas, f"{chemical.name} 99% powder, reagent grade"):
            match = resolved(text)
            assert (match.substance, match.group, match.hit) == (chemical.name, BENIGN, False)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("4-hydroxy-3-methoxybenzaldehyde 25 g", "vanillin"),
        ("pyridine-3-carboxamide 10 percent face serum", "niacinamide"),
        ("InChIKey DFPAKSUCGFBDDF-UHFFFAOYSA-N", "niacinamide"),
        ("2-(dimethylamino)ethyl methacrylate", "2-(dimethylamino)ethyl methacrylate"),
    ],
)
def test_a_structure_of_a_common_chemical_or_unlike_all_watched_ones_is_benign(text: str, name: str) -> None:
    match = resolved(text)
    assert (match.substance, match.group, match.hit, match.similarity) == (name, BENIGN, False, None)


@pytest.mark.parametrize(
    "text",
    [
        "7-chloro-1-methyl-5-phenyl-1,3-dihydro-1,4-benzodiazepin-2-one",
        "1-(2H-1,3-benzodioxol-5-yl)propan-2-one",
        "2-phenylacetonitrile 99%",
        "4-nitrobenzene-1,2-diamine",
        "2-(chloromethyl)-1H-benzimidazole",
        "N-phenylpropanamide",
        "1-cyclohexylpiperidine",
    ],
)
def test_a_structure_with_a_part_of_controlled_substances_is_not_called_benign(text: str) -> None:
    match = INDEX.match(text)
    assert match is None or match.group != BENIGN


def test_a_benign_structure_does_not_hide_a_watched_name() -> None:
    match = resolved("2-(dimethylamino)ethyl methacrylate, 1-phenethyl-4-piperidone")
    assert (match.group, match.hit) == ("precursor", True)


# Spelling


@pytest.mark.parametrize(
    ("text", "substance"),
    [
        ("4-Anilinopiperidine", "4-Anilinopiperidine"),
        ("4 anilino piperidine", "4-Anilinopiperidine"),
        ("4anilinopiperidine", "4-Anilinopiperidine"),
        ("4-(phenylamino)piperidine", "4-Anilinopiperidine"),
        ("4–Anilinopiperidine", "4-Anilinopiperidine"),
        ("４－ＡＮＩＬＩＮＯＰＩＰＥＲＩＤＩＮＥ", "4-Anilinopiperidine"),
        ("4-Anilinopiperidine HCl", "4-Anilinopiperidine"),
        ("4-ANILINOPIPERIDINE DIHYDROCHLORIDE AR GRADE 98%", "4-Anilinopiperidine"),
        ("N-(2-Phenylethyl)-4-piperidone", "N-Phenethyl-4-piperidone"),
        ("1-(2-phenylethyl)-4-piperidinone", "N-Phenethyl-4-piperidone"),
        ("N-Phenethyl-4-piperidinone", "N-Phenethyl-4-piperidone"),
        ("α-methylfentanyl", "alpha-Methylfentanyl"),
        ("αmethylfentanyl", "alpha-Methylfentanyl"),
        ("alpha methyl fentanyl", "alpha-Methylfentanyl"),
        ("β-hydroxyfentanyl", "beta-Hydroxyfentanyl"),
        ("p-Fluorofentanyl", "para-Fluorofentanyl"),
        ("4'-methyl acetyl fentanyl", "4'-Methyl acetylfentanyl"),
        ("4′-methyl acetyl fentanyl", "4'-Methyl acetylfentanyl"),
        ("fеntаnyl", "Fentanyl"),  # Cyrillic е and а
        ("fentαnyl citrate", "Fentanyl"),  # Greek α
        ("Féntanýl", "Fentanyl"),
        ("f e n t a n y l", "Fentanyl"),
        ("fentanyl100mcg", "Fentanyl"),
        ("fen\u200btanyl", "Fentanyl"),
        ("芬太尼 fentanyl", "Fentanyl"),
        ("nor-fentanyl", "Norfentanyl"),
        ("powder/fentanyl/drum", "Fentanyl"),
        ("propionyl chloride,98%", "Propionyl chloride"),
        ("Propanoyl Chloride", "Propionyl chloride"),
        ("tert-Butyl 4-oxopiperidine-1-carboxylate", "1-boc-4-piperidone"),
    ],
)
def test_names_are_found_in_other_spellings_widths_scripts_and_separators(text: str, substance: str) -> None:
    match = resolved(text)
    assert (match.substance, match.hit) == (substance, True)


@given(st.sampled_from(NAMES), st.data())
def test_letter_case_and_width_do_not_change_the_match(named: tuple[str, Substance], data: st.DataObject) -> None:
    name, row = named
    changed = ""
    for letter in name:
        how = data.draw(st.sampled_from(("same", "upper", "lower", "wide")))
        if how == "wide" and "!" <= letter <= "~":
            changed += chr(ord(letter) + 0xFEE0)
        else:
            changed += {"upper": letter.upper(), "lower": letter.lower()}.get(how, letter)
    match = resolved(f"{changed} 25 kg")
    assert match.substance == row.name


def test_a_chemical_field_may_have_the_grade_inside_the_name() -> None:
    assert resolved("4-anilino (98%) piperidine", chemical=True).substance == "4-Anilinopiperidine"


def test_matched_text_is_the_text_as_declared() -> None:
    assert resolved("Powder: 4-Anilino-Piperidine, 25 kg").matched_text == "4-Anilino-Piperidine"
    assert resolved("Größe L, α-Methylfentanyl").matched_text.casefold().endswith("methylfentanyl")
    assert resolved("sold as CAS 437-38-7").matched_text == "437-38-7"


# Texts that must not hit

HARD_NEGATIVES = [
    "phenethyl alcohol",
    "2-phenylethanol rose fragrance",
    "2-piperidone",
    "delta-valerolactam",
    "piperidine",
    "piperidine 99%",
    "haloperidol",
    "Fenty Beauty lipstick",
    "Fenty Beauty foundation",
    "feniramine",
    "pheniramine maleate",
    "carfenil",
    "detomidine",
    "dexmedetomidine",
    "benzyl chloride",
    "benzyl alcohol",
    "pFF",
    "pFF filter cartridge",
    "NPP",
    "NPP battery 12V",
    "4-AP",
    "iBF shirt",
    "MAF sensor",
    "MAF sensor for car",
    "ISO 9001 powder coating",
    "iso whey powder",
    "3-MF",
    "THF-F",
    "FIBF",
    "Fu-F",
    "ANPP",
    "fentanyl test strips 100 pcs",
    "fentanyl testing kit",
    "rapid fentanyl urine test cassette",
    "anti-fentanyl antibody",
    "fentanyl ELISA kit",
    "book about fentanyl",
    "Fentanyl awareness poster",
    "fentanyl-free",
    "fentanyl free",
    "no fentanyl",
    "not containing fentanyl",
    "does not contain fentanyl",
    "free of fentanyl",
    "without fentanyl",
    "without any added fentanyl",
    "non-fentanyl analgesic",
    "fentanyl reference standard 100 µg/mL",
    "certified reference material carfentanil 50 ug",
    "norfentanyl analytical standard 1 mg/mL",
    "1-methyl-4-piperidone",
    "N-methyl-4-piperidone",
    "2,2,6,6-tetramethyl-4-piperidone",
    "2,2,6,6-tetramethyl 4-piperidone",
    "2,4-piperidone",
    "1-ethyl-4-piperidone",
    "4-piperidone-3-carboxylic acid",
    "4-piperidonecarboxylic acid",
    "methyl 4-piperidone-3-carboxylate",
    "3-chloropropionyl chloride",
    "2-chloro propionyl chloride",
    "propionic acid",
    "propionyl",
    "sodium propionate",
    "propionaldehyde",
    "phenethylamine",
    "4-methoxyphenethyl bromide",
    "4-fluoro-phenethyl bromide",
    "aniline",
    "pyridine",
    "4-aminopyridine",
    "4-AP CAS 504-24-5 powder",
    "N-boc-piperazine",
    "4-hydroxypiperidine",
    "4-anilino",
    "piperidone",
    "infantany",
    "xylazine",
    "medetomidine",
    "Rompun 20 ml",
    "sentinel",
    "fontanel baby hat",
    "silicone phone case",
    "nitazoxanide",
    "benzimidazole",
    "metronidazole",
    "etonogestrel",
    "CAS 437-38-8",
    "437-38-71",
    "1437-38-7",
    "phone 212-437-38-7890",
    "tablet press",
    "capsule filling machine",
    "nitazene",
]


def test_there_are_enough_hard_negatives() -> None:
    assert len(set(HARD_NEGATIVES)) >= 60


@pytest.mark.parametrize("text", HARD_NEGATIVES)
def test_a_hard_negative_is_not_a_hit(text: str) -> None:
    match = INDEX.match(text)
    assert match is None or not match.hit, match


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("piperidine", "other_controlled"),
        ("benzyl chloride", "other_controlled"),
        ("xylazine", "adulterant"),
        ("domitor", "adulterant"),
    ],
)
def test_adulterants_and_other_listed_substances_are_resolved_but_are_not_hits(text: str, group: str) -> None:
    match = resolved(text)
    assert (match.group, match.hit, match.kind) == (group, False, "exact")


@pytest.mark.parametrize(
    "text",
    [
        "fentanyl test strips",
        "fentanyl-free",
        "carfentanil antibody",
        "no fentanyl",
        "fentanyl reference standard 10 µg",
        "CAS 437-38-7 test kit",
    ],
)
def test_a_mention_names_the_substance_but_is_not_a_hit(text: str) -> None:
    match = resolved(text)
    assert (match.kind, match.hit) == ("mention", False)
    assert match.group == "fentanyl"


@pytest.mark.parametrize(
    "text",
    [
        "fentanyl free base",
        "no. 5 fentanyl",
        "fentanyl reference standard 5 g",
        "test sample fentanyl",
        "facebook order fentanyl powder",
    ],
)
def test_a_text_that_only_resembles_a_denial_is_a_hit(text: str) -> None:
    assert resolved(text).hit


@pytest.mark.parametrize(
    ("name", "row"),
    [(name, row) for name, row in ABBREVIATIONS if row.group in WATCHED],
    ids=lambda value: getattr(value, "name", value),
)
def test_an_abbreviation_needs_chemical_words_beside_it_and_stays_ambiguous(name: str, row: Substance) -> None:
    assert INDEX.match(f"{name} replacement part") is None
    for match in (
        resolved(f"{name} intermediate"),
        resolved(f"{name} powder 99%"),
        resolved(f"{name} CAS {row.cas or '77-92-9'}") if row.cas else resolved(name, chemical=True),
        resolved(name, chemical=True),
    ):
        assert (match.substance, match.hit) == (row.name, True)
        assert match.ambiguous or match.kind == "identifier"


def test_a_cas_number_decides_what_an_abbreviation_means() -> None:
    assert INDEX.match("4-AP reagent powder CAS 504-24-5") is None
    assert resolved("4-AP reagent powder CAS 23056-29-3").substance == "4-Anilinopiperidine"


def test_an_unlisted_derivative_is_resolved_to_its_class() -> None:
    match = resolved("4-iodo-fentanyl")
    assert (match.kind, match.group, match.hit) == ("class", "fentanyl", True)
    assert {(one.jurisdiction, one.result) for one in match.classes} >= {("US", "met"), ("CN", "met")}
    assert (match.nearest, match.similarity is not None and match.similarity > 0.7) == ("para-Fluorofentanyl", True)


@pytest.mark.parametrize(
    ("text", "kind", "substance"),
    [
        ("CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1", "identifier", "Fentanyl"),
        ("SMILES: O=C1CCN(CCc2ccccc2)CC1 white solid", "identifier", "N-Phenethyl-4-piperidone"),
        ("InChI=1S/C5H9NO/c7-5-1-3-6-4-2-5/h6H,1-4H2", "identifier", "4-Piperidone"),
        ("N-(1-phenethylpiperidin-4-yl)-N-phenylacetamide hydrochloride", "systematic", "Acetylfentanyl"),
        ("N-phenyl-1-(2-phenylethyl)piperidin-4-amine 99%", "systematic", "4-Anilino-N-phenethylpiperidine"),
        ("芬太尼", "translated", "Fentanyl"),
        ("бутирилфентанил порошок", "translated", "Butyrylfentanyl"),
        ("carfentnail", "misspelt", "Carfentanil"),
        ("valetyl fentanyl", "misspelt", "Valerylfentanyl"),
        ("fentanyl test strips", "mention", "Fentanyl"),
        ("437387", "identifier", "Fentanyl"),
        ("CAS no 990-73-8", "identifier", "Fentanyl"),
    ],
)
def test_each_form_of_a_name_has_its_kind_of_match(text: str, kind: str, substance: str) -> None:
    match = resolved(text, chemical=True)
    assert (match.kind, match.substance, match.hit) == (kind, substance, kind != "mention")
    assert match.smiles
    assert match.evidence


def test_a_near_miss_is_similar_and_not_a_hit() -> None:
    match = resolved("N-phenyl-N-[1-(2-phenylethyl)pyrrolidin-3-yl]propanamide", chemical=True)
    assert (match.kind, match.hit, match.classes) == ("similar", False, ())
    assert match.similarity is not None
    assert 0.68 <= match.similarity < 1


def test_an_exempt_medicine_matches_its_class_but_is_not_a_hit() -> None:
    match = resolved("lorcainide", chemical=True)
    assert (match.kind, match.hit) == ("class", False)
    assert [(one.jurisdiction, one.limbs) for one in match.classes] == [("CN", ("1", "2", "4"))]


def test_a_name_without_positions_is_ambiguous() -> None:
    match = INDEX.match("benzoylpiperidinone", chemical=True)
    assert match is None or match.ambiguous


def test_each_component_of_a_mixture_is_checked() -> None:
    mixed = "CCO.CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1.OCC1OC(O)C(O)C(O)C1OC1OC(CO)C(O)C(O)C1O"
    assert resolved(mixed, chemical=True).substance == "Fentanyl"


def test_answers_given_without_opsin_are_not_cached() -> None:
    name = "N-(1-phenethylpiperidin-4-yl)-N-phenyl-2-ethylhexanamide"
    index = Substances(substances(), benign_chemicals())
    opsin().configure(enabled=False)
    try:
        assert index.match(name, chemical=True) is None
    finally:
        opsin().configure(enabled=True)
    match = index.match(name, chemical=True)
    assert match is not None
    assert (match.kind, match.hit) == ("class", True)


def test_the_longest_name_wins_and_a_hit_precedes_other_matches() -> None:
    assert resolved("acetyl fentanyl").substance == "Acetylfentanyl"
    assert resolved("4-piperidone monohydrate hydrochloride").substance == "4-Piperidone monohydrate hydrochloride"
    assert resolved("citric acid, piperidine and norfentanyl").substance == "Norfentanyl"
    assert resolved("citric acid and piperidine").substance == "Piperidine"


def test_legal_classes_and_equipment_are_not_resolved() -> None:
    for row in substances():
        if row.group in (Group.EQUIPMENT, Group.LEGAL_CLASS):
            match = INDEX.match(row.name)
            assert match is None or match.substance != row.name


@pytest.mark.parametrize(
    "number", ["437-38-8", "437387x", "", "-", "1", "99999999999", "0-00-0", "not a number", "４３７"]
)
def test_invalid_and_unknown_cas_numbers_resolve_to_no_substance(number: str) -> None:
    assert INDEX.match_cas(number) is None


@given(st.integers(10, 9_999_999), st.integers(0, 99))
def test_one_check_digit_in_ten_is_valid(head: int, middle: int) -> None:
    numbers = [f"{head}-{middle:02}-{check}" for check in range(10)]
    assert sum(casrn.is_valid(number) for number in numbers) == 1
    known = [number for number in numbers if INDEX.match_cas(number) is not None]
    assert all(casrn.is_valid(number) for number in known)


@given(st.text(max_size=80))
@example("((((")
@example("-" * 80)
def test_any_text_can_be_resolved(text: str) -> None:
    for chemical in (False, True):
        match = INDEX.match(text, chemical=chemical)
        assert match is None or (match.hit <= (match.group in WATCHED))


def test_cached_and_computed_answers_are_equal() -> None:
    long = "blue cotton shirt " * 40 + "norfentanyl"
    assert resolved(long) == resolved(long)
    assert resolved("norfentanyl") is resolved("norfentanyl")


@pytest.mark.parametrize("words", ["fentanyl npp ", " ", "2 -", "(", "9"])
def test_cost_grows_linearly_with_text_length(words: str) -> None:
    def answer(text: str) -> None:
        INDEX.match(text, chemical=True)

    assert cost_grows_linearly(answer, lambda times: words * times, 10_000 // len(words))


def named(name: str, group: Group = Group.PRECURSOR, **other: tuple[str, ...]) -> Substance:
    synonyms, abbreviations = other.get("synonyms", ()), other.get("abbreviations", ())
    return Substance(name, group, "", "C", "", "", synonyms, abbreviations, (), "test", Verified.ASSUMED, "", None)


def test_one_name_for_two_substances_is_refused() -> None:
    with pytest.raises(ReferenceDataError, match="'Gamma' stands for Alphane and Betane"):
        Substances((named("Alphane", synonyms=("gamma",)), named("Betane", synonyms=("Gamma",))), ())


def test_a_name_inside_a_longer_name_is_not_a_match() -> None:
    index = Substances((named("Blue alphane", Group.OTHER_CONTROLLED), named("Alphane")), ())
    inside, beside = index.match("blue alphane"), index.match("blue alphane and alphane")
    assert inside is not None
    assert beside is not None
    assert (inside.substance, inside.hit) == ("Blue alphane", False)
    assert (beside.substance, beside.hit) == ("Alphane", True)


def test_a_name_below_the_minimum_length_is_refused() -> None:
    with pytest.raises(ReferenceDataError, match="'AB' of Alphane is too short"):
        Substances((named("Alphane", abbreviations=("AB",)),), ())


@pytest.mark.parametrize(
    ("text", "substance"),
    [
        ("Acety1fentanyl", "Acetylfentanyl"),
        ("3-Methy1fentanyl", "3-Methylfentanyl"),
        ("para-Flu0r0fentanyl", "para-Fluorofentanyl"),
        ("carf3ntanil", "Carfentanil"),
        ("fentaпyl", "Fentanyl"),  # Cyrillic п in place of n
        ("4-piperidoпe", "4-Piperidone"),
        ("etonitazepene", "N-Pyrrolidino etonitazene"),
        ("N-boa-4-piperidone", "1-boc-4-piperidone"),
        ("rernifentanil", "Remifentanil"),
    ],
)
def test_disguised_and_misspelt_words_are_matched_as_whole_words(text: str, substance: str) -> None:
    match = resolved(text, chemical=True)
    assert (match.substance, match.hit) == (substance, True)


@pytest.mark.parametrize(
    "text",
    [
        "2-bromoethylbenzene sulfonic acid",
        "phenethyl chloride sulfonate",
        "NPP nuclear power plant spare parts",
        "npp inverter",
        "iso propyl alcohol 99%",
        "ISO tank container",
        "PROTHIOCARB HYDROCHLORIDE [ISO]",
        "2,4-DB [ISO]",
        "P(F)F",
        "despropionyl para-fluorofentanyl",
        "4-piperidinone, 2,2,6,6-tetramethyl-, sulfate",
    ],
)
def test_fragments_of_other_names_and_words_are_not_hits(text: str) -> None:
    match = INDEX.match(text, chemical=True)
    assert match is None or not match.hit, match


def test_an_inchi_may_end_in_a_semicolon() -> None:
    salt = (
        "InChI=1S/C23H28N2O.ClH/c1-2-9-23(26)25(21-12-7-4-8-13-21)22-15-18-24(19-16-22)17-14-20-10-5-3-6-11-20;"
        "/h2-13,22H,14-19H2,1H3;1H/b9-2+;"
    )
    assert resolved(salt).substance == "Crotonylfentanyl"
    assert resolved(f"{salt} 5 g").substance == "Crotonylfentanyl"


@pytest.mark.parametrize("chemical", [False, True])
@pytest.mark.long
def test_a_very_long_text_is_read_to_its_end(chemical: bool) -> None:
    goods = "blue cotton shirt " * 500  # 9,000 characters
    for text in (
        f"{goods}fentanyl {goods}",
        "fentanyl " * 11_000,
        f"{goods}{goods}fentanyl",
        f"{goods}{goods}fentanyl {goods}",
    ):
        assert resolved(text, chemical=chemical).hit
    for shift in range(0, 12, 3):
        # The name is on the border of two pieces.
        text = f"{'x' * (9_995 - 700 - shift)} {'y' * 690} carfentanil {goods}"
        assert resolved(text, chemical=chemical).substance == "Carfentanil"
    assert INDEX.match(goods * 3, chemical=chemical) is None
