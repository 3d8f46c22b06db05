"""Tests of the words around a name: whether the goods are the substance, and the context code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.substances import Substances
from features.substances.context import Surroundings
from features.substances.normalise import fold, spell

INDEX = Substances.load()
NAMES = (
    "fentanyl citrate",
    "norfentanyl",
    "carfentanil",
    "fentanyl",
    "fentanilo",
    "fentanila",
    "4-piperidone",
    "4-anilinopiperidine",
    "4-anpp",
    "фентанила",
    "фентаниле",
    "фентанил",
    "芬太尼",
    "フェンタニル",
    "펜타닐",
    "الفنتانيل",
)


def context(text: str) -> tuple[str, bool]:
    """Return the context code of the first watched name in the text, and whether it is a mention."""
    spelled = spell(fold(text))
    for name in NAMES:
        folded = spell(fold(name))
        start = spelled.find(folded)
        if start >= 0:
            return Surroundings(spelled).context(start, start + len(folded))
    raise AssertionError(f"no name in {text!r}")


MENTIONS = [
    ("fentanyl test strips 100 pcs", "test"),
    ("fentanyl testing kit", "test"),
    ("rapid fentanyl urine test cassette", "test"),
    ("12 panel drug test cup incl. fentanyl", "test"),
    ("rapid test panel for morphine, cocaine, methadone, fentanyl", "test"),
    ("drug test kit 5 panel: morphine, cocaine, fentanyl, THC", "test"),
    ("morphine and fentanyl test strips", "test"),
    ("fentanyl/norfentanyl test strips", "test"),
    ("fentanyl test strips 50 g", "test"),
    # Cut off within a word.
    ("37 st. fentanyl teststr", "test"),
    ("fentanyl teststreife", "test"),
    ("fentanyltest", "test"),
    ("fentanyl tests 25 pcs", "test"),
    ("norfentanyl detection card", "test"),
    ("tiras reactivas de fentanilo", "test"),
    ("tiras de teste de fentanila", "test"),
    ("bandelettes de test fentanyl", "test"),
    ("Fentanyl Teststreifen", "test"),
    ("фентанил тест-полоски", "test"),
    ("test-poloski fentanil", "test"),
    ("fentanyl testremsor", "test"),
    ("testovací proužky fentanyl", "test"),
    ("fentanyl tesztcsík", "test"),
    ("芬太尼检测试纸", "test"),
    ("フェンタニル検査キット", "test"),
    ("펜타닐 검사 키트", "test"),
    ("شرائط اختبار الفنتانيل", "test"),
    ("anti-fentanyl antibody", "antibody"),
    ("carfentanil monoclonal antibody 1 mg/ml", "antibody"),
    ("fentanyl ELISA kit", "antibody"),
    ("fentanyl-BSA conjugate", "antibody"),
    ("anticuerpo contra fentanilo", "antibody"),
    ("book about fentanyl", "publication"),
    ("Fentanyl awareness poster", "publication"),
    ("books on fentanyl crisis, paperback", "publication"),
    ("fentanyl kills t-shirt size L", "publication"),
    ("libro sobre fentanilo", "publication"),
    ("книга о фентаниле", "publication"),
    ("fentanyl book 2 kg", "publication"),
    ("fentanyl-free", "denied"),
    ("free of fentanyl", "denied"),
    ("not containing fentanyl", "denied"),
    ("does not contain fentanyl, carfentanil or xylazine", "denied"),
    ("does not contain morphine or carfentanil", "denied"),
    ("fentanyl: not detected", "denied"),
    ("without any added fentanyl", "denied"),
    ("sin fentanilo", "denied"),
    ("sem fentanila", "denied"),
    ("sans fentanyl", "denied"),
    ("ohne Fentanyl", "denied"),
    ("enthält kein Fentanyl", "denied"),
    ("fentanylfrei", "denied"),
    ("без фентанила", "denied"),
    ("не содержит фентанил", "denied"),
    ("不含芬太尼", "denied"),
    ("フェンタニルを含まない", "denied"),
    ("펜타닐 무첨가", "denied"),
    ("خالي من الفنتانيل", "denied"),
    ("permit for fentanyl import", "permit"),
    ("licence application for fentanyl", "permit"),
    ("import certificate documents fentanyl", "permit"),
    ("fentanyl reference standard 100 µg/mL", "standard"),
    ("certified reference material carfentanil 50 ug", "standard"),
    ("norfentanyl analytical standard 1 mg/mL", "standard"),
    ("norfentanyl Referenzsubstanz 1 mg/mL", "standard"),
    ("fentanyl wzorzec 100 µg/mL", "standard"),
    ("fentanyl citrate impurity B", "standard"),
    ("naloxone for fentanyl overdose", "antidote"),
    ("narcan nasal spray fentanyl overdose kit", "antidote"),
    ("nitrile exam gloves, fentanyl tested", "test"),
    ("fentanyl resistant nitrile gloves tested for fentanyl", "test"),
    ("gloves tested against fentanyl citrate ASTM D6978", "publication"),
    ("disposable gloves for fentanyl handling", "publication"),
    ("anti fentanyl gloves", "test"),
    ("ARK Fentanyl Assay reagent kit", "test"),
    ("fentanyl assay reagent CEDIA", "test"),
    ("fentanyl screening device", "test"),
    ("fentanyl calibrator for immunoassay", "test"),
    ("fentanyl biosensor", "test"),
    ("fentanyl urine control", "test"),
    ("LC-MS method development service fentanyl", "test"),
    ("testing service for NPP and 4-ANPP in samples", "test"),
    ("anti-fentanyl nanobody 1 mg", "antibody"),
    ("DNA aptamer against fentanyl", "antibody"),
    ("fentanyl vaccine research antigen conjugate BSA", "antibody"),
    ("fentanyl vaccine", "antidote"),
    ("FTIR library fentanyl spectra USB", "publication"),
    ("MSDS for fentanyl", "publication"),
    ("SDS for fentanyl citrate", "publication"),
    ("fentanyl safety data sheet pdf", "publication"),
    ("certificate of analysis fentanyl documents", "publication"),
    ("COA for fentanyl", "publication"),
    ("patent document on fentanyl", "publication"),
    ("lecture notes on fentanyl synthesis", "publication"),
    ("scientific article on fentanyl pharmacology reprint", "publication"),
    ("fentanyl murder mystery", "publication"),
    ("Fentanyl (band) vinyl record", "publication"),
    ("necklace fentanyl molecule jewelry", "publication"),
    ("tote bag printed with fentanyl molecule", "publication"),
    ("mugs with print about fentanyl", "publication"),
    ("fentanyl K9 scent training aid", "publication"),
    ("fentanyl patch disposal bag", "publication"),
    ("drug disposal pouch for fentanyl patches", "publication"),
    ("Fentanyl Lane road sign", "publication"),
    ("pseudo fentanyl K9 scent training aid", "test"),
    ("empty fentanyl vials for training", "denied"),
    ("フェンタニルのない", "denied"),
    ("フェンタニルが入っていない", "denied"),
    ("fentanyl-free sample", "denied"),
    ("does not contain morphine, cocaine, fentanyl", "denied"),
    ("free of moisture and fentanyl", "denied"),
    ("fentanyl impurity 1", "standard"),
]

DECLARED = [
    ("fentanyl citrate 5 kg", ""),
    ("book, fentanyl powder 5 g", ""),
    ("books 20 pcs, t-shirts 10 pcs, poster, fentanyl 1 kg, phone cases", ""),
    ("phone case; books; 4-piperidone 25 kg; posters; leaflet", ""),
    ("facebook order fentanyl powder", ""),
    ("notebook computer, fentanyl", ""),
    ("test sample fentanyl", ""),
    ("fentanyl test sample 1 g", ""),
    ("no. 5 fentanyl", ""),
    ("fentanyl free base", ""),
    ("not for human use, fentanyl powder", ""),
    ("no smell, fentanyl powder 1 kg", ""),
    ("does not contain water, fentanyl powder 1 kg", ""),
    ("fentanyl injection 50 ug/ml", ""),
    ("fentanyl citrate injection, import permit no. 123", "permit"),
    ("import permit no. 123 for fentanyl citrate injection 10 ampoules", "permit"),
    ("fentanyl patches with import licence", "permit"),
    ("fentanyl reference standard 5 g", "standard"),
    ("fentanyl reference standard 10 mg", "standard"),
    ("fentanyl free shipping", ""),
    ("fentanyl - free shipping", ""),
    ("fentanyl free delivery", ""),
    ("fentanyl free sample", ""),
    ("fentanyl free express delivery", ""),
    ("fentanyl free from moisture", ""),
    ("fentanyl free of impurities", ""),
    ("fentanyl total impurities 0.3% max", ""),
    ("fentanyl HCl no test strip included", ""),
    ("fentanyl without naloxone", ""),
    ("fentanyl, book now", ""),
    ("fentanyl - book price 500", ""),
    ("permit-free fentanyl", ""),
    ("no permit required for fentanyl", ""),
    ("anhydrous, free of moisture, 4-anilinopiperidine", ""),
    ("free of dust, fentanyl", ""),
    ("fentanyl powder with MSDS", ""),
    ("fentanyl powder MSDS", "publication"),
    ("fentanyl, MSDS", ""),
    ("fentanyl MSDS COA available", ""),
    ("fentanyl, COA available, 99% purity 1kg", ""),
    ("COA fentanyl 1 kg", "publication"),
    ("fentanyl api with certificate of analysis 1 kg drum", ""),
    ("4-piperidone COA No. 12345", ""),
    ("4-piperidone IR spectrum conforms", ""),
    ("fentanyl hcl 500 g, gloves", ""),
    ("fentanyl, gloves", ""),
    ("gloves, fentanyl", ""),
    ("gloves fentanyl", ""),
    ("fentanyl and necklaces", ""),
    ("fentanyl for assay 99% 25 kg", ""),
    ("assay 99.5% fentanyl citrate powder", ""),
    ("fentanyl assay by HPLC", ""),
    ("4-ANPP assay 98% min", ""),
    ("4-ANPP assay reagent grade", ""),
    ("fentanyl lab tested", ""),
    ("anti-fentanyl powder 1 kg", "test"),
    ("pseudo fentanyl 1 kg", "test"),
    ("not empty fentanyl vials", ""),
    ("fentanyl tested 99% pure", ""),
    ("4-piperidone for vaccine research", ""),
    ("4-piperidone for antigen synthesis", ""),
    ("4-piperidone for sensor manufacture", ""),
]


@pytest.mark.parametrize(("text", "code"), MENTIONS)
def test_a_name_that_does_not_describe_the_goods_is_a_mention_with_its_context_code(text: str, code: str) -> None:
    assert context(text) == (code, True)


@pytest.mark.parametrize(("text", "code"), DECLARED)
def test_unrelated_words_do_not_turn_a_declared_substance_into_a_mention(text: str, code: str) -> None:
    assert context(text) == (code, False)


@pytest.mark.parametrize(("text", "code"), MENTIONS)
def test_a_mention_is_no_hit_in_a_chemical_field(text: str, code: str) -> None:
    match = INDEX.match(text, chemical=True)
    assert match is None or (match.kind, match.hit) == ("mention", False), code


@pytest.mark.parametrize(("text", "code"), DECLARED)
def test_a_declared_substance_is_a_hit_in_a_chemical_field(text: str, code: str) -> None:
    match = INDEX.match(text, chemical=True)
    assert match is not None
    assert match.hit, code


@pytest.mark.parametrize(
    "text", ["test strips and fentanyl powder 10 g", "t-shirts and fentanyl 10 g", "naloxone and fentanyl 10 g"]
)
def test_goods_beside_an_amount_of_the_substance_do_not_make_it_a_mention(text: str) -> None:
    assert context(text)[1] is False


def test_context_words_far_from_the_name_are_ignored() -> None:
    between = "; ".join(f"ceramic cup number {count}" for count in range(14))
    text = f"fentanyl powder 500 g; {between}; book"
    assert len(text) > 300
    assert context(text) == ("", False)


@pytest.mark.parametrize("separator", ["; ", ". ", "\n", " / ", " | "])
def test_context_words_in_another_clause_are_ignored(separator: str) -> None:
    assert context(f"fentanyl{separator}books and posters") == ("", False)
    assert context(f"books and posters{separator}fentanyl") == ("", False)


def abbreviation(text: str, *, cas: str = "39742-60-4", chemical: bool = False) -> bool:
    spelled = spell(fold(text))
    return Surroundings(spelled, chemical=chemical).admits_abbreviation(
        spelled.index("npp"), spelled.index("npp") + 3, cas
    )


def test_an_abbreviation_is_accepted_only_beside_chemical_words() -> None:
    assert abbreviation("NPP intermediate")
    assert abbreviation("NPP 99% powder")
    assert abbreviation("NPP", chemical=True)
    assert abbreviation("NPP CAS 39742-60-4")
    assert not abbreviation("NPP")
    assert not abbreviation("NPP battery 12V")
    assert not abbreviation("NPP whey protein powder")
    assert not abbreviation("NPP powder CAS 77-92-9")
    assert not abbreviation("fluoro-NPP powder")


def test_a_code_name_may_contain_a_space_but_bare_letters_may_not() -> None:
    around = Surroundings("r 30730 reagent, n pp reagent")
    assert around.admits_abbreviation(0, 7, "")
    assert not around.admits_abbreviation(17, 21, "")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1-methyl-4-piperidone", "4-piperidone"),
        ("1-methyl 4-piperidone", "4-piperidone"),
        ("4-piperidone-3-carboxylic acid", "4-piperidone"),
        ("4-piperidone oxime", "4-piperidone"),
        ("3,5-bis(phenylmethylene)-4-piperidone", "4-piperidone"),
        ("4-piperidone, 2,2,6,6-tetramethyl-", "4-piperidone"),
        (".alpha.-phenethyl bromide", "phenethyl bromide"),
        ("propionyl chloride, 3-bromo-", "propionyl chloride"),
        ("n-tert-butoxycarbony-4-piperidone", "4-piperidone"),
        ("p-chloro-b-phenethyl bromide", "phenethyl bromide"),
        ("acetic propionic anhydride", "propionic anhydride"),
        ("phenethyl bromide4nitro", "phenethyl bromide"),
        ("n-甲基-4-哌啶酮", "4-哌啶酮"),
        ("苯丙酰氯", "丙酰氯"),
        ("4-哌啶酮-3-羧酸", "4-哌啶酮"),
    ],
)
def test_a_name_that_is_part_of_another_chemical_name_continues(text: str, name: str) -> None:
    assert Surroundings(text).continue_name(text.index(name), text.index(name) + len(name))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cis-3-methylfentanyl", "3-methylfentanyl"),
        ("benzene 4-piperidone", "4-piperidone"),
        ("powder-4-piperidone", "4-piperidone"),
        ("pure propionic anhydride", "propionic anhydride"),
        ("4-piperidone-hydrochloride", "4-piperidone"),
        ("4-piperidone, 25 kg", "4-piperidone"),
        ("25kg 4-哌啶酮盐酸盐", "4-哌啶酮"),
        ("高纯度丙酰氯", "丙酰氯"),
    ],
)
def test_a_name_beside_separate_words_does_not_continue(text: str, name: str) -> None:
    assert not Surroundings(text).continue_name(text.index(name), text.index(name) + len(name))


@given(st.text(max_size=120), st.integers(0, 120), st.integers(0, 120))
def test_any_span_of_any_text_has_a_context(text: str, start: int, end: int) -> None:
    spelled = spell(fold(text))
    code, mention = Surroundings(spelled).context(min(start, end), max(start, end))
    assert code in {"", "denied", "standard", "antibody", "test", "antidote", "publication", "permit"}
    assert mention is False or code != ""
