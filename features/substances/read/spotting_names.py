"""Candidate systematic names in a text, and their readings.

A word counts as part of a name if nearly all its letters belong to the building blocks of such names (methyl, oxo,
piperidin ...). Adjacent words of this kind form one candidate. The name may be written with blanks, inverted as in the index
of Chemical Abstracts, in capitals, with a salt, or between purity and amount.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from features.reference.words import chemical_words
from features.substances.normalise import fold
from features.substances.read.name_readings import (
    BESIDE,
    CORE,
    EVERYDAY,
    FILL,
    LINKS,
    PREFIX_AT_END,
    SECOND_PART,
    reading,
    readings,
)
from features.texts.scan import Beginnings


def _by_first_letter(words: Iterable[str]) -> str:
    groups: dict[str, set[str]] = {}
    for word in words:
        groups.setdefault(word[0], set()).add(word[1:])
    return "|".join(
        f"{first}(?:{'|'.join(sorted(rests, key=lambda rest: (-len(rest), rest)))})"
        for first, rests in sorted(groups.items())
    )


_BLOCK: Final = re.compile(_by_first_letter(CORE | FILL))
#: Every systematic name of interest contains one of these. Few other texts do.
_HINTS: Final = list(chemical_words()["hints"]["systematic_names"])
_HINT: Final = re.compile("|".join(_HINTS))
_HINT_BEGINS: Final = Beginnings(_HINTS)
_JOINED_HINT: Final = re.compile("[0-9]-[a-z]{3}|[aeiy]n-[0-9]")
_LETTERS: Final = re.compile(r"[a-z]+")
# Purities and amounts end a name.
_UNITS: Final = "|".join(unit for units in chemical_words()["units"].values() for unit in units)
_AMOUNT: Final = re.compile(
    rf"(?<!\d)(?<!\d[.,])[<>=~\u2265]?\d{{1,9}}(?:[.,]\d{{1,9}})?\s{{0,3}}(?:%|\u2030|(?:{_UNITS})\b(?!-))"
)
# Letters of another alphabet that remain after `flatten` also end a name.
_WORD: Final = re.compile(
    r"(?:[^\s;|\"=<>%/:!?&\x00\x80-\U0010ffff]|(?<=[\d')]):(?=\d)|(?<=-[a-z]):(?=\d)|(?<=\+)/(?=-))+"
)
_LOCANT_WORD: Final = re.compile(
    r"[(\[{+\-]*(?:\d{1,2}[a-z]?'*|[nospmrdlhez])(?:[,.](?:\d{1,2}[a-z]?'*|[nospmrdlhez]))*[)\]}\-]*,?"
)
# Configuration and proportion in separate brackets: (2r,3s)-, (+/-)-, (1:1).
_STEREO_WORD: Final = re.compile(
    r"[(\[](?:\d{1,2}[a-h][rsez](?![a-z])|[\d.,'*:+\-/()\[\]]|alpha|beta|gamma|delta|trans|endo|anti|cis|rel|exo|syn|xi|[a-z](?![a-z])|rs|sr)++"
)
#: A number or letter that states a position, joined to its part.
_LOCANT: Final = re.compile(
    r"(?<![a-z\d])(?:\d{1,2}[a-z]?'*(?:[,:](?:\d{1,2}[a-z]?'*|[nos]))*-?(?=[a-z]{3}|[(\[{])|[nosp](?:,(?:\d{1,2}|[nos]))*-(?=[a-z(\[{]))"
    r"|[a-z]-\d{1,2}(?![a-z\d])|[a-z]{4}\d{1,2}[a-z]|(?:alpha|beta|gamma|delta|omega|cis|trans|tert|sec|ortho|meta|para|[)\]])\.?-(?=[a-z])"
    r"|(?<![a-z\d])[dl]-(?=[a-z]{4})"
)
_LONGEST_NAME: Final = 500
#: Minimum share of a word's letters that must belong to building blocks.
_COVERED: Final = 0.8
#: A second name in brackets after the first.
_ASIDE: Final = re.compile(r"\(.{5,}(?<!yl)(?<!oxy)(?<!o)\),?")
#: Letters that are locants even if the hyphen after them is missing.
_NITROGEN: Final = frozenset(("n", "n,", "o", "s"))
_NUMBER: Final = re.compile(r"[(\[]?\d{1,4}[)\].,]*")
_DOTTED_GREEK: Final = re.compile(r"\.(?:alpha|beta|gamma|delta|epsilon|omega|kappa)")


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    text: str
    cores: int

    @property
    def located(self) -> bool:
        return self.cores > 0 and (_LOCANT.search(self.text) is not None or self.text.rstrip(",.").endswith("-"))


class _Flat(dict[int, str]):
    """Mapping of each character to one character: the result of `fold`, or the first character of several in ASCII."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        folded = fold(char)
        flat = _MARKS.get(char) or (folded if len(folded) == 1 else folded[:1] if folded.isascii() else char) or char
        if len(self) < 4_096:
            self[code] = flat
        return flat


