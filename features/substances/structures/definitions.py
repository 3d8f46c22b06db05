"""Class definitions that a structure meets or may meet.

`class_structures.toml` has the test of each definition: patterns, and the changes that the law allows on their atoms, each with
the limb of the law. This module only compares a structure with them (`class_matches`). `features.substances.law` decides whether
the class is in force on a day, and whether the substance is listed by name.

A pattern divides the molecule into the scaffold and the groups bonded to it. The definition is met if each group is an allowed
change. A molecule that can be divided in several ways is tested in each of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Final, Literal

from rdkit import Chem

from features.reference import ClassDefinition, ReferenceDataError, class_definitions
from features.reference.reading import open_data
from features.substances.match import ClassMatch
from features.substances.structures.molecule import Structure

FILE: Final = "class_structures.toml"
#: The limb of a structure that does not differ from the parent.
PARENT: Final = "parent"
_RING_SITE: Final = "ring"
_RINGS: Final = ("benzene", "fused benzene", "aromatic", "heterocycle", "no benzene")


@dataclass(frozen=True, slots=True)
class Term:
    """A kind of group that laws name, see the file."""

    root: str = ""
    others: str = ""
    all: str = ""
    some: str = ""
    one: str = ""
    atoms: int = 0
    oxygens: int = -1
    joints: int = 1
    any_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """An allowed change, see the file. Without sites it applies everywhere."""

    at: frozenset[int | str]
    kinds: tuple[tuple[str, int | None], ...] = ()
    part: str = ""
    limb: str = ""
    possible: bool = False
    outside: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A pattern with its allowed changes, see the file. ``sites`` are the numbers of the atoms of the pattern."""

    query: Chem.Mol
    sites: tuple[int, ...]
    ring: str
    limb: str
    possible: bool
    max_mass: float
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class _Patterns:
    terms: Mapping[str, Term]
    parts: Mapping[str, tuple[Form, ...]]
    definitions: Mapping[str, tuple[Form, ...]]


