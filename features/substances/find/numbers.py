"""CAS numbers in a text: with hyphens, with other separators, after a label, or as the whole text.

A number counts only if it is that of a known substance. Dates and sizes therefore do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from features.reference.words import chemical_words
from features.substances.context import Surroundings
from features.substances.find.found import Entry, Found
from features.substances.normalise import CAS, fold
from features.texts.cas_numbers import cas_candidates

_NUMBER_LABELS: Final = chemical_words()["number_labels"]
_NUMBERED: Final = re.compile(
    rf"\b(?:{'|'.join(_NUMBER_LABELS['numbered'])})[ .]*(?:{'|'.join(_NUMBER_LABELS['words'])})[ .:#]*$"
)
_LETTERS_FOR_DIGITS: Final = str.maketrans("oil|", "0111")
_DIGIT: Final = "[0-9oil|]"
# Strong separators are hyphens and underscores. Weak separators must be the same in both places.
_NUMBER: Final = re.compile(
    rf"(?<![0-9a-z|])0*({_DIGIT}{{2,7}})(?:(?P<sign>[ ]?[-_][ ]?)({_DIGIT}{{2}})[ ]?[-_][ ]?({_DIGIT})"
    rf"|(?P<weak>[ ]?[./,:\u00b7*][ ]?|[ ]{{1,3}})({_DIGIT}{{2}})(?P=weak)({_DIGIT}))(?![0-9a-z|]|-\d)"
)
_LABELS: Final = "|".join(chemical_words()["number_labels"]["of_cas"])
_LABELLED: Final = re.compile(
    rf"\bcas(?:[ -]?(?:{_LABELS})\b)?[\s.:#=()-]*0*({_DIGIT}{{2,7}})[-./_ ,]?({_DIGIT}{{2}})[-./_ ,]?({_DIGIT})"
    "(?![0-9a-z])"
)
# Digits with blanks between them, and hyphens in their places.
_SPACED: Final = re.compile(r"(?<![0-9a-z|])((?:\d ){1,6}\d) ?- ?(\d) ?(\d) ?- ?(\d)(?![0-9a-z|]| \d)", re.ASCII)
# A text that may consist of one number: digits, letters that look like digits, an exponent, separators and quotation marks.
_NO_WORD: Final = re.compile(r"[\doile|\s'\"`=()\[\]{}<>#.:;,*~/_+\u00b7-]{5,40}")
_LABEL: Final = re.compile(rf"\bcas(?:[ -]?(?:{_LABELS}))?(?![a-z])|\bregistry\b")
# Minimum digits of the first part of a number with weak separators and without a label; one digit fewer with points.
_MIN_FIRST_DIGITS: Final = 4


def digits(text: str) -> str:
    """Return a folded number with digits in place of the letters and signs that stand for them."""
    return text.translate(_LETTERS_FOR_DIGITS)


def cas_numbers_in(text: str) -> list[str]:
    """Return what has the form of a CAS number in a text, whether or not its check digit is right."""
    return ["-".join(number.groups()) for number in CAS.finditer(fold(text))]


def numbers_in(spelled: str, known: Mapping[str, Entry], *, chemical: bool) -> Iterator[tuple[Entry, int, int]]:
    """Yield the substances of the CAS numbers in a text, with their positions.

    Args:
        spelled: the output of `normalise.spell`.
        known: CAS number -> substance.
        chemical: whether the text is from a field for chemicals, where digits without separators can be a CAS number.
    """
    labelled = _LABEL.search(spelled) is not None
    stripped = spelled.strip(" .#:")
    for matched in _NUMBER.finditer(spelled):
        strong = matched["sign"] is not None
        first, middle, check = matched.group(1, 3, 4) if strong else matched.group(1, 6, 7)
        least = _MIN_FIRST_DIGITS - ("." in (matched["weak"] or ""))
        if not strong and len(first) < least and not labelled and matched[0] != stripped:
            continue
        entry = _entry(known, first, middle, check)
        if entry is not None:
            yield entry, matched.start(), matched.end()
    if labelled:
        for matched in _LABELLED.finditer(spelled):
            entry = _entry(known, *matched.groups())
            if entry is not None:
                yield entry, matched.start(1), matched.end()
    for matched in _SPACED.finditer(spelled):
        entry = _entry(known, matched[1].replace(" ", ""), matched[2] + matched[3], matched[4])
        if entry is not None:
            yield entry, matched.start(), matched.end()
    for number in cas_candidates(spelled) if chemical and _NO_WORD.fullmatch(spelled) is not None else ():
        whole = known.get(number)
        if whole is not None:
            start = len(spelled) - len(spelled.lstrip())
            yield whole, start, len(spelled.rstrip())


def _entry(known: Mapping[str, Entry], first: str, middle: str, check: str) -> Entry | None:
    plain = digits(f"{first}-{middle}-{check}").lstrip("0")
    # At least half of the characters must be digits. The word "ill" is not a number.
    if sum(map(str.isdigit, first + middle + check)) * 2 < len(first) + 3:
        return None
    return known.get(plain)


def number_found(entry: Entry, around: Surroundings, spelled: str, start: int, end: int) -> Found:
    """Return a CAS number at a position with its context."""
    # The "no" of "CAS no" is not a denial, so the context begins before the label.
    label = _NUMBERED.search(spelled, max(0, start - 24), start)
    context, mention = around.context_of(entry.group, label.start() if label else start, end)
    return Found(entry, start, end, context, mention)
