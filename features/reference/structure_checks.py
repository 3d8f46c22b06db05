"""Checks of the structures in the substance table: is each readable, is its InChIKey right, is none there twice.

A slip in a structure is invisible to the eye and would make the product recognise the wrong substance, so RDKit reads
every structure anew each time the table is loaded (some 20 ms) and works the key out itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from features.reference.rows import Substance

_SKELETON: Final = 14  # characters of an InChIKey that stand for the connections of the atoms alone
_INCHIKEY: Final = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]", re.ASCII)


def skeleton(smiles: str, inchikey: str) -> str:
    """The key of the connections in the largest component of a structure, without stereochemistry and salt.

    Args:
        smiles: as written in the table.
        inchikey: the standard InChIKey that the table gives for it.

    Returns:
        The first 14 letters of the InChIKey of the component with the most heavy atoms. Salts, isotopes and
        stereoisomers of one substance share it.

    Raises:
        ValueError: the structure is unreadable, or its key is another than the given one; says which.
    """
    # RDKit takes a moment and some memory to load, which no command that reads no substance should pay.
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


def letters_and_digits(name: str) -> str:
    """A name without letter case, width, blanks and punctuation: what two names have in common when they look alike.

    >>> letters_and_digits("2'-Fluoro ortho-Fluorofentanyl")
    '2fluoroorthofluorofentanyl'
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character.isalnum())


def repeated_structure(rows: Iterable[Substance], skeletons: dict[str, str]) -> tuple[str, str] | None:
    """The first two names that stand for one structure up to salt and stereochemistry without saying so.

    A salt or stereoisomer may have its own row where its name begins or ends with that of the row it belongs to:
    ``4-Piperidone hydrochloride`` beside ``4-Piperidone``.

    Args:
        rows: the table.
        skeletons: by name of a row what `skeleton` found.

    Returns:
        (name of the earlier row, name of the later one) or ``None``.
    """
    owner: dict[str, str] = {}
    for row in rows:
        key = skeletons.get(row.name)
        if key is None:
            continue
        first = owner.setdefault(key, row.name)
        ours, theirs = letters_and_digits(row.name), letters_and_digits(first)
        if first != row.name and not (ours.startswith(theirs) or ours.endswith(theirs)):
            return first, row.name
    return None


def repeated_name(rows: Iterable[Substance]) -> tuple[str, str, str] | None:
    """The first name, synonym, abbreviation or systematic name that two rows claim, whatever its punctuation.

    Returns:
        (the name as the later row writes it, name of the earlier row, name of the later one) or ``None``.
    """
    owner: dict[str, str] = {}
    for row in rows:
        for name in (row.name, *row.synonyms, *row.abbreviations, row.systematic_name):
            key = letters_and_digits(name)
            if key and owner.setdefault(key, row.name) != row.name:
                return name, owner[key], row.name
    return None
