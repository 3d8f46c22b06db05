"""Names of substances by their sound: spellings of other languages and alphabets, rewritten with English parts.

Each language spells the parts of a name in its own way (``acetylofentanyl``, ``asetilfentanil``, ``ацетилфентаніл``,
``एसिटाइलफेंटानिल``), but the consonants stay. A word is reduced to its consonants and the vowel o, and divided into parts of
names with the same sound. The English forms of these parts replace the word, and the search for names reads the result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from features.reference import substances
from features.reference.translations import Language, name_parts
from features.reference.words import name_sounds
from features.substances.match import WATCHED
from features.substances.normalise import fold
from features.substances.read.name_parts import LOCANTS, fewest_parts

#: Alphabets whose words are read by sound, with their letters. Thai puts no blanks between words.
_ALPHABETS: Final = {
    "cyrillic": "\u0400-\u052f'\u2019\u02bc",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "hebrew": "\u05d0-\u05ea\u05f3\u05f4",
    "devanagari": "\u0900-\u0963\u0970-\u097f",
    "thai": "\u0e01-\u0e4e",
}
_UNSPACED: Final = frozenset({"thai"})
#: A word in one of the alphabets.
FOREIGN_WORD: Final = re.compile(
    "|".join(f"(?P<{name}>[{chars.rstrip(chr(0x27))}][{chars}]+)" for name, chars in _ALPHABETS.items()), re.IGNORECASE
)
# Thai writes e, ae, o and ai before the consonants that they follow in speech.
_THAI_VOWEL_FIRST: Final = re.compile("([\u0e40-\u0e44])([\u0e01-\u0e2e](?:[\u0e23\u0e25](?![\u0e30-\u0e3a]))?)")
# The o stays, because languages spell this vowel alike. The other vowels vary and are dropped.
_SOUND: Final = {
    letters: "" if sound == "-" else sound for sound, group in name_sounds()["latin"].items() for letters in group
}
_RULES: Final = re.compile(
    "|".join(
        [
            *filter(lambda letters: len(letters) > 1, _SOUND),
            "c(?=[eiy])",
            *filter(lambda letters: len(letters) == 1, _SOUND),
        ]
    )
)
_DOUBLED: Final = re.compile(r"(.)\1+")
# Sounds of the main parts of watched names.
_CORES: Final = name_sounds()["sounds"]["cores"]
# Only words with these letters can contain a core. This search costs less than the reduction to sounds.
_MAY_HAVE_CORE: Final = re.compile(
    "[fp].*n.*t.*n.*l|n.*t.*[szc].*n|p.*p.*r.*d|n.*l.*n|f.*n.*t.*l|ph.*n.*t.*l|f.*n.*l.*t.*l|ph.*n.*l.*t.*l|p.*r.*p.*[on]|b.*r.*r.*[fp].*n"
)
# Minimum letters of a Latin word, of its sound, and of a sound in another alphabet. The sound of alpha has two letters.
_MIN_WORD_LETTERS: Final = 4
_MIN_SOUND_LETTERS: Final = 3
_MIN_FOREIGN_LETTERS: Final = 2
# Parts that sound like ordinary words. A reading that ends in one of them needs a core.
_NO_WORD: Final = name_sounds()["sounds"]["no_words"]
# Endings of cases and genders, and linking vowels, by sound.
_ENDINGS: Final = name_sounds()["sounds"]["endings"]
_PREFIXES: Final = {"hebrew": re.compile("[\u05d1\u05d4\u05d5\u05db\u05dc\u05de\u05e9]")}
_LATIN_LANGUAGES: Final = (Language.ENGLISH, Language.SPANISH, Language.PORTUGUESE, Language.FRENCH, Language.GERMAN)
# Maximum letters of a Latin word, and of a sound in another alphabet.
_MAX_LETTERS: Final = 48


@dataclass(frozen=True, slots=True)
class Reading:
    """A word written with English parts.

    Attributes:
        start, end: position, in the word, of the letters that are replaced.
        english: the English parts.
        inside: whether other words may be next to it without a blank.
    """

    start: int
    end: int
    english: str
    inside: bool = False


def sound(word: str) -> str:
    """Return the consonants of a folded word in Latin letters, with its vowels o. A doubled letter counts once.

    >>> sound("acetylofentanyl"), sound("karfentanil"), sound("phenethyl"), sound("panthenol")
    ('stlofntnl', 'krfntnl', 'fntl', 'pntnol')
    """
    return _RULES.sub(_sounded, _DOUBLED.sub(r"\1", word))


def _sounded(match: re.Match[str]) -> str:
    found = match[0]
    if found == "c" and match.string[match.end() : match.end() + 1] in ("e", "i", "y"):
        return "s"
    return _SOUND.get(found, "")


@cache
def _letters() -> dict[str, tuple[re.Pattern[str], dict[str, str]]]:
    """Return, for each alphabet, the pattern of its letters, the longest groups first, and their Latin letters."""
    letters: dict[str, tuple[re.Pattern[str], dict[str, str]]] = {}
    for alphabet in _ALPHABETS:
        table = {
            letter: "" if latin == "-" else latin
            for latin, group in name_sounds()[alphabet].items()
            for letter in group
        }
        letters[alphabet] = re.compile("|".join(sorted(map(re.escape, table), key=len, reverse=True))), table
    return letters


@cache
def _parts() -> dict[str, tuple[dict[str, str], int]]:
    """Return, for each alphabet, sound -> English part, and the length of the longest sound."""
    found = _parts_by_sound()
    # Hebrew has one letter for p and f.
    hebrew: dict[str, str] = {}
    for heard, part in found.items():
        hebrew.setdefault(heard.replace("p", "f"), part)
    # In Thai, the word mi (to have) may stand before a name, so me- is not a part.
    thai = {heard: part for heard, part in found.items() if heard != sound("mefentanyl")}
    tables = {"latin": found, **dict.fromkeys(_ALPHABETS, found), "hebrew": hebrew, "thai": thai}
    return {alphabet: (table, max(map(len, table))) for alphabet, table in tables.items()}


def _parts_by_sound() -> dict[str, str]:
    """Return sound -> English part."""
    found: dict[str, str] = {}
    spelled: list[tuple[str, str]] = [
        (row.name, row.name.lower()) for row in substances() if row.group in WATCHED and row.name.isalpha()
    ]
    for languages in name_parts().values():
        english = languages[Language.ENGLISH]
        if english.frames:
            continue
        for language in _LATIN_LANGUAGES:
            row = languages.get(language)
            if row is not None:
                spelled += [(form, english.forms[0]) for form in row.forms]
    spelled += [(form, part) for part, forms in name_sounds()["parts"].items() for form in (part, *forms)]
    for form, part in spelled:
        plain = fold(form)
        if plain.isascii() and plain.isalpha() and len(plain) > 1:
            heard = sound(plain)
            for key in (heard, heard + "o") if heard.endswith("l") else (heard,):
                found.setdefault(key, part)
    # A single consonant is a part of any word.
    return {key: part for key, part in found.items() if len(key) > 1}


def _cores(alphabet: str) -> tuple[str, ...]:
    return tuple(core.replace("p", "f") for core in _CORES) if alphabet == "hebrew" else _CORES


def sounds_watched(word: str) -> bool:
    """Return whether a folded word has the sound of a watched name's main part."""
    heard = sound(word)
    return any(core in heard for core in _CORES)


