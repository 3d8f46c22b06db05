"""Names of the listed substances in Chinese, Spanish, Portuguese, French, German, Russian, Japanese, Korean and Arabic.

An English name is split into parts (``para | fluoro | isobutyryl | fentanyl``), and each language combines its own forms of the
parts. A new row of `substances.csv` therefore gets names in all languages. A part around the rest of a name (``... chloride``)
is a frame, because many languages put it in front (``cloruro de ...``). `translated_names.csv` contains names that do not
follow from parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from itertools import islice, product
from math import prod
from typing import Final, NamedTuple, TypeAlias

from features.reference import Group, ReferenceDataError, Substance, benign_chemicals, substances
from features.reference.translations import (
    RADICAL_SLOT,
    SLOT,
    Language,
    NamePart,
    han_characters,
    irregular_names,
    name_parts,
)
from features.reference.words import chemical_words
from features.substances.normalise import fold
from features.substances.read.name_parts import (
    LOCANTS,
    Composition,
    decompose,
    distinguished_characters,
    pinyin,
    traditional,
)


class TranslatedName(NamedTuple):
    """A name in natural spelling, its language (BCP 47; ``zh-Latn`` is pinyin) and the substance's name in our table."""

    name: str
    language: str
    substance: str


class _Candidate(NamedTuple):
    name: str
    language: Language
    substance: str
    usual: bool  # Made of the usual form of every part.


_LANGUAGES: Final = (
    Language.CHINESE,
    Language.SPANISH,
    Language.PORTUGUESE,
    Language.FRENCH,
    Language.GERMAN,
    Language.RUSSIAN,
    Language.JAPANESE,
    Language.KOREAN,
    Language.ARABIC,
)
_NOT_SUBSTANCES: Final = (Group.EQUIPMENT, Group.LEGAL_CLASS)
_NITROGEN_FIRST: Final = re.compile(r"(N|1)-(?=boc|benzyl|phenethyl|\(2-phenylethyl\))", re.IGNORECASE)
# Other English wordings of a name, with other separators or another order of the parts.
_REWORDED: Final = (
    (re.compile(r"(?<=boc)-4-piperidone$"), "-piperidin-4-one"),
    (re.compile(r"(?<=yl)-4-piperidone$"), "piperidin-4-one"),
    (re.compile(r"\(2-phenylethyl\)"), "phenethyl"),
    (re.compile(r"(?<=1-)phenethyl(?=piperidin-4-yl)"), "(2-phenylethyl)"),
    (re.compile(r"(?<=[a-z)\]])piperidin-4-yl"), "-4-piperidinyl"),
    (re.compile(r"(?<=\()piperidin-4-yl(?=\))"), "4-piperidinyl"),
    (re.compile(r"(?<=[a-z)\]])piperidin-4-amine$"), "-4-piperidinamine"),
    (re.compile(r"^(N-phenyl)-(1-.+?)(piperidin-4-amine)$"), r"\2-\1\3"),
    (re.compile(r"^(N-(?:phenyl|\(\d-[a-z]+phenyl\)))-(N-[(\[].+[)\]])([a-z]+)$"), r"\2-\1\3"),
    (re.compile(r"^(N-[(\[].+[)\]])-(N-(?:phenyl|\(\d-[a-z]+phenyl\)))([a-z]+)$"), r"\2-\1\3"),
)
# Number of spellings per rewording of a long name, because only the usual one is likely. Precursors have no such limit: they are
# traded under all spellings.
_VARIANTS_REWORDED: Final = 1
# Maximum parts of a short name, and maximum spellings of a short and of a longer name. A systematic name has so many parts that
# only the usual spellings are likely.
_SHORT: Final = 4
_VARIANTS_OF_SHORT: Final = 36
_VARIANTS_OF_LONG: Final = 6
_MOST_COMBINATIONS: Final = 4096
# Number of spellings, the usual ones first, that are also generated inflected, in the other script, or in pinyin. Fewer are
# generated with Persian letters, or joined with an ending or with an article and a preposition.
_INFLECTED: Final = 8
_RANKS_JOINED: Final = 2

