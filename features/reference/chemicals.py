"""Substances and chemicals: the watch list, what is related to it, and what is common. All tables are read on first use.

- `substances.csv`, `cas_numbers.csv`: watched and other listed substances, equipment and legal classes
- `related_substances.csv`: substances outside the watch list, which have no row in the table of listings
- `street_names.csv`: street names and words of advertisements
- `benign_chemicals.csv`, `known_cas_numbers.npz`: common chemicals, and numbers of chemicals on no list
- `structure_motifs.csv`: parts of structures that are typical of controlled substances

All loaders raise `ReferenceDataError`, which names file, row and reason. An error in a structure is easy to overlook, and the
product would then recognise the wrong substance. Therefore RDKit parses every structure and computes its key each time a table
is loaded (about 20 ms).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Annotated, Final, Protocol, cast

from features.reference.reading import DATA, BlankOrText, Cas, Hs6, Row, Verified, table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KNOWN_CAS: Final = "known_cas_numbers.npz"
_SKELETON: Final = 14  # characters of an InChIKey that encode only the connections of the atoms
_INCHIKEY: Final = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]", re.ASCII)


class Group(StrEnum):
    """Kind of a row of the substance table."""

    FENTANYL = "fentanyl"
    NITAZENE = "nitazene"
    OTHER_OPIOID = "other_opioid"
    PRECURSOR = "precursor"
    OTHER_CONTROLLED = "other_controlled"  # listed, but no evidence of illicit content
    ADULTERANT = "adulterant"  # shown, not illicit content
    EQUIPMENT = "equipment"  # a kind of machine
    LEGAL_CLASS = "legal_class"  # names a class of substances, not a substance


_NOT_SUBSTANCES: Final = (Group.EQUIPMENT, Group.LEGAL_CLASS)
#: Groups of substances that a text can declare.
SUBSTANCE_GROUPS: Final = tuple(group for group in Group if group not in _NOT_SUBSTANCES)


class Beside(StrEnum):
    """Words next to which a street name means the drug."""

    NOTHING = "nothing"  # the name has no other use
    TAKEN = "taken"  # words of goods that can be taken, of powders or of the drug trade
    TRADE = "trade"  # the same without sweets and supplements, which also bear the name


class Relation(StrEnum):
    """Relation of a substance to the watched ones. The value is the group of its matches, except for homologues."""

    HOMOLOGUE = "homologue"  # of a precursor: judged by its structure alone
    ADULTERANT = "adulterant"  # evidence of a drug mixture, not a hit
    CONTROLLED = "other_controlled"  # a drug under control outside the watched families, not a hit


def _blank_or_verified(row: Row, column: str) -> Verified | None:
    return row.one_of(column, Verified) if row.blank_or_text(column) else None


@dataclass(frozen=True, slots=True)
class Substance:
    """A substance, a kind of equipment or a legal class. Unknown attributes are empty."""

    name: str
    group: Group
    cas: Cas
    smiles: BlankOrText
    inchikey: BlankOrText
    systematic_name: BlankOrText
    synonyms: tuple[str, ...]
    abbreviations: tuple[str, ...]
    hs6: tuple[str, ...]
    source: str
    verified: Verified
    hs_source: BlankOrText
    hs_verified: Annotated[Verified | None, _blank_or_verified]


@dataclass(frozen=True, slots=True)
class CasNumber:
    """CAS number of a form of a substance: a salt, a hydrate, an isomer."""

    cas: Cas
    substance: str
    form: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class RelatedSubstance:
    """Substance outside the watch list.

    Attributes:
        name: its name.
        group: relation to the watched substances.
        cas, smiles, inchikey: identifiers, empty if unknown.
        synonyms: further names.
        source: source of the CAS number, otherwise of the name.
        verified: how far the source was checked.
    """

    name: str
    group: Relation
    cas: Cas
    smiles: BlankOrText
    inchikey: BlankOrText
    synonyms: tuple[str, ...]
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class PrecursorMask:
    """A group that hides a precursor and is easily removed. ``reaction`` (SMARTS) removes it."""

    mask: str
    reaction: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class RegisterNumber:
    """Entry of a public register of drugs: a CAS number of a listed substance, or an opioid or precursor that no list names.

    Attributes:
        name: name of a listed substance as in its table, otherwise the name in the register.
        cas: empty if the register has none.
        synonyms: further names.
        group: group of the substance.
        smiles: structure of the parent of a substance that is on no list; empty for a listed one.
        inchikey: of this parent.
        by_class: whether a class definition covers the structure.
        source: registers with the entry.
        verified: how far the source was checked.
    """

    name: str
    cas: Cas
    synonyms: tuple[str, ...]
    group: Group
    smiles: BlankOrText
    inchikey: BlankOrText
    by_class: bool
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class StreetName:
    """Street name of watched substances, or word of advertisements for them.

    Attributes:
        name: as written; letter case, blanks and hyphens are ignored.
        group: group of the substances that the name usually means.
        beside: words next to which the name counts.
        source: publication.
        verified: how far the source was checked.
    """

    name: str
    group: str
    beside: Beside
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class BenignChemical:
    """A common chemical that is not watched. ``inchikey`` is empty if its structure is not known."""

    name: str
    cas: Cas
    inchikey: BlankOrText
    synonyms: tuple[str, ...]
    hs6: Hs6
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class StructureMotif:
    """A part of a structure (SMARTS) that is typical of controlled substances or of their precursors."""

    motif: str
    smarts: str
    about: str
    source: str
    verified: Verified


class _WithNumber(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def cas(self) -> str: ...


def one_owner_of_each_number() -> Callable[[_WithNumber, str], None]:
    """Return a check that raises `ValueError` if two rows, given in turn with each of their CAS numbers, share one."""
    owner: dict[str, str] = {}

    def check(row: _WithNumber, cas: str) -> None:
        if cas and owner.setdefault(cas, row.name) != row.name:
            raise ValueError(f"cas {cas} belongs to both {owner[cas]} and {row.name}")

    return check


@cache
def substances() -> tuple[Substance, ...]:
    """Return watched substances, other listed ones, adulterants, equipment and legal classes; one row per name.

    No two rows share a CAS number or a name in any spelling. Two rows share a structure, ignoring salt and stereochemistry, only if
    the name of the later one begins or ends with that of the earlier one: ``4-Piperidone hydrochloride`` next to ``4-Piperidone``.
    """
    numbers = count(2)
    owns = one_owner_of_each_number()
    of_name: dict[str, str] = {}
    of_structure: dict[str, tuple[str, int]] = {}

    def check(row: Substance) -> None:
        number = next(numbers)
        structure = ""
        if row.smiles and row.inchikey:
            structure = skeleton(row.smiles, row.inchikey)
        elif row.smiles or row.inchikey or row.group not in _NOT_SUBSTANCES:
            raise ValueError("smiles or inchikey is blank, expected the structure of a substance")
        owns(row, row.cas)
        for name in (row.name, *row.synonyms, *row.abbreviations, row.systematic_name):
            key = _letters_and_digits(name)
            if key and of_name.setdefault(key, row.name) != row.name:
                raise ValueError(f"{name!r} stands for both {of_name[key]} and {row.name}, expected one")
        if structure:
            first, line = of_structure.setdefault(structure, (row.name, number))
            later, earlier = _letters_and_digits(row.name), _letters_and_digits(first)
            if not (later.startswith(earlier) or later.endswith(earlier)):
                raise ValueError(
                    f"{row.name} has the structure of {first} (row {line}) up to salt and stereochemistry,"
                    f" expected one row, or a name that begins or ends with {first}"
                )

    return table("substances.csv", Substance, lambda row: row.name, check)


@cache
def cas_numbers() -> tuple[CasNumber, ...]:
    """Return CAS numbers of salts, hydrates and isomers, in addition to those of the substances themselves."""
    own = {row.cas: row.name for row in substances() if row.cas}
    names = {row.name for row in substances()}

    def check(row: CasNumber) -> None:
        if row.substance not in names:
            raise ValueError(f"{row.substance!r} is not in substances.csv")
        if row.cas in own:
            raise ValueError(f"cas {row.cas} is that of {own[row.cas]} itself")

    return table("cas_numbers.csv", CasNumber, lambda row: row.cas, check)


@cache
def related_substances() -> tuple[RelatedSubstance, ...]:
    """Return the substances outside the watch list; no two rows share a CAS number."""
    owns = one_owner_of_each_number()

    def check(row: RelatedSubstance) -> None:
        if row.smiles and row.inchikey:
            skeleton(row.smiles, row.inchikey)  # raises if the key is not that of the structure
        elif row.smiles or row.inchikey or row.group is Relation.HOMOLOGUE:
            raise ValueError("smiles or inchikey is blank, expected both, or neither except for a homologue")
        owns(row, row.cas)

    return table("related_substances.csv", RelatedSubstance, lambda row: row.name, check)


@cache
def precursor_masks() -> tuple[PrecursorMask, ...]:
    """Return the groups that hide precursors."""
    return table("precursor_masks.csv", PrecursorMask, lambda row: row.mask)


@cache
def register_numbers() -> tuple[RegisterNumber, ...]:
    """Return the entries of public registers; `tools/build_register_numbers.py` writes them."""
    return table("register_numbers.csv", RegisterNumber, lambda row: (row.name, row.cas))


@cache
def street_names() -> tuple[StreetName, ...]:
    """Return the street names, in the order of the file."""
    return table("street_names.csv", StreetName, lambda row: row.name)


@cache
def benign_chemicals() -> tuple[BenignChemical, ...]:
    """Return common chemicals that are not watched; one row per CAS number."""
    return table("benign_chemicals.csv", BenignChemical, lambda row: row.cas)


@cache
def structure_motifs() -> tuple[StructureMotif, ...]:
    """Return parts of structures that are typical of controlled substances or of their precursors."""
    return table("structure_motifs.csv", StructureMotif, lambda row: row.motif)


@cache
def _known_numbers() -> NDArray[np.int64]:
    """Return the numbers without hyphens, ascending. The file contains their differences, which compress well."""
    import numpy as np

    with np.load(DATA / KNOWN_CAS, allow_pickle=False) as arrays:
        return np.cumsum(arrays["steps"], dtype=np.int64)


def is_known_cas(cas: str) -> bool:
    """Return whether a valid CAS number, such as ``67-56-1``, is that of a known chemical.

    Such a chemical is on no list and resembles no watched one. A missing number is unknown, not suspicious.
    `tools.build_known_cas` writes the file.
    """
    numbers, number = _known_numbers(), int(cas.replace("-", ""))
    index = bisect_left(numbers, number)
    return index < len(numbers) and int(numbers[index]) == number


def skeleton(smiles: str, inchikey: str) -> str:
    """Return the key of the atoms' connections in the largest component of a structure, without stereochemistry and salt.

    Args:
        smiles: as in the table.
        inchikey: the standard InChIKey in the table.

    Returns:
        The first 14 letters of the InChIKey of the component with the most heavy atoms. Salts, isotopes and
        stereoisomers of one substance share it.

    Raises:
        ValueError: the structure is unreadable, or its key differs from the given one; the message says which.
    """
    # Import RDKit late: it takes time and memory, and some commands read no substance.
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdinchi

    if not _INCHIKEY.fullmatch(inchikey):
        raise ValueError(f"inchikey is {inchikey!r}, expected 14, 10 and 1 capital letters joined by hyphens")
    with rdBase.BlockLogs():
        molecule = cast("Chem.Mol | None", Chem.MolFromSmiles(smiles))
        if molecule is None or molecule.GetNumAtoms() == 0:
            raise ValueError(f"smiles is {smiles!r}, expected a structure that RDKit can read")
        actual = rdinchi.MolToInchiKey(molecule)
        if actual != inchikey:
            raise ValueError(f"inchikey is {inchikey}, expected {actual}, the key of the structure {smiles}")
        if "." not in smiles:
            return actual[:_SKELETON]
        parts = Chem.GetMolFrags(molecule, asMols=True)
        largest = max(parts, key=lambda part: int(part.GetNumHeavyAtoms()))
        return rdinchi.MolToInchiKey(largest)[:_SKELETON]


def _letters_and_digits(name: str) -> str:
    """Return a name without letter case, width, blanks and punctuation, for comparison.

    >>> _letters_and_digits("2'-Fluoro ortho-Fluorofentanyl")
    '2fluoroorthofluorofentanyl'
    """
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name).casefold()))


def substance_group(row: Row, column: str) -> Group:
    """Read a column with one of `SUBSTANCE_GROUPS`."""
    group = row.one_of(column, Group)
    if group not in SUBSTANCE_GROUPS:
        raise ValueError(f"{column} is {group.value!r}, expected one of {', '.join(SUBSTANCE_GROUPS)}")
    return group
