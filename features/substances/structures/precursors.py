"""Class wordings of the United States for precursors of fentanyl, 21 CFR 1310.02(a).

The classes are 4-anilinopiperidine with its amides, carbamates and halides, and 4-piperidone with its acetals, amides and
carbamates, in any combination. Salts were removed earlier. Nothing else may differ. With a carbon chain on the ring nitrogen, a
structure is another substance with its own listing (4-anilino-N-phenethylpiperidine, N-phenethyl-4-piperidone).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rdkit import Chem

from features.substances.structures.groups import Neighbours, Piece, substituent
from features.substances.structures.verdict import Verdict, best, verdict

_ANILINOPIPERIDINE: Final = Chem.MolFromSmarts("[NX3;+0]1[CX4][CX4][CX4]([NX3;+0]c2ccccc2)[CX4][CX4]1")
_PIPERIDONE: Final = Chem.MolFromSmarts("[NX3;+0]1[CX4][CX4][CX3](=[OX1])[CX4][CX4]1")
_ACETAL: Final = Chem.MolFromSmarts("[NX3;+0]1[CX4][CX4][CX4]([OX2][#6;!$(C=O)])([OX2][#6;!$(C=O)])[CX4][CX4]1")

_ANILINOPIPERIDINE_LIMBS: Final = ("amide", "carbamate", "halide")
_PIPERIDONE_LIMBS: Final = ("acetal", "amide", "carbamate")


def anilinopiperidine(near: Neighbours) -> Verdict | None:
    """Return the verdict for 4-anilinopiperidine, its amides, carbamates and halides.

    It is ``possible`` for a halogen outside the aniline ring, a carbamic acid, a urea and a sulphonamide.
    """
    return best(_anilinopiperidine(near, found) for found in near.mol.GetSubstructMatches(_ANILINOPIPERIDINE))


def piperidone(near: Neighbours) -> Verdict | None:
    """Return the verdict for 4-piperidone, its acetals, amides and carbamates.

    It is ``possible`` for a carbamic acid, a urea and a sulphonamide.
    """
    ketones = (_piperidone(near, found, set(), carbonyl=True) for found in near.mol.GetSubstructMatches(_PIPERIDONE))
    acetals = (_piperidone(near, found, {"acetal"}, carbonyl=False) for found in near.mol.GetSubstructMatches(_ACETAL))
    return best((*ketones, *acetals))


def _anilinopiperidine(near: Neighbours, found: Sequence[int]) -> Verdict | None:
    ring_nitrogen, amine, aniline = found[0], found[4], frozenset(found[5:11])
    limbs, sure = set(), True
    for piece in near.pieces(frozenset(found)):
        if not piece.substituent:
            return None
        if piece.place in (ring_nitrogen, amine):
            limb, certain = _on_nitrogen(near, piece)
        else:
            limb = "halide" if "halo" in substituent(near, piece).kinds else ""
            # "Halides" of an amine are not defined. The rule mentions those with halogen on the aniline ring.
            certain = piece.place in aniline
        if not limb:
            return None
        limbs.add(limb)
        sure = sure and certain
    return verdict(limbs, _ANILINOPIPERIDINE_LIMBS, sure=sure)


def _piperidone(near: Neighbours, found: Sequence[int], limbs: set[str], *, carbonyl: bool) -> Verdict | None:
    nitrogen = found[0]
    # The carbon and the oxygens of an acetal are fixed. The groups on its oxygens may be any, also a ring.
    scaffold = frozenset(found) if carbonyl else frozenset((*found[:5], found[6], found[8], found[9]))
    oxygens = frozenset() if carbonyl else frozenset((found[4], found[6]))
    sure = True
    for piece in near.pieces(scaffold):
        places = {joint.inner for joint in piece.joints}
        if places == {nitrogen} and piece.substituent:
            limb, certain = _on_nitrogen(near, piece)
            if limb not in _PIPERIDONE_LIMBS:
                return None
            limbs = {*limbs, limb}
            sure = sure and certain
        elif not places <= oxygens:
            return None
    return verdict(limbs, _PIPERIDONE_LIMBS, sure=sure)


def _on_nitrogen(near: Neighbours, piece: Piece) -> tuple[str, bool]:
    """Return the limb of a group on a nitrogen, empty for none, and whether it is certain."""
    root = piece.root
    doubly = [other for other, single in near.bonds(root) if not single and near.element(other) == 8]
    rest = [other for other, single in near.bonds(root) if single and other in piece.atoms]
    if near.element(root) == 6 and len(doubly) == 1:
        beyond = near.element(rest[0]) if rest else 6
        if beyond == 6:
            return "amide", True
        if beyond == 8:
            # With hydrogen on the oxygen it is a carbamic acid. That is not strictly a carbamate, and it decomposes into the amine.
            return "carbamate", near.mol.GetAtomWithIdx(rest[0]).GetDegree() == 2
        return ("amide", False) if beyond == 7 else ("", False)
    if near.element(root) == 16 and len(doubly) == 2:
        return "amide", False
    if near.element(root) in (9, 17, 35, 53):
        return "halide", False
    return "", False
