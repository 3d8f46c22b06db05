"""Tests of parent structures: salts, hydrates and isotopes of a substance lead to the parent that laws name."""

from __future__ import annotations

from typing import NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import rdinchi

from features.reference import Group, Substance, substances
from features.substances.structures import Structure, from_inchi, from_smiles, listed_structures, nearest
from features.substances.structures.molecule import MAX_HEAVY_ATOMS, MAX_TEXT
from tests.effort import examples

FENTANYL = "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1"
FENTANYL_KEY = "PJMPHNIQZUBGLI-UHFFFAOYSA-N"
FENTANYL_INCHI = (
    "InChI=1S/C22H28N2O/c1-2-22(25)24(20-11-7-4-8-12-20)21-14-17-23(18-15-21)16-13-19-9-5-3-6-10-19"
    "/h3-12,21H,2,13-18H2,1H3"
)
PIPERIDONE_KEY = "VRJHQPZVIGNGMX-UHFFFAOYSA-N"
CITRATE = "OC(=O)CC(O)(CC(=O)O)C(=O)O"
ROWS = [row for row in substances() if row.smiles]


def read(smiles: str) -> Structure:
    structure = from_smiles(smiles)
    assert structure is not None, smiles
    return structure


@pytest.mark.parametrize(
    "declared",
    [
        FENTANYL,
        f"  {FENTANYL}\n",
        f"{FENTANYL}.{CITRATE}",
        f"{CITRATE}.{FENTANYL}",
        f"{FENTANYL}.Cl",
        "CCC(=O)N(c1ccccc1)C1CC[NH+](CCc2ccccc2)CC1.[Cl-]",
        f"{FENTANYL}.OC(=O)C(=O)O.O.O",
        "[2H]C([2H])([2H])C([2H])([2H])C(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1",
        "[13CH3]CC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1",
        "[CH3:7]CC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1",
    ],
)
def test_salts_hydrates_charges_isotopes_and_spellings_share_one_parent(declared: str) -> None:
    structure = read(declared)
    assert (structure.smiles, structure.inchikey) == (FENTANYL, FENTANYL_KEY)
    assert structure.skeleton == FENTANYL_KEY[:14]


@pytest.mark.parametrize(
    "declared",
    [
        "O=C1CCNCC1",
        "Cl.O=C1CCNCC1",
        "Cl.OC1(O)CCNCC1",
        "O.Cl.O=C1CCNCC1",
        "[Cl-].OC1(O)CC[NH2+]CC1",
        "[OH]C1([OH])CCNCC1",
        # The acid is the larger component here, but not the parent.
        "O=C1CCNCC1.Cc1ccc(S(=O)(=O)O)cc1",
        "O=C1CC[NH2+]CC1.O=C([O-])C(F)(F)F",
        f"O=C1CCNCC1.{CITRATE}",
        "O=C1CCNCC1.CN(C)C=O",
    ],
)
def test_salts_and_hydrate_of_4_piperidone_have_4_piperidone_as_their_parent(declared: str) -> None:
    assert read(declared).inchikey == PIPERIDONE_KEY


def test_only_hydrates_of_cyclic_ketones_become_ketones() -> None:
    assert read("OC1(O)CCN(CCc2ccccc2)CC1").smiles == read("O=C1CCN(CCc2ccccc2)CC1").smiles
    assert read("CC(O)(O)C").smiles == "CC(C)(O)O"
    assert read("OC1CCNCC1O").smiles == "OC1CCNCC1O"


def test_the_larger_of_two_substances_is_the_parent() -> None:
    assert read(f"O=C1CCN(CCc2ccccc2)CC1.{FENTANYL}").smiles == FENTANYL


def test_an_imidic_acid_becomes_its_amide_from_smiles_and_inchi() -> None:
    amide = read("CC(=O)Nc1ccccc1")
    assert (
        read("CC(O)=Nc1ccccc1").smiles
        == read("C/C(O)=N/c1ccccc1").smiles
        == read("C/C([OH])=N\\c1ccccc1").smiles
        == amide.smiles
    )
    from_text = from_inchi("InChI=1S/C8H9NO/c1-7(10)9-8-5-3-2-4-6-8/h2-6H,1H3,(H,9,10)")
    assert from_text is not None
    assert (from_text.smiles, from_text.inchikey) == (amide.smiles, amide.inchikey)


