"""Facts that a vague goods description lacks, in words that an officer can send to the declarant.

Customs require that a description states what the goods are, their material and their use (European Commission, ICS2 guidance on
acceptable goods descriptions; US CBP, "Acceptable vs. unacceptable cargo descriptions"). The missing fact depends on whether the
words leave the chapter or only the heading open, and on the fact that distinguishes the headings of the likeliest chapters.
"""

from __future__ import annotations

from bisect import bisect_left
from enum import StrEnum
from functools import cache
from typing import Final

from features.reference import stop_words
from features.reference.words import goods_words
from features.texts.folding import words


class Missing(StrEnum):
    """Facts that a description may lack."""

    GOODS = "what the goods are"
    WHOLE = "what they are parts of"
    SUBSTANCE = "the name of the substance"
    PREPARATION = "how they are preserved or prepared"
    MATERIAL = "the material"
    USE = "what they are used for"


#: Minimum probability at which a chapter, a heading within its chapter, or a fact counts as certain.
SURE: Final = 0.5
#: Words that name parts of other goods.
_PARTS: Final = frozenset(words(" ".join(goods_words()["parts"]["words"])))
#: Last chapter of each group of chapters, and the fact that distinguishes the goods of the group: the preparation of food, the name
#: of chemicals and medicines, the material of articles, and the use of cosmetics, machines and instruments. A group with MATERIAL
#: is one section of the HS, except that the last group is two sections.
_GROUPS: Final = (
    (24, Missing.PREPARATION),
    (32, Missing.SUBSTANCE),
    (34, Missing.USE),
    (38, Missing.SUBSTANCE),
    *((last, Missing.MATERIAL) for last in (40, 43, 46, 49, 63, 67, 70, 71, 83)),
    (93, Missing.USE),
    (97, Missing.MATERIAL),
)
_LAST: Final = [last for last, _ in _GROUPS]


def _group_of(chapter: str) -> int:
    return bisect_left(_LAST, int(chapter))


@cache
def generic_words() -> frozenset[str]:
    """Return the words of terms that customs and carriers reject as too vague, folded."""
    return frozenset(word for term in stop_words() for word in words(term))


def missing(
    text_words: tuple[str, ...], *, known: bool, chapters: tuple[tuple[str, float], ...], heading_p: float
) -> tuple[Missing, ...]:
    """Return the facts that a vague text lacks.

    Args:
        text_words: the folded words of the text.
        known: True if the model knows a word of the text.
        chapters: the likeliest chapters with their probabilities, likeliest first.
        heading_p: probability of the likeliest heading, given its chapter.
    """
    if not known or not chapters:
        return (Missing.GOODS,)
    kind, is_one_group = _kind_of_most(chapters)
    is_generic = generic_words().issuperset(text_words)
    is_sure = chapters[0][1] >= SURE and not is_generic
    if is_sure and kind is not None:
        return (kind, Missing.USE) if kind is Missing.MATERIAL and heading_p < SURE else (kind,)
    if kind is Missing.SUBSTANCE:
        # The name of the substance also states what the goods are.
        return (kind,)
    lacking = [Missing.GOODS] if _PARTS.isdisjoint(text_words) else [Missing.GOODS, Missing.WHOLE]
    # Within a section the material is known: "cotton" may be yarn, fabric or a shirt.
    if kind is Missing.MATERIAL and not is_generic and not is_one_group:
        lacking.append(kind)
    return tuple(lacking)


def _kind_of_most(chapters: tuple[tuple[str, float], ...]) -> tuple[Missing | None, bool]:
    """Return the fact that distinguishes the goods of the likeliest chapters, and whether its chapters form one group.

    The fact is None unless its chapters together have a probability of at least `SURE`.
    """
    shares: dict[Missing, float] = {}
    groups: dict[Missing, set[int]] = {}
    for chapter, p in chapters:
        group = _group_of(chapter)
        kind = _GROUPS[group][1]
        shares[kind] = shares.get(kind, 0.0) + p
        groups.setdefault(kind, set()).add(group)
    most = max(shares, key=lambda fact: shares[fact])
    return (most, len(groups[most]) == 1) if shares[most] >= SURE else (None, True)
