"""Facts that a vague goods description lacks, in words an officer would write to the declarant.

Customs ask for what the goods are, what they are made of and what they are for (European Commission, ICS2 guidance on acceptable
goods descriptions; US CBP, "Acceptable vs. unacceptable cargo descriptions"). Which of these is missing follows from what the
words leave open: the chapter, or the heading within a chapter, and what tells the headings of that chapter apart.
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


#: An answer is sure of a code from this probability on, of a heading within its chapter.
SURE: Final = 0.5
#: Words for a part of something.
_PARTS: Final = frozenset(words(" ".join(goods_words()["parts"]["words"])))
#: Last chapter of a group, and what tells its goods apart: food by its preparation, chemicals and medicines by their name, articles
#: by their material, cosmetics, machines and instruments by their use. Groups of a material are sections of the HS.
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
    """Return what a vague text lacks.

    Args:
        text_words: the folded words of the text.
        known: whether the model knows a word of the text.
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
        # The name says what the goods are.
        return (kind,)
    lacking = [Missing.GOODS] if _PARTS.isdisjoint(text_words) else [Missing.GOODS, Missing.WHOLE]
    # Within a section the material is known: "cotton" may be yarn, fabric or a shirt.
    if kind is Missing.MATERIAL and not is_generic and not is_one_group:
        lacking.append(kind)
    return tuple(lacking)


def _kind_of_most(chapters: tuple[tuple[str, float], ...]) -> tuple[Missing | None, bool]:
    """Return what tells the goods of the likeliest chapters apart, if one fact does for most of the probability.

    Returns:
        The fact or None; whether all chapters in which it counts are of one group.
    """
    shares: dict[Missing, float] = {}
    groups: dict[Missing, set[int]] = {}
    for chapter, p in chapters:
        group = _group_of(chapter)
        kind = _GROUPS[group][1]
        shares[kind] = shares.get(kind, 0.0) + p
        groups.setdefault(kind, set()).add(group)
    most = max(shares, key=lambda one: shares[one])
    return (most, len(groups[most]) == 1) if shares[most] >= SURE else (None, True)
