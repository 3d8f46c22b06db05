"""Names of adulterants in other writings: by sound in another language, with typing errors, without vowels, or cut off.

Adulterants are evidence, not hits. They are searched only in texts without a watched substance.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from rapidfuzz.distance import OSA

from features.substances.find.glance import Alike
from features.substances.find.morphemes import CHEMICAL_WORD, RESERVED
from features.substances.normalise import fold
from features.substances.read.sounds import FOREIGN_WORD, foreign_sound, sound
from features.substances.rewriting import Rewriting, rewritten
from features.texts.remembered import remembered
from features.texts.scan import one_letter_per_sound, without_vowels

_WORD: Final = re.compile(r"[^\W\d_]+")
# Minimum letters of a name for one and for two typing errors.
_ONE_ERROR: Final = 8
_TWO_ERRORS: Final = 11
# Minimum letters of a name for two wrong vowels.
_TWO_VOWELS: Final = 9
# Minimum consonants of a word without vowels, letters of a key, and sounds of a word in another alphabet.
_FEWEST_CONSONANTS: Final = 4
_FEWEST_LETTERS: Final = 6
_FEWEST_SOUNDS: Final = 6
# Share of the letters of a name that the end of a text leaves.
_CUT_SHARE: Final = 0.7
_HARD_VOWEL: Final = re.compile("[aeiou]")
# Endings of names in several languages.
_LONG_ENDINGS: Final = ("um", "us", "as", "es", "os")
_SHORT_ENDINGS: Final = ("a", "e", "o", "u")
_HOW: Final = "Name of an adulterant in another spelling."


class Adulterants:
    """Search for names of adulterants in other writings.

    Args:
        names: names of letters a to z without blanks -> the name to search for instead.
        others: names of other substances, which are not misspelt adulterants.

    Attributes:
        names: the names that are searched for.
    """

    def __init__(self, names: Mapping[str, str], others: Collection[str]) -> None:
        self._names = {name: plain for name, plain in names.items() if len(name) >= _FEWEST_LETTERS}
        self._others = others
        self._alike = Alike({name: 1 + (len(name) >= _TWO_ERRORS) for name in self._names if len(name) >= _ONE_ERROR})
        self._keys: dict[str, str] = {}
        self._consonants: dict[str, str] = {}
        self._with_vowels: dict[str, str] = {}
        self._sounds: dict[str, str] = {}
        self._beginnings: dict[str, str] = {}
        for name, plain in self._names.items():
            self._keys.setdefault(_key(name), plain)
            consonants = without_vowels(name)
            if len(consonants) >= _FEWEST_CONSONANTS:
                self._consonants.setdefault(consonants, plain)
            if len(name) >= _TWO_VOWELS:
                self._with_vowels.setdefault(consonants, name)
            self._sounds.setdefault(sound(name), plain)
            for size in range(max(_FEWEST_LETTERS, int(_CUT_SHARE * len(name) + 0.99)), len(name)):
                self._beginnings.setdefault(name[:size], plain)
        self.names = tuple(self._names)
        self.of = remembered(16_384)(self._of)

    def suggested_by(self, word: str) -> bool:
        """Return whether a word of letters a to z may be the name of an adulterant in another writing."""
        return word in self._beginnings or self._of(word) is not None

    def suggested_by_text(self, text: str) -> bool:
        """Return whether a text contains a word of another alphabet that sounds like the name of an adulterant."""
        return any(self._of_foreign(match) is not None for match in FOREIGN_WORD.finditer(text))

    def reading(self, text: str) -> Rewriting | None:
        """Return the text with the names of adulterants in place of their other writings; None without such a writing."""
        words = [(*match.span(), self._of_foreign(match)) for match in FOREIGN_WORD.finditer(text)]
        matches = list(_WORD.finditer(text))
        for match in matches:
            word = fold(match[0])
            plain = self.of(word)
            if plain is None and match is matches[-1] and not text[match.end() :].strip(" .-"):
                plain = self._beginnings.get(word)
            words.append((*match.span(), plain))
        replaced = {(start, end): plain for start, end, plain in words if plain is not None}
        if not replaced:
            return None
        pieces = [(start, end, plain) for (start, end), plain in sorted(replaced.items())]
        return rewritten(text, pieces, "misspelt", _HOW, 0.7)

    def _of(self, word: str) -> str | None:
        """Return the name that a word is another writing of; None for a name as it is written, and for other words."""
        if len(word) < _FEWEST_CONSONANTS or not (word.isascii() and word.isalpha()):
            return None
        if _HARD_VOWEL.search(word) is None:
            name = self._consonants.get(without_vowels(word))
        else:
            name = self._with_vowels_of(word) if len(word) >= _FEWEST_LETTERS else None
        # Few words come this far, and the set of other substances is large.
        return None if name is None or word in self._others else name

    def _with_vowels_of(self, word: str) -> str | None:
        """Return `_of` a word with vowels, which may also be the name of another substance."""
        key = _key(word)
        if len(key) >= _FEWEST_LETTERS and key in self._keys:
            return None if word in RESERVED or word in self._names else self._keys[key]
        best: tuple[int, str] | None = None
        for names in self._alike.to(word):
            for name in names:
                # Another beginning is another chemical: mephenhydramine is not diphenhydramine.
                allowed = 2 if len(name) >= _TWO_ERRORS and name[0] == word[0] else 1
                errors = OSA.distance(word, name, score_cutoff=allowed)
                if errors <= allowed and (best is None or errors < best[0]):
                    best = errors, name
        if best is None and self._has_wrong_vowels(word):
            best = 2, self._with_vowels[without_vowels(word)]
        if best is None or word in self._names or word in RESERVED or CHEMICAL_WORD.fullmatch(word) is not None:
            return None
        return self._names[best[1]]

    def _has_wrong_vowels(self, word: str) -> bool:
        """Return whether a word differs from a name in two vowels alone: levimasole."""
        name = self._with_vowels.get(without_vowels(word), "")
        return len(name) == len(word) and name[0] == word[0] and OSA.distance(word, name, score_cutoff=2) <= 2

    def _of_foreign(self, match: re.Match[str]) -> str | None:
        heard = foreign_sound(match[0].lower(), match.lastgroup or "")
        return self._sounds.get(heard) if len(heard) >= _FEWEST_SOUNDS else None


def _key(word: str) -> str:
    """Return a word with one letter for each sound and without the ending of a language.

    >>> _key("xylazine"), _key("ksylazyna"), _key("levamizol"), _key("levamisole")
    ('ksilasin', 'ksilasin', 'levamisol', 'levamisol')
    """
    word = one_letter_per_sound(word)
    if word.endswith(_LONG_ENDINGS):
        return word[:-2]
    return word[:-1] if word.endswith(_SHORT_ENDINGS) else word
