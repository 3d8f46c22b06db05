"""Kinds and lines of business of parties, recognised from their names in many languages."""

from __future__ import annotations

import re
from enum import IntFlag
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np

from features.kinds.words import KindWords
from features.texts.folding import folded
from features.texts.remembered import LONGEST_REMEMBERED
from features.texts.scan import has_capital_inside, word_tokens

PARTY_KINDS: Final = "party_kinds.toml"
LINES_FILE: Final = "business_lines.toml"
#: First bit of the lines of business in the marks of a name. The lower bits are the kinds of party.
LINES_FROM: Final = 8
_CACHED_WORDS: Final = 32_768
#: Points and slashes after single letters, which are removed: "s.p.a.", "a/s". The point in "Ltd.Sti." separates two words.
_DOTS: Final = re.compile(r"(?<=\b[^\W\d_])[./](?=[^\W\d_]?\b|$)")
#: Capital that begins a new word within a word: "FintoxOy".
_INSIDE: Final = re.compile(r"(?<=[a-z]{3})[A-Z](?=[A-Za-z])")
#: Separator before the name of a branch or a city: "Granos Andino S.A. de C.V. / Altamira".
_BRANCH: Final = re.compile(r"\s+[/|-]\s+|,\s*")
_VOWELS: Final = frozenset("aeiouy")
#: Minimum length of a legal form that cannot be a surname.
_LONG_FORM: Final = 3
#: Minimum number of letters before a legal form. Fewer letters are a given name, and the supposed form is a surname.
_LEAST_LEFT: Final = 6
#: Minimum number of digits of a number that counts as the name of a company.
_LONG_NUMBER: Final = 5


class PartyKind(IntFlag):
    """Kinds of party, one bit each. The name of a private person sets no bit."""

    ORGANISATION = 1
    LABORATORY = 2
    MEDICAL = 4
    CHEMICAL = 8
    MAKER = 16
    TRADER = 32
    FORWARDER = 64
    #: A company named by a number.
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


# Plain integers, because in Python 3.11 each use of an enum member calls a function.
_ORGANISATION: Final = int(PartyKind.ORGANISATION)
_NUMBERED: Final = int(PartyKind.NUMBERED)
_KINDS: Final = (1 << LINES_FROM) - 1
#: All kinds except NUMBERED. A number alone does not show that a name is that of an organisation.
_NAMED: Final = _KINDS - _NUMBERED


class _Names:
    """Vocabulary of party names: words of kinds and lines of business, and legal forms by their position in a name.

    Attributes:
        kinds: words of kinds of party, and from bit `LINES_FROM` on of lines of business.
        lines: words of the lines of business. Line i is bit ``1 << i``; ``names_of_lines`` has their names in order.
        of_any_line: words that indicate no line of business.
    """

    def __init__(self) -> None:
        organisation = int(PartyKind.ORGANISATION)
        self.kinds = KindWords(PARTY_KINDS, {section: int(kind) | organisation for section, kind in _SECTIONS.items()})
        lines = KindWords(LINES_FILE, {})
        self.names_of_lines = tuple([name for name in lines.sections if name != "any"])
        self.lines = KindWords(LINES_FILE, {name: 1 << bit for bit, name in enumerate(self.names_of_lines)})
        # Words of both files are looked up together. Phrases are not, because few names contain one.
        self.kinds.add_words(self.lines, LINES_FROM)
        forms = self.kinds.sections["organisation"]
        self.first, self.last, self.strong, any_trade = (
            frozenset(forms[key].split()) for key in ("first", "last", "strong", "any_trade")
        )
        self.of_any_line = self.last | any_trade
        self.at_end = self.last | self.strong
        self.of_word = lru_cache(maxsize=_CACHED_WORDS)(self.read_word)

    def read_word(self, word: str) -> int:
        """Return the marks of a word of a folded name."""
        marks = self.kinds.of_word(word)
        if len(word) >= _LONG_NUMBER and word.isdecimal():
            marks |= _NUMBERED
        return marks & _KINDS if word in self.of_any_line else marks

    def inside(self, plain: str) -> int:
        """Return the marks of the phrases that a folded name contains."""
        return self.kinds.inside(plain) | self.lines.inside(plain) << LINES_FROM


@cache
def names() -> _Names:
    """Return the vocabulary of party names, read once."""
    return _Names()


def name_marks(name: str) -> int:
    """Return the marks of a party's name: the `PartyKind` bits, and from bit `LINES_FROM` on the lines of business.

    The name of a private person has no marks.
    """
    known = names()
    plain, tokens = _read(name)
    if not tokens:
        return 0
    marks = known.inside(plain)
    # The words of a very long name are not cached.
    of_word = known.of_word if len(name) <= LONGEST_REMEMBERED else known.read_word
    for token in tokens:
        marks |= of_word(token)
    n = len(tokens)
    if (
        n > 1
        and ("&" in name or tokens[n - 1] in known.last or tokens[n - 2] in known.strong or tokens[0] in known.first)
    ) or (not marks & _NAMED and _form_before_branch(name)):
        marks |= _ORGANISATION
    return marks if marks & _NAMED else 0


