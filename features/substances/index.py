"""Finds declared substances in text: by name, synonym, abbreviation, systematic name, CAS number or InChIKey.

Names are keyed by their letters and digits alone. A text is cut into tokens, and at each token the joined rest of the
text is compared with the names that begin with the same three characters: one dictionary look-up per token for the
great majority of texts, which name nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, lru_cache
from typing import Final

from features.reference import (
    BenignChemical,
    Group,
    Listing,
    ReferenceDataError,
    Substance,
    benign_chemicals,
    substances,
)
from features.substances import law
from features.substances.context import Surroundings
from features.substances.match import BENIGN, WATCHED, Kind, Match
from features.substances.normalise import CAS, TOKEN, compact, core, fold, spell

# Descriptions repeat heavily in trade; this many results take some tens of megabytes at most.
_REMEMBERED: Final = 65_536
# A longer text is a document, not a description: not worth remembering.
_LONGEST_REMEMBERED: Final = 400
_HEAD: Final = 3
_INCHIKEY: Final = re.compile(r"\b[a-z]{14}-[a-z]{10}-[a-z]\b")
_RESOLVED: Final = tuple(group for group in Group if group not in (Group.EQUIPMENT, Group.LEGAL_CLASS))


@dataclass(frozen=True, slots=True)
class _Entry:
    """One way to write one substance."""

    substance: str
    group: str
    cas: str
    inchikey: str
    kind: Kind
    abbreviation: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """A piece of text, by position in the spelled text, that is an entry's name."""

    entry: _Entry
    start: int
    end: int
    mention: bool = False
    ambiguous: bool = False

    @property
    def hit(self) -> bool:
        return self.entry.group in WATCHED and not self.mention

    @property
    def rank(self) -> tuple[int, bool, bool, int, int]:
        """What matters most in a text: a hit, then a mention, then a listed substance; the certain and long first."""
        group = self.entry.group
        importance = 3 if self.hit else 2 if self.mention else 1 if group != BENIGN else 0
        identifier = self.entry.kind == "identifier"
        return importance, not self.ambiguous, identifier, self.end - self.start, -self.start