def latin_reading(word: str, *, with_core: bool = True) -> str | None:
    """Return the English parts that a word of letters a to z sounds like, joined; None if it sounds like no name.

    Args:
        word: the word.
        with_core: whether the word must sound like the main part of a watched name.

    >>> latin_reading("acetylofentanyl"), latin_reading("piperydon"), latin_reading("fountain")
    ('acetylfentanyl', 'piperidone', None)
    """
    if len(word) < _MIN_WORD_LETTERS or len(word) > _MAX_LETTERS:
        return None
    # Each way to write a core has an n or a p, and most words have neither.
    if with_core and (("n" not in word and "p" not in word) or _MAY_HAVE_CORE.search(word) is None):
        return None
    heard = sound(word)
    core = any(core in heard for core in _CORES)
    if (with_core and not core) or len(heard) < _MIN_SOUND_LETTERS:
        return None
    english = _whole_word(heard, "latin")
    if english is None or english == word or (not core and english.endswith(_NO_WORD)):
        return None
    return english


def foreign_reading(word: str, alphabet: str, *, with_core: bool = True) -> Reading | None:
    """Return the English parts that a word of another alphabet sounds like; None if it sounds like no name.

    Args:
        word: letters of the alphabet, in lower case.
        alphabet: a name of the groups of `FOREIGN_WORD`.
        with_core: whether the word must sound like the main part of a watched name.
    """
    pattern, table = _letters()[alphabet]
    prefix = _PREFIXES.get(alphabet)
    beginnings = (0, 1) if prefix is not None and prefix.match(word) else (0,)
    for begin in beginnings:
        written = word[begin:]
        if alphabet == "thai":
            written = _THAI_VOWEL_FIRST.sub(r"\2\1", written)
        # Position of each Latin letter in the word. The swap of Thai vowels moves a boundary by at most one letter.
        heard, places = _heard(written, pattern, table)
        core = any(core in heard for core in _cores(alphabet))
        if not _MIN_FOREIGN_LETTERS <= len(heard) <= _MAX_LETTERS or not (core or not with_core):
            continue
        if alphabet in _UNSPACED and core:
            inner = _inside(heard, alphabet)
            if inner is not None:
                first, last, english = inner
                stop = places[last] if last < len(heard) else len(written)
                return Reading(begin + places[first], begin + stop, english, inside=True)
        else:
            parts = _whole_word(heard, alphabet)
            # Many ordinary words share a short sound. Only a locant or a name with a core may be that short.
            if parts is not None and (
                core or parts in LOCANTS or (len(heard) >= _MIN_SOUND_LETTERS and not parts.endswith(_NO_WORD))
            ):
                return Reading(begin, len(word), parts)
    return None


