"""Search for the watched substance with the most similar structure. It is a hint for an officer, not a legal match."""

from __future__ import annotations

from functools import cache
from typing import Final

from rdkit import DataStructs
from rdkit.Chem import rdFingerprintGenerator

from features.reference import Group, ReferenceDataError, substances
from features.substances.structures.molecule import Structure, listed_structures

_WATCHED: Final = (Group.FENTANYL, Group.NITAZENE, Group.OTHER_OPIOID, Group.PRECURSOR)
# Morgan fingerprint: counts of the environments of two bonds around each atom, folded into 2,048 bins.
_RADIUS: Final = 2
_BINS: Final = 2048


def nearest(structure: Structure) -> tuple[str, float]:
    """Return the name of the watched substance most similar to the structure, and their Tanimoto similarity, 0..1.

    Among equally similar substances, the first in ``substances.csv`` counts. Stereochemistry is ignored.
    """
    names, prints = _watched()
    similarity = DataStructs.BulkTanimotoSimilarity(_generator().GetCountFingerprint(structure.mol), list(prints))
    closest = max(range(len(similarity)), key=lambda index: (similarity[index], -index))
    return names[closest], float(similarity[closest])


@cache
def _generator() -> rdFingerprintGenerator.FingerprintGenerator64:
    return rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=_BINS)


@cache
def _watched() -> tuple[tuple[str, ...], tuple[DataStructs.UIntSparseIntVect, ...]]:
    rows = [row for row in substances() if row.group in _WATCHED and row.smiles]
    prints = []
    for row in rows:
        structure = listed_structures().get(row.smiles)
        if structure is None:
            raise ReferenceDataError(
                "substances.csv", None, f"smiles of {row.name} is {row.smiles!r}, expected a molecule"
            )
        prints.append(_generator().GetCountFingerprint(structure.mol))
    return tuple(row.name for row in rows), tuple(prints)
