"""Lines of business that the name of a party tells, in many languages."""

from __future__ import annotations

import re
from enum import IntFlag
from functools import cache
from typing import Final

from features.kinds.words import KindWords
from features.texts.folding import folded
from features.texts.remembered import remembered

PARTY_KINDS: Final = "party_kinds.toml"
_CACHED: Final = 32_768
#: Names are read for the kinds of parties and soon again for their lines of business.
_CACHED_TOKENS: Final = 4_096
_WORD: Final = re.compile(r"\w+")
#: Points after single letters, "s.p.a." and "a/s". In "Ltd.Sti." a point divides two words.
_DOTS: Final = re.compile(r"(?<=\b[^\W\d_])[./](?=[^\W\d_]?\b|$)")
#: The start of a capitalised word inside a word: FintoxOy. A search is fastest for a pattern that begins with a letter.
_INSIDE: Final = re.compile(r"[A-Z](?<=[a-z]{3}[A-Z])(?=[A-Za-z])")
#: What follows is a branch or a city: "Granos Andino S.A. de C.V. / Altamira".
_BRANCH: Final = re.compile(r"\s+[/|-]\s+|,\s*")
_VOWELS: Final = frozenset("aeiouy")
_LONG_FORM: Final = 3
#: Fewer letters are a given name, and what looks like a legal form is a surname.
_LEAST_LEFT: Final = 6
_NUMBER: Final = re.compile(r"\b\d{5,}\b")


class PartyKind(IntFlag):
    """Lines of business in a name, one bit each. The name of a private person sets no bit."""

    ORGANISATION = 1
    LABORATORY = 2
    MEDICAL = 4
    CHEMICAL = 8
    MAKER = 16
    TRADER = 32
    FORWARDER = 64
    #: A company that goes by a number.
    NUMBERED = 128


_SECTIONS: Final = {
    "organisation": PartyKind.ORGANISATION,
    "laboratory": PartyKind.LABORATORY,
    "medical": PartyKind.MEDICAL,
    "chemical": PartyKind.CHEMICAL,
    "maker": PartyKind.MAKER,
    "trader": PartyKind.TRADER,
    "forwarder": PartyKind.FORWARDER,
    "anonymous": PartyKind.ORGANISATION,
}


class _Names:
    """The words of names, and legal forms by their place in a name."""

    def __init__(self) -> None:
        organisation = int(PartyKind.ORGANISATION)
        words = KindWords(PARTY_KINDS, {section: int(kind) | organisation for section, kind in _SECTIONS.items()})
        forms = words.sections["organisation"]
        self.inside = words.inside
        self.of_word = remembered(_CACHED)(words.of_word)
        self.first, self.last, self.strong, any_trade = (
            frozenset(forms[key].split()) for key in ("first", "last", "strong", "any_trade")
        )
        self.of_any_line = self.last | any_trade
        self.at_end = self.last | self.strong


@cache
def _names() -> _Names:
    return _Names()


@remembered(_CACHED)
def party_kinds(name: str) -> int:
    """Return the `PartyKind` bits of a party's name as declared.

    >>> [party_kinds(name) != 0 for name in ("de Roo Retail B.V.", "Salion S.p.A.", "Dana Example")]
    [True, True, False]
    """
    known = _names()
    plain, tokens = _read(name)
    if not tokens:
        return 0
    kinds = known.inside(plain)
    for token in tokens:
        kinds |= known.of_word(token)
    if len(tokens) > 1 and (
        "&" in name or tokens[-1] in known.last or tokens[-2] in known.strong or tokens[0] in known.first
    ):
        kinds |= int(PartyKind.ORGANISATION)
    elif not kinds and _form_before_branch(name):
        kinds = int(PartyKind.ORGANISATION)
    if kinds and _NUMBER.search(plain) is not None:
        kinds |= int(PartyKind.NUMBERED)
    return kinds


def _form_before_branch(name: str) -> bool:
    """Return whether a legal form ends the name before that of a branch. Short ones may be surnames there."""
    if "," not in name and "/" not in name and "|" not in name and "-" not in name:
        return False
    known = _names()
    for part in _BRANCH.split(name)[:-1]:
        tokens = _WORD.findall(_DOTS.sub("", folded(part)))
        if len(tokens) > 1 and tokens[-1] in known.last:
            form = tokens[-1]
            if len(form) >= _LONG_FORM or part.rstrip().endswith(".") or _VOWELS.isdisjoint(form):
                return True
    return False


def is_organisation(name: str) -> bool:
    """Return whether a name is that of a company, an institution or a trader.

    >>> [is_organisation(name) for name in ("Apteekki Berg", "Anna Maria De As-Salam")]
    [True, False]
    """
    return party_kinds(name) != 0


def words_without_form(name: str) -> list[str]:
    """Return the folded words of a name without the legal form at its end. At least `_LEAST_LEFT` letters are left.

    >>> words_without_form("Lianhe Novelty Co., Ltd."), words_without_form("Ana Sa")
    (['lianhe', 'novelty'], ['ana', 'sa'])
    """
    known = _names()
    words = list(_read(name)[1])
    while len(words) > 1 and words[-1] in known.at_end and sum(map(len, words[:-1])) >= _LEAST_LEFT:
        words.pop()
    return words


def name_words(name: str) -> tuple[str, list[str]]:
    """Return a name in folded form, and its words without legal forms and words of any trade."""
    known = _names()
    plain, tokens = _read(name)
    return plain, [word for word in tokens if word not in known.of_any_line]


@remembered(_CACHED_TOKENS)
def _read(name: str) -> tuple[str, tuple[str, ...]]:
    """Return a name in folded form, and its words."""
    # Most names hold nothing to replace, and a search that fails is cheaper than a replacement.
    if _INSIDE.search(name) is not None:
        name = _INSIDE.sub(r" \g<0>", name)
    plain = folded(name)
    if "." in plain or "/" in plain:
        plain = _DOTS.sub("", plain)
    return plain, tuple(_WORD.findall(plain))
