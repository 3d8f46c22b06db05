"""Write `features/reference/data/register_numbers.csv` from public registers of drugs, as a whole.

    python -m tools.build_register_numbers FOLDER

The folder contains the registers as JSON lists of {names, smiles, cas_num, categories}: `cfsre.json` (monographs of new drugs of
the CFSRE), `swgdrug.json` (monographs of SWGDRUG, from reference material of the DEA), `cayman.json` (catalogue of Cayman
Chemical) and `policija.json` (new psychoactive substances at the national forensic laboratory of Slovenia). The public repository
mviehauser/ProgrammierProjekt has collected them in this form (state of 2024-07-02).

Three kinds of entries are kept: CAS numbers of the watched substances in `substances.csv`; opioids and precursors whose structure a
class definition covers; and those that are new opioids to the CFSRE or the laboratory, or resemble a watched substance. A
structure of another table, one with deuterium, and a medicine in use are left out.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stdnum import casrn

from features.reference import (
    Group,
    benign_chemicals,
    cas_numbers,
    controlled_drugs,
    related_substances,
    street_names,
    substances,
)
from features.reference.reading import DATA
from features.substances.find.by_structure import SIMILAR, class_group
from features.substances.match import WATCHED
from features.substances.normalise import compact
from features.substances.structures import Structure, from_smiles, nearest

TARGET: Final = DATA / "register_numbers.csv"
REGISTERS: Final = {
    "cfsre": "CFSRE monographs",
    "swgdrug": "SWGDRUG monographs",
    "cayman": "Cayman Chemical catalogue",
    "policija": "Slovenian NFL register of new psychoactive substances",
}
_NEW_DRUGS: Final = ("cfsre", "policija")
_CONCERNED: Final = re.compile(r"precursor|opioid|fentanyl|building block", re.IGNORECASE)
_NEW_OPIOID: Final = re.compile(r"opioid|precursor|fentanyl", re.IGNORECASE)
#: Medicines that are lawful where they are sold.
_MEDICINES: Final = frozenset({"Tianeptine"})
_ISOTOPE: Final = re.compile(r"\[(?:2H|3H|\d\dC|1[35]N|18O|\d\dc|15n)")
#: Remarks in names: "(hydrochloride)", "(CRM)", "(exempt preparation)".
_REMARK: Final = re.compile(r"\s*\([^()]*\)\s*$|[\u200b\u2212]")
#: Names that could be others: short ones, codes and part numbers.
_PLAIN: Final = re.compile(r"(?=(?:.*[a-z]){6})[A-Za-z0-9(),' \u03b1-\u03c9'-]{7,60}")


@dataclass(slots=True)
class Entry:
    """What the registers say of one parent structure."""

    structure: Structure
    names: list[str] = field(default_factory=list)
    numbers: set[str] = field(default_factory=set)
    registers: set[str] = field(default_factory=set)
    categories: set[tuple[str, str]] = field(default_factory=set)


def entries(folder: Path) -> dict[str, Entry]:
    """Return the entries of all registers by skeleton."""
    found: dict[str, Entry] = {}
    for register in REGISTERS:
        for record in json.loads((folder / f"{register}.json").read_text(encoding="utf-8")):
            smiles = (record["smiles"] or "").strip(" '")
            structure = from_smiles(smiles) if smiles and not _ISOTOPE.search(smiles) else None
            if structure is not None:
                _add(found.setdefault(structure.skeleton, Entry(structure)), record, register)
    return found


def _add(entry: Entry, record: dict[str, Any], register: str) -> None:
    entry.registers.add(register)
    number = record["cas_num"] or ""
    if casrn.is_valid(number):
        entry.numbers.add(casrn.compact(number))
    entry.categories.update((register, category) for category in record["categories"] or ())
    for name in record["names"]:
        while (plain := _REMARK.sub("", name)) != name:
            name = plain
        if name and name not in entry.names:
            entry.names.append(name)


def rows(folder: Path) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the file."""
    watched = {s.skeleton: row for row in substances() if row.smiles and (s := from_smiles(row.smiles))}
    known = [row.smiles for row in controlled_drugs()] + [row.smiles for row in related_substances()]
    others = {s.skeleton for smiles in known if smiles and (s := from_smiles(smiles))}
    others |= {row.inchikey[:14] for row in benign_chemicals()}
    tables = substances(), controlled_drugs(), related_substances(), benign_chemicals()
    taken = {row.cas for table in tables for row in table} | {row.cas for row in cas_numbers()}
    names = {compact(name) for table in tables for row in table for name in (row.name, *row.synonyms)}
    # Nitazene is one substance of the registers, and the usual word for the family.
    names |= {compact(row.name) for row in street_names()}
    for skeleton, entry in entries(folder).items():
        source = "; ".join(REGISTERS[register] for register in REGISTERS if register in entry.registers)
        numbers = sorted(entry.numbers - taken)
        listed = watched.get(skeleton)
        if listed is not None:
            if listed.group.value in WATCHED:
                yield from (
                    (listed.name, number, "", listed.group.value, "", "", "false", source, "secondary")
                    for number in numbers
                )
            continue
        group = _group(entry) if skeleton not in others else ""
        plain = [name for name in entry.names if _PLAIN.fullmatch(name) and compact(name) not in names]
        if group and plain:
            names |= {compact(name) for name in plain}
            by_class = str(bool(class_group(entry.structure.smiles))).lower()
            for number in numbers or [""]:
                parent = entry.structure.smiles, entry.structure.inchikey
                yield plain[0], number, "|".join(plain[1:]), group, *parent, by_class, source, "secondary"


def _group(entry: Entry) -> str:
    """Return the group of a substance that is on no list; empty if it is to be left out."""
    concerned = {one for one in entry.categories if _CONCERNED.search(one[1])}
    if not concerned or not _MEDICINES.isdisjoint(entry.names):
        return ""
    by_class = class_group(entry.structure.smiles)
    if by_class:
        return by_class if by_class in WATCHED else ""
    closest, likeness = nearest(entry.structure)
    if likeness >= SIMILAR:
        return next(row.group.value for row in substances() if row.name == closest)
    new = [category for register, category in concerned if register in _NEW_DRUGS and _NEW_OPIOID.search(category)]
    if not new:
        return ""
    return (Group.PRECURSOR if any("recursor" in category for category in new) else Group.OTHER_OPIOID).value


def main() -> None:
    """Write the file."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    found = sorted(rows(Path(sys.argv[1])), key=lambda row: (row[3], row[0].casefold(), row[1]))
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("name", "cas", "synonyms", "group", "smiles", "inchikey", "by_class", "source", "verified"))
        writer.writerows(found)
    print(f"{len(found)} rows: {sum(not row[4] for row in found)} numbers of listed substances")


if __name__ == "__main__":
    main()
