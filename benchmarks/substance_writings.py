"""Generated notations of the CAS numbers and structures of the reference table."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from benchmarks.substance_rows import Row
from features.reference import Substance, substances
from features.substances import WATCHED

if TYPE_CHECKING:
    from rdkit import Chem

_SALTS: Final = ("Cl", "Br", "OC(=O)C(O)=O", "OC(=O)CC(O)(CC(O)=O)C(O)=O", "OS(=O)(=O)O", "O")
# An amine that can be protonated: not an amide, aniline, imine or nitro nitrogen.
_AMINE: Final = "[NX3;H0,H1,H2;+0;!$(N[C,S]=[O,S,N]);!$(N-a);!$(N=*);!$(N-[!#6;!#1])]"
_CAS_WRITINGS: Final[tuple[Callable[[str], str], ...]] = (
    lambda cas: cas,
    lambda cas: f"CAS: {cas}",
    lambda cas: f"CAS No.{cas} 99%",
    lambda cas: f"white powder CAS#{cas}, 5 kg",
    lambda cas: f"({cas}) sample 10 g",
    lambda cas: f"CASRN {cas}",
    lambda cas: f"[CAS {cas}]/25kg/drum",
    lambda cas: f"cas{cas} liquid",
    lambda cas: cas.replace("-", "\N{NON-BREAKING HYPHEN}"),
    lambda cas: cas.replace("-", " - "),
)


def _watched() -> Iterator[Substance]:
    return (row for row in substances() if row.group in WATCHED)


def cas_numbers() -> list[Row]:
    """Return every CAS number of a watched substance in eleven notations: ten with hyphens, and one without hyphens in a field
    for chemicals.
    """
    rows = []
    for row in _watched():
        if row.cas:
            rows += [
                Row(write(row.cas), False, row.name, f"writing {number}") for number, write in enumerate(_CAS_WRITINGS)
            ]
            rows.append(Row(row.cas.replace("-", ""), True, row.name, "without hyphens"))
    return rows


def smiles(seed: int, each: int = 6) -> list[Row]:
    """Return every watched structure in ``each`` random atom orders, with Kekulé bonds, all hydrogens, as salts, ion
    pair and isotope.
    """
    from rdkit import Chem

    rng = random.Random(seed)
    rows: list[Row] = []
    for row in _watched():
        molecule = Chem.MolFromSmiles(row.smiles)
        writings = [(written, "random order") for written in _random_orders(molecule, each, rng)]
        kekulised = Chem.Mol(molecule)
        Chem.Kekulize(kekulised, clearAromaticFlags=True)
        writings.append((Chem.MolToSmiles(kekulised, kekuleSmiles=True), "Kekulé bonds"))
        writings.append((Chem.MolToSmiles(molecule, allHsExplicit=True), "hydrogens written"))
        if (ion := _protonated(molecule)) is not None:
            if "." not in row.smiles:
                salt = rng.choice(_SALTS)
                writings.append((f"{row.smiles}.{salt}", f"salt or solvate with {salt}"))
            writings.append((f"{Chem.MolToSmiles(ion)}.[Cl-]", "ion pair"))
            writings.append((Chem.MolToSmiles(ion), "ion"))
        heavy = Chem.Mol(molecule)
        heavy.GetAtomWithIdx(next(atom.GetIdx() for atom in heavy.GetAtoms() if atom.GetSymbol() == "C")).SetIsotope(13)
        writings.append((Chem.MolToSmiles(heavy), "carbon-13"))
        rows += [Row(written, True, row.name, note) for written, note in writings]
        written = rng.choice(writings)[0]
        rows.append(Row(f"SMILES: {written} 10 g", False, row.name, "in text"))
    return rows


def inchis() -> list[Row]:
    """Return every watched structure as InChI, alone and in text."""
    from rdkit import Chem
    from rdkit.Chem import rdinchi

    rows = []
    for row in _watched():
        inchi = rdinchi.MolToInchi(Chem.MolFromSmiles(row.smiles))[0]
        rows += [
            Row(inchi, True, row.name, "alone"),
            Row(f"custom synthesis {inchi} 10 g", False, row.name, "in text"),
        ]
    return rows


def inchikeys() -> list[Row]:
    """Return every watched structure as InChIKey: alone, with prefix, in lower case, in text, and of its hydrochloride."""
    from rdkit import Chem
    from rdkit.Chem import rdinchi

    rows = []
    for row in _watched():
        key = row.inchikey
        rows += [
            Row(key, True, row.name, "alone"),
            Row(f"InChIKey={key}", True, row.name, "with its prefix"),
            Row(key.lower(), True, row.name, "lower case"),
            Row(f"powder {key} 10 g", False, row.name, "in text"),
        ]
        molecule = Chem.MolFromSmiles(row.smiles)
        if _protonated(molecule) is not None and "." not in row.smiles:
            salt = rdinchi.MolToInchiKey(Chem.MolFromSmiles(f"{row.smiles}.Cl"))
            rows.append(Row(salt, True, row.name, "of the hydrochloride"))
    return rows


def _random_orders(molecule: Chem.Mol, count: int, rng: random.Random) -> list[str]:
    from rdkit import Chem

    writings: dict[str, None] = {}
    for _ in range(count * 4):
        order = list(range(molecule.GetNumAtoms()))
        rng.shuffle(order)
        writings.setdefault(Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False))
        if len(writings) == count:
            break
    return list(writings)


def _protonated(molecule: Chem.Mol) -> Chem.Mol | None:
    from rdkit import Chem

    places = molecule.GetSubstructMatches(Chem.MolFromSmarts(_AMINE))
    if not places:
        return None
    ion = Chem.Mol(molecule)
    atom = ion.GetAtomWithIdx(places[0][0])
    atom.SetNumExplicitHs(atom.GetTotalNumHs() + 1)
    atom.SetNoImplicit(True)
    atom.SetFormalCharge(1)
    Chem.SanitizeMol(ion)
    return ion