def test_a_single_acid_and_an_inorganic_salt_are_their_own_parents() -> None:
    assert read("[Na+].CC(=O)[O-]").smiles == "CC(=O)O"
    assert read("CC(=O)O[Na]").smiles == "CC(=O)O"
    assert read("[Na+].[Cl-]").inchikey == "FAPWRFPIFSIZLT-UHFFFAOYSA-M"


def test_stereochemistry_changes_the_inchikey_but_not_the_skeleton() -> None:
    trans, cis = read("C/C=C/C(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1"), read("C/C=C\\C(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1")
    assert trans.inchikey != cis.inchikey
    assert trans.skeleton == cis.skeleton
    assert "/" in trans.smiles


def test_deuterium_creates_no_stereocentre() -> None:
    assert read("[2H][C@H](C)O").smiles == "CCO"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_structure_of_the_reference_data_is_its_own_parent(row: Substance) -> None:
    smiles = row.smiles
    structure = read(smiles)
    again = read(structure.smiles)
    assert (again.smiles, again.inchikey) == (structure.smiles, structure.inchikey)
    if "." not in smiles:
        assert structure.inchikey == row.inchikey


def test_an_inchi_has_the_same_parent_as_its_smiles() -> None:
    structure = from_inchi(FENTANYL_INCHI)
    assert structure is not None
    assert (structure.smiles, structure.inchikey) == (FENTANYL, FENTANYL_KEY)
    hydrate = from_inchi("InChI=1S/C5H11NO2.ClH/c7-5(8)1-3-6-4-2-5;/h6-8H,1-4H2;1H")
    assert hydrate is not None
    assert hydrate.inchikey == PIPERIDONE_KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fentanyl",
        "CCO ethanol",
        "C1CC",
        "c1cccc1",
        "C(C)(C)(C)(C)C",
        "C*",
        "[#0]C",
        ".".join(["C1CC1"] * 41),  # more rings than allowed
        "[H][H]",
        "[H+]",
        "CC>>CC",
        "ССО",  # Cyrillic letters
        "C" * (MAX_HEAVY_ATOMS + 1),
        "C" * (MAX_TEXT + 1),
        "\x00C",
    ],
)
def test_an_invalid_or_incomplete_molecule_has_no_structure(text: str) -> None:
    assert from_smiles(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "InChI=",
        "InChI=1S/",
        "InChI=1S/C999999H2/",
        "InChI=1S/C2H6O/c9-9",
        "InChIKey=PJMPHNIQZUBGLI-UHFFFAOYSA-N",
        FENTANYL,
    ],
)
def test_an_invalid_inchi_has_no_structure(text: str) -> None:
    assert from_inchi(text) is None


def test_reading_structures_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for text in ("C1CC", "C(C)(C)(C)(C)C", "c1cccc1", FENTANYL, "F[Kr]F", "[Na+].[Cl-]"):
        from_smiles(text)
    for text in ("InChI=1S/C2H6O/c9-9", "InChI=1S/C2H6O/c1", FENTANYL_INCHI):
        from_inchi(text)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "smiles",
    [
        "C" * MAX_HEAVY_ATOMS,
        ".".join(["C"] * MAX_HEAVY_ATOMS),
        "C1" + "CC" * 90 + "C1",
        "c12c3c4c5c1c1c6c7c2c2c8c3c3c9c4c4c%10c5c5c1c1c6c6c%11c7c2c2c7c8c3c3c8c9c4c4c9c%10c5c5c1c1c6c6c%11c2c2c7c3c3c8c4c4c9c5c1c1c6c2c3c41",
        ".".join(["[C@](F)(Cl)(Br)I"] * 40),
        "[C@H](F)(Cl)" * 60,
        "(" * 500,
        "C1" * 400,
    ],
)
def test_extreme_texts_are_refused_or_round_trip(smiles: str) -> None:
    structure = from_smiles(smiles)
    if structure is not None:
        assert read(structure.smiles).inchikey == structure.inchikey


