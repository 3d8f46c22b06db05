"""Texts that consist of names of common chemicals, in any of several languages, with words for form, grade and amount.

Such a text is read only if no watched, listed or similar substance was found in it. It must be read as a whole, because one
more word may make it another chemical: "acetona" is acetone, "fenil acetona" a precursor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from features.reference import BenignChemical, ReferenceDataError
from features.reference.translations import CHEMICAL_LANGUAGES, ChemicalNames, Language, Standing
from features.reference.words import chemical_forms
from features.substances.match import BENIGN, Match
from features.substances.normalise import TOKEN, fold, original, spell, tokens

#: Maximum number of tokens of a text. A longer text is a description.
_MAX_TOKENS: Final = 40
#: Number of texts folded together. More are not faster and take memory.
_FOLDED_AT_ONCE: Final = 256
#: Numbers per chemical: 0 for the English names of `benign_chemicals`, then one for each language of the table.
_LANGUAGES: Final = len(CHEMICAL_LANGUAGES) + 1
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


class _Chemical(NamedTuple):
    """A chemical. ``benign`` is None if it is recognised but not harmless."""

    name: str
    benign: BenignChemical | None


class _Place(NamedTuple):
    """A name in the spelled text. ``language`` is empty for an English name of `benign_chemicals`."""

    chemical: _Chemical
    language: str
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
        self._chemicals: list[_Chemical] = []
        # Key -> number of the chemical * _LANGUAGES + number of the language. One small number per name saves memory.
        self._names: dict[str, int] = {}
        self._most = 0
        written = self._add_names(names, {chemical.name: chemical for chemical in benign}) if names else {}
        for line, number in zip(_spelled(list(written)), written.values(), strict=True):
            pieces = tokens(line)
            earlier = self._names.setdefault("".join(pieces), number)
            if earlier // _LANGUAGES != number // _LANGUAGES:
                owners = " and ".join(self._chemicals[one // _LANGUAGES].name for one in (earlier, number))
                raise ReferenceDataError(
                    "chemical_names.csv", None, f"{line!r} stands for {owners}, expected one chemical"
                )
            self._most = max(self._most, len(pieces))
        self._beside = frozenset(_spelled([word for words in chemical_forms()["beside"].values() for word in words]))

    def match(self, text: str) -> Match | None:
        """Return the first chemical that a text names in another language, if the text names only harmless ones."""
        spelled = spell(fold(text))
        named = self._names_in(spelled)
        for place in named if all(place.chemical.benign for place in named) else ():
            chemical = place.chemical.benign
            if chemical is not None and place.language:
                explanation = (
                    "Name." if place.language == Language.ENGLISH else f"Name in another language ({place.language})."
                )
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

    def _add_names(self, names: Sequence[ChemicalNames], benign: Mapping[str, BenignChemical]) -> dict[str, int]:
        """Add the chemicals, and return name -> number of chemical and language."""
        written: dict[str, int] = {}
        left = dict(benign)
        for row in names:
            chemical = left.pop(row.chemical, None)
            if chemical is None and row.standing is Standing.BENIGN:
                continue
            first = self._add(row.chemical, chemical, written)
            for language, given in row.names.items():
                number = first + 1 + CHEMICAL_LANGUAGES.index(language)
                for name in given:
                    _claim(written, name.lower(), number)
                    if language is Language.GERMAN:
                        _claim(written, name.lower().translate(_UMLAUTS), number)
        for name, chemical in left.items():
            self._add(name, chemical, written)
        return written

    def _add(self, name: str, chemical: BenignChemical | None, written: dict[str, int]) -> int:
        """Add a chemical with its English names, which may stand beside other names ("lactose y manitol"). Return its number."""
        number = len(self._chemicals) * _LANGUAGES
        self._chemicals.append(_Chemical(name, chemical))
        for english in (name,) if chemical is None else (chemical.name, *chemical.synonyms):
            _claim(written, english.lower(), number)
        return number

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
                number = self._names.get("".join(pieces[at:end]))
                if number is not None:
                    chemical, language = divmod(number, _LANGUAGES)
                    code = CHEMICAL_LANGUAGES[language - 1].value if language else ""
                    named.append(_Place(self._chemicals[chemical], code, places[at].start(), places[end - 1].end()))
                    at = end
                    break
            else:
                if not (pieces[at] in self._beside or _is_amount(places[at], spelled)):
                    return []
                at += 1
        return named


def _claim(written: dict[str, int], name: str, number: int) -> None:
    """Enter the number of a name. A name of two chemicals is entered twice, so that the constructor refuses it."""
    earlier = written.setdefault(name, number)
    if earlier // _LANGUAGES != number // _LANGUAGES:
        written[f"{name} "] = number


def _is_amount(place: re.Match[str], spelled: str) -> bool:
    """Return whether a token is a number without an adjacent hyphen. With a hyphen it is a position in a molecule."""
    joined = spelled[place.start() - 1 : place.start()] == "-" or spelled[place.end() : place.end() + 1] == "-"
    return place[0].isdigit() and not joined


def _spelled(texts: Sequence[str]) -> Iterator[str]:
    """Yield the spelled form of each text. Folding many texts together is much faster than one by one."""
    for at in range(0, len(texts), _FOLDED_AT_ONCE):
        yield from map(spell, fold("\n".join(texts[at : at + _FOLDED_AT_ONCE])).split("\n"))
