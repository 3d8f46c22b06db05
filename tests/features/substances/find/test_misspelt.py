"""Tests of misspelt names: one or two typing errors do not hide a watched name, and other words are not corrected."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.reference import Group, benign_chemicals, substances
from features.substances import WATCHED
from features.substances.context import Surroundings
from features.substances.find.found import Entry, Found, merged
from features.substances.find.misspelt import MisspeltNames
from features.substances.find.morphemes import CHEMICAL_WORD, MORPHEME, RESERVED, members
from features.substances.find.names import NameIndex
from features.substances.normalise import fold, spell
from tests.growth import cost_grows_linearly

ROWS = [row for row in substances() if row.group not in (Group.EQUIPMENT, Group.LEGAL_CLASS)]


def build_index() -> NameIndex:
    index = NameIndex()
    for row in ROWS:
        index.add_substance(row)
    for chemical in benign_chemicals():
        index.add_benign(chemical)
    index.add("4-piperidon", Entry("4-Piperidone", "precursor", "", "", "translated", language="de"), yielding=True)
    index.add("fen tai ni", Entry("Fentanyl", "fentanyl", "", "", "translated", language="zh-Latn"), yielding=True)
    return index


INDEX = build_index()
MISSPELT = MisspeltNames(INDEX.watched_names(), others=INDEX.other_keys(WATCHED))


def find(text: str) -> list[Found]:
    """Return the matches of all three name searches, hits first."""
    spelled = spell(fold(text))
    around = Surroundings(spelled)
    known = INDEX.find(spelled, around)
    matches = merged(known, MISSPELT.find(spelled, around, known))
    return sorted([*matches, *members(spelled, around, matches)], key=lambda item: item.rank, reverse=True)


def misspelt(text: str) -> list[Found]:
    return [match for match in find(text) if match.entry.kind == "misspelt"]


@pytest.mark.parametrize(
    ("text", "substance", "errors"),
    [
        ("fentnyl", "Fentanyl", 1),
        ("fetnanyl", "Fentanyl", 1),
        ("fenttanyl", "Fentanyl", 1),
        ("fentsnyl powder", "Fentanyl", 1),
        ("fentanyI", "Fentanyl", 1),  # capital I in place of l
        ("ventanyl", "Fentanyl", 1),
        ("fendanill", "Fentanyl", 2),
        ("fen tanyll", "Fentanyl", 1),
        ("carfentnil", "Carfentanil", 1),
        ("sufnetanil citrate", "Sufentanil", 1),
        ("remfentanil", "Remifentanil", 1),
        ("etonitazne", "Etonitazene", 1),
        ("isotonitazine", "Isotonitazene", 1),
        ("4-piperidoen", "4-Piperidone", 1),
        ("4-piperdone hydrochloride", "4-Piperidone hydrochloride", 1),
        ("4-anilinopiperdine 98%", "4-Anilinopiperidine", 1),
        ("N-phenetyl-4-piperidone", "N-Phenethyl-4-piperidone", 1),
        ("N-(2-phebylethyl)-4-piperidinone", "N-Phenethyl-4-piperidone", 1),
        ("propionyl cloride", "Propionyl chloride", 1),
        ("propyonyl cloride", "Propionyl chloride", 2),
        ("propionic anhidride", "Propionic anhydride", 1),
        ("phenethyl bromid", "Phenethyl bromide", 1),
        ("norfentnyl", "Norfentanyl", 1),
        ("acetyl fentnyl", "Acetylfentanyl", 1),
        ("acetzyl fentanyl", "Acetylfentanyl", 1),
        ("N-phenyl-1-(2-phenylethyl)piperidn-4-amine", "4-Anilino-N-phenethylpiperidine", 1),
    ],
)
def test_a_name_with_typing_errors_is_found_with_its_edit_distance(text: str, substance: str, errors: int) -> None:
    matches = misspelt(f"1 drum of {text}, industrial")
    assert [(item.entry.substance, item.distance, item.hit) for item in matches] == [(substance, errors, True)]
    assert 0.5 <= matches[0].confidence < 1.0


def test_look_alike_letters_reduce_the_confidence_least_and_two_errors_most() -> None:
    alike, one, two = misspelt("fentanyI")[0], misspelt("fentsnyl")[0], misspelt("fendanill")[0]
    assert alike.confidence > one.confidence > two.confidence


NEGATIVES = [
    "2-piperidone",
    "3-piperidone",
    "2-piperidon",
    "phenethyl alcohol",
    "phenylethyl alcohol",
    "2-phenylethanol",
    "phenethyl acetate",
    "phenacyl bromide",
    "phenethylamine",
    "detomidine",
    "dexmedetomidine",
    "tioperidone",
    "carfenil",
    "Fenty Beauty foundation",
    "feniramine maleate",
    "pheniramine",
    "haloperidol",
    "piperidine",
    "4-piperidine",
    "piperazine",
    "4-piperidinol",
    "1-benzylpiperidin-4-ol",
    "1-benzoyl-4-piperidone",
    "4-anilinopiperazine",
    "4-aminopiperidine",
    "propionyl",
    "propionyl bromide",
    "propionyl fluoride",
    "propiolyl chloride",
    "propargyl chloride",
    "propenyl chloride",
    "propionate",
    "propionaldehyde",
    "propionic acid",
    "propionic hydrazide",
    "benzyl bromide",
    "Fontaine mineral water",
    "fontanel baby hat",
    "pentanol",
    "3-pentanol",
    "pentanal",
    "pentanyl",
    "fountain pen",
    "garden fountain",
    "sentinel",
    "fantail",
    "entail",
    "Ventana",
    "morphine sulfate",
    "etorphine",
    "tetrazene",
    "metanil yellow",
    "montanyl alcohol",
    "butanone",
    "nitazoxanide",
    "metronidazole",
    "etonogestrel",
    "infantany",
    "1-methyl-4-piperidon",
    "4-piperidon-3-carboxylic acid",
    "lentini fontani faentini",
    "men tan yl",
    "(2-bromoethoxy)benzene",
    "(2-bromoethyl)toluene",
]


@pytest.mark.parametrize("text", NEGATIVES)
def test_real_words_and_other_chemicals_are_not_corrected(text: str) -> None:
    assert [match for match in find(text) if match.hit] == []


@pytest.mark.parametrize(
    ("text", "substance"),
    [
        ("for fentanyl", "Fentanyl"),
        ("or fentanyl", "Fentanyl"),
        ("with fentanyl", "Fentanyl"),
        ("no. 5 fentanyl", "Fentanyl"),
    ],
)
def test_a_short_word_beside_a_name_does_not_change_the_match(text: str, substance: str) -> None:
    assert [match.entry.substance for match in find(text) if match.hit] == [substance]


@pytest.mark.parametrize("text", ["ethylfentanyl", "mirfentanil", "hexanoylfentanyl", "propylnitazene"])
def test_an_unlisted_family_member_is_not_corrected_into_a_listed_one(text: str) -> None:
    (match,) = [item for item in find(text) if item.hit]
    assert match.entry.substance.casefold() in (spell(fold(text)), fold(text))


@pytest.mark.parametrize(
    ("text", "substance"),
    [
        ("2-fluorofentnyl", "ortho-Fluorofentanyl"),
        ("3-fluorofentnyl", "meta-Fluorofentanyl"),
        ("4-fluorofentnyl", "para-Fluorofentanyl"),
    ],
)
def test_digits_are_never_corrected(text: str, substance: str) -> None:
    assert [match.entry.substance for match in misspelt(text)] == [substance]


def test_the_name_at_the_smaller_edit_distance_is_chosen() -> None:
    assert [match.entry.substance for match in misspelt("etonitazenne")] == ["Etonitazene"]
    assert [match.entry.substance for match in misspelt("clonitazenne")] == ["Clonitazene"]


def test_a_mention_with_typing_errors_is_still_a_mention() -> None:
    (match,) = misspelt("fentnyl test strips")
    assert (match.context, match.mention, match.hit) == ("test", True, False)


def test_names_of_other_substances_are_not_corrected() -> None:
    own = MisspeltNames(INDEX.watched_names(), others=("Fentnyl",))
    assert own.find("fentnyl", Surroundings("fentnyl")) == []
    assert own.find("fentnyk", Surroundings("fentnyk")) == []
    assert MISSPELT.find("fentnyl", Surroundings("fentnyl")) != []


def test_a_name_that_matches_exactly_is_not_matched_again() -> None:
    spelled = spell(fold("fentanyl"))
    around = Surroundings(spelled)
    assert MISSPELT.find(spelled, around, INDEX.find(spelled, around)) == []


def test_reserved_words_are_folded_and_differ_from_watched_names() -> None:
    bare = {name for row in ROWS if row.group in WATCHED for name in map(fold, (row.name, *row.synonyms))}
    assert RESERVED & bare == set()
    assert all(word == fold(word) and word.isalpha() for word in RESERVED)


@pytest.mark.parametrize("word", ["benzoyl", "anilinopiperazine", "pentanyl", "phenylpentanol", "methylfentanyl"])
def test_words_made_of_name_parts_are_chemical_words(word: str) -> None:
    assert CHEMICAL_WORD.fullmatch(word) is not None


@pytest.mark.parametrize("word", ["fentanil", "piperidoen", "propnaamide", "benzl"])
def test_words_with_typing_errors_are_not_chemical_words(word: str) -> None:
    assert CHEMICAL_WORD.fullmatch(word) is None
    assert MORPHEME.fullmatch(word) is None


def mistyped(name: str, errors: int, rng: random.Random) -> str:
    """Return the name with the given number of letters inserted, deleted, replaced or transposed."""
    for _ in range(errors):
        at = rng.choice([place for place, char in enumerate(name) if char.isalpha()])
        other = rng.choice(string.ascii_lowercase.replace(name[at].lower(), ""))
        how = rng.choice(("insert", "leave out", "exchange", "swap"))
        if how == "insert":
            name = name[:at] + other + name[at:]
        elif how == "leave out":
            name = name[:at] + name[at + 1 :]
        elif how == "swap" and name[at + 1 : at + 2].isalpha() and name[at + 1].lower() != name[at].lower():
            name = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        else:
            name = name[:at] + other + name[at + 1 :]
    return name


@pytest.mark.parametrize(("errors", "least"), [(1, 0.98), (2, 0.95)])
def test_most_random_misspellings_of_watched_names_are_hits(errors: int, least: float) -> None:
    rng = random.Random(20 + errors)
    names = [name for row in ROWS if row.group in WATCHED for name in (row.name, *row.synonyms)]
    texts = [mistyped(name, errors, rng) for name in names if sum(map(str.isalpha, name)) >= 8 for _ in range(2)]
    hits = sum(any(match.hit for match in find(text)) for text in texts)
    assert len(texts) > 400
    assert hits / len(texts) >= least


@given(st.text(max_size=80))
def test_any_text_can_be_searched(text: str) -> None:
    spelled = spell(fold(text))
    for match in MISSPELT.find(spelled, Surroundings(spelled)):
        assert 0 <= match.start < match.end <= len(spelled)
        assert match.distance in (1, 2)


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "times"), [("fentnyl npp ", 3_000), ("n-phenetyl-4-piperidone-", 2_000), ("fen tan yl ", 3_000)]
)
def test_cost_grows_linearly_with_text_length(words: str, times: int) -> None:
    def search(spelled: str) -> None:
        MISSPELT.find(spelled, Surroundings(spelled))

    assert cost_grows_linearly(search, lambda times: spell(fold(words * times)), times)
