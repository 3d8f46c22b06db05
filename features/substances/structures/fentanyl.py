"""Class definitions of fentanyl-related substances: United States, China, United Kingdom.

A definition covers fentanyl, N-phenyl-N-[1-(2-phenylethyl)piperidin-4-yl]propanamide, with certain changes. Each clause
that permits a change is a limb. This module divides a molecule at the sites of fentanyl: piperidine ring, group on its
nitrogen, ring on the amide nitrogen, and acyl group. The molecule meets a definition if the limbs permit all its
differences from fentanyl. A molecule that can be divided in several ways is tested in each of them.
``class_definitions.csv`` contains the names of the limbs, their wording and their sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rdkit import Chem

from features.substances.structures.groups import Neighbours, Piece, Substituent, Verdict, best, substituent, verdict

# Piperidine with the nitrogen of an amide at position 4. All ring bonds are single. An oxo group on the ring does not prevent a
# match.
_CORE: Final = Chem.MolFromSmarts("[NX3;+0]1-[#6]-[#6]-[#6](-[NX3;+0]-[CX3]=[OX1])-[#6]-[#6]-1")

_US_ON_PHENETHYL: Final = frozenset({"alkyl", "alkenyl", "alkoxy", "hydroxyl", "halo", "haloalkyl", "amino", "nitro"})
_US_ON_PIPERIDINE: Final = _US_ON_PHENETHYL | {"ester", "ether"}
_CN_ON_PIPERIDINE: Final = _US_ON_PIPERIDINE
_GB_ON_PHENETHYL: Final = _US_ON_PHENETHYL
_GB_ON_PIPERIDINE: Final = frozenset({"alkyl", "alkenyl"})
_GB_AT_POSITION_4: Final = frozenset({"alkoxycarbonyl", "alkoxyalkyl", "acyloxy"})
_GB_ON_ANILINE: Final = frozenset({"alkyl", "alkoxy", "halo", "haloalkyl"})

_US_LIMBS: Final = ("A", "B", "C", "D", "E")
_CN_LIMBS: Final = ("1", "2", "3", "4")
_GB_LIMBS: Final = ("i", "ii", "iii", "iv", "v", "vi")


@dataclass(frozen=True, slots=True)
class _OnPiperidine:
    """Substituent of the piperidine ring. ``group`` is None if it is fused, bridging, spiro or double-bonded."""

    at_4: bool
    group: Substituent | None


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to divide a molecule at the sites of fentanyl."""

    near: Neighbours
    on_nitrogen: Piece  # Replaces the phenethyl group.
    on_amide: Piece  # Replaces the phenyl group of the aniline.
    acyl_is_propionyl: bool
    on_piperidine: tuple[_OnPiperidine, ...]


@dataclass(frozen=True, slots=True)
class _Ring:
    """A ring with its substituents."""

    atoms: tuple[int, ...]
    groups: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class _Phenethyl:
    """The group on the piperidine nitrogen as a two-carbon chain with a single ring at its end."""

    phenyl: bool
    hetero: bool
    on_chain: tuple[Substituent, ...]
    on_ring: tuple[Substituent, ...]


def united_states(near: Neighbours) -> Verdict | None:
    """Return the verdict of 21 U.S.C. 812(c) Schedule I (formerly 21 CFR 1308.11(h)(30)), limbs A to E."""
    return best(_united_states(reading) for reading in _readings(near))


def china(near: Neighbours) -> Verdict | None:
    """Return the verdict of the announcement in force since 2019-05-01, limbs 1 to 4. Limb 3 is open-ended."""
    return best(_china(reading) for reading in _readings(near))


def united_kingdom(near: Neighbours) -> Verdict | None:
    """Return the verdict of the Misuse of Drugs Act 1971, Schedule 2, Part I, paragraph 1(d), limbs i to vi."""
    return best(_united_kingdom(reading) for reading in _readings(near))


