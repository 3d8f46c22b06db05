"""Opioids and precursors that no list names: from public registers, and precursors behind a group that is easily removed."""

from __future__ import annotations

from datetime import date

import pytest

from features.reference import register_numbers, substances
from features.substances import Substances, status
from features.substances.coverage import law_on
from features.substances.match import WATCHED

INDEX = Substances.load()
DAY = date(2026, 11, 1)


def test_every_name_and_number_of_the_registers_is_a_hit() -> None:
    listed = {row.name for row in substances()}
    for row in register_numbers():
        assert bool(row.smiles) is (row.name not in listed)
        # One thiambutene is under control by another name, which is no hit.
        for text in filter(None, (row.cas, *((row.name, *row.synonyms) if row.smiles else ()))):
            match = INDEX.match(text, chemical=True)
            assert match is not None, text
            assert match.hit or match.substance == "Piperidylthiambutene", text
            assert row.smiles or match.substance == row.name


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("fluetonitazepyne", "nitazene"),
        ("fluetonitazene powder", "nitazene"),
        ("dipyanone hydrochloride 98%", "other_opioid"),
        ("102762-20-9", "other_opioid"),
        ("chlorphine", "other_opioid"),
        ("CC(c1ccc(F)cc1)N1CCC(n2c(=O)[nH]c3ccccc32)CC1", "other_opioid"),
    ],
)
def test_an_opioid_on_no_list_is_a_hit(text: str, group: str) -> None:
    match = INDEX.match(text, chemical=True)
    assert match is not None
    assert (match.group, match.hit) == (group, True)


def test_the_law_on_an_opioid_that_only_registers_name_is_unknown() -> None:
    match = INDEX.match("dipyanone", chemical=True)
    assert match is not None
    laws = law_on(match, status(match, DAY), DAY, None)
    assert {law.listed for law in laws} == {None}


@pytest.mark.parametrize(
    ("text", "precursor"),
    [
        ("3-methoxycarbonyl-NPP", "N-Phenethyl-4-piperidone"),
        ("3-ethoxycarbonyl-NPP powder", "N-Phenethyl-4-piperidone"),
        ("3-methoxycarbonyl-4-ANPP", "4-Anilino-N-phenethylpiperidine"),
        ("methyl 4-oxo-1-(2-phenylethyl)piperidine-3-carboxylate", "N-Phenethyl-4-piperidone"),
        ("COC(=O)C1CN(CCc2ccccc2)CCC1Nc1ccccc1", "4-Anilino-N-phenethylpiperidine"),
        ("C1CC2(CCN1CCc1ccccc1)OCCO2", "N-Phenethyl-4-piperidone"),
        ("ON=C1CCN(CCc2ccccc2)CC1", "N-Phenethyl-4-piperidone"),
    ],
)
def test_a_masked_precursor_is_a_hit_that_names_the_precursor(text: str, precursor: str) -> None:
    match = INDEX.match(text, chemical=True)
    assert match is not None
    assert (match.substance, match.group, match.hit) == (f"{precursor}, masked", "precursor", True)
    assert match.group in WATCHED
    assert precursor in match.evidence[-1]


@pytest.mark.parametrize(
    "text",
    [
        "methyl 1-benzyl-4-oxopiperidine-3-carboxylate",
        "ethyl 4-oxopiperidine-3-carboxylate",
        "ethyl 1-methylpiperidine-3-carboxylate",
        "CCOC(=O)C1(c2ccccc2)CCN(C)CC1",
        "CNPP resin",
        "loperamide",
    ],
)
def test_common_esters_of_piperidines_are_no_masked_precursors(text: str) -> None:
    match = INDEX.match(text, chemical=True)
    assert match is None or not match.hit
