"""The watched substance whose structure is most like a given one: a hint for a person, never a legal match."""

from __future__ import annotations

from functools import cache
from typing import Final

from rdkit import DataStructs
from rdkit.Chem import rdFingerprintGenerator

from features.reference import Group, ReferenceDataError, substances
from features.substances.structures.molecule import Structure, from_smiles

_WATCHED: Final = (Group.FENTANYL, Group.NITAZENE, Group.OTHER_OPIOID, Group.PRECURSOR)
# Morgan fingerprint: circles of two bonds around each atom, counted, folded into 2,048 places.
_RADIUS: Final = 2
_PLACES: Final = 2048


def nearest(structure: Structure) -> tuple[str, float]:
    """Name of the watched substance most like the structure, and the Tanimoto similarity of the two, 0..1.

    Of equally similar ones the first in ``substances.csv`` is named. Stereochemistry plays no part.
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
        structure = from_smiles(row.smiles)
        if structure is None:
            raise ReferenceDataError(
                "substances.csv", None, f"smiles of {row.name} is {row.smiles!r}, expected a molecule"
            )
        prints.append(_generator().GetCountFingerprint(structure.mol))
    return tuple(row.name for row in rows), tuple(prints)
