"""The names and numbers of all substances that an index finds, from the tables of the reference data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from features.reference import (
    SUBSTANCE_GROUPS,
    BenignChemical,
    ControlledDrug,
    RegisterNumber,
    RelatedSubstance,
    Relation,
    Substance,
    cas_numbers,
    controlled_drugs,
    register_numbers,
    related_substances,
)
from features.reference.unii import UniiName
from features.substances.find.adulterants import Adulterants
from features.substances.find.found import Entry, entry_of
from features.substances.find.names import NameIndex
from features.substances.match import ADULTERANT, BENIGN, CONTROLLED, MIXED_DRUGS, WATCHED, Kind
from features.substances.normalise import core
from features.substances.read.translations import translated_names

#: Configuration and form at the end of a name in the UNII list.
_CONFIGURATION: Final = re.compile(r", \([^()]*\)-?.*$| (?:anhydrous|base)$", re.IGNORECASE)


class Contents:
    """Names, numbers and structures by substance.

    Args:
        watched: rows of the substance table.
        benign: common chemicals that are not watched.
        unii: names of the UNII list. Names of kind ``listed`` are skipped if their substance is not in ``watched``.

    Attributes:
        rows: rows of the substance table that texts can name, by name.
        related: related substances and controlled drugs outside the substance table, by name.
        names: all names.
        benign: common chemicals that are not watched.
        cas, inchikeys: entries by CAS number and by InChIKey.
        smiles: SMILES by name, for substances that are judged by their structure.
    """

    def __init__(
        self, watched: Sequence[Substance], benign: Sequence[BenignChemical], unii: Sequence[UniiName] = ()
    ) -> None:
        self.rows = {row.name: row for row in watched if row.group in SUBSTANCE_GROUPS}
        self.related: dict[str, RelatedSubstance | ControlledDrug | RegisterNumber] = {}
        self.names = NameIndex()
        self.cas: dict[str, Entry] = {}
        self.inchikeys: dict[str, Entry] = {}
        self.smiles: dict[str, str] = {}
        self.benign, self._unii = benign, unii
        for row in self.rows.values():
            self.names.add_substance(row)
            if row.cas:
                self.cas[row.cas] = entry_of(row, "identifier")
            if row.inchikey:
                self.inchikeys[row.inchikey] = entry_of(row, "identifier")
        for number in cas_numbers():
            if number.substance in self.rows:
                self.cas[number.cas] = entry_of(self.rows[number.substance], "identifier")
        for chemical in benign:
            self.names.add_benign(chemical)
            entry = Entry(chemical.name, BENIGN, chemical.cas, chemical.inchikey, "identifier")
            self.cas.setdefault(chemical.cas, entry)
            if chemical.inchikey:
                self.inchikeys.setdefault(chemical.inchikey, entry)
        if self.rows:
            self._add_related()
            self._add_drugs()
        self._add_translations()
        self._add_unii()
        if self.rows:
            self._add_registers()

    def adulterants(self) -> Adulterants:
        """Return the search for names of adulterants, and of drugs that are mixed with opioids, in other writings."""
        drugs = self.names.keys_of({CONTROLLED}).items()
        names = {key: drug for key, drug in drugs if drug in MIXED_DRUGS} | self.names.keys_of({ADULTERANT})
        return Adulterants(
            {name: plain for name, plain in names.items() if name.isalpha()}, self.names.other_keys({ADULTERANT})
        )

    def others(self) -> list[str]:
        """Return names of other substances, which are not misspelt watched names."""
        others = [name.name for name in self._unii if name.kind == "other"]
        return others + [name for chemical in self.benign for name in (chemical.name, *chemical.synonyms)]

    def searched_with_errors(self) -> Iterator[tuple[str, Entry]]:
        """Yield the watched names, and the UNII names that are neither codes nor abbreviations, with their entries."""
        yield from self.names.watched_names()
        for common in self._unii:
            plain = (
                common.kind == "listed" and common.type != "cd" and not common.abbreviation and not common.deuterated
            )
            row = self.rows.get(common.substance) if plain else None
            if row is not None and row.group.value in WATCHED:
                yield common.name, entry_of(row, "exact")

    def _add_related(self) -> None:
        """Add the related substances. A homologue is judged by its structure."""
        for row in related_substances():
            self.related[row.name] = row
            group = BENIGN if row.group is Relation.HOMOLOGUE else row.group.value
            if row.group is Relation.HOMOLOGUE:
                self.smiles[row.name] = row.smiles
            entry = Entry(row.name, group, row.cas, row.inchikey, "exact")
            for name in (row.name, *row.synonyms):
                self.names.add(name, entry, yielding=True)
            number = replace(entry, kind="identifier")
            if row.cas:
                self.cas.setdefault(row.cas, number)
            if row.inchikey and row.group is not Relation.HOMOLOGUE:
                self.inchikeys.setdefault(row.inchikey, number)

    def _add_drugs(self) -> None:
        """Add the controlled drugs that are not watched."""
        for drug in controlled_drugs():
            self.related[drug.name] = drug
            entry = Entry(drug.name, drug.group.value, drug.cas, drug.inchikey, "exact")
            names = [(name, entry) for name in (drug.name, *drug.synonyms)]
            names += [(name, replace(entry, abbreviation=True)) for name in drug.abbreviations]
            names += [(name, replace(entry, kind="translated", language=tongue)) for tongue, name in drug.foreign_names]
            for name, written in names:
                # A name of two Chinese characters is too short to be searched for in a text.
                self.names.add_whole(name, written)
                if not drug.whole:
                    self.names.add(name, written, yielding=True)
            number = replace(entry, kind="identifier")
            for cas in filter(None, (drug.cas, *drug.further_cas)):
                self.cas.setdefault(cas, number)
            if drug.inchikey:
                self.inchikeys.setdefault(drug.inchikey, number)

    def _add_registers(self) -> None:
        """Add the entries of public registers: numbers of listed substances, and opioids and precursors that no list names."""
        for number in register_numbers():
            if not number.smiles:
                listed = self.rows.get(number.name)
                if listed is not None:
                    self.cas.setdefault(number.cas, entry_of(listed, "identifier"))
                continue
            entry = Entry(number.name, number.group.value, number.cas, number.inchikey, "exact")
            for name in (number.name, *number.synonyms):
                self.names.add(name, entry, yielding=True)
            if number.by_class:
                self.smiles.setdefault(number.name, number.smiles)
            else:
                self.related.setdefault(number.name, number)
            if number.cas:
                self.cas.setdefault(number.cas, replace(entry, kind="identifier"))

    def _add_translations(self) -> None:
        # All names of a substance in a language share one entry, because there are tens of thousands of names.
        entries: dict[tuple[str, str], Entry] = {}
        for name in translated_names():
            translated = self.rows.get(name.substance)
            if translated is not None:
                entry = entries.get((name.substance, name.language))
                if entry is None:
                    entry = entry_of(translated, "translated", name.language)
                    entries[name.substance, name.language] = entry
                self.names.add(name.name, entry, yielding=True)

    def _add_unii(self) -> None:
        """Add the UNII names of listed substances and of classes, and those that only resemble watched names."""
        related = {core(name): row for row in self.related.values() for name in (row.name, *row.synonyms)}
        for name in self._unii:
            kind: Kind = "systematic" if name.type == "sys" else "exact"
            if name.kind == "listed":
                if name.substance in self.rows:
                    entry = replace(entry_of(self.rows[name.substance], kind), abbreviation=name.abbreviation)
                    self.names.add(name.name, entry, yielding=True)
                continue
            row = related.get(core(_CONFIGURATION.sub("", name.substance))) if name.kind == "other" else None
            if row is not None:
                group = BENIGN if row.group is Relation.HOMOLOGUE else row.group.value
                entry = Entry(row.name, group, row.cas, row.inchikey, "exact", name.abbreviation)
                if isinstance(row, ControlledDrug):
                    # The list has brands and trivial names of other uses: Amanda, Serotoni.
                    self.names.add_whole(name.name, entry)
                    continue
            else:
                if name.smiles and name.substance not in self.rows:
                    self.smiles[name.substance] = name.smiles
                entry = Entry(name.substance, name.group or BENIGN, "", "", "exact", name.abbreviation)
            self.names.add(name.name, entry, yielding=True)
