"""Test whether a structure is unlike all controlled ones, so that its chemical may be called harmless."""

from __future__ import annotations

from functools import cache
from typing import Final

from rdkit import Chem

from features.reference import ReferenceDataError, structure_motifs
from features.substances.structures.molecule import Structure

#: A harmless structure is less similar than this to each watched substance (Tanimoto on Morgan counts of radius 2). Vanillin
#: reaches 0.2, reagents of the same families 0.5.
_UNLIKE: Final = 0.4
#: Minimum number of heavy atoms of a harmless structure. A smaller one has too few parts for a judgement.
_FEWEST_ATOMS: Final = 6


def is_harmless(structure: Structure, similarity: float) -> bool:
    """Return whether a structure is unlike every watched substance and has no part that is typical of controlled ones.

    Args:
        structure: parent structure, on no list and in no class.
        similarity: its similarity to the nearest watched substance, 0..1.
    """
    mol = structure.mol
    if similarity >= _UNLIKE or mol.GetNumAtoms() < _FEWEST_ATOMS:
        return False
    return not any(mol.HasSubstructMatch(motif) for motif in _motifs())


@cache
def _motifs() -> tuple[Chem.Mol, ...]:
    motifs = []
    for row in structure_motifs():
        motif = Chem.MolFromSmarts(row.smarts)
        if motif is None:
            raise ReferenceDataError(
                "structure_motifs.csv", None, f"smarts of {row.motif} is {row.smarts!r}, expected SMARTS"
            )
        motifs.append(motif)
    return tuple(motifs)
