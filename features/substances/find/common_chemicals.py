"""Texts that consist of names of common chemicals, in any of several languages, with words for form, grade and amount.

Such a text is read only if no watched, listed or similar substance was found in it. It must be read as a whole, because one
more word may make it another chemical: "acetona" is acetone, "fenil acetona" a precursor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from features.reference import BenignChemical, ReferenceDataError
from features.reference.translations import ChemicalNames, Language, Standing
from features.reference.words import chemical_forms
from features.substances.match import BENIGN, Match
from features.substances.normalise import TOKEN, fold, original, spell, tokens

#: Maximum number of tokens of a text. A longer text is a description.
_MAX_TOKENS: Final = 40
#: Number of texts folded together. More are not faster and take memory.
_FOLDED_AT_ONCE: Final = 256
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


class _Chemical(NamedTuple):
    """A chemical. ``benign`` is None if it is recognised but not harmless."""

    name: str
    benign: BenignChemical | None


class _Owner(NamedTuple):
    """A chemical and the language of a name of it; empty for an English name of `benign_chemicals`."""

    chemical: _Chemical
    language: str


class _Place(NamedTuple):
    """A name in the spelled text."""

    owner: _Owner
    start: int
    end: int


class CommonChemicals:
    """Search for names of common chemicals.

    Args:
        names: the names by chemical and language.
        benign: common chemicals. Rows of ``names`` with standing ``benign`` are skipped if they are not among these.

    Raises:
        ReferenceDataError: two chemicals have the same name apart from accents, blanks and hyphens.
    """

    def __init__(self, names: Sequence[ChemicalNames], benign: Sequence[BenignChemical]) -> None:
        self._names: dict[str, _Owner] = {}
        self._most = 0
        written = _written(names, {chemical.name: chemical for chemical in benign}) if names else {}
        for line, owner in zip(_spelled(list(written)), written.values(), strict=True):
            pieces = tokens(line)
            earlier = self._names.setdefault("".join(pieces), owner)
            if earlier.chemical is not owner.chemical:
                owners = f"{earlier.chemical.name} and {owner.chemical.name}"
                raise ReferenceDataError(
                    "chemical_names.csv", None, f"{line!r} stands for {owners}, expected one chemical"
                )
            self._most = max(self._most, len(pieces))
        self._beside = frozenset(_spelled([word for words in chemical_forms()["beside"].values() for word in words]))

    def match(self, text: str) -> Match | None:
        """Return the first chemical that a text names in another language, if the text names only harmless ones."""
        spelled = spell(fold(text))
        named = self._names_in(spelled)
        for place in named if all(place.owner.chemical.benign for place in named) else ():
            chemical, language = place.owner.chemical.benign, place.owner.language
            if chemical is not None and language:
                explanation = "Name." if language == Language.ENGLISH else f"Name in another language ({language})."
                # The kind is exact, as for an English name: the language is not evidence in the case of a harmless chemical.
                return Match(
                    "exact",
                    chemical.name,
                    BENIGN,
                    original(text, spelled, place.start, place.end),
                    chemical.cas,
                    chemical.inchikey,
                    hit=False,
                    evidence=(explanation,),
                )
        return None

    def reads(self, text: str) -> bool:
        """Return whether a text consists of names of common chemicals and words for form, grade and amount."""
        return bool(self._names_in(spell(fold(text))))

    def _names_in(self, spelled: str) -> list[_Place]:
        """Return the names in a text, the longest at each position; an empty list if the text has any other word."""
        places = list(TOKEN.finditer(spelled))
        if len(places) > _MAX_TOKENS:
            return []
        pieces = [place[0] for place in places]
        named: list[_Place] = []
        at = 0
        while at < len(pieces):
            for end in range(min(len(pieces), at + self._most), at, -1):
                owner = self._names.get("".join(pieces[at:end]))
                if owner is not None:
                    named.append(_Place(owner, places[at].start(), places[end - 1].end()))
                    at = end
                    break
            else:
                if not (pieces[at] in self._beside or _is_amount(places[at], spelled)):
                    return []
                at += 1
        return named


def _written(names: Sequence[ChemicalNames], benign: Mapping[str, BenignChemical]) -> dict[str, _Owner]:
    """Return the owner of each name as written, in lower case.

    English names may stand beside other names ("lactose y manitol").
    """
    written: dict[str, _Owner] = {}
    left = dict(benign)

    def claim(name: str, owner: _Owner) -> None:
        # A name of two chemicals is entered twice, so that the constructor refuses it.
        if written.setdefault(name, owner).chemical is not owner.chemical:
            written[f"{name} "] = owner

    def add(name: str, chemical: BenignChemical | None) -> _Chemical:
        added = _Chemical(name, chemical)
        for english in (name,) if chemical is None else (chemical.name, *chemical.synonyms):
            claim(english.lower(), _Owner(added, ""))
        return added

    for row in names:
        chemical = left.pop(row.chemical, None)
        if chemical is None and row.standing is Standing.BENIGN:
            continue
        added = add(row.chemical, chemical)
        for language, given in row.names.items():
            owner = _Owner(added, language.value)
            for name in given:
                claim(name.lower(), owner)
                if language is Language.GERMAN:
                    claim(name.lower().translate(_UMLAUTS), owner)
    for name, chemical in left.items():
        add(name, chemical)
    return written


def _is_amount(place: re.Match[str], spelled: str) -> bool:
    """Return whether a token is a number without an adjacent hyphen. With a hyphen it is a position in a molecule."""
    joined = spelled[place.start() - 1 : place.start()] == "-" or spelled[place.end() : place.end() + 1] == "-"
    return place[0].isdigit() and not joined


def _spelled(texts: Sequence[str]) -> Iterator[str]:
    """Yield the spelled form of each text. Folding many texts together is much faster than one by one."""
    for at in range(0, len(texts), _FOLDED_AT_ONCE):
        yield from map(spell, fold("\n".join(texts[at : at + _FOLDED_AT_ONCE])).split("\n"))
