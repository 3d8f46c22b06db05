"""Checks of the structures in the substance table: readable, with the correct InChIKey, and unique.

An error in a structure is easy to overlook, and the product would then recognise the wrong substance. Therefore RDKit parses
every structure and computes its key each time the table is loaded (about 20 ms).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from features.reference.rows import Substance

_SKELETON: Final = 14  # characters of an InChIKey that encode only the connections of the atoms
_INCHIKEY: Final = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]", re.ASCII)


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


def letters_and_digits(name: str) -> str:
    """Return a name without letter case, width, blanks and punctuation, for comparison.

    >>> letters_and_digits("2'-Fluoro ortho-Fluorofentanyl")
    '2fluoroorthofluorofentanyl'
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character.isalnum())


def repeated_structure(rows: Iterable[Substance], skeletons: dict[str, str]) -> tuple[str, str] | None:
    """Return the first two rows that share a structure, ignoring salt and stereochemistry, although their names do not say so.

    A salt or stereoisomer may have its own row if its name begins or ends with the name of the earlier row:
    ``4-Piperidone hydrochloride`` next to ``4-Piperidone``.

    Args:
        rows: the table.
        skeletons: name of a row -> its `skeleton`.

    Returns:
        (name of the earlier row, name of the later one) or None.
    """
    owner: dict[str, str] = {}
    for row in rows:
        key = skeletons.get(row.name)
        if key is None:
            continue
        first = owner.setdefault(key, row.name)
        later, earlier = letters_and_digits(row.name), letters_and_digits(first)
        if first != row.name and not (later.startswith(earlier) or later.endswith(earlier)):
            return first, row.name
    return None


def repeated_name(rows: Iterable[Substance]) -> tuple[str, str, str] | None:
    """Return the first name, synonym, abbreviation or systematic name that two rows share, ignoring punctuation.

    Returns:
        (the name as in the later row, name of the earlier row, name of the later one) or None.
    """
    owner: dict[str, str] = {}
    for row in rows:
        for name in (row.name, *row.synonyms, *row.abbreviations, row.systematic_name):
            key = letters_and_digits(name)
            if key and owner.setdefault(key, row.name) != row.name:
                return name, owner[key], row.name
    return None