def _united_states(reading: _Reading) -> Verdict | None:
    limbs = set() if reading.acyl_is_propionyl else {"E"}
    for change in reading.on_piperidine:
        if change.group is None or not change.group.kinds & _US_ON_PIPERIDINE:
            return None
        limbs.add("C")
    ring = _aromatic_monocycle(reading.near, reading.on_amide)
    if ring is None:
        return None
    if ring.groups or not reading.near.benzene(ring.atoms):
        limbs.add("D")
    return best(
        verdict(limbs | of_phenethyl, _US_LIMBS)
        for phenethyl in _phenethyls(reading.near, reading.on_nitrogen)
        if (of_phenethyl := _us_phenethyl(phenethyl)) is not None
    )


def _us_phenethyl(phenethyl: _Phenethyl) -> set[str] | None:
    limbs = set() if phenethyl.phenyl else {"A"}
    for group in phenethyl.on_chain:
        if not group.kinds & _US_ON_PHENETHYL:
            return None
        limbs.add("B")
    if phenethyl.phenyl:
        # Limb A, "any monocycle, whether or not further substituted", covers the ring substituents that limb B does not
        # name.
        limbs |= {"B" if group.kinds & _US_ON_PHENETHYL else "A" for group in phenethyl.on_ring}
    return limbs


def _china(reading: _Reading) -> Verdict | None:
    limbs = set() if reading.acyl_is_propionyl else {"1"}
    ring = _aromatic_monocycle(reading.near, reading.on_amide)
    if ring is None:
        return None
    if ring.groups or not reading.near.benzene(ring.atoms):
        limbs.add("2")
    # The list of substituents ends in "and the like", so it may cover others.
    sure = all(change.group is not None and change.group.kinds & _CN_ON_PIPERIDINE for change in reading.on_piperidine)
    if reading.on_piperidine:
        limbs.add("3")
    if not any(
        phenethyl.phenyl and not phenethyl.on_chain and not phenethyl.on_ring
        for phenethyl in _phenethyls(reading.near, reading.on_nitrogen)
    ):
        limbs.add("4")
    return verdict(limbs, _CN_LIMBS, sure=sure)


def _united_kingdom(reading: _Reading) -> Verdict | None:
    limbs = set() if reading.acyl_is_propionyl else {"vi"}
    for change in reading.on_piperidine:
        if change.group is None:
            return None
        if change.group.kinds & _GB_ON_PIPERIDINE:
            limbs.add("iii")
        elif change.at_4 and change.group.kinds & _GB_AT_POSITION_4:
            limbs.add("v")
        else:
            return None
    aniline = _gb_aniline(reading.near, reading.on_amide)
    if aniline is None:
        return None
    return best(
        verdict(limbs | aniline | of_phenethyl, _GB_LIMBS)
        for phenethyl in _phenethyls(reading.near, reading.on_nitrogen)
        if (of_phenethyl := _gb_phenethyl(phenethyl)) is not None
    )


def _gb_phenethyl(phenethyl: _Phenethyl) -> set[str] | None:
    if not (phenethyl.phenyl or phenethyl.hetero):
        return None
    limbs = set() if phenethyl.phenyl else {"i"}
    for group in (*phenethyl.on_chain, *(phenethyl.on_ring if phenethyl.phenyl else ())):
        if not group.kinds & _GB_ON_PHENETHYL:
            return None
        limbs.add("ii")
    return limbs


def _gb_aniline(near: Neighbours, on_amide: Piece) -> set[str] | None:
    ring = next((ring for ring in near.rings(on_amide.root) if near.benzene(ring)), None)
    if ring is None:
        return None
    limbs = set()
    for piece in near.pieces(ring, on_amide.atoms):
        if not (substituent(near, piece).kinds & _GB_ON_ANILINE or _alkylenedioxy(near, piece)):
            return None
        limbs.add("iv")
    return limbs