@pytest.mark.parametrize(
    "smiles",
    [
        "C" * (MAX_HEAVY_ATOMS + 1),
        ".".join(["C"] * (MAX_HEAVY_ATOMS + 1)),
        "C1CC1" * 41,
        "C1CC1." * 40 + "C1CC1",
        "".join(f"C%{number}" for number in range(11, 61)) * 2,  # a chain with many ring closures
    ],
)
def test_structures_above_the_size_limits_are_refused_before_ring_perception(
    monkeypatch: pytest.MonkeyPatch, smiles: str
) -> None:
    def never(*_: object) -> NoReturn:
        pytest.fail("the molecule was sanitised")

    monkeypatch.setattr(Chem, "SanitizeMol", never)
    assert from_smiles(smiles) is None


def test_the_inchi_library_receives_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[str] = []
    make = rdinchi.MolToInchiKey

    def recording(mol: Chem.Mol, options: str = "") -> str:
        received.append(options)
        return str(make(mol, options))

    monkeypatch.setattr(rdinchi, "MolToInchiKey", recording)
    assert from_smiles(FENTANYL) is not None
    assert received
    assert all(options.startswith("/WM") for options in received)


def test_listed_structures_are_those_of_their_smiles() -> None:
    for row in ROWS:
        listed, structure = listed_structures()[row.smiles], read(row.smiles)
        assert (listed.smiles, listed.inchikey) == (structure.smiles, structure.inchikey)


SMILES_LIKE = st.text(alphabet="CNOSPFIclnosBr123()=#[]+-@/\\.%H", max_size=40)
PARTS = st.sampled_from(
    [row.smiles for row in ROWS] + [CITRATE, "Cl", "O", "[Na+]", "CC(=O)[O-]", "OS(=O)(=O)O", "[NH4+]"]
)


@examples(300)
@given(st.text(max_size=60) | SMILES_LIKE)
@example("[nH]1cccc1.[O-][N+](=O)c1ccccc1")
@example("C[N+](C)(C)[O-]")
@example("O[C@H]1CC[C@@](O)(O)CC1")
def test_reading_any_text_is_idempotent(text: str) -> None:
    from_inchi(text)
    from_inchi(f"InChI=1S/{text}")
    structure = from_smiles(text)
    if structure is not None:
        again = read(structure.smiles)
        assert (again.smiles, again.inchikey) == (structure.smiles, structure.inchikey)
        assert structure.inchikey.startswith(structure.skeleton)


@given(st.lists(PARTS, min_size=1, max_size=4))
def test_the_order_of_components_does_not_matter(parts: list[str]) -> None:
    assert read(".".join(parts)).smiles == read(".".join(reversed(parts))).smiles


# The nearest watched substance


@pytest.mark.parametrize("row", [row for row in ROWS if row.group is Group.FENTANYL], ids=lambda row: row.name)
def test_a_watched_substance_is_nearest_to_itself(row: Substance) -> None:
    name, similarity = nearest(read(getattr(row, "smiles")))  # noqa: B009
    assert (name, similarity) == (row.name, 1.0)


def test_a_near_miss_is_similar_and_an_everyday_chemical_is_not() -> None:
    name, similarity = nearest(read("CCC(=O)N(c1ccccc1)C1CCN(CCCc2ccccc2)CC1"))
    assert name == "Fentanyl"
    assert 0.7 < similarity < 1
    assert nearest(read("CC(=O)Oc1ccccc1C(=O)O"))[1] < 0.3


def test_adulterants_and_other_listed_chemicals_are_never_the_nearest() -> None:
    names = {row.name for row in ROWS if row.group in (Group.ADULTERANT, Group.OTHER_CONTROLLED)}
    assert names
    assert not {nearest(read(row.smiles))[0] for row in ROWS} & names