_CASE_ENDINGS: Final = ("а", "у", "ом", "е")
_CONSONANTS: Final = frozenset("бвгджзклмнпрстфхцчшщ")
_ARTICLE: Final = "ال"
_ARABIC_N: Final = "ن"
# Persian has its own yeh and kaf. If matching distinguishes them from the Arabic ones, a name is generated with both.
_PERSIAN: Final = str.maketrans("يك", "یک")
# The article joined with "with", "and", "for".
_JOINED_ARTICLES: Final = ("بال", "وال", "لل")
# Endings written as one word with the name: genitive, and the most common salts.
_GERMAN_ENDINGS: Final = ("s", "citrat", "hydrochlorid")
_GERMAN_SALTED: Final = ("yl", "il", "in", "on", "en")
_MIN_LETTERS: Final = 6
_MIN_LETTERS_PINYIN: Final = 8
_SHORTEST_EAST_ASIAN: Final = 3
# Characters of these names that matching does not distinguish (`normalise.fold`). This table is much faster than folding.
_ALIKE: Final = str.maketrans(
    {
        **dict.fromkeys(" -,'()[]·\u2019", ""),
        **dict(zip("áàâãäāǎéèêëēěíìïīǐóòôõöōǒúùûüūǔǜçñ", "aaaaaaaeeeeeeiiiiiooooooouuuuuuucn", strict=True)),
        **dict(zip("إأآةىйёィュョ", "اااهيиеイユヨ", strict=True)),
    }
)
#: Type of `_choices`, with or without a cache.
_Choices: TypeAlias = Callable[[tuple[int, ...], int], tuple[tuple[int, ...], ...]]
_SPELLED: Final = tuple(
    (other, one) for one, others in chemical_words()["spellings_of_translations"].items() for other in others
)


def _choices(sizes: tuple[int, ...], limit: int) -> tuple[tuple[int, ...], ...]:
    """Return up to ``limit`` choices of a form (index) for each part: all usual forms first, then few and close alternatives."""
    if prod(sizes) > _MOST_COMBINATIONS:
        usual = (0,) * len(sizes)
        single = (
            (*usual[:at], form, *usual[at + 1 :])
            for form in range(1, max(sizes))
            for at in range(len(sizes))
            if form < sizes[at]
        )
        return (usual, *islice(single, limit - 1))
    return tuple(sorted(product(*map(range, sizes)), key=lambda choice: (sum(choice), choice))[:limit])


def _spelled(
    composition: Composition, language: Language, limit: int | None = None, choices: _Choices = _choices
) -> Iterator[str]:
    """Yield spellings of a composed name in a language, the usual one first. Yield nothing if the language lacks a part."""
    rows: dict[str, NamePart] = {}
    for part in (*composition.frames, *(text for text, is_part in composition.pieces if is_part)):
        row = name_parts()[part].get(language)
        if row is None:
            return
        rows[part] = row
    in_line = tuple(dict.fromkeys(text for text, is_part in composition.pieces if is_part))
    if not in_line:
        return
    if limit is None:
        limit = _VARIANTS_OF_SHORT if len(in_line) + len(composition.frames) <= _SHORT else _VARIANTS_OF_LONG
    frames = composition.frames
    last = composition.pieces[-1][0]
    sizes = tuple(len(rows[part].forms) for part in (*frames, *in_line))
    for choice in choices(sizes, limit):
        chosen = {part: rows[part].forms[at] for part, at in zip(in_line, choice[len(frames) :], strict=True)}
        name = _line(composition, chosen, language)
        radical = name
        if frames and rows[last].radical:
            forms = rows[last].radical
            radical = _line(composition, {**chosen, last: forms[min(choice[-1], len(forms) - 1)]}, language)
        for part, at in zip(reversed(frames), reversed(choice[: len(frames)]), strict=True):
            frame = rows[part].forms[at]
            name = frame.replace(RADICAL_SLOT, radical).replace(SLOT, name)
            radical = name
        yield name