def _alkylenedioxy(near: Neighbours, piece: Piece) -> bool:
    """Return whether the piece is -O-(alkylene)-O- on two adjacent atoms of the ring."""
    if len(piece.joints) != 2 or any(near.element(joint.outer) != 8 for joint in piece.joints):
        return False
    one, two = piece.joints
    carbons = piece.atoms - {one.outer, two.outer}
    tetrahedral = Chem.HybridizationType.SP3
    return (
        bool(carbons)
        and two.inner in near.of(one.inner)
        and all(near.element(atom) == 6 for atom in carbons)
        and all(near.mol.GetAtomWithIdx(atom).GetHybridization() == tetrahedral for atom in carbons)
        and all(near.mol.GetRingInfo().NumAtomRings(joint.outer) == 1 for joint in piece.joints)
    )


def _readings(near: Neighbours) -> Iterator[_Reading]:
    for found in near.mol.GetSubstructMatches(_CORE):
        reading = _reading(near, found)
        if reading is not None:
            yield reading


def _reading(near: Neighbours, found: tuple[int, ...]) -> _Reading | None:
    nitrogen, carbon_2, carbon_3, carbon_4, amide, carbonyl, _, carbon_5, carbon_6 = found
    ring_carbons = {carbon_2, carbon_3, carbon_4, carbon_5, carbon_6}
    on_nitrogen = on_amide = acyl = None
    on_piperidine = []
    for piece in near.pieces(frozenset(found)):
        places = {joint.inner for joint in piece.joints}
        if places <= ring_carbons:
            group = substituent(near, piece) if piece.substituent else None
            on_piperidine.append(_OnPiperidine(carbon_4 in places, group))
        elif not piece.substituent:
            # Fentanyl has no further ring or double bond at its nitrogens or its carbonyl group.
            return None
        elif places == {nitrogen}:
            on_nitrogen = piece
        elif places == {amide}:
            on_amide = piece
        elif places == {carbonyl}:
            acyl = piece
        else:
            return None
    if on_nitrogen is None or on_amide is None:
        # One of the nitrogens bears hydrogen instead, as in norfentanyl.
        return None
    propionyl = acyl is not None and (of_acyl := substituent(near, acyl)).carbons == 2 and "alkyl" in of_acyl.kinds
    return _Reading(near, on_nitrogen, on_amide, propionyl, tuple(on_piperidine))


def _aromatic_monocycle(near: Neighbours, piece: Piece) -> _Ring | None:
    """Return the aromatic ring at the root of the piece that shares no atom with another ring; None if there is no such ring."""
    for ring in near.rings(piece.root):
        if near.aromatic(ring) and near.monocycle(ring):
            return _Ring(ring, tuple(near.pieces(ring, piece.atoms)))
    return None


def _phenethyls(near: Neighbours, piece: Piece) -> Iterator[_Phenethyl]:
    """Yield each way to read the piece as CH2-CH2-ring with substituents. A long or branched piece may have several."""
    info = near.mol.GetRingInfo()
    first = piece.root
    for second in near.of(first):
        if second not in piece.atoms or any(
            _not_chain(near, atom) or info.NumAtomRings(atom) for atom in (first, second)
        ):
            continue
        for third in near.of(second):
            if third == first or third not in piece.atoms:
                continue
            for ring in near.rings(third):
                if near.monocycle(ring):
                    yield from _phenethyl(near, piece, (first, second), ring)


def _not_chain(near: Neighbours, atom: int) -> bool:
    return near.element(atom) != 6 or any(not single for _, single in near.bonds(atom))


def _phenethyl(near: Neighbours, piece: Piece, chain: tuple[int, int], ring: tuple[int, ...]) -> Iterator[_Phenethyl]:
    on_chain, on_ring = [], []
    for group in near.pieces({*chain, *ring}, piece.atoms):
        if all(joint.inner in ring for joint in group.joints):
            on_ring.append(substituent(near, group))
        elif group.substituent:
            on_chain.append(substituent(near, group))
        else:
            return
    hetero = any(near.element(atom) != 6 for atom in ring)
    yield _Phenethyl(near.benzene(ring), hetero, tuple(on_chain), tuple(on_ring))
