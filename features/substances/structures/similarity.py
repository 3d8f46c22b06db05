"""The watched substance with the most similar structure: a hint for a person, never a legal match."""

from __future__ import annotations

from functools import cache
from typing import Final

from rdkit import DataStructs
from rdkit.Chem import rdFingerprintGenerator

from features.reference import Group, ReferenceDataError, substances
from features.substances.structures.molecule import Structure, listed_structures

_WATCHED: Final = (Group.FENTANYL, Group.NITAZENE, Group.OTHER_OPIOID, Group.PRECURSOR)
# Morgan fingerprint: counted environments of two bonds around each atom, folded into 2,048 bits.
_RADIUS: Final = 2
_PLACES: Final = 2048


def nearest(structure: Structure) -> tuple[str, float]:
    """Return the name of the watched substance most similar to the structure, and their Tanimoto similarity, 0..1.

    Among equally similar ones, the first in ``substances.csv`` is returned. Stereochemistry is ignored.
    """
    names, prints = _watched()
    likeness = DataStructs.BulkTanimotoSimilarity(_generator().GetCountFingerprint(structure.mol), list(prints))
    closest = max(range(len(likeness)), key=lambda index: (likeness[index], -index))
    return names[closest], float(likeness[closest])


@cache
def _generator() -> rdFingerprintGenerator.FingerprintGenerator64:
    return rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=_PLACES)


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
