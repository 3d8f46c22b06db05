"""Matches of a structure: the substance with this structure, the class definitions that it meets, or the most similar substance.

This module imports RDKit, so it is imported only when there is a structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final, Literal

from features.reference import (
    BenignChemical,
    ControlledDrug,
    Group,
    RegisterNumber,
    RelatedSubstance,
    Substance,
    class_definitions,
    class_exemptions,
)
from features.reference.words import chemical_words
from features.substances.find.found import Entry
from features.substances.find.masks import unmasked
from features.substances.match import BENIGN, ClassMatch, Kind, Match
from features.substances.structures import (
    Structure,
    class_matches,
    from_inchi,
    from_smiles,
    is_harmless,
    listed_structures,
    nearest,
)

#: Minimum similarity of a reported structure (Tanimoto on Morgan counts of radius 2). Ordinary medicines reach 0.65 (bamipine).
#: The closest homologues and ring variants of the listed substances begin at 0.74.
SIMILAR: Final = 0.68
#: Minimum number of atoms of a structure that is compared. Fingerprints of smaller molecules have too few bits: phenethyl
#: alcohol would be similar to phenethyl bromide.
_LEAST_ATOMS: Final = 12
# Acids (SMILES) of the salts in which watched substances are traded. The InChIKey of a salt differs from that of its base.
_ACIDS: Final = chemical_words()["salts"]["acids"]
# Number of structures to cache. The same chemical is declared often, and parsing a structure takes a millisecond. A molecule
# takes a few kilobytes.
_REMEMBERED: Final = 256


class StructureIndex:
    """The listed substances and the common chemicals by structure.

    Args:
        rows: the substances to find. Rows without a structure are skipped.
        benign: common chemicals that are not watched.
    """

    def __init__(
        self,
        rows: Sequence[Substance | RelatedSubstance | ControlledDrug | RegisterNumber],
        benign: Sequence[BenignChemical] = (),
    ) -> None:
        self._benign = {chemical.inchikey.partition("-")[0]: chemical for chemical in benign if chemical.inchikey}
        self._by_skeleton: dict[str, Substance | RelatedSubstance | ControlledDrug | RegisterNumber] = {}
        self._parents: dict[str, Structure] = {}
        listed = listed_structures()
        parents = [(row, listed.get(row.smiles) or from_smiles(row.smiles)) for row in rows if row.smiles]
        # A salt or hydrate has the same parent as its base. Sort the base first, so that the skeleton leads to it.
        for row, parent in sorted(parents, key=lambda pair: "." in pair[0].smiles):
            if parent is not None:
                self._by_skeleton.setdefault(parent.skeleton, row)
                self._parents[row.name] = parent
        # Computed on demand, because most processes never look up a salt.
        self._salts: dict[str, Substance | RelatedSubstance | ControlledDrug | RegisterNumber] | None = None
        self._classes = cache(self._classes_of)
        self.read = lru_cache(maxsize=_REMEMBERED)(read)
        self._compared = lru_cache(maxsize=_REMEMBERED)(_compared)

    def details(self, substance: str) -> tuple[str, tuple[ClassMatch, ...]]:
        """Return the SMILES of the parent structure of a row, and the class definitions that it meets or may meet.

        Both are empty for a row without a structure.
        """
        parent = self._parents.get(substance)
        return (parent.smiles, self._classes(substance)) if parent is not None else ("", ())

    def salt(self, inchikey: str) -> Entry | None:
        """Return the listed substance with the skeleton of an InChIKey, as the base or as a usual salt; otherwise None.

        The skeleton is the first block of the key. It is the same for all stereoisomers and isotopologues.
        """
        if self._salts is None:
            from rdkit import Chem

            self._salts = {}
            for row in self._by_skeleton.values():
                for acid in _ACIDS:
                    key: str = Chem.MolToInchiKey(Chem.MolFromSmiles(f"{row.smiles}.{acid}"))  # type: ignore[no-untyped-call]
                    self._salts.setdefault(key.partition("-")[0], row)
        skeleton = inchikey.partition("-")[0]
        found = self._by_skeleton.get(skeleton) or self._salts.get(skeleton)
        return Entry(found.name, found.group.value, found.cas, found.inchikey, "identifier") if found else None

    def match(
        self, structure: Structure, piece: str, kind: Kind, name: str, how: str, *, always: bool = False
    ) -> Match | None:
        """Return the match of a structure.

        Args:
            structure: parent structure.
            piece: the declared text that gave it.
            kind: kind of the match if the structure is that of a listed substance.
            name: name of the substance if it is not listed.
            how: how the text was read, as a sentence.
            always: return the nearest listed substance also if its similarity is below `SIMILAR`.

        Returns:
            The first of these that applies:

            - the match of the listed substance,
            - a ``class`` match,
            - a ``similar`` match, from `SIMILAR` on,
            - a match of group ``benign``, for a common chemical or a structure unlike all watched ones,
            - None.
        """
        row = self._by_skeleton.get(structure.skeleton)
        if row is not None:
            smiles, classes = self.details(row.name)
            return Match(
                kind, row.name, row.group.value, piece, row.cas, row.inchikey, hit=False,
                confidence=1.0 if kind == "identifier" else 0.98, smiles=smiles, classes=classes,
                evidence=(how, f"The structure is that of {row.name}."),
            )  # fmt: skip
        classes, closest, likeness = self._compared(structure)
        met = [one for one in classes if one.result == "met"]
        if met:
            exempt = exempt_from(classes, structure.inchikey)
            group = _group_unless_exempt(met, structure.inchikey)
            sentence = f"On no list by name; the structure meets {_listed_as_text(met)}."
            evidence = (how, sentence, *(f"Possibly exempt from {one}." for one in exempt))
            return Match(
                "class", name, group, piece, "", structure.inchikey, hit=False, confidence=0.95,
                smiles=structure.smiles, classes=classes, nearest=closest, similarity=likeness, evidence=evidence,
            )  # fmt: skip
        if (masked := unmasked(structure)) is not None:
            precursor, mask = masked
            evidence = (how, f"On no list. It is {precursor} with {mask}, which is easily removed.")
            return Match(
                kind, f"{precursor}, masked", Group.PRECURSOR.value, piece, "", structure.inchikey, hit=False, confidence=0.9,
                smiles=structure.smiles, classes=classes, nearest=closest, similarity=likeness, evidence=evidence,
            )  # fmt: skip
        if not classes and not always and (likeness < SIMILAR or structure.mol.GetNumAtoms() < _LEAST_ATOMS):
            return self._harmless(structure, piece, kind, how)
        may = f" It may meet {_listed_as_text(classes)}." if classes else ""
        evidence = (how, f"On no list; similarity {likeness:.2f} to {closest}, which is not a legal match.{may}")
        return Match(
            "similar", name, "", piece, "", structure.inchikey, hit=False, confidence=round(likeness, 4),
            smiles=structure.smiles, classes=classes, nearest=closest, similarity=likeness, evidence=evidence,
        )  # fmt: skip

    def _harmless(self, structure: Structure, piece: str, kind: Kind, how: str) -> Match | None:
        """Return the match of a common chemical, or of a structure that is unlike all controlled ones; otherwise None."""
        chemical = self._benign.get(structure.skeleton)
        if chemical is not None:
            name, cas = chemical.name, chemical.cas
            sentence = f"The structure is that of {name}, which is on no list."
        elif is_harmless(structure, self._compared(structure)[2]):
            name, cas, sentence = piece, "", "On no list, and unlike every watched substance."
        else:
            return None
        return Match(
            kind,
            name,
            BENIGN,
            piece,
            cas,
            structure.inchikey,
            hit=False,
            smiles=structure.smiles,
            evidence=(how, sentence),
        )

    def _classes_of(self, substance: str) -> tuple[ClassMatch, ...]:
        return class_matches(self._parents[substance])


def read(text: str, form: Literal["smiles", "inchi"]) -> Structure | None:
    """Return the parent structure of a SMILES or InChI; None if the text is neither."""
    return from_smiles(text) if form == "smiles" else from_inchi(text) or from_inchi(text.rstrip(";"))


def _compared(structure: Structure) -> tuple[tuple[ClassMatch, ...], str, float]:
    """Return the class definitions that a structure meets or may meet, the most similar watched substance, and the similarity."""
    return class_matches(structure), *nearest(structure)


def class_group(smiles: str) -> str:
    """Return the group of a structure (SMILES) by the class definitions that it meets; empty if it meets none.

    The group is ``other_controlled`` if the structure is, or may be, exempt from all of them.
    """
    structure = from_smiles(smiles)
    met = [one for one in class_matches(structure) if one.result == "met"] if structure is not None else []
    return _group_unless_exempt(met, structure.inchikey) if structure is not None and met else ""


def exempt_from(classes: Sequence[ClassMatch], inchikey: str) -> list[str]:
    """Return the met definitions from which a substance is, or may be, exempt."""
    exempt = {(row.definition, row.inchikey) for row in class_exemptions()}
    return [one.definition for one in classes if one.result == "met" and (one.definition, inchikey) in exempt]


def _group_unless_exempt(met: Sequence[ClassMatch], inchikey: str) -> str:
    """Return the group of a structure that meets the definitions ``met``. Opioids take precedence over precursors.

    A substance that is, or may be, exempt from all of them is no evidence. Its group is ``other_controlled``.
    """
    if len(exempt_from(met, inchikey)) == len(met):
        return Group.OTHER_CONTROLLED.value
    names = {one.definition for one in met}
    groups = {row.group for row in class_definitions() if row.definition in names}
    return next(group.value for group in (Group.FENTANYL, Group.NITAZENE, Group.PRECURSOR) if group in groups)


def _listed_as_text(classes: Sequence[ClassMatch]) -> str:
    """Return the definitions with their limbs, as a part of a sentence."""
    return "; ".join(
        f"the {one.jurisdiction} definition {one.definition}" + (f" ({', '.join(one.limbs)})" if one.limbs else "")
        for one in classes
    )
