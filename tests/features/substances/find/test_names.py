"""Tests of the name index: names are found in any text and script at their boundaries, but not inside other names."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.reference import Group, ReferenceDataError, benign_chemicals, substances
from features.substances import WATCHED
from features.substances.context import Surroundings
from features.substances.find.found import Entry, Found
from features.substances.find.morphemes import members
from features.substances.find.names import NameIndex
from features.substances.normalise import fold, original, spell
from tests.growth import cost_grows_linearly

ROWS = [row for row in substances() if row.group not in (Group.EQUIPMENT, Group.LEGAL_CLASS)]
NAMES = [(name, row.name) for row in ROWS for name in (row.name, *row.synonyms)]
FENTANYL = Entry("Fentanyl", "fentanyl", "437-38-7", "", "translated")
PIPERIDONE = Entry("4-Piperidone", "precursor", "41661-47-6", "", "translated")
CHLORIDE = Entry("Propionyl chloride", "precursor", "79-03-8", "", "translated")
TRANSLATED = {
    FENTANYL: ("芬太尼", "フェンタニル", "펜타닐", "فنتانيل", "фентанил", "fentanilo", "fen tai ni"),
    PIPERIDONE: ("4-哌啶酮", "4-ピペリドン", "4-пиперидон", "4-피페리돈"),
    CHLORIDE: ("丙酰氯", "プロピオニルクロリド", "프로피오닐 클로라이드", "пропионилхлорид", "丙醯氯"),
}


def build_index() -> NameIndex:
    index = NameIndex()
    for row in ROWS:
        index.add_substance(row)
    for chemical in benign_chemicals():
        index.add_benign(chemical)
    for entry, names in TRANSLATED.items():
        for name in names:
            index.add(name, entry, yielding=True)
    return index


INDEX = build_index()


def find(text: str, *, chemical: bool = False) -> list[Found]:
    spelled = spell(fold(text))
    return INDEX.find(spelled, Surroundings(spelled, chemical=chemical))


def named(text: str) -> list[str]:
    return [match.entry.substance for match in find(text)]


@pytest.mark.parametrize(("name", "substance"), NAMES)
def test_every_name_is_found_in_any_surrounding_text(name: str, substance: str) -> None:
    for text in (name, name.upper(), f"{name} 99% purity", f"1 drum of {name}, industrial", name.replace("-", " ")):
        assert substance in named(text), text


@pytest.mark.parametrize(
    ("text", "substance", "declared"),
    [
        ("高纯度芬太尼500克", "Fentanyl", "芬太尼"),
        ("芬太尼fentanyl", "Fentanyl", "芬太尼"),
        ("フェンタニルの粉末", "Fentanyl", "フェンタニル"),
        ("フエンタニル 5g", "Fentanyl", "フエンタニル"),
        ("펜타닐은 분말", "Fentanyl", "펜타닐"),
        ("купить фентанил", "Fentanyl", "фентанил"),
        ("порошок фентанила", "Fentanyl", "фентанила"),
        ("ФЕНТАНИЛОМ", "Fentanyl", "ФЕНТАНИЛОМ"),
        ("مسحوق الفنتانيل", "Fentanyl", "فنتانيل"),
        ("وبالفنتانيل", "Fentanyl", "فنتانيل"),
        ("فَنْتَانِيل", "Fentanyl", "فَنْتَانِيل"),
        ("fen tai ni fenmo", "Fentanyl", "fen tai ni"),
        ("fеntаnyl", "Fentanyl", "fеntаnyl"),  # Latin with Cyrillic look-alikes
        ("4-哌啶酮盐酸盐 25kg", "4-Piperidone", "4-哌啶酮"),
        ("4-ピペリドン", "4-Piperidone", "4-ピペリドン"),
        ("丙酰氯25kg", "Propionyl chloride", "丙酰氯"),
        ("프로피오닐 클로라이드를", "Propionyl chloride", "프로피오닐 클로라이드"),
    ],
)
def test_names_in_other_scripts_are_found_in_running_text(text: str, substance: str, declared: str) -> None:
    (match,) = [item for item in find(text) if item.entry.kind == "translated" or text.startswith("f")][:1]
    assert match.entry.substance == substance
    assert original(text, spell(fold(text)), match.start, match.end) == declared


@pytest.mark.parametrize(
    "text",
    [
        "N-甲基-4-哌啶酮",
        "4-哌啶酮-3-羧酸",
        "3-氯丙酰氯",
        "苯丙酰氯",
        "クロロプロピオニルクロリド",
        "1-methyl-4-piperidone",
        "4-piperidone, 2,2,6,6-tetramethyl-",
        "4-piperidinone, 1-(2-hydroxyethyl)-",
        "3-chloropropionyl chloride",
        "1-nitro-4-(2-bromoethyl)benzene",
        "3-cyano-N-phenyl-N-[1-(2-phenylethyl)piperidin-4-yl]propanamide",
        ".ALPHA.-PHENETHYL BROMIDE",
        "1-phenylethyl bromide",
        "fentanylx",
        "refentanylate",
        "NPP",
        "NPP battery 12V",
        "4-AP CAS 504-24-5 powder",
    ],
)
def test_a_name_inside_the_name_of_another_substance_is_not_found(text: str) -> None:
    assert [match for match in find(text) if match.hit] == []


@pytest.mark.parametrize(
    ("text", "substance"),
    [
        ("o-fluorofentanyl", "ortho-Fluorofentanyl"),
        ("p-chloroisobutyryl fentanyl", "para-Chloroisobutyrylfentanyl"),
        ("2-fluoroacrylfentanyl", "ortho-Fluoroacrylfentanyl"),
        ("(+/-)-cis-3-methylfentanyl", "3-Methylfentanyl"),
        ("fentanyl, acetyl", "Acetylfentanyl"),
        ("FENTANYL ACETYL ANALOG", "Acetylfentanyl"),
        ("butyrfentanyl", "Butyrylfentanyl"),
        ("fent anil", "Fentanyl"),
        ("fentanyls", "Fentanyl"),
        ("Fentanylpflaster", "Fentanyl"),
        ("phenethyl-4-piperidone", "N-Phenethyl-4-piperidone"),
        ("boc-4-piperidone", "1-boc-4-piperidone"),
    ],
)
def test_derived_forms_of_names_are_found(text: str, substance: str) -> None:
    assert named(text)[:1] == [substance]


def test_an_inverted_name_differs_from_a_list_of_goods() -> None:
    assert named("fentanyl, benzyl alcohol") == ["Fentanyl"]
    assert named("fentanyl, benzyl") == ["Benzylfentanyl"]


@pytest.mark.parametrize(
    ("text", "substance"),
    [
        ("f3ntanyl 5g", "Fentanyl"),
        ("f3nt.anyl 5g", "Fentanyl"),
        ("carf3nt-anil", "Carfentanil"),
        ("c4rfentanil", "Carfentanil"),
        ("4-pip3rid0ne", "4-Piperidone"),
        ("propionyl chl0ride", "Propionyl chloride"),
        ("fent@nyl", "Fentanyl"),
    ],
)
def test_a_name_disguised_with_digits_is_found_and_marked(text: str, substance: str) -> None:
    (match,) = find(text)
    assert (match.entry.substance, match.disguised, match.hit) == (substance, True, True)
    assert 0.9 < match.confidence < 1.0


def test_a_primed_locant_makes_the_match_ambiguous() -> None:
    (plain,), (primed,) = find("3-methylfentanyl"), find("3'-methylfentanyl")
    assert (plain.ambiguous, primed.ambiguous) == (False, True)
    (own,) = find("4'-methyl acetylfentanyl")
    assert own.ambiguous is False


def test_the_longest_name_wins_and_matches_do_not_overlap() -> None:
    matches = find("acetyl fentanyl and 4-piperidone monohydrate hydrochloride and fentanyl")
    assert [item.entry.substance for item in matches] == [
        "Acetylfentanyl",
        "4-Piperidone monohydrate hydrochloride",
        "Fentanyl",
    ]
    assert all(one.end <= other.start for one, other in pairwise(matches))


def test_a_match_has_the_context_of_its_surroundings() -> None:
    (match,) = find("fentanyl test strips")
    assert (match.context, match.mention, match.hit) == ("test", True, False)
    (match,) = find("fentanyl citrate injection, import permit no. 123")
    assert (match.context, match.mention, match.hit) == ("permit", False, True)


def test_a_chemical_with_salt_and_purity_inside_its_name_matches_as_a_whole() -> None:
    spelled = spell(fold("4-anilino (98%) piperidine HCl"))
    (match,) = INDEX.without_qualifiers(spelled, Surroundings(spelled, chemical=True))
    assert (match.entry.substance, match.start, match.end) == ("4-Anilinopiperidine", 0, len(spelled))
    assert INDEX.without_qualifiers("npp", Surroundings("npp", chemical=True)) == []


@pytest.mark.parametrize(
    ("text", "substance", "group"),
    [
        ("hexanoylfentanyl powder", "Hexanoylfentanyl", "fentanyl"),
        ("mirfentanil", "Mirfentanyl", "fentanyl"),
        ("isobutonitazene", "Isobutonitazene", "nitazene"),
    ],
)
def test_a_word_with_the_stem_of_a_family_is_an_unnamed_member(text: str, substance: str, group: str) -> None:
    spelled = spell(fold(text))
    (match,) = members(spelled, Surroundings(spelled))
    assert (match.entry.substance, match.entry.group, match.ambiguous) == (substance, group, True)
    assert match.hit


@pytest.mark.parametrize("text", ["nonfentanyl", "antifentanyl", "fentanyl", "nitazene", "fentanylx", "refentanylate"])
def test_a_word_that_merely_contains_the_stem_is_not_a_member(text: str) -> None:
    spelled = spell(fold(text))
    assert members(spelled, Surroundings(spelled)) == []


def test_members_are_not_searched_where_a_name_matched() -> None:
    spelled = spell(fold("acetylfentanyl"))
    around = Surroundings(spelled)
    assert members(spelled, around, INDEX.find(spelled, around)) == []
    assert members(spelled, around) != []


def test_one_name_for_two_substances_is_refused_unless_one_yields() -> None:
    index = NameIndex()
    index.add("gamma", Entry("Alphane", "precursor", "", "", "exact"))
    with pytest.raises(ReferenceDataError, match="'Gamma' stands for Alphane and Betane, expected one substance"):
        index.add("Gamma", Entry("Betane", "precursor", "", "", "exact"))
    index.add("Gamma", Entry("Betane", "precursor", "", "", "exact"), yielding=True)
    assert (entry := index.entry("gamma")) is not None
    assert entry.substance == "Alphane"


def test_a_name_of_the_table_replaces_yielding_and_derived_names() -> None:
    index = NameIndex()
    index.add("para-fluorofentanyl", Entry("Alphane", "fentanyl", "", "", "exact"))
    index.add("deltane", Entry("Alphane", "fentanyl", "", "", "exact"), yielding=True)
    for name in ("p-fluorofentanyl", "deltane"):
        index.add(name, Entry("Betane", "fentanyl", "", "", "exact"))
        assert (entry := index.entry(name)) is not None
        assert entry.substance == "Betane"


def test_a_name_below_the_minimum_length_is_refused() -> None:
    with pytest.raises(ReferenceDataError, match="'AB' of Alphane is too short, expected at least 3"):
        NameIndex().add("AB", Entry("Alphane", "precursor", "", "", "exact", abbreviation=True))


def test_watched_names_contain_no_abbreviations_and_no_benign_chemicals() -> None:
    names = {name for name, _ in INDEX.watched_names()}
    assert {"Fentanyl", "4-Piperidone", "fentanilo"} <= names
    assert {"NPP", "citric acid", "Piperidine"} & names == set()
    assert all(entry.group in WATCHED for _, entry in INDEX.watched_names())
    assert "citricacid" in INDEX.other_keys(WATCHED)


@given(st.text(max_size=80))
@example("ـ فنتانيل و")
@example("fentany| | 4-pip3rid0ne$")
def test_matches_lie_within_the_text(text: str) -> None:
    spelled = spell(fold(text))
    matches = find(text)
    assert all(0 <= item.start < item.end <= len(spelled) for item in matches)


@pytest.mark.parametrize(
    ("words", "times"), [("fentanyl npp ", 4_000), ("芬太尼", 20_000), ("2 -", 30_000), ("الفنتانيل ", 8_000)]
)
@pytest.mark.long
def test_cost_grows_linearly_with_text_length(words: str, times: int) -> None:
    def search(spelled: str) -> None:
        INDEX.find(spelled, Surroundings(spelled))

    assert cost_grows_linearly(search, lambda times: spell(fold(words * times)), times)


BEGINNINGS = [
    (word, size)
    for name, _ in NAMES
    for word in spell(fold(name)).split()
    if word.isascii() and word.isalpha()
    for size in (1, 2, 3, 4, 5, 6, 7)
]


@given(
    st.one_of(st.sampled_from(BEGINNINGS).map(lambda one: one[0][: one[1]]), st.text("aefnt", min_size=1, max_size=8)),
    st.text("aelnty", max_size=4),
)
def test_a_word_may_begin_a_name_if_a_prefix_or_a_name_agrees_with_it(beginning: str, rest: str) -> None:
    word = beginning + rest
    heads = INDEX.heads()
    # A prefix that continues the word, or a name that begins with the word or is its beginning.
    plain = any(head.startswith(word) for head in heads) or any(
        length > len(word) or word[:length] in INDEX._names
        for size in (3, 6)
        for length in INDEX._lengths.get(word[:size], ())
    )
    assert INDEX.may_begin(word, heads) == plain