def _line(composition: Composition, chosen: dict[str, str], language: Language) -> str:
    """Return the pieces in order, joined by the rules of the language."""
    if language is Language.ARABIC:
        words: list[str] = []
        after_part = False
        for text, is_part in composition.pieces:
            if is_part and after_part:
                words.append(" ")
            words.append(chosen[text] if is_part else text)
            after_part = is_part
        return "".join(words)
    name = "".join(chosen[text] if is_part else text for text, is_part in composition.pieces)
    if language is Language.CHINESE:
        name = name.replace(" ", "")
        for locant in "邻间对":
            name = name.replace(f"{locant}-", locant)
    elif language is Language.JAPANESE:
        name = name.replace(" ", "")
    elif language is Language.GERMAN and composition.pieces[0][0] not in LOCANTS:
        name = name[:1].upper() + name[1:]
    return name


def _inflected(name: str, language: Language, rank: int) -> Iterator[str]:
    """Yield forms of a name that occur in a sentence or joined with a salt; fewer forms for a less usual spelling."""
    if language is Language.RUSSIAN and name[-1] in _CONSONANTS and " " not in name:
        for ending in _CASE_ENDINGS:
            yield name + ending
    elif language is Language.GERMAN and rank < _RANKS_JOINED and name.endswith(_GERMAN_SALTED) and " " not in name:
        for ending in _GERMAN_ENDINGS:
            yield name + ending
    elif language is Language.ARABIC and name.startswith("N-"):
        yield name.replace("N", _ARABIC_N)
    elif language is Language.ARABIC and name[0].isalpha() and not name.startswith(_ARTICLE):
        if rank < _RANKS_JOINED and fold(persian := name.translate(_PERSIAN)) != fold(name):
            yield persian
        yield _ARTICLE + name
        if rank < _RANKS_JOINED:
            for article in _JOINED_ARTICLES:
                yield article + name


@cache
def _simplified_characters() -> dict[int, str]:
    rows = han_characters().values()
    folded = {ord(form): row.character for row in rows for form in row.traditional if fold(form) == row.character}
    return {**_ALIKE, **folded}


def _composed(substance: Substance, choices: _Choices) -> Iterator[_Candidate]:
    seen: set[tuple[tuple[str, ...], tuple[tuple[str, bool], ...]]] = set()
    names = (substance.name, *substance.synonyms, substance.systematic_name)
    own = dict.fromkeys(name for name in (*names, *map(_with_other_locant, names)) if name)
    limit = None if substance.group is Group.PRECURSOR else _VARIANTS_REWORDED
    for english in (*own, *_reworded(own)):
        composition = decompose(english)
        if composition is None:
            continue
        # Matching ignores separators: one of "acetyl fentanyl" and "acetylfentanyl" is sufficient.
        same = (composition.frames, tuple(piece for piece in composition.pieces if piece[1] or piece[0].isalnum()))
        if same in seen:
            continue
        seen.add(same)
        given = english in own
        for language in _LANGUAGES:
            for rank, name in enumerate(_spelled(composition, language, None if given else limit, choices)):
                yield _Candidate(name, language, substance.name, given and rank == 0)
                if rank < _INFLECTED:
                    for other, written in _derived(name, language, rank):
                        yield _Candidate(written, other, substance.name, False)


def _with_other_locant(english: str) -> str:
    """Return a name with 1- for N- or N- for 1-; empty if the name has neither. The nitrogen of a piperidine is its position 1."""
    match = _NITROGEN_FIRST.match(english)
    return "" if match is None else ("N" if match[1] == "1" else "1") + english[1:]


def _reworded(names: Iterable[str]) -> list[str]:
    """Return the rewordings of names, and the rewordings of these, without the names themselves."""
    wordings = dict.fromkeys(names)
    pending = list(wordings)
    given = len(pending)
    while pending:
        english = pending.pop()
        others = [rule.sub(new, english) for rule, new in _REWORDED]
        # In a name ending in -amine, N is the nitrogen outside the ring.
        if english.endswith("one"):
            others.append(_with_other_locant(english))
        for other in others:
            if other and other not in wordings:
                wordings[other] = None
                pending.append(other)
    return list(wordings)[given:]