_MARKS: Final = {
    "\u2032": "'",
    "\u2019": "'",
    "\u00b7": ".",
    "\u2022": ".",
    "\u22c5": ".",
    "\u201c": '"',
    "\u201d": '"',
    "\u2265": ">",
    "\u2264": "<",
    "\u00b1": "+",
}
_FLAT: Final = _Flat()


def flatten(text: str) -> str:
    """Return the text in lower case and, as far as possible, in Latin letters. Every character keeps its position."""
    return text.lower().replace("_", "-") if text.isascii() else text.translate(_FLAT)


def hints_at_a_name(flat: str) -> bool:
    """Return whether a flattened text may contain a name. This is fast, and false for most texts."""
    if not flat.isascii() or ("-" in flat and _JOINED_HINT.search(flat) is not None):
        return True
    at = _HINT_BEGINS.find(flat, 0)
    while at >= 0:
        if _HINT.match(flat, at) is not None:
            return True
        at = _HINT_BEGINS.find(flat, at + 1)
    return False


def names_in(
    text: str, flat: str, *, chemical: bool = False, most: int = 3, taken: Iterable[tuple[int, int]] = ()
) -> list[tuple[int, int, str]]:
    """Return the candidates as (start, end, reading), the likeliest first.

    Args:
        text: as declared.
        flat: the result of `flatten`.
        chemical: whether the text is from a field for chemicals. One word, or a name without numbers, is then sufficient.
        most: maximum number of candidates.
        taken: positions that were recognised as something else.
    """
    found: list[tuple[bool, int, int, list[tuple[int, int, str]]]] = []
    for run in _runs(flat, list(taken)):
        for group in _groups(run):
            words = _trimmed(group)
            cores = sum(word.cores for word in words)
            if not words or words[-1].end - words[0].start > _LONGEST_NAME:
                continue
            located = _located(words)
            if cores >= 2 or (located and cores) or (chemical and cores >= 1):
                found.append((located, cores, -words[0].start, list(_proposals(text, flat, words))))
    found.sort(key=lambda item: item[:3], reverse=True)
    best = [proposal for _, _, _, proposals in found[:1] for proposal in proposals]
    others = [proposals[0] for _, _, _, proposals in found[1:] if proposals]
    # All readings of the likeliest name, but with room for one other name. Then the first reading of each other name.
    chosen = dict.fromkeys([*best[: most - min(1, len(others))], *others, *best])
    return list(chosen)[:most]


def _cores(word: str) -> int:
    """Return the number of distinctive blocks in a word; 0 for an everyday word, or if too few of its letters are in blocks."""
    if word.strip("(),.-'") in EVERYDAY:
        return 0
    total, covered, cores = 0, 0.0, 0
    for letters in _LETTERS.findall(word):
        if len(letters) == 1:
            continue
        total += len(letters)
        own, share = _blocks(letters)
        cores += own
        covered += share
    return cores if covered >= _COVERED * total else 0


def _blocks(letters: str) -> tuple[int, float]:
    """Return the number of distinctive building blocks in a run of letters, and the number of letters covered by blocks."""
    cores, covered = 0, 0.0
    for block in _BLOCK.findall(letters):
        cores += block in CORE
        # A single letter joins blocks, but a word of single letters is not a name.
        covered += len(block) if len(block) > 1 else 0.5
    return cores, covered


def made_of(word: str) -> tuple[bool, bool, bool]:
    """Return whether a word (letters a to z) consists of blocks, whether it contains a distinctive one, and whether it is everyday.

    A name has a word with the first property and a word with the second. An everyday word between blanks counts for neither.
    """
    cores, covered = _blocks(word)
    return len(word) > 1 and covered >= _COVERED * len(word), len(word) > 1 and cores > 0, word in EVERYDAY


def _runs(flat: str, taken: list[tuple[int, int]]) -> Iterator[list[_Word]]:
    """Yield adjacent words that may belong to a name, at least one of them made of building blocks."""
    run: list[_Word] = []
    last = 0
    # Only a text with a digit can contain an amount.
    bare = _AMOUNT.sub(_blank, flat) if any(map(str.isdigit, flat)) else flat
    found = list(_WORD.finditer(bare))
    cores_of = [_cores(matched[0]) if matched.end() - matched.start() <= _LONGEST_NAME else 0 for matched in found]
    if not any(cores_of):
        return
    for place, (matched, cores) in enumerate(zip(found, cores_of, strict=True)):
        start, end = matched.span()
        text = matched[0]
        known = end - start <= _LONGEST_NAME
        if text == "with":  # Part of a salt: "compd. with L-lysine".
            known = bool(run) and run[-1].text.startswith("comp")
        fits = cores or (known and (_is_beside(text) or _begins_inverted(text, found[place + 1 : place + 3])))
        if run and (not fits or not flat[last:start].isspace()):
            yield from _with_cores(run)
            run = []
        if fits and not any(begin < end and start < finish for begin, finish in taken):
            run.append(_Word(start, end, text, cores))
        last = end
    yield from _with_cores(run)