class SubstanceIndex:
    """All names of all substances, ready to be looked for in text. Make one with `load`."""

    def __init__(self, watched: tuple[Substance, ...], benign: tuple[BenignChemical, ...]) -> None:
        self._names: dict[str, _Entry] = {}
        self._cas: dict[str, _Entry] = {}
        self._inchikeys: dict[str, _Entry] = {}
        for substance in watched:
            if substance.group in _RESOLVED:
                self._add_substance(substance)
        for chemical in benign:
            entry = _Entry(chemical.name, BENIGN, chemical.cas, "", "exact")
            for name in (chemical.name, *chemical.synonyms):
                self._add_name(name, entry)
            self._cas.setdefault(chemical.cas, entry)
        lengths: dict[str, set[int]] = {}
        for key in self._names:
            lengths.setdefault(key[:_HEAD], set()).add(len(key))
        self._lengths = {head: tuple(sorted(found, reverse=True)) for head, found in lengths.items()}
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._resolve)

    @staticmethod
    def load() -> SubstanceIndex:
        """The index of the bundled reference data, made once per process.

        Raises:
            ReferenceDataError: a bundled file is broken, or one name stands for two substances.
        """
        return _bundled()

    def _add_substance(self, substance: Substance) -> None:
        def entry(kind: Kind, *, abbreviation: bool = False) -> _Entry:
            return _Entry(substance.name, substance.group.value, substance.cas, substance.inchikey, kind, abbreviation)

        for name in (substance.name, *substance.synonyms):
            self._add_name(name, entry("exact"))
        for name in substance.abbreviations:
            self._add_name(name, entry("exact", abbreviation=True))
        if substance.systematic_name:
            self._add_name(substance.systematic_name, entry("identifier"))
        if substance.cas:
            self._cas[substance.cas] = entry("identifier")
        if substance.inchikey:
            self._inchikeys[substance.inchikey.lower()] = entry("identifier")

    def _add_name(self, name: str, entry: _Entry) -> None:
        key = compact(name)
        if len(key) < _HEAD:
            reason = f"{name!r} of {entry.substance} is too short to be looked for, expected {_HEAD} letters or digits"
            raise ReferenceDataError("substances.csv", None, reason)
        earlier = self._names.setdefault(key, entry)
        if earlier.substance != entry.substance:
            reason = f"{name!r} stands for {earlier.substance} and {entry.substance}, expected one substance"
            raise ReferenceDataError("substances.csv", None, reason)

    def resolve(self, text: str, *, chemical: bool = False) -> Match | None:
        """The most important substance that a text declares or mentions.

        Args:
            text: a goods description or a declared chemical, as declared.
            chemical: the text is from a field for chemicals, where a bare abbreviation needs no other context.
        """
        if len(text) > _LONGEST_REMEMBERED:
            return self._resolve(text, chemical)
        return self._remembered(text, chemical)

    def resolve_cas(self, cas: str) -> Match | None:
        """The substance of a CAS number, written with or without hyphens; ``None`` if it is of none that is known.

        A number whose check digit is wrong is of none.
        """
        digits = re.sub(r"[\s-]", "", fold(cas).removeprefix("cas").lstrip(" .:#no"))
        if not (5 <= len(digits) <= 10 and digits.isascii() and digits.isdigit()):
            return None
        entry = self._cas.get(f"{digits[:-3]}-{digits[-3:-1]}-{digits[-1]}")
        if entry is None:
            return None
        return Match(
            "identifier", entry.substance, entry.group, cas.strip(), entry.cas, entry.inchikey, entry.group in WATCHED
        )

    def listings(self, substance: str, on: date, jurisdiction: str | None) -> tuple[Listing, ...]:
        """See `law.listings`."""
        return law.listings(substance, on, jurisdiction)

    def months_since_listing(self, substance: str, on: date, jurisdiction: str | None) -> float | None:
        """See `law.months_since_listing`."""
        return law.months_since_listing(substance, on, jurisdiction)

    def _resolve(self, text: str, chemical: bool) -> Match | None:
        folded = fold(text)
        spelled = spell(folded)
        around = Surroundings(spelled, chemical=chemical)
        found = list(self._names_in(spelled, around))
        if "-" in spelled:
            found += self._identifiers_in(spelled, around)
        if chemical and not any(item.hit for item in found):
            found += self._whole(spelled, around)
        if not found:
            return None
        best = max(found, key=lambda item: item.rank)
        return _match(best, _original(text, spelled, best.start, best.end))

    def _names_in(self, spelled: str, around: Surroundings) -> Iterator[_Found]:
        """Names on token boundaries, the longest at each place, as far as the text around them lets them stand."""
        pieces = TOKEN.findall(spelled)
        joined = "".join(pieces)
        at, taken, ends = 0, 0, None
        for piece in pieces:
            begin, at = at, at + len(piece)
            lengths = self._lengths.get(joined[begin : begin + _HEAD])
            # A name inside one already found (piperidine in a longer name) is not a second declaration.
            if lengths is None or begin < taken:
                continue
            for length in lengths:
                entry = self._names.get(joined[begin : begin + length])
                if entry is None:
                    continue
                if ends is None:
                    ends = _positions(spelled)
                last = ends.get(begin + length)
                if last is None:
                    continue
                found = self._judge(entry, around, ends[-begin - 1], last)
                if found is not None:
                    taken = begin + length
                    yield found
                    break

    def _judge(self, entry: _Entry, around: Surroundings, start: int, end: int) -> _Found | None:
        if entry.abbreviation and not around.admits_abbreviation(start, end, entry.cas):
            return None
        longer = entry.kind != "identifier" and around.continue_name(start, end)
        if longer and entry.group not in ("fentanyl", "nitazene"):
            # A derivative of a precursor is another chemical; one of an opioid is still declared as that opioid's kin.
            return None
        mention = entry.group in WATCHED and around.only_mention(start, end)
        return _Found(entry, start, end, mention, ambiguous=entry.abbreviation or longer)

    def _identifiers_in(self, spelled: str, around: Surroundings) -> Iterator[_Found]:
        found = [(self._cas.get("-".join(matched.groups())), matched) for matched in CAS.finditer(spelled)]
        found += [(self._inchikeys.get(matched[0]), matched) for matched in _INCHIKEY.finditer(spelled)]
        for entry, matched in found:
            if entry is not None:
                start, end = matched.span()
                mention = entry.group in WATCHED and around.only_mention(start, end)
                yield _Found(replace(entry, kind="identifier"), start, end, mention)

    def _whole(self, spelled: str, around: Surroundings) -> list[_Found]:
        """A declared chemical whose name shows only once salt, grade and purity are taken out of its middle."""
        entry = self._names.get(core(spelled))
        if entry is None or entry.abbreviation:
            return []
        mention = entry.group in WATCHED and around.only_mention(0, len(spelled))
        return [_Found(entry, 0, len(spelled), mention)]


@cache
def _bundled() -> SubstanceIndex:
    return SubstanceIndex(substances(), benign_chemicals())


def _positions(spelled: str) -> dict[int, int]:
    """Token boundaries: characters before it in the joined text -> position in the spelled text.

    Ends are kept under their own count, starts of tokens under ``-count - 1``.
    """
    where: dict[int, int] = {}
    count = 0
    for matched in TOKEN.finditer(spelled):
        where[-count - 1] = matched.start()
        count += matched.end() - matched.start()
        where[count] = matched.end()
    return where


def _original(text: str, spelled: str, start: int, end: int) -> str:
    """The declared text between two positions of its spelled form, or the spelled form where positions have shifted."""
    piece = text[start:end]
    return piece if spell(fold(piece)) == spelled[start:end] else spelled[start:end]


def _match(found: _Found, matched_text: str) -> Match:
    entry = found.entry
    return Match(
        kind="mention" if found.mention else entry.kind,
        substance=entry.substance,
        group=entry.group,
        matched_text=matched_text,
        cas=entry.cas,
        inchikey=entry.inchikey,
        hit=found.hit,
        ambiguous=found.ambiguous,
    )
