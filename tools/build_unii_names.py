"""Selection and spelling of UNII names for `build_unii`, and detection of names that are similar to watched names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

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