def _derived(name: str, language: Language, rank: int) -> Iterator[tuple[Language, str]]:
    """Yield inflected forms of the name, and for a Chinese one the other script and pinyin."""
    for written in _inflected(name, language, rank):
        yield language, written
    if language is Language.CHINESE:
        if not distinguished_characters().isdisjoint(name):
            for written in traditional(name):
                yield Language.TRADITIONAL, written
        # A name of two syllables may equally be that of a firm.
        if sum(map(han_characters().__contains__, name)) >= _SHORTEST_EAST_ASIAN:
            for written in pinyin(name):
                yield Language.PINYIN, written


def _irregular() -> Iterator[_Candidate]:
    listed = {row.name: row.group for row in substances()}
    for row in irregular_names():
        if listed[row.substance] in _NOT_SUBSTANCES:
            continue
        for name in row.names:
            yield _Candidate(name, row.language, row.substance, True)
            for language, written in _derived(name, row.language, 0):
                yield _Candidate(written, language, row.substance, False)


def _key(name: str) -> str:
    key = name.lower().translate(_simplified_characters())
    if "phen" in key or "fentan" in key or "piperid" in key or "propano" in key or "boc" in key or "oxycarbonyl" in key:
        for other, one in _SPELLED:
            key = key.replace(other, one)
    return key


def _long_enough(key: str, language: Language) -> bool:
    if language in (Language.CHINESE, Language.TRADITIONAL, Language.JAPANESE, Language.KOREAN):
        return len(key) >= _SHORTEST_EAST_ASIAN
    return len(key) >= (_MIN_LETTERS_PINYIN if language is Language.PINYIN else _MIN_LETTERS)


@cache
def translated_names() -> tuple[TranslatedName, ...]:
    """Return every name of every listed substance in the other languages, computed once, in a fixed order.

    Few of them differ only in letter case, accents, blanks or hyphens. A spelling is left out if it could mean two substances, or
    if it is the English name of a substance or a common chemical.

    Raises:
        ReferenceDataError: a file is invalid, or two substances have the same usual name.
    """
    english: dict[str, str] = {}
    for chemical in benign_chemicals():
        english.update((_key(name), "") for name in (chemical.name, *chemical.synonyms))
    listed = [row for row in substances() if row.group not in _NOT_SUBSTANCES]
    for row in listed:
        names = (row.name, *row.synonyms, *row.abbreviations, row.systematic_name)
        english.update((_key(name), row.name) for name in names)
    by_key: dict[str, _Candidate | None] = {}
    # Many names have parts with equally many forms.
    choices = lru_cache(maxsize=512)(_choices)
    candidates = (candidate for row in listed for candidate in _composed(row, choices))
    for candidate in (*_irregular(), *candidates):
        key = _key(candidate.name)
        if key in english or not _long_enough(key, candidate.language):
            continue
        earlier = by_key.get(key, candidate)
        if earlier is candidate:
            by_key[key] = candidate
        elif earlier is None:
            if candidate.usual:
                by_key[key] = candidate
        elif earlier.substance != candidate.substance:
            by_key[key] = _owner(earlier, candidate)
    return tuple(
        TranslatedName(row.name, row.language.value, row.substance) for row in by_key.values() if row is not None
    )


def _owner(earlier: _Candidate, later: _Candidate) -> _Candidate | None:
    """Return the candidate for a name of two substances whose usual name it is; None if it is the usual name of neither.

    Raises:
        ReferenceDataError: it is the usual name of both.
    """
    if earlier.usual and later.usual:
        reason = f"{later.name!r} ({later.language}) stands for {earlier.substance} and {later.substance}"
        raise ReferenceDataError("name_parts.csv", None, f"{reason}, expected one substance")
    if earlier.usual or later.usual:
        return earlier if earlier.usual else later
    return None
