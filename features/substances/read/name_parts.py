"""Parts of English names of substances, and Chinese names in traditional characters and in pinyin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from features.reference.translations import SLOT, Language, han_characters, name_parts
from features.substances.normalise import fold

#: Parts that state the position of a substituent.
LOCANTS: Final = frozenset({"ortho", "meta", "para", "alpha", "beta"})
_RUN: Final = re.compile(r"[^\W\d_]+|[\W\d_]")


class Composition(NamedTuple):
    """An English name in parts: frames from the outside in, and (text, whether it is a part) of each piece in order."""

    frames: tuple[str, ...]
    pieces: tuple[tuple[str, bool], ...]


@cache
def _english() -> tuple[dict[str, str], tuple[tuple[str, str, str], ...]]:
    """Return English forms in one line -> part, and the frames as (before, after, part), the longest first."""
    in_line: dict[str, str] = {}
    frames: list[tuple[str, str, str]] = []
    for part, languages in name_parts().items():
        english = languages[Language.ENGLISH]
        for form in english.forms:
            if english.frames:
                before, _, after = form.partition(SLOT)
                frames.append((before, after, part))
            else:
                in_line[form] = part
    return in_line, tuple(sorted(frames, key=lambda frame: -len(frame[0] + frame[1])))


def segment(word: str) -> tuple[str, ...] | None:
    """Return the fewest parts that make up a run of lower-case letters, or None. A single letter is a part only if it is alone.

    >>> segment("fluoroisobutyrylfentanyl"), segment("ibuprofen")
    (('fluoro', 'isobutyryl', 'fentanyl'), None)
    """
    in_line = _english()[0]
    return (in_line[word],) if word in in_line else fewest_parts(word, in_line, len(word), shortest=2)


def fewest_parts(
    word: str, part_of: Mapping[str, str], longest: int, *, shortest: int = 1, short_last: bool = False
) -> tuple[str, ...] | None:
    """Return the fewest parts that make up a word; None if it is not made of parts.

    Args:
        part_of: how a part is written -> the part.
        longest, shortest: maximum and minimum letters of a written part.
        short_last: whether, among equally many parts, a short last one is preferred instead of a long one.
    """
    best: list[tuple[str, ...] | None] = [(), *[None] * len(word)]
    for end in range(shortest, len(word) + 1):
        for start in range(max(0, end - longest), end - shortest + 1):
            head, part = best[start], part_of.get(word[start:end])
            if head is not None and part is not None:
                current = best[end]
                if current is None or len(head) + 1 < len(current) + short_last:
                    best[end] = (*head, part)
    return best[-1]


def decompose(english: str) -> Composition | None:
    """Return an English name as frames and pieces; None if one of its words is not made of known parts.

    Single letters (``N``), digits, and other characters stay unchanged.
    """
    rest = english.lower()
    frames: list[str] = []
    found = True
    while found:
        found = False
        for before, after, part in _english()[1]:
            if len(rest) > len(before) + len(after) and rest.startswith(before) and rest.endswith(after):
                rest = rest[len(before) : len(rest) - len(after)]
                frames.append(part)
                found = True
                break
    start = english.lower().find(rest)
    pieces: list[tuple[str, bool]] = []
    for match in _RUN.finditer(rest):
        word = match[0]
        parts = segment(word) if word[0].isalpha() else None
        if parts is not None:
            pieces += [(part, True) for part in parts]
        elif len(word) == 1:
            pieces.append((english[start + match.start()], False))
        else:
            return None
    return Composition(tuple(frames), tuple(pieces))


@cache
def distinguished_characters() -> frozenset[str]:
    """Return the simplified characters that matching distinguishes from their traditional forms."""
    rows = han_characters().values()
    return frozenset(row.character for row in rows if {fold(form) for form in row.traditional} != {row.character})


def traditional(chinese: str) -> tuple[str, ...]:
    """Return a Chinese name in traditional characters: one spelling, or two if a character has two forms, the usual one first.

    >>> traditional("对氟丁酰芬太尼")
    ('對氟丁醯芬太尼', '對氟丁酰芬太尼')
    """
    characters = han_characters()
    forms = [characters[char].traditional if char in characters else (char,) for char in chinese]
    usual = "".join(form[0] for form in forms)
    other = "".join(form[-1] for form in forms)
    return (usual,) if usual == other else (usual, other)


def pinyin(chinese: str) -> tuple[str, ...]:
    """Return a Chinese name in pinyin with tone marks and blanks. A name with lǜ is also spelled with lv, as on keyboards.

    >>> pinyin("乙酰芬太尼"), pinyin("4-氯芬太尼")
    (('yǐ xiān fēn tài ní',), ('4-lǜ fēn tài ní', '4-lv fēn tài ní'))
    """
    characters = han_characters()
    written: list[str] = []
    after = False
    for char in chinese:
        row = characters.get(char)
        if row is not None and after:
            written.append(" ")
        written.append(char if row is None else row.syllable)
        after = row is not None
    name = "".join(written)
    plain = name.replace("lǜ", "lv")
    return (name,) if plain == name else (name, plain)
