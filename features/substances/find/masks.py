"""Masked precursors: structures from which one step of chemistry removes a group and leaves an internationally listed precursor.

This module imports RDKit, so it is imported only when there is a structure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from rdkit import Chem, rdBase
from rdkit.Chem import rdChemReactions

from features.reference import Group, Status, control_listings, precursor_masks, substances
from features.substances.structures import Structure, from_smiles, listed_structures

# Ordinary chemicals have no benzene ring on a piperidine nitrogen or on an amine of a piperidine.
_CORE: Final = Chem.MolFromSmarts("[$(N1CCCCC1),$([#7]C1CCNCC1)]~*")


def unmasked(structure: Structure) -> tuple[str, str] | None:
    """Return the precursor that a structure masks, and the mask; None for other structures."""
    if not structure.mol.HasSubstructMatch(_CORE):
        return None
    with rdBase.BlockLogs():
        for mask, parent in _without_masks(structure):
            precursor = _precursors().get(parent.skeleton)
            if precursor is not None:
                return precursor, mask
    return None


def _without_masks(structure: Structure) -> Iterator[tuple[str, Structure]]:
    """Yield the structure without each of its masks."""
    for mask, reaction in _reactions():
        products = {Chem.MolToSmiles(product[0]) for product in reaction.RunReactants((structure.mol,))}
        for smiles in sorted(products):
            # A product may be in several pieces: the ring and the rest of an acetal.
            for piece in smiles.split("."):
                parent = from_smiles(piece)
                if parent is not None:
                    yield mask, parent


@cache
def _reactions() -> tuple[tuple[str, rdChemReactions.ChemicalReaction], ...]:
    return tuple((row.mask, rdChemReactions.ReactionFromSmarts(row.reaction)) for row in precursor_masks())


@cache
def _precursors() -> Mapping[str, str]:
    """Return skeleton -> name of the precursors that the United Nations list and that have a benzene ring."""
    listed = {row.substance for row in control_listings() if row.jurisdiction == "UN" and row.status is Status.LISTED}
    found = (
        (listed_structures().get(row.smiles), row.name)
        for row in substances()
        if row.group is Group.PRECURSOR and row.name in listed and "c" in row.smiles
    )
    return {structure.skeleton: name for structure, name in found if structure is not None}
