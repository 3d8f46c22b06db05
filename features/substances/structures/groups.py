"""Pieces of a molecule outside a scaffold, the legal terms that describe each piece, and the verdict of one definition.

A law names kinds of substituents (alkyl, halo, ester ...). The terms are interpreted narrowly. Alkyl and alkenyl are open
chains, straight or branched. Amino is NH2. An ester or an ether may have any hydrocarbon or halogenated parts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from rdkit import Chem

_C: Final = 6
_N: Final = 7
_O: Final = 8
_S: Final = 16
_HALOGENS: Final = frozenset({9, 17, 35, 53})
_SINGLE: Final = Chem.BondType.SINGLE
_DOUBLE: Final = Chem.BondType.DOUBLE


@dataclass(frozen=True, slots=True)
class Joint:
    """A bond between the scaffold and a piece: the atom on either side, and whether the bond is single."""

    inner: int
    outer: int
    single: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """A connected part of the molecule outside the scaffold, with all its bonds to it."""

    atoms: frozenset[int]
    joints: tuple[Joint, ...]

    @property
    def substituent(self) -> bool:
        """True if the only bond to the scaffold is a single bond: no fused or bridging ring, no double bond."""
        return len(self.joints) == 1 and self.joints[0].single

    @property
    def root(self) -> int:
        """The atom of the piece that is bonded to the scaffold, the first of several."""
        return self.joints[0].outer

    @property
    def place(self) -> int:
        """The scaffold atom that is bonded to the piece, the first of several."""
        return self.joints[0].inner


class Neighbours:
    """Bonds of a molecule. They are read from RDKit once, because queries per atom are slow."""

    __slots__ = ("_bonded", "mol")

    def __init__(self, mol: Chem.Mol) -> None:
        self.mol = mol
        self._bonded: list[list[tuple[int, bool]]] = [[] for _ in range(mol.GetNumAtoms())]
        for bond in mol.GetBonds():
            one, two, single = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bond.GetBondType() == _SINGLE
            self._bonded[one].append((two, single))
            self._bonded[two].append((one, single))

    def of(self, atom: int) -> Iterator[int]:
        """Yield the atoms bonded to an atom."""
        return (other for other, _ in self._bonded[atom])

    def bonds(self, atom: int) -> list[tuple[int, bool]]:
        """Return (bonded atom, whether the bond is single) for an atom. An aromatic bond is not single."""
        return self._bonded[atom]

    def pieces(self, scaffold: Collection[int], within: Collection[int] | None = None) -> list[Piece]:
        """Return the connected parts outside the scaffold that are bonded to it. Only atoms ``within`` count; None is all."""
        todo = set(range(len(self._bonded)) if within is None else within).difference(scaffold)
        found = []
        while todo:
            atoms, joints, front = set(), [], [todo.pop()]
            while front:
                atom = front.pop()
                atoms.add(atom)
                for other, single in self._bonded[atom]:
                    if other in scaffold:
                        joints.append(Joint(other, atom, single))
                    elif other in todo:
                        todo.discard(other)
                        front.append(other)
            if joints:
                found.append(Piece(frozenset(atoms), tuple(joints)))
        return found

    def rings(self, atom: int) -> list[tuple[int, ...]]:
        """Return the rings that contain an atom."""
        return [ring for ring in self.mol.GetRingInfo().AtomRings() if atom in ring]

    def monocycle(self, ring: Iterable[int]) -> bool:
        """Return whether no atom of the ring belongs to another ring: neither fused, bridged nor spiro."""
        info = self.mol.GetRingInfo()
        return all(info.NumAtomRings(atom) == 1 for atom in ring)

    def aromatic(self, ring: Iterable[int]) -> bool:
        return all(self.mol.GetAtomWithIdx(atom).GetIsAromatic() for atom in ring)

    def benzene(self, ring: tuple[int, ...]) -> bool:
        return len(ring) == 6 and self.aromatic(ring) and all(self.element(atom) == _C for atom in ring)

    def element(self, atom: int) -> int:
        return int(self.mol.GetAtomWithIdx(atom).GetAtomicNum())


@dataclass(frozen=True, slots=True)
class Substituent:
    """A substituent in legal terms; ``carbons`` counts its carbon atoms."""

    kinds: frozenset[str]
    carbons: int


def substituent(near: Neighbours, piece: Piece) -> Substituent:
    """Return the legal terms that describe the piece; no terms if the laws do not name it."""
    atoms = [near.mol.GetAtomWithIdx(index) for index in piece.atoms]
    elements = [atom.GetAtomicNum() for atom in atoms]
    carbons = elements.count(_C)
    if not piece.substituent or any(atom.GetNumRadicalElectrons() for atom in atoms):
        return Substituent(frozenset(), carbons)
    kinds = frozenset(_small(near, piece)) if len(atoms) <= 3 else frozenset()
    if not any(atom.GetFormalCharge() for atom in atoms):
        kinds |= frozenset(_carbon_based(near, piece))
    return Substituent(kinds, carbons)


def _small(near: Neighbours, piece: Piece) -> Iterator[str]:
    """Yield the terms of groups of up to three atoms: halo, hydroxyl, amino, cyano, nitro."""
    root = near.mol.GetAtomWithIdx(piece.root)
    size, element = len(piece.atoms), root.GetAtomicNum()
    if size == 1 and element in _HALOGENS:
        yield "halo"
    elif size == 1 and element == _O and root.GetTotalNumHs() == 1:
        yield "hydroxyl"
    elif size == 1 and element == _N and root.GetTotalNumHs() == 2:
        yield "amino"
    elif size == 2 and element == _C and all(bond.GetBondType() != _DOUBLE for bond in root.GetBonds()):
        (other,) = piece.atoms - {piece.root}
        if near.element(other) == _N and near.mol.GetBondBetweenAtoms(piece.root, other).GetBondTypeAsDouble() == 3:
            yield "cyano"
    elif size == 3 and element == _N and root.GetFormalCharge() == 1:
        others = piece.atoms - {piece.root}
        if all(near.element(other) == _O and near.mol.GetAtomWithIdx(other).GetDegree() == 1 for other in others):
            yield "nitro"


def _carbon_based(near: Neighbours, piece: Piece) -> Iterator[str]:
    """Yield the terms of open hydrocarbon chains, of ethers and esters, and of chains with halogen or sulphur."""
    mol = near.mol
    if any(near.element(atom) not in (_C, _O, _S) and near.element(atom) not in _HALOGENS for atom in piece.atoms):
        return
    hetero = [atom for atom in piece.atoms if near.element(atom) in (_O, _S)]
    halogens = any(near.element(atom) in _HALOGENS for atom in piece.atoms)
    if not any(near.element(atom) == _C for atom in piece.atoms):
        return
    inside = [
        bond for bond in mol.GetBonds() if bond.GetBeginAtomIdx() in piece.atoms and bond.GetEndAtomIdx() in piece.atoms
    ]
    of_carbon = [
        bond for bond in inside if near.element(bond.GetBeginAtomIdx()) == near.element(bond.GetEndAtomIdx()) == _C
    ]
    open_chain = not any(bond.IsInRing() for bond in inside)
    saturated = all(bond.GetBondType() == _SINGLE for bond in of_carbon)
    if not hetero:
        if open_chain and saturated:
            yield "haloalkyl" if halogens else "alkyl"
        elif open_chain and not halogens and all(bond.GetBondType() in (_SINGLE, _DOUBLE) for bond in of_carbon):
            yield "alkenyl"
        return
    chain = open_chain and saturated
    oxygens = [atom for atom in hetero if near.element(atom) == _O]
    if len(oxygens) < len(hetero):
        if chain and len(hetero) - len(oxygens) == 1 and not halogens:
            yield from _sulphur(near, piece, oxygens)
        return
    bridging = [atom for atom in oxygens if _between_carbons(near, atom)]
    if len(bridging) == len(oxygens) and not any(mol.GetAtomWithIdx(atom).IsInRing() for atom in oxygens):
        yield "ether"
        if chain and len(oxygens) == 1:
            if piece.root in oxygens:
                yield "haloalkoxy" if halogens else "alkoxy"
            elif not halogens:
                yield "alkoxyalkyl"
    elif len(oxygens) == 2 and len(bridging) == 1:
        yield from _ester(near, piece, bridging[0], chain=chain and not halogens)


def _between_carbons(near: Neighbours, atom: int) -> bool:
    bonds = near.bonds(atom)
    return len(bonds) == 2 and all(single and near.element(other) == _C for other, single in bonds)


def _ester(near: Neighbours, piece: Piece, oxygen: int, *, chain: bool) -> Iterator[str]:
    """Yield the terms of a piece with one bridging and one other oxygen. In an ester both are on one carbon of the piece."""
    carbonyls = [
        carbon
        for carbon in near.of(oxygen)
        if carbon in piece.atoms
        for other, single in near.bonds(carbon)
        if not single and near.element(other) == _O
    ]
    if len(carbonyls) != 1 or near.mol.GetAtomWithIdx(oxygen).IsInRing():
        return
    yield "ester"
    if piece.root == oxygen:
        yield "acyloxy"
        if chain and sum(near.element(atom) == _C for atom in piece.atoms) == 2:
            yield "acetyloxy"
    elif piece.root == carbonyls[0] and chain:
        yield "alkoxycarbonyl"


def _sulphur(near: Neighbours, piece: Piece, oxygens: list[int]) -> Iterator[str]:
    """Yield thioalkyl or alkylsulphonyl."""
    if near.element(piece.root) != _S:
        return
    if not oxygens:
        yield "thioalkyl"
    elif len(oxygens) == 2 and all(list(near.of(oxygen)) == [piece.root] for oxygen in oxygens):
        yield "alkylsulphonyl"


#: The limb of a structure that does not differ from the parent.
PARENT: Final = "parent"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of one definition, with the limbs by which the structure differs from the parent, in the order of the law."""

    result: Literal["met", "possible"]
    limbs: tuple[str, ...]


def verdict(limbs: Iterable[str], order: tuple[str, ...], *, sure: bool = True) -> Verdict:
    """Return a verdict with its limbs in the given order, or with `PARENT` without limbs. It is ``met`` if ``sure``."""
    named = set(limbs)
    return Verdict("met" if sure else "possible", tuple(limb for limb in order if limb in named) or (PARENT,))


def best(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    """Return the best verdict on one structure: ``met`` before ``possible``, then the fewest limbs. None without a verdict."""
    found = [one for one in verdicts if one is not None]
    return min(found, key=lambda one: (one.result != "met", len(one.limbs), one.limbs), default=None)
