"""Class definitions of nitazenes: United Kingdom and China.

Both are based on 2-(2-benzylbenzimidazol-1-yl)ethanamine. Limbs i and ii follow the beginning of the British clause in the
published text. The rest is known to cover nitazenes with a nitro group on the benzimidazole, or with a dioxole or dihydrofuran
ring on the benzyl group. Anything else is ``possible``. The Chinese definition is tested by the scaffold alone, which is wider
than its wording (``class_definitions.csv``). Every substance with the scaffold is therefore ``possible``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rdkit import Chem

from features.substances.structures.groups import Neighbours, Piece, substituent
from features.substances.structures.verdict import Verdict, best, verdict

_SCAFFOLD: Final = Chem.MolFromSmarts("[CX4]([CX4][NX3;+0])n1c([CX4]c2ccccc2)nc2c1cccc2")
#: Maximum molecular mass of the British clause, in unified atomic mass units.
GB_MAX_MASS: Final = 500.0

_GB_LIMBS: Final = ("i", "ii", "fused", "benzimidazole", "rest")
_CN_LIMBS: Final = ("core",)
_SIDE_CHAIN_CARBONS: Final = 3
_BENZYL_CARBONS: Final = {
    "alkyl": 6,
    "haloalkyl": 6,
    "alkoxy": 5,
    "haloalkoxy": 5,
    "thioalkyl": 5,
    # The published text ends at this word. The number is assumed to be that of the kinds before it.
    "alkylsulphonyl": 5,
    "acetyloxy": 2,
    "hydroxyl": 0,
    "cyano": 1,
    "halo": 0,
}
# Fused rings on the benzyl group. The clause was widened for them on advice: dihydrobenzofuran and benzodioxole.
_FUSED_ON_BENZYL: Final = Chem.MolFromSmarts("[$([OX2]1[CX4][CX4]cc1),$([OX2]1[CX4][OX2]cc1)]")


def united_kingdom(near: Neighbours) -> Verdict | None:
    """Return the verdict of the Misuse of Drugs Act 1971, Schedule 2, Part I, paragraph 1(ea); at most 500 u."""
    found = near.mol.GetSubstructMatches(_SCAFFOLD)
    if not found or _mass(near.mol) > GB_MAX_MASS:
        return None
    return best(_united_kingdom(near, one) for one in found)


def china(near: Neighbours) -> Verdict | None:
    """Return the verdict of China's class "nitazenes": ``possible`` for every substance with the scaffold."""
    return verdict({"core"}, _CN_LIMBS, sure=False) if near.mol.HasSubstructMatch(_SCAFFOLD) else None


def _mass(mol: Chem.Mol) -> float:
    """Return the molecular mass in u, from the mean masses of the elements."""
    hydrogen = Chem.GetPeriodicTable().GetAtomicWeight(1)
    return sum(atom.GetMass() + atom.GetTotalNumHs() * hydrogen for atom in mol.GetAtoms())


def _united_kingdom(near: Neighbours, found: Sequence[int]) -> Verdict | None:
    amine, benzyl_ring, benzo_ring = found[2], frozenset(found[6:12]), frozenset(found[15:19])
    limbs, sure = set(), True
    for piece in near.pieces(frozenset(found)):
        places = {joint.inner for joint in piece.joints}
        if places == {amine}:
            limb = _on_amine(near, piece)
        elif places <= benzyl_ring:
            limb = _on_benzyl(near, piece)
        elif places <= benzo_ring:
            kinds = substituent(near, piece).kinds
            if "amino" in kinds:
                # The advisers asked for another amendment to cover these, so this wording does not.
                return None
            limb = "benzimidazole" if "nitro" in kinds else "rest"
        else:
            limb = "rest"
        limbs.add(limb)
        sure = sure and limb != "rest"
    return verdict(limbs, _GB_LIMBS, sure=sure)


def _on_amine(near: Neighbours, piece: Piece) -> str:
    if len(piece.joints) == 2:
        return "i" if all(joint.single for joint in piece.joints) else "rest"
    of_piece = substituent(near, piece)
    return "i" if of_piece.kinds & {"alkyl", "alkenyl"} and of_piece.carbons <= _SIDE_CHAIN_CARBONS else "rest"


def _on_benzyl(near: Neighbours, piece: Piece) -> str:
    of_piece = substituent(near, piece)
    if any(of_piece.carbons <= _BENZYL_CARBONS.get(kind, -1) for kind in of_piece.kinds):
        return "ii"
    fused = len(piece.joints) == 2 and len(piece.atoms) == 3
    return "fused" if fused and _fused_oxygens(near) & piece.atoms else "rest"


def _fused_oxygens(near: Neighbours) -> frozenset[int]:
    return frozenset(oxygen for (oxygen,) in near.mol.GetSubstructMatches(_FUSED_ON_BENZYL))
