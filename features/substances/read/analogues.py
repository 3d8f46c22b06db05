"""Composed names of unlisted analogues, and their structures.

``para-methoxyvalerylfentanyl`` is fentanyl with another acyl group and a substituent on the aniline ring. Such names follow
rules in every language of the part tables. `analogue` reads the parts before the stem from right to left.
`analogue_structures` then gives each part its position in the molecule and joins the pieces of `name_fragments.csv` into a
SMILES. Class definitions are tested on this SMILES.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from features.reference.translations import Language, name_parts
from features.reference.words import chemical_words
from features.substances.normalise import fold, spell
from features.substances.read.analogue_structures import NITROGEN, STEMS, UnclearError, structure
from features.substances.read.name_parts import LOCANTS, pinyin, traditional
from features.texts.scan import Beginnings


@dataclass(frozen=True, slots=True)
class Analogue:
    """A composed name in a text.

    Attributes:
        start, end: position in the spelled text.
        parts: parts of the tables from left to right, with the stem last. Digits and single letters are unchanged.
        smiles: structure, not canonical; empty if the parts do not determine one.
        certain: False without a structure, or if the name may be part of another name. Also False if the name omits a
            position, so that the usual one (para) was assumed.
    """

    start: int
    end: int
    parts: tuple[str, ...]
    smiles: str
    certain: bool


# Parts that do not begin a name, because they are common words.
_NEVER_FIRST: Final = frozenset(chemical_words()["too_common"]["first_parts"])
# The Arabic article, alone or joined with "and", "with", "for", is attached to the name.
_ARTICLE: Final = re.compile(r"(?<!\w)(?:[وب]?ال|لل)$")
# A stereodescriptor before the name does not change the match.
_STEREO: Final = re.compile(r"(?<![^\W_])(?:cis|trans|rac|dl|rs|[rsdlez])[)\]]*-$")
_DIGIT: Final = re.compile(r"[2-6]")
# Between parts, dots as in ".alpha.-". A prime belongs to the locant before it.
_GAP: Final = re.compile(r"[\s,.\-()\[\]]*$")
_BLANK: Final = re.compile(r"[\s,]")
_PRIME: Final = re.compile(r"['\u2032\u2019]+$")
# Text after the name that shows that a similar substance is meant.
_RESEMBLES: Final = re.compile(
    rf"[^.;]{{0,40}}?\b(?:{'|'.join(chemical_words()['around']['resembling'])})\b"
    r"|[ ,-]+\d[ -]?(?:furan|thiophene)"
)
# Endings of name parts, directly before the name, that are not in the tables.
_UNKNOWN_PART: Final = re.compile(r"(?:yl|oxy|ino|[a-z]oro|omo|odo|thio|oxo|ole|\bthf)[)\]]*[ .-]+$")
# Maximum characters before the stem, parts, and steps of the search. No composed name in use is longer.
_MAX_CHARACTERS: Final = 90
_MOST_PARTS: Final = 14
_MOST_STEPS: Final = 300


@cache
def _forms() -> tuple[dict[str, str], int]:
    """Return folded form -> part for all languages, and the length of the longest form.

    If a form means different parts in different languages, the first part in the table applies.
    """
    found: dict[str, str] = {"n": NITROGEN}
    generated: dict[str, str] = {}
    for part, languages in name_parts().items():
        for language, row in languages.items():
            for form in () if row.frames or part in _NEVER_FIRST else row.forms:
                for spelling in _spellings(form):
                    found.setdefault(spelling, part)
                for written in (*traditional(form), *pinyin(form)) if language is Language.CHINESE else ():
                    for spelling in _spellings(written):
                        generated.setdefault(spelling, part)
    # Written forms take precedence over generated Chinese ones. A digit is always a locant.
    found = {**generated, **found}
    for digit in "23456":
        found.pop(digit, None)
    return found, max(map(len, found))


def _spellings(form: str) -> tuple[str, ...]:
    folded = spell(fold(form))
    return folded, folded.replace(" ", "")


@cache
def _stem_forms() -> tuple[str, ...]:
    """Return the stems in all languages, as they occur in spelled text, the longest first."""
    return tuple(sorted((form for form, part in _forms()[0].items() if part in STEMS), key=len, reverse=True))


@cache
def _stem() -> re.Pattern[str]:
    """Return the pattern of any stem."""
    return re.compile("|".join(map(re.escape, _stem_forms())))


@cache
def _stem_beginnings() -> Beginnings:
    """Return the beginnings of the stems that an ASCII text may contain."""
    return Beginnings(filter(str.isascii, _stem_forms()))


@cache
def _stem_words() -> re.Pattern[str]:
    """Return a pattern that finds the first letters of any ASCII stem in a word.

    The letters must end the word if the stem continues after a character that is not a letter.
    """
    forms = filter(str.isascii, _stem_forms())
    starts = {(found[0], found.end() < len(form)) for form in forms if (found := re.match("[a-z]+", form)) is not None}
    return re.compile("|".join(sorted(f"{word}$" if goes_on else word for word, goes_on in starts)))


def may_hold_stem(word: str) -> bool:
    """Return whether a stem may begin in an ASCII word (letters a to z)."""
    return _stem_words().search(word) is not None


def analogue(spelled: str) -> Analogue | None:
    """Return the first composed name in a text, or None. A bare stem (``fentanyl``) is not a composed name.

    Args:
        spelled: output of `normalise.spell`. The output of `normalise.normalise` works too, but has no primes.

    >>> analogue("4-methoxyvalerylfentanyl").smiles
    'N(C(=O)CCCC)(c1ccc(OC)cc1)C1CCN(CCc2ccccc2)CC1'
    """
    first = 0
    if spelled.isascii():
        first = _stem_beginnings().find(spelled, 0)
        if first < 0:
            return None
    for stem in _stem().finditer(spelled, first):
        readings = [reading for form in _stems_at_end(stem[0]) if (reading := _with_stem(spelled, stem.end(), form))]
        if readings:
            return min(readings, key=lambda reading: (not reading.smiles, not reading.certain))
    return None


def _stems_at_end(stem: str) -> list[str]:
    """Return all stems that end the given one, the longest first.

    The end of クロロフェンタニル (chlorofentanyl), for example, looks like lofentanil (ロフェンタニル).
    """
    return [form for form in _stem_forms() if stem.endswith(form)]


def _with_stem(spelled: str, end: int, stem: str) -> Analogue | None:
    """Return the name that ends in ``stem`` at position ``end``, or None."""
    part = _forms()[0][stem]
    unclear: tuple[int, tuple[str, ...]] | None = None
    for start, before in _before(spelled, end - len(stem)):
        if unclear is not None and not _same_or_separate(spelled, unclear[0], start):
            break
        try:
            smiles, certain = structure((*before, part))
        except UnclearError:
            unclear = unclear or (start, before)
            continue
        alone = (
            _RESEMBLES.match(spelled, end) is None and _UNKNOWN_PART.search(spelled, max(0, start - 30), start) is None
        )
        certain = certain and unclear is None and alone
        return _analogue_of(start, end, (*before, part), smiles, certain=certain)
    if unclear is None or _same_or_separate(spelled, unclear[0], end - len(stem)):
        return None
    return _analogue_of(unclear[0], end, (*unclear[1], part), "", certain=False)


def _analogue_of(start: int, end: int, parts: tuple[str, ...], smiles: str, *, certain: bool) -> Analogue:
    return Analogue(start, end, tuple(part.rstrip("'") for part in parts), smiles, certain)


def _same_or_separate(spelled: str, longer: int, shorter: int) -> bool:
    """Return whether two readings begin at the same position, or at positions separated by a blank or comma."""
    return longer == shorter or _BLANK.search(spelled, longer, shorter) is not None


def _before(spelled: str, end: int) -> list[tuple[int, tuple[str, ...]]]:
    """Return the readings of the text before ``end``, each with its start and its parts, the longest first.

    A locant with a prime ends in ``'``.
    """
    floor = max(0, end - _MAX_CHARACTERS)
    readings: list[tuple[int, tuple[str, ...]]] = []
    waiting: list[tuple[int, tuple[str, ...]]] = [(end, ())]
    for _ in range(_MOST_STEPS):
        if not waiting:
            break
        at, after = waiting.pop()
        if after and _at_edge(spelled, at):
            readings.append((at, after))
        if len(after) < _MOST_PARTS:
            waiting += [(begin, (part, *after)) for begin, part in _steps(spelled, at, floor)]
    return sorted(readings, key=lambda reading: (reading[0], len(reading[1])))


def _steps(spelled: str, end: int, floor: int) -> Iterator[tuple[int, str]]:
    """Yield the parts that can stand directly before a position, each with its start; the longest comes last."""
    forms, longest = _forms()
    gap = _GAP.search(spelled, floor, end)
    stop = end if gap is None else gap.start()
    prime = _PRIME.search(spelled, floor, stop)
    mark = "" if prime is None else "'"
    if prime is not None:
        stop = prime.start() - spelled[floor : prime.start()].endswith(".")
    if stop <= floor:
        return
    if _DIGIT.match(spelled[stop - 1]) and not spelled[max(0, stop - 2) : stop - 1].isdigit():
        yield stop - 1, spelled[stop - 1] + mark
        return
    for length in range(1, min(longest, stop - floor) + 1):
        begin = stop - length
        part = forms.get(spelled[begin:stop])
        if part is None or (mark and part not in LOCANTS):
            continue
        # "Neither heroin nor fentanyl" does not mean norfentanyl.
        if spelled[begin:stop] == "nor" and stop < end:
            continue
        # A single letter is a locant only if it stands alone, and the article "a" only before a hyphen.
        if length == 1 and spelled[begin].isascii():
            alone = stop < end and _at_edge(spelled, begin)
            if not alone or (spelled[begin] in "ab" and spelled[stop] not in "-'"):
                continue
        yield begin, part + mark


def _at_edge(spelled: str, start: int) -> bool:
    """Return whether a name can begin at ``start``.

    A name cannot begin within a word of a script that separates words by spaces, or after a hyphen within such a word.
    """
    if start == 0 or _ARTICLE.search(spelled, max(0, start - 4), start):
        return True
    here, before = spelled[start], spelled[start - 1]
    if before.isalnum():
        return not (_spaced(before) and _spaced(here)) and not (before.isdigit() and here.isdigit())
    if before not in "-'" or start == 1 or not spelled[start - 2].isalnum():
        return True
    return _STEREO.search(spelled, max(0, start - 8), start) is not None


def _spaced(char: str) -> bool:
    """Return whether a letter or digit belongs to a script that separates words by spaces."""
    return char.isalnum() and not "\u3040" <= char <= "\ud7a3"
