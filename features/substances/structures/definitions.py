"""Class definitions that a structure meets or may meet: those of nitazenes and precursors; `fentanyl` has those of fentanyls.

This package only compares a structure with the wording (`class_matches`). `features.substances.law` decides whether the class is
in force on a day, and whether the substance is listed by name or exempt.

Nitazenes: the definitions of the United Kingdom and China are based on 2-(2-benzylbenzimidazol-1-yl)ethanamine. Limbs i and ii
follow the beginning of the British clause in the published text. The rest is known to cover nitazenes with a nitro group on the
benzimidazole, or with a dioxole or dihydrofuran ring on the benzyl group. Anything else is ``possible``. The Chinese definition is
tested by the scaffold alone, which is wider than its wording (``class_definitions.csv``). Every substance with the scaffold is
therefore ``possible``.

Precursors of fentanyl: the classes of the United States, 21 CFR 1310.02(a), are 4-anilinopiperidine with its amides, carbamates and
halides, and 4-piperidone with its acetals, amides and carbamates, in any combination. Salts were removed earlier. Nothing else may
differ. With a carbon chain on the ring nitrogen, a structure is another substance with its own listing
(4-anilino-N-phenethylpiperidine, N-phenethyl-4-piperidone).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Final

from rdkit import Chem

from features.reference import ClassDefinition, class_definitions
from features.substances.match import ClassMatch
from features.substances.structures import fentanyl
from features.substances.structures.groups import Neighbours, Piece, Verdict, best, substituent, verdict
from features.substances.structures.molecule import Structure

_NITAZENE_SCAFFOLD: Final = Chem.MolFromSmarts("[CX4]([CX4][NX3;+0])n1c([CX4]c2ccccc2)nc2c1cccc2")
#: Maximum molecular mass of the British clause, in unified atomic mass units.
GB_MAX_MASS: Final = 500.0

_NITAZENE_LIMBS: Final = ("i", "ii", "fused", "benzimidazole", "rest")
_CN_NITAZENE_LIMBS: Final = ("core",)
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


def nitazenes_of_the_united_kingdom(near: Neighbours) -> Verdict | None:
    """Return the verdict of the Misuse of Drugs Act 1971, Schedule 2, Part I, paragraph 1(ea); at most 500 u."""
    found = near.mol.GetSubstructMatches(_NITAZENE_SCAFFOLD)
    if not found or _mass(near.mol) > GB_MAX_MASS:
        return None
    return best(_nitazene(near, one) for one in found)


def nitazenes_of_china(near: Neighbours) -> Verdict | None:
    """Return the verdict of China's class "nitazenes": ``possible`` for every substance with the scaffold."""
    return verdict({"core"}, _CN_NITAZENE_LIMBS, sure=False) if near.mol.HasSubstructMatch(_NITAZENE_SCAFFOLD) else None


def _mass(mol: Chem.Mol) -> float:
    """Return the molecular mass in u, from the mean masses of the elements."""
    hydrogen = Chem.GetPeriodicTable().GetAtomicWeight(1)
    return sum(atom.GetMass() + atom.GetTotalNumHs() * hydrogen for atom in mol.GetAtoms())


def _nitazene(near: Neighbours, found: Sequence[int]) -> Verdict | None:
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
    return verdict(limbs, _NITAZENE_LIMBS, sure=sure)


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


Rule = Callable[[Neighbours], Verdict | None]

# A structure without either scaffold is in no class: a piperidine with nitrogen or oxygen at position 4, and a
# 2-benzylbenzimidazole.
_PIPERIDINE: Final = Chem.MolFromSmarts("[NX3;+0]1-[#6]-[#6]-[#6](~[#7,#8])-[#6]-[#6]-1")
_BENZYLBENZIMIDAZOLE: Final = Chem.MolFromSmarts("[CX4]([CX4][NX3])n1c([CX4]c)nc2c1cccc2")

#: The rule for each definition of ``class_definitions.csv`` based on a piperidine.
_OF_PIPERIDINES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "us-fentanyl-related": fentanyl.united_states,
        "cn-fentanyl-related": fentanyl.china,
        "gb-fentanyl": fentanyl.united_kingdom,
        "us-4-anilinopiperidine": anilinopiperidine,
        "us-4-piperidone": piperidone,
    }
)
#: The rule for each definition based on a benzimidazole.
_OF_BENZIMIDAZOLES: Final[Mapping[str, Rule]] = MappingProxyType(
    {"gb-nitazene": nitazenes_of_the_united_kingdom, "cn-nitazene": nitazenes_of_china}
)
#: All rules by definition.
RULES: Final[Mapping[str, Rule]] = MappingProxyType({**_OF_PIPERIDINES, **_OF_BENZIMIDAZOLES})


def class_matches(structure: Structure) -> tuple[ClassMatch, ...]:
    """Return the class definitions that a structure meets or may meet, in the order of ``class_definitions.csv``.

    Stereochemistry is ignored, as in the definitions. A molecule without either scaffold takes a few microseconds.
    """
    rules: dict[str, Rule] = {}
    if structure.mol.HasSubstructMatch(_PIPERIDINE):
        rules.update(_OF_PIPERIDINES)
    if structure.mol.HasSubstructMatch(_BENZYLBENZIMIDAZOLE):
        rules.update(_OF_BENZIMIDAZOLES)
    if not rules:
        return ()
    near = Neighbours(structure.mol)
    verdicts = ((row, rules[name](near)) for name, row in _rows().items() if name in rules)
    return tuple(
        ClassMatch(row.definition, row.jurisdiction, row.listing, found.result, found.limbs)
        for row, found in verdicts
        if found is not None
    )


@cache
def _rows() -> Mapping[str, ClassDefinition]:
    """Return the first row of each definition; jurisdiction and listing are the same in all of its rows."""
    rows: dict[str, ClassDefinition] = {}
    for row in class_definitions():
        rows.setdefault(row.definition, row)
    return rows