@cache
def patterns() -> _Patterns:
    """Return the structure tests of all definitions.

    Raises:
        ReferenceDataError: the file is invalid, or its definitions or limbs are not those of ``class_definitions.csv``.
    """
    try:
        with open_data(FILE) as handle:
            content = tomllib.loads(handle.read())
        terms = {name: _term(entry) for name, entry in content["terms"].items()}
        read = {
            kind: {name: tuple(map(_form, forms)) for name, forms in content.get(kind, {}).items()}
            for kind in ("parts", "definitions")
        }
        _check(terms, read["parts"], read["definitions"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise ReferenceDataError(FILE, None, f"is invalid: {error}") from None
    return _Patterns(terms, read["parts"], read["definitions"])


def _term(entry: Mapping[str, Any]) -> Term:
    values: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in entry.items()}
    term = Term(**values)
    for smarts in (term.root, term.others, term.all, term.some, term.one):
        if smarts:
            _atom(smarts)
    return term


def _form(entry: Mapping[str, Any]) -> Form:
    rest: dict[str, Any] = {"ring": "", "limb": "", "possible": False, "max_mass": float("inf"), "pattern": "*"}
    rest |= {"changes": (), **entry}
    changes = tuple(map(_change, rest.pop("changes")))
    query = _smarts(rest.pop("pattern"))
    if unknown := set(rest) - {field.name for field in fields(Form)}:
        raise ValueError(f"{min(unknown)} is no key of a form")
    if rest["ring"] and rest["ring"] not in _RINGS:
        raise ValueError(f"ring is {rest['ring']!r}, expected one of {', '.join(_RINGS)}")
    return Form(query, tuple(atom.GetAtomMapNum() for atom in query.GetAtoms()), changes=changes, **rest)


def _change(entry: Mapping[str, Any]) -> Change:
    rest = dict(entry)
    kinds = tuple(
        (name, int(most) if most else None) for name, _, most in (text.partition("<=") for text in rest.pop("is", ()))
    )
    return Change(frozenset(rest.pop("at")), kinds, **rest)


def _check(terms: Mapping[str, Term], parts: Mapping[str, Any], definitions: Mapping[str, tuple[Form, ...]]) -> None:
    named = {*terms, "substituent", "any", "nothing"}
    every = [form for forms in (*parts.values(), *definitions.values()) for form in forms]
    used = {name for form in every for change in form.changes for name, _ in change.kinds}
    if unknown := (used | {name for term in terms.values() for name in term.any_of}) - named:
        raise ValueError(f"{min(unknown)} is no term")
    if unknown := {change.part for form in every for change in form.changes if change.part} - parts.keys():
        raise ValueError(f"{min(unknown)} is no part")
    limbs = _limbs()
    if differing := definitions.keys() ^ limbs.keys():
        raise ValueError(f"{min(differing)} is not both in this file and in class_definitions.csv")
    for name, forms in definitions.items():
        for limb in {form.limb for form in forms} | {change.limb for form in forms for change in form.changes}:
            if limb and limb not in limbs[name]:
                raise ValueError(f"{limb} of {name} has no row in class_definitions.csv")


def _smarts(text: str) -> Chem.Mol:
    query = Chem.MolFromSmarts(text)
    if query is None:
        raise ValueError(f"{text!r} is no SMARTS")
    return query


#: Compiled queries. There are as many as patterns in the file.
_ATOMS: Final[dict[str, Chem.Mol]] = {}


def _atom(smarts: str) -> Chem.Mol:
    """Return a query for one atom in the surroundings that the SMARTS describes."""
    if smarts not in _ATOMS:
        _ATOMS[smarts] = _smarts(f"[$({smarts})]")
    return _ATOMS[smarts]


@cache
def _limbs() -> Mapping[str, tuple[str, ...]]:
    """Return the limbs of each definition in the order of the law."""
    limbs: dict[str, tuple[str, ...]] = {}
    for row in class_definitions():
        limbs[row.definition] = (*limbs.get(row.definition, ()), row.limb)
    return limbs


@dataclass(frozen=True, slots=True)
class _Group:
    """A connected part of the molecule outside the scaffold.

    Attributes:
        joints: its bonds to the scaffold: the atom of the scaffold, that of the group, and whether the bond is single.
    """

    atoms: frozenset[int]
    joints: tuple[tuple[int, int, bool], ...]

    @property
    def substituent(self) -> bool:
        """True if the only bond to the scaffold is a single bond: no fused or bridging ring, no double bond."""
        return len(self.joints) == 1 and self.joints[0][2]


@dataclass(frozen=True, slots=True)
class _Verdict:
    limbs: frozenset[str]
    sure: bool

    def rank(self) -> tuple[bool, int, list[str]]:
        return not self.sure, len(self.limbs), sorted(self.limbs)


def _best(verdicts: Iterable[_Verdict]) -> _Verdict | None:
    """Return the best verdict: one that is sure, with the fewest limbs."""
    return min(verdicts, key=_Verdict.rank, default=None)


class _Molecule:
    """A molecule with its bonds, and the atoms that conditions describe. Both are read from RDKit once."""

    def __init__(self, mol: Chem.Mol) -> None:
        self.mol = mol
        self._bonds: list[list[tuple[int, bool]]] = [[] for _ in range(mol.GetNumAtoms())]
        for bond in mol.GetBonds():
            one, two, single = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bond.GetBondType() == Chem.BondType.SINGLE
            self._bonds[one].append((two, single))
            self._bonds[two].append((one, single))
        self._atoms: dict[str, frozenset[int]] = {}
        self._rings: tuple[tuple[int, ...], ...] = mol.GetRingInfo().AtomRings()

    def mass(self) -> float:
        """Return the molecular mass in u, from the mean masses of the elements."""
        hydrogen = Chem.GetPeriodicTable().GetAtomicWeight(1)
        return sum(atom.GetMass() + atom.GetTotalNumHs() * hydrogen for atom in self.mol.GetAtoms())

    def like(self, smarts: str) -> frozenset[int]:
        """Return the atoms in the surroundings that a SMARTS describes."""
        if smarts not in self._atoms:
            self._atoms[smarts] = frozenset(atom for (atom,) in self.mol.GetSubstructMatches(_atom(smarts)))
        return self._atoms[smarts]

    def groups(self, scaffold: Collection[int], within: Collection[int]) -> list[_Group]:
        """Return the connected parts of ``within`` outside the scaffold that are bonded to it."""
        todo = set(within).difference(scaffold)
        found = []
        while todo:
            atoms, joints, front = set(), [], [todo.pop()]
            while front:
                atom = front.pop()
                atoms.add(atom)
                for other, single in self._bonds[atom]:
                    if other in scaffold:
                        joints.append((other, atom, single))
                    elif other in todo:
                        todo.discard(other)
                        front.append(other)
            if joints:
                found.append(_Group(frozenset(atoms), tuple(joints)))
        return found

    def rings(self, kind: str, atom: int) -> Iterator[tuple[int, ...]]:
        """Yield the rings of a kind at an atom. All but a fused benzene share no atom with another ring."""
        info = self.mol.GetRingInfo()
        for ring in self._rings:
            if atom not in ring:
                continue
            atoms = [self.mol.GetAtomWithIdx(index) for index in ring]
            aromatic = all(one.GetIsAromatic() for one in atoms)
            carbon = all(one.GetAtomicNum() == 6 for one in atoms)
            benzene = aromatic and carbon and len(ring) == 6
            alone = all(info.NumAtomRings(index) == 1 for index in ring)
            wanted = {"benzene": benzene, "aromatic": aromatic, "heterocycle": not carbon, "no benzene": not benzene}
            if benzene if kind == "fused benzene" else alone and wanted[kind]:
                yield ring

    def is_a(self, name: str, group: _Group) -> bool:
        """Return whether a term describes a group."""
        if name in ("any", "substituent"):
            return name == "any" or group.substituent
        term = patterns().terms.get(name)
        if term is None:
            return False
        if term.any_of:
            return any(self.is_a(one, group) for one in term.any_of)
        roots = {outer for _, outer, _ in group.joints}
        return (
            len(group.joints) == term.joints
            and all(single for *_, single in group.joints)
            and (not term.atoms or len(group.atoms) == term.atoms)
            and (term.oxygens < 0 or len(group.atoms & self.like("[#8]")) == term.oxygens)
            and (not term.root or roots <= self.like(term.root))
            and (not term.others or group.atoms - roots <= self.like(term.others))
            and (not term.all or group.atoms <= self.like(term.all))
            and (not term.some or bool(group.atoms & self.like(term.some)))
            and (not term.one or len(group.atoms & self.like(term.one)) == 1)
        )

    def verdicts(self, forms: Iterable[Form], group: _Group | None = None) -> Iterator[_Verdict]:
        """Yield the verdict of each reading of the molecule, or of one of its groups, that is within the definition."""
        within = range(len(self._bonds)) if group is None else group.atoms
        for form in forms:
            for found in self.mol.GetSubstructMatches(form.query, uniquify=group is None):
                if group is not None and (found[0] != group.joints[0][1] or not group.atoms.issuperset(found)):
                    continue
                if form.max_mass < float("inf") and self.mass() > form.max_mass:
                    continue
                for ring in self.rings(form.ring, found[-1]) if form.ring else ((),):
                    sites: dict[int, int | str] = dict(zip(found, form.sites, strict=True))
                    sites.update(dict.fromkeys(ring, _RING_SITE))
                    verdict = self._verdict(form, sites, within)
                    if verdict is not None:
                        yield verdict

    def _verdict(self, form: Form, sites: Mapping[int, int | str], within: Collection[int]) -> _Verdict | None:
        limbs, sure = {form.limb}, not form.possible
        bare = set(sites.values())
        for group in self.groups(sites.keys(), within):
            places = {sites[inner] for inner, *_ in group.joints}
            bare -= places
            allowed = self._allowed(form, places, group)
            if allowed is None:
                return None
            limbs |= allowed.limbs
            sure = sure and allowed.sure
        for change in form.changes:
            if ("nothing", None) in change.kinds and change.at <= bare:
                limbs.add(change.limb)
        return _Verdict(frozenset(filter(None, limbs)), sure)

    def _allowed(self, form: Form, places: set[int | str], group: _Group) -> _Verdict | None:
        """Return the limbs of the first change that fits a group; None if it is outside the definition."""
        for change in form.changes:
            if change.at and not places <= change.at:
                continue
            if change.part:
                part = _best(self.verdicts(patterns().parts[change.part], group)) if group.substituent else None
                if part is not None:
                    return _Verdict(part.limbs | {change.limb}, part.sure and not change.possible)
            elif any(
                self.is_a(name, group) and (most is None or len(group.atoms & self.like("[#6]")) <= most)
                for name, most in change.kinds
            ):
                return None if change.outside else _Verdict(frozenset({change.limb}), not change.possible)
        return None


def class_matches(structure: Structure) -> tuple[ClassMatch, ...]:
    """Return the class definitions that a structure meets or may meet, in the order of ``class_definitions.csv``.

    Stereochemistry is ignored, as in the definitions. A molecule without a scaffold of a definition takes a few microseconds.
    """
    mol = structure.mol
    scaffolds = [
        name for name, forms in patterns().definitions.items() if any(map(mol.HasSubstructMatch, _queries(forms)))
    ]
    if not scaffolds:
        return ()
    molecule, found = _Molecule(mol), []
    for name, row in _rows().items():
        verdict = _best(molecule.verdicts(patterns().definitions[name])) if name in scaffolds else None
        if verdict is not None:
            result: Literal["met", "possible"] = "met" if verdict.sure else "possible"
            limbs = tuple(limb for limb in _limbs()[name] if limb in verdict.limbs) or (PARENT,)
            found.append(ClassMatch(name, row.jurisdiction, row.listing, result, limbs))
    return tuple(found)


def _queries(forms: Iterable[Form]) -> Iterator[Chem.Mol]:
    return (form.query for form in forms)


@cache
def _rows() -> Mapping[str, ClassDefinition]:
    """Return the first row of each definition; jurisdiction and listing are the same in all of its rows."""
    rows: dict[str, ClassDefinition] = {}
    for row in class_definitions():
        rows.setdefault(row.definition, row)
    return rows