def party_kinds(name: str) -> int:
    """Return the `PartyKind` bits of a party's name as declared.

    >>> [party_kinds(name) != 0 for name in ("de Roo Retail B.V.", "Salion S.p.A.", "Dana Example")]
    [True, True, False]
    """
    return name_marks(name) & _KINDS


def _form_before_branch(name: str) -> bool:
    """Return whether a legal form precedes the separator of a branch.

    A short form counts only with a point or without vowels, because otherwise it may be a surname.
    """
    if "," not in name and "/" not in name and "|" not in name and "-" not in name:
        return False
    known = names()
    parts = _BRANCH.split(name)
    for part in parts[: len(parts) - 1]:
        tokens = word_tokens(_DOTS.sub("", folded(part)))
        form = tokens[len(tokens) - 1] if len(tokens) > 1 else ""
        if form in known.last and (len(form) >= _LONG_FORM or part.rstrip().endswith(".") or _VOWELS.isdisjoint(form)):
            return True
    return False


def is_organisation(name: str) -> bool:
    """Return whether a name is that of a company, an institution or a trader.

    >>> [is_organisation(name) for name in ("Apteekki Berg", "Anna Maria De As-Salam")]
    [True, False]
    """
    return party_kinds(name) != 0


def words_without_form(name: str) -> list[str]:
    """Return the folded words of a name without the legal forms at its end. At least `_LEAST_LEFT` letters remain.

    >>> words_without_form("Lianhe Novelty Co., Ltd."), words_without_form("Ana Sa")
    (['lianhe', 'novelty'], ['ana', 'sa'])
    """
    known = names()
    _, words = _read(name)
    letters = sum(map(len, words))
    for last in reversed(words[1:]):
        letters -= len(last)
        if last not in known.at_end or letters < _LEAST_LEFT:
            break
        words.pop()
    return words


def _read(name: str) -> tuple[str, list[str]]:
    """Return a name in folded form, and its words."""
    if has_capital_inside(name):
        name = _INSIDE.sub(r" \g<0>", name)
    plain = folded(name)
    if "." in plain or "/" in plain:
        plain = _DOTS.sub("", plain)
    return plain, word_tokens(plain)


#: Number of columns per chapter: 0 for an unknown chapter, then chapters 1 to 97.
CHAPTERS: Final = 98
_UNKNOWN_CHAPTER: Final = 0
OWN_GOODS: Final = 1.0
#: A firm rarely sends the materials that it uses.
SENT_MATERIAL: Final = -0.7
OUTSIDE: Final = -1.0


class BusinessLines:
    """Lines of business and their goods.

    Attributes:
        names: names of the lines. Line i is bit ``1 << i``.
        sold: (lines, CHAPTERS) fit of goods of a chapter with what a firm of the line sends: 1 for its own products, 0 for goods
            that any firm sends and for consumer goods of a line of shops, negative for others.
        bought: (lines, CHAPTERS) fit with what it receives: 1 for its own products and materials, 0 for goods that every firm
            needs and for consumer goods of a line of shops, -1 for others.
    """

    def __init__(self) -> None:
        sections = names().lines.sections
        any_line = sections["any"]
        self.names = names().names_of_lines
        self.sold, self.bought = (np.full((len(self.names), CHAPTERS), OUTSIDE) for _ in range(2))
        for line, name in enumerate(self.names):
            own, used = (_chapters(sections[name], key) for key in ("sells", "uses"))
            consumer = _chapters(any_line, "consumer") if name in any_line["shops"].split() else []
            self.bought[line, _chapters(any_line, "uses") + consumer] = 0.0
            self.bought[line, own + used] = OWN_GOODS
            self.sold[line, used] = SENT_MATERIAL
            self.sold[line, _chapters(any_line, "sells") + consumer] = 0.0
            self.sold[line, own] = OWN_GOODS
        self.sold[:, _UNKNOWN_CHAPTER] = self.bought[:, _UNKNOWN_CHAPTER] = 0.0

    def of_name(self, name: str) -> int:
        """Return the lines of business that the name of an organisation indicates, one bit each; 0 for private persons.

        >>> lines = business_lines()
        >>> [[line for bit, line in enumerate(lines.names) if lines.of_name(name) >> bit & 1]
        ...  for name in ("Sample Garment Co., Ltd.", "Sample Trading Ltd", "Dana Example")]
        [['clothing'], [], []]
        """
        return name_marks(name) >> LINES_FROM


@cache
def business_lines() -> BusinessLines:
    """Return the lines of business, read once."""
    return BusinessLines()


def _chapters(section: dict[str, Any], key: str) -> list[int]:
    return [int(chapter) for chapter in section[key].split()]