def _begins_inverted(word: str, following: list[re.Match[str]]) -> bool:
    """Return whether an unknown word is the parent of an inverted name, as in "taurine, N-acetyl-" or "uric acid, 1-methyl-"."""
    after = [matched[0] for matched in following]
    if after and not word.endswith(",") and after[0] == "acid,":
        after = after[1:]
    elif not word.endswith(","):
        return False
    return word[0].isalpha() and bool(after) and after[0].rstrip(",.").endswith("-") and _cores(after[0]) > 0


def _is_beside(word: str) -> bool:
    """Return whether a word that is not made of building blocks may occur in a name."""
    bare = word.strip("()[]{},.'")
    return (
        bare in BESIDE
        or bare in EVERYDAY
        or word == "-"
        or _LOCANT_WORD.fullmatch(word) is not None
        or _STEREO_WORD.fullmatch(word) is not None
        or bare.lstrip("0123456789,'").removeprefix("-") in BESIDE
        or bare.partition("(")[0] in BESIDE
    )


def _blank(matched: re.Match[str]) -> str:
    return "\x00" * (matched.end() - matched.start())


def _with_cores(run: list[_Word]) -> Iterator[list[_Word]]:
    if any(word.cores for word in run):
        yield run


def _groups(run: list[_Word]) -> Iterator[list[_Word]]:
    """Yield the names of a run. A comma after a word separates two names, unless the next words can only continue the first."""
    group: list[_Word] = []
    segments: list[list[_Word]] = [[]]
    for word in run:
        aside = (
            _ASIDE.fullmatch(word.text) is not None and word.cores > 0 and segments[-1] and segments[-1][-1].cores > 0
        )
        if aside:
            segments.append([])
        segments[-1].append(word)
        if aside or word.text.endswith(","):
            segments.append([])
    for segment in segments:
        if not segment:
            continue
        if group and not _continues(segment) and not all(_LOCANT_WORD.fullmatch(word.text) for word in group):
            yield group
            group = []
        group += segment
    if group:
        yield group


def _continues(segment: list[_Word]) -> bool:
    last = segment[-1].text.rstrip(",.")
    return (
        last.endswith("-")
        or PREFIX_AT_END.search(last) is not None
        or not segment[0].cores
        or any(word.text.strip("(),.") in SECOND_PART for word in segment)
        or (_is_anion(segment[0].text) and not any(word.cores for word in segment[1:]))
    )


def _is_anion(word: str) -> bool:
    return word.rstrip("),.").endswith(("ate", "chloride", "bromide", "iodide", "fluoride", "oxide"))


def _trimmed(words: list[_Word]) -> list[_Word]:
    """Return the words without numbers and linking words at the ends."""
    begin, end = 0, len(words)
    while (
        end > begin
        and not words[end - 1].cores
        and (words[end - 1].text.strip("(),.") in LINKS or _NUMBER.fullmatch(words[end - 1].text))
    ):
        end -= 1
    while begin < end and not words[begin].cores:
        word = words[begin].text
        # A number before a name with its own locants counts packages.
        counted = _NUMBER.fullmatch(word) and begin + 1 < end and words[begin + 1].located
        if not (counted or (word.strip("(),.") in LINKS and word not in _NITROGEN)):
            break
        begin += 1
    return words[begin:end]


def _located(words: list[_Word]) -> bool:
    """Return whether a word of the name has a locant, or a locant stands alone before another word."""
    return any(word.located for word in words) or any(
        word.text != "-" and _LOCANT_WORD.fullmatch(word.text) for word in words[:-1]
    )


def _proposals(text: str, flat: str, words: list[_Word]) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, reading) of the words as one name, then of the name without the words around its locants."""
    start, end = _balanced(flat, words[0].start, words[-1].end)
    for name in readings(text[start:end]):
        yield start, end, name
    # An apparent single name may be the first of a list, or have other chemical words around it.
    first = next((place for place, word in enumerate(words) if word.text.endswith(",")), len(words) - 1) + 1
    numbered = [place for place, word in enumerate(words[:first]) if word.located]
    inner = words[
        numbered[0] if numbered else 0 : max((place for place in range(first) if words[place].cores), default=0) + 1
    ]
    if len(inner) < len(words) and (numbered or (first == len(words) and sum(word.cores for word in inner) >= 2)):
        start, end = _balanced(flat, inner[0].start, inner[-1].end)
        yield start, end, reading(text[start:end])


def _balanced(flat: str, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of a name without outer punctuation, unpaired brackets at its ends, and brackets around all of it."""
    while start < end and flat[start] in ",.'*" and not _DOTTED_GREEK.match(flat, start):
        start += 1
    while start < end and flat[end - 1] in ",.'*":
        end -= 1
    while start < end:
        stack: list[int] = []
        alone: list[int] = []
        first_closes = -1
        for place in range(start, end):
            if flat[place] in "([{":
                stack.append(place)
            elif flat[place] in ")]}":
                if not stack:
                    alone.append(place)
                elif stack.pop() == start:
                    first_closes = place
        alone += stack
        if alone and alone[-1] == end - 1:
            end -= 1
        elif alone and start in alone:
            start += 1
        elif first_closes == end - 1:
            start, end = start + 1, end - 1
        else:
            break
        while start < end and flat[end - 1] in ",.":
            end -= 1
    return start, end
