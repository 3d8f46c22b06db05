"""The parent structure of a SMILES or InChI, as laws refer to it.

Laws name a substance together with its salts, hydrates and stereoisomers, so all of these have one parent. It is the largest
organic fragment that is not a usual counter-ion or solvent, neutral and without isotope marks. The hydrate of a cyclic ketone
(4,4-piperidinediol) becomes the ketone (4-piperidone), and an imidic acid the amide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, cast

from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import rdFingerprintGenerator, rdinchi
from rdkit.Chem.MolStandardize import rdMolStandardize

from features.reference import ReferenceDataError, structure_motifs, substances
from features.reference.words import chemical_words
from features.substances.match import WATCHED

#: Maximum length of a structure text. The longest SMILES in the reference data has 60 characters.
MAX_TEXT: Final = 1000
#: Maximum number of non-hydrogen atoms of a molecule.
MAX_HEAVY_ATOMS: Final = 200
# Maximum number of rings. Ring perception and aromaticity can take exponential time in dense cages. C60 has 32.
_MAX_RINGS: Final = 40
# Time limit of the InChI library in milliseconds. An ordinary molecule takes a tenth of a millisecond.
_INCHI_OPTIONS: Final = "/WM500"
# Maximum rounds of reduction until nothing changes. Normally the second round changes nothing.
_MAX_ROUNDS: Final = 4

_SMILES: Final = re.compile(r"[A-Za-z0-9@+\-\[\]()=#$:/\\.%*~{}]+", re.ASCII)
_INCHI: Final = re.compile(r"InChI=1S?/([A-Za-z0-9.]+)(/[!-~]*)?", re.ASCII)
_HYDRATE: Final = Chem.MolFromSmarts("[#6]@[CX4]([OX2H1])([OX2H1])@[#6]")
_IMIDIC_ACID: Final = Chem.MolFromSmarts("[OX2H1]-[CX3]=[NX2;+0]")
_METALS: Final = frozenset({3, 4, 11, 12, 13, 19, 20, 25, 26, 27, 28, 29, 30, 37, 38, 47, 55, 56, 80, 83})


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """The parent of a declared structure.

    Attributes:
        mol: RDKit molecule of the parent.
        smiles: canonical SMILES of the parent with its stereochemistry.
        inchikey: standard InChIKey of the parent.
        skeleton: first 14 letters of the InChIKey, shared by stereoisomers.
    """

    mol: Chem.Mol
    smiles: str
    inchikey: str
    skeleton: str


def from_smiles(text: str) -> Structure | None:
    """Return the parent structure of a SMILES; None if the text is not a SMILES of a whole molecule within the size limits.

    Wildcard atoms and names after the SMILES are refused. Nothing is printed.
    """
    text = text.strip()
    if len(text) > MAX_TEXT or not _SMILES.fullmatch(text):
        return None
    with rdBase.BlockLogs():
        return _structure(Chem.MolFromSmiles(text, sanitize=False))


@cache
def listed_structures() -> Mapping[str, Structure]:
    """Return the structure of each SMILES of ``substances.csv``, computed once.

    Lookups, salts and similarities each need all of these structures, and parsing one takes half a millisecond.
    """
    structures = {row.smiles: from_smiles(row.smiles) for row in substances() if row.smiles}
    return {smiles: structure for smiles, structure in structures.items() if structure is not None}


def from_inchi(text: str) -> Structure | None:
    """Return the parent structure of an InChI; None if the text is not an InChI of a whole molecule within the size limits.

    Nothing is printed.
    """
    text = text.strip()
    matched = _INCHI.fullmatch(text) if len(text) <= MAX_TEXT else None
    # The library allocates memory for the number of atoms in the formula.
    if matched is None or any(int(count) > 2 * MAX_HEAVY_ATOMS + 2 for count in re.findall(r"[0-9]+", matched[1])):
        return None
    with rdBase.BlockLogs():
        return _structure(rdinchi.InchiToMol(text, False, False)[0])


def _structure(raw: Chem.Mol | None) -> Structure | None:
    if raw is None or not _within_limits(raw):
        return None
    try:
        Chem.SanitizeMol(raw)
        mol: Chem.Mol | None = Chem.RemoveHs(raw)
        smiles = Chem.MolToSmiles(mol)
        for _ in range(_MAX_ROUNDS):
            if mol is None:
                return None
            before, smiles = smiles, Chem.MolToSmiles(_parent(mol, smiles))
            # Parse the molecule from its SMILES again, so that equal parents have equal molecules.
            mol = cast("Chem.Mol | None", Chem.MolFromSmiles(smiles))
            if smiles == before:
                break
        key = rdinchi.MolToInchiKey(mol, _INCHI_OPTIONS) if mol is not None else ""
    except (Chem.MolSanitizeException, ValueError, RuntimeError):
        return None
    # A molecule with wildcard atoms has no key.
    if mol is None or not key or mol.GetNumHeavyAtoms() == 0:
        return None
    return Structure(mol, smiles, key, key[:14])


def _within_limits(mol: Chem.Mol) -> bool:
    if not 0 < mol.GetNumHeavyAtoms() <= MAX_HEAVY_ATOMS:
        return False
    rings = mol.GetNumBonds() - mol.GetNumAtoms() + len(Chem.GetMolFrags(mol))
    return rings <= _MAX_RINGS


def _parent(mol: Chem.Mol, smiles: str) -> Chem.Mol:
    # Brackets contain charges, isotopes and metals. Most molecules have none, and a search for them takes time.
    marked = "[" in smiles
    if marked:
        mol = _without_isotopes(mol)
        if any(atom.GetAtomicNum() in _METALS and atom.GetDegree() for atom in mol.GetAtoms()):
            mol = rdMolStandardize.MetalDisconnector().Disconnect(mol)
            smiles = Chem.MolToSmiles(mol)
    mol = _amide_of_imidic_acid(mol)
    if "." in smiles:
        mol = _main_fragment(mol)
    if marked:
        mol = rdMolStandardize.Uncharger().uncharge(mol)
    return _ketone_of_hydrate(mol)


def _without_isotopes(mol: Chem.Mol) -> Chem.Mol:
    marked = [atom for atom in mol.GetAtoms() if atom.GetIsotope() or atom.GetAtomMapNum()]
    if not marked:
        return mol
    for atom in marked:
        atom.SetIsotope(0)
        atom.SetAtomMapNum(0)
    # Remove stereocentres that existed only because of an isotope.
    Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
    return mol


@cache
def _companions() -> frozenset[str]:
    """Return the acids, bases and solvents that accompany substances. Such a fragment is the parent only if it is alone."""
    lists = chemical_words()["companions"].values()
    return frozenset(_flat(Chem.MolFromSmiles(smiles)) for words in lists for smiles in words)


def _flat(mol: Chem.Mol) -> str:
    """Return the canonical SMILES of the neutral molecule without stereochemistry."""
    return Chem.MolToSmiles(rdMolStandardize.Uncharger().uncharge(mol), isomericSmiles=False)


def _main_fragment(mol: Chem.Mol) -> Chem.Mol:
    fragments = Chem.GetMolFrags(mol, asMols=True)
    organic = [part for part in fragments if any(atom.GetAtomicNum() == 6 for atom in part.GetAtoms())]
    if not organic:
        # An inorganic salt is a substance only as a whole.
        return mol
    return cast("Chem.Mol", max(organic, key=_priority))


def _priority(fragment: Chem.Mol) -> tuple[bool, int, str]:
    """Return the sort key of a fragment: companions rank lowest, then size decides, then the SMILES, whatever the order."""
    return _flat(fragment) not in _companions(), fragment.GetNumHeavyAtoms(), Chem.MolToSmiles(fragment)


def _ketone_of_hydrate(mol: Chem.Mol) -> Chem.Mol:
    found = mol.GetSubstructMatch(_HYDRATE)
    if not found:
        return mol
    _, carbon, oxygen, removed, _ = found
    edit = Chem.RWMol(mol)
    edit.GetBondBetweenAtoms(carbon, oxygen).SetBondType(Chem.BondType.DOUBLE)
    _recount_hydrogens(edit.GetAtomWithIdx(oxygen))
    edit.RemoveAtom(removed)
    return _ketone_of_hydrate(_sanitised(edit))


def _amide_of_imidic_acid(mol: Chem.Mol) -> Chem.Mol:
    """Return the amide of an imidic acid. An InChI does not fix the mobile hydrogen, and RDKit parses it as the imidic acid."""
    found = mol.GetSubstructMatch(_IMIDIC_ACID)
    if not found:
        return mol
    oxygen, carbon, nitrogen = found
    edit = Chem.RWMol(mol)
    edit.GetBondBetweenAtoms(oxygen, carbon).SetBondType(Chem.BondType.DOUBLE)
    bond = edit.GetBondBetweenAtoms(carbon, nitrogen)
    bond.SetStereo(Chem.BondStereo.STEREONONE)
    bond.SetBondType(Chem.BondType.SINGLE)
    _recount_hydrogens(edit.GetAtomWithIdx(oxygen))
    _recount_hydrogens(edit.GetAtomWithIdx(nitrogen))
    return _amide_of_imidic_acid(_sanitised(edit))


def _recount_hydrogens(atom: Chem.Atom) -> None:
    # A molecule parsed from an InChI, or with brackets, has explicit hydrogen counts.
    atom.SetNumExplicitHs(0)
    atom.SetNoImplicit(False)


def _sanitised(edit: Chem.RWMol) -> Chem.Mol:
    mol = edit.GetMol()
    Chem.SanitizeMol(mol)
    Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
    return mol


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
    rows = [row for row in substances() if row.group in WATCHED and row.smiles]
    prints = []
    for row in rows:
        structure = listed_structures().get(row.smiles)
        if structure is None:
            raise ReferenceDataError(
                "substances.csv", None, f"smiles of {row.name} is {row.smiles!r}, expected a molecule"
            )
        prints.append(_generator().GetCountFingerprint(structure.mol))
    return tuple(row.name for row in rows), tuple(prints)


#: A harmless structure is less similar than this to each watched substance (Tanimoto on Morgan counts of radius 2). Vanillin
#: reaches 0.2, reagents of the same families 0.5.
_UNLIKE: Final = 0.4
#: Minimum number of heavy atoms of a harmless structure. A smaller one has too few parts for a judgement.
_FEWEST_ATOMS: Final = 6


def is_harmless(structure: Structure, similarity: float) -> bool:
    """Return whether a structure is unlike every watched substance and has no part that is typical of controlled ones.

    Args:
        structure: parent structure, on no list and in no class.
        similarity: its similarity to the nearest watched substance, 0..1.
    """
    mol = structure.mol
    if similarity >= _UNLIKE or mol.GetNumAtoms() < _FEWEST_ATOMS:
        return False
    return not any(mol.HasSubstructMatch(motif) for motif in _motifs())


@cache
def _motifs() -> tuple[Chem.Mol, ...]:
    motifs = []
    for row in structure_motifs():
        motif = Chem.MolFromSmarts(row.smarts)
        if motif is None:
            raise ReferenceDataError(
                "structure_motifs.csv", None, f"smarts of {row.motif} is {row.smarts!r}, expected SMARTS"
            )
        motifs.append(motif)
    return tuple(motifs)