def foreign_sound(word: str, alphabet: str) -> str:
    """Return the sound of a word of another alphabet in lower case, like `sound`."""
    pattern, table = _letters()[alphabet]
    written = _THAI_VOWEL_FIRST.sub(r"\2\1", word) if alphabet == "thai" else word
    return _heard(written, pattern, table)[0]


def _heard(written: str, pattern: re.Pattern[str], table: dict[str, str]) -> tuple[str, list[int]]:
    heard: list[str] = []
    places: list[int] = []
    before = ""
    for match in pattern.finditer(written):
        if match[0] != before:
            heard += table[match[0]]
            places += [match.start()] * len(table[match[0]])
        before = match[0]
    return "".join(heard), places


def _whole_word(heard: str, alphabet: str) -> str | None:
    """Return the English parts of a whole word, with or without an ending; None if it is not made of parts."""
    for ending in ("", *_ENDINGS):
        if heard.endswith(ending):
            stem = heard[: len(heard) - len(ending)]
            parts = _parts_of(stem, alphabet)
            if parts is not None:
                return "".join(parts)
    return None


def _inside(heard: str, alphabet: str) -> tuple[int, int, str] | None:
    """Return start, end and English parts of the longest name within a text without blanks, or None."""
    best: tuple[int, int, str] | None = None
    for core in _cores(alphabet):
        at = heard.find(core)
        if at < 0:
            continue
        for first in range(max(0, at - 24), at + 1):
            for last in range(min(len(heard), at + len(core) + 12), at + len(core) - 1, -1):
                if best is not None and last - first <= best[1] - best[0]:
                    break
                parts = _parts_of(heard[first:last], alphabet)
                if parts is not None:
                    best = first, last, "".join(parts)
                    break
    return best


def _parts_of(heard: str, alphabet: str) -> tuple[str, ...] | None:
    """Return the fewest parts with this sound; None if it is not made of parts."""
    table, longest = _parts()[alphabet]
    # Among equally many parts, prefer a short last one: furanyl and fentanyl, not furan and lofentanil.
    return fewest_parts(heard, table, longest, short_last=True) or None
