"""Tests of reading names of unlisted analogues and composing their structures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from features.reference import Group, Substance, substances
from features.reference.translations import Role, fragments
from features.substances import translated_names
from features.substances.normalise import fold, normalise, spell
from features.substances.read import analogues
from features.substances.read.analogue_structures import STEMS, UnclearError, structure
from features.substances.read.analogues import Analogue, analogue

OPIOIDS = [row for row in substances() if row.group in (Group.FENTANYL, Group.NITAZENE, Group.PRECURSOR)]
# A synonym whose parts describe another compound, and a stem whose structure cannot be composed.
NOT_COMPOSED = {"desmethylfentanyl", "N-piperidino etonitazene"}


def read(text: str) -> Analogue | None:
    return analogue(spell(fold(text)))


def canonical(smiles: str) -> str:
    molecule = Chem.MolFromSmiles(smiles)
    assert molecule is not None, smiles
    return Chem.MolToSmiles(molecule, isomericSmiles=False)


@pytest.mark.parametrize("row", OPIOIDS, ids=lambda row: row.name)
def test_the_composed_structure_of_a_listed_name_is_that_of_its_row(row: Substance) -> None:
    for name in (row.name, *row.synonyms):
        result = read(name)
        if result is not None and name not in NOT_COMPOSED:
            assert canonical(result.smiles) == canonical(row.smiles), name
            assert result.certain, name


def test_most_listed_fentanyls_and_nitazenes_can_be_composed() -> None:
    rows = [row for row in OPIOIDS if row.group in (Group.FENTANYL, Group.NITAZENE)]
    composed = [row.name for row in rows if read(row.name) is not None]
    assert len(composed) >= 0.85 * len(rows), sorted({row.name for row in rows} - set(composed))


def test_names_in_other_languages_give_the_same_structures() -> None:
    smiles = {row.name: canonical(row.smiles) for row in OPIOIDS}
    groups = {row.name: row.group for row in OPIOIDS}
    right = wrong = 0
    for name in translated_names():
        if groups.get(name.substance) not in (Group.FENTANYL, Group.NITAZENE) or len(name.name) > 40:
            continue
        result = read(name.name)
        if result is not None and result.smiles and result.certain:
            agrees = canonical(result.smiles) == smiles[name.substance]
            right, wrong = right + agrees, wrong + (not agrees)
    assert right > 4_000
    # The exceptions name relatives of norfentanyl with ambiguous words (去甲, desmethyl).
    assert wrong <= 0.01 * right, wrong


@pytest.mark.parametrize(
    ("text", "smiles"),
    [
        ("para-methoxy-valeryl fentanyl", "CCCCC(=O)N(c1ccc(OC)cc1)C1CCN(CCc2ccccc2)CC1"),
        ("对甲氧基戊酰芬太尼", "CCCCC(=O)N(c1ccc(OC)cc1)C1CCN(CCc2ccccc2)CC1"),
        ("高纯邻氯环丁酰芬太尼粉末", "O=C(C1CCC1)N(c1ccccc1Cl)C1CCN(CCc2ccccc2)CC1"),
        ("dui fu yi wu xian fen tai ni", "CC(C)CC(=O)N(c1ccc(F)cc1)C1CCN(CCc2ccccc2)CC1"),
        ("пара-бромацетилфентанил", "CC(=O)N(c1ccc(Br)cc1)C1CCN(CCc2ccccc2)CC1"),
        ("2,4-difluoro cyclopropylfentanyl", "O=C(C1CC1)N(c1ccc(F)cc1F)C1CCN(CCc2ccccc2)CC1"),
        ("3-ethylacetylfentanyl", "CC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1CC"),
        ("meta-ethyl acetylfentanyl", "CC(=O)N(c1cccc(CC)c1)C1CCN(CCc2ccccc2)CC1"),
        ("4'-chloro acrylfentanyl", "C=CC(=O)N(c1ccccc1)C1CCN(CCc2ccc(Cl)cc2)CC1"),
        ("beta-hydroxy crotonyl thiofentanyl", "CC=CC(=O)N(c1ccccc1)C1CCN(CC(O)c2cccs2)CC1"),
        ("alpha-methyl benzoylfentanyl", "CC(Cc1ccccc1)N1CCC(CC1)N(C(=O)c1ccccc1)c1ccccc1"),
        ("cis-3-methyl butyrfentanyl", "CCCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1C"),
        ("para-chloro carfentanil", "CCC(=O)N(c1ccc(Cl)cc1)C1(C(=O)OC)CCN(CCc2ccccc2)CC1"),
        ("N-methyl norfentanyl", "CCC(=O)N(c1ccccc1)C1CCN(C)CC1"),
        ("para-fluoro despropionyl fentanyl", "Fc1ccc(NC2CCN(CCc3ccccc3)CC2)cc1"),
        ("N-pyrrolidino butonitazene", "CCCCOc1ccc(Cc2nc3cc([N+](=O)[O-])ccc3n2CCN2CCCC2)cc1"),
        ("sec-butonitazene", "CCC(C)Oc1ccc(Cc2nc3cc([N+](=O)[O-])ccc3n2CCN(CC)CC)cc1"),
        ("protodesnitazene", "CCCOc1ccc(Cc2nc3ccccc3n2CCN(CC)CC)cc1"),
    ],
)
def test_the_structure_of_an_unlisted_analogue_is_composed_from_its_name(text: str, smiles: str) -> None:
    result = read(text)
    assert result is not None
    assert canonical(result.smiles) == canonical(smiles)
    assert result.certain


def test_an_analogue_has_its_position_in_the_text_and_its_name_parts() -> None:
    text = "5 kg 4-methoxyvalerylfentanyl hcl, lab reagent"
    result = analogue(text)
    assert result is not None
    assert text[result.start : result.end] == "4-methoxyvalerylfentanyl"
    assert result.parts == ("4", "methoxy", "valeryl", "fentanyl")


def test_an_unstated_position_is_assumed_and_the_result_is_uncertain() -> None:
    result = read("fluorofentanyl")
    assert result is not None
    assert canonical(result.smiles) == canonical("CCC(=O)N(c1ccc(F)cc1)C1CCN(CCc2ccccc2)CC1")
    assert not result.certain


def test_parts_without_a_structure_are_reported_as_uncertain() -> None:
    result = read("4-methylphenethyl acetyl fentanyl")
    assert result is not None
    assert (result.parts, result.certain) == (("acetyl", "fentanyl"), False)
    result = read("脱甲基芬太尼")
    assert result is not None
    assert (result.smiles, result.certain) == ("", False)


@pytest.mark.parametrize(
    "text",
    [
        "fentanyl",
        "fentanyl test strips",
        "芬太尼",
        "a book on fentanyl",
        "neither heroin nor fentanyl",
        "2 fentanyl patches",
        "parche para fentanilo",
        "xyzacetylfentanyl",
        "ladies cotton t-shirt, size m",
        "methyl anthranilate",
        "",
    ],
)
def test_bare_stems_unknown_words_and_other_goods_are_not_analogues(text: str) -> None:
    assert read(text) is None


def test_a_normalised_name_without_punctuation_is_read() -> None:
    result = analogue(normalise("para-Methoxy-(valeryl) Fentanyl"))
    assert result is not None
    assert result.parts == ("para", "methoxy", "valeryl", "fentanyl")


def test_rdkit_reads_every_fragment() -> None:
    for fragment in fragments():
        smiles = f"N{fragment.smiles}" if fragment.role is Role.ACYL else f"C{fragment.smiles}"
        assert Chem.MolFromSmiles(smiles) is not None, fragment


def test_contradictory_parts_raise_an_error() -> None:
    for parts in (
        ("acetyl", "butyryl", "fentanyl"),
        ("para", "fluoro", "para", "chloro", "fentanyl"),
        ("para", "fentanyl"),
        ("para", "acetyl", "fentanyl"),
        ("thio", "benzyl", "fentanyl"),
        ("despropionyl", "acetyl", "fentanyl"),
        ("di", "fentanyl"),
        ("2", "di", "fluoro", "fentanyl"),
        ("nitazene",),
        ("eto", "meto", "nitazene"),
    ):
        with pytest.raises(UnclearError):
            structure(parts)


_PREFIXES = ["para-", "ortho", "2,", "4'", "alpha-", "beta'-", "di", "tri", "nor", "N-", "des", "3-", " ", "对"]
_GROUPS = [
    "fluoro",
    "methyl",
    "phenyl",
    "methoxy",
    "acetyl",
    "isobutyryl",
    "cyclopropyl",
    "furanyl",
    "thio",
    "氟",
    "eto",
]
_WORDS = st.sampled_from([*_PREFIXES, *_GROUPS, "carbomethoxy"])


@given(st.lists(_WORDS, max_size=7), st.sampled_from(["fentanyl", "carfentanil", "sufentanil", "nitazene", "芬太尼"]))
def test_a_composed_structure_is_a_molecule_and_lies_within_the_text(words: list[str], stem: str) -> None:
    text = spell(fold("".join(words) + stem))
    result = analogue(text)
    if result is not None:
        assert 0 <= result.start < result.end <= len(text)
        assert result.parts[-1] in STEMS
        assert result.smiles or not result.certain
        if result.smiles:
            assert Chem.MolFromSmiles(result.smiles) is not None


@given(st.text(max_size=200))
def test_an_analogue_in_any_text_lies_within_it(text: str) -> None:
    result = read(text)
    assert result is None or 0 <= result.start < result.end <= len(spell(fold(text)))


@pytest.mark.parametrize(
    ("repeated", "end"),
    [
        ("methyl", "fentanyl"),
        ("isopropyl", "fentanyl"),
        ("o-methyl ", "fentanyl"),
        ("n,n", " fentanyl"),
        ("芬太尼", ""),
    ],
)
def test_the_number_of_steps_grows_linearly_with_text_length(
    monkeypatch: pytest.MonkeyPatch, repeated: str, end: str
) -> None:
    steps = analogues._steps
    taken: list[int] = []

    def counted(spelled: str, at: int, floor: int) -> Iterator[tuple[int, str]]:
        taken.append(at)
        return steps(spelled, at, floor)

    monkeypatch.setattr(analogues, "_steps", counted)
    read(repeated * 100 + end)
    few = len(taken)
    read(repeated * 2_000 + end)
    assert 0 < few <= 300
    assert len(taken) == 2 * few
