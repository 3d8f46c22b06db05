"""Answers about goods descriptions: likely codes, the fit of a declared code, language, vagueness, and missing facts.

The missing facts are in words that an officer can send to the declarant. Customs require that a description states what the goods
are, their material and their use (European Commission, ICS2 guidance on acceptable goods descriptions; US CBP, "Acceptable vs.
unacceptable cargo descriptions"). The missing fact depends on whether the words leave the chapter or only the heading open, and on
the fact that distinguishes the headings of the likeliest chapters.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.goods.amounts import without_amounts
from features.goods.codes import CODES, HsLevel, Ids
from features.goods.model import GoodsModel, Reading, agreement, goods_model, read_texts
from features.goods.ranking import RANKS, fill_likeliest
from features.goods.scores import FloatArray
from features.reference import stop_words
from features.reference.words import goods_words
from features.texts.cache import TextIndex, TextRows, weak_method
from features.texts.folding import folded, words
from features.texts.scan import words_in
from features.texts.words import Count, TokenisedTexts


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


#: Scripts that determine a language. Kana comes before Han, because Japanese uses both.
_SCRIPTS: Final = (
    ("ja", re.compile(r"[\u3041-\u30ff\uff66-\uff9d]")),
    ("ko", re.compile(r"[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")),
    ("zh", re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")),
)
#: Scripts whose letters also stand in Latin texts, as look-alikes of Latin letters or as symbols of units. They determine the
#: language only of texts whose letters are mostly not Latin.
_SCRIPTS_NOT_IN_LATIN: Final = (
    ("ru", re.compile(r"[\u0400-\u052f]")),
    ("el", re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")),
)
#: Languages in other scripts. Words in Latin letters are no evidence for them.
_OTHER_SCRIPTS: Final = frozenset({"bg", "el", "ja", "ko", "ru", "zh"})


def votes(bits: NDArray[np.int64], languages: tuple[str, ...]) -> FloatArray:
    """Return the votes of words (n, languages). A word seen in k languages gives each of them 1/k of a vote.

    Args:
        bits: (n,) bit i is set if the word was seen in ``languages[i]``.
    """
    shifts = np.arange(len(languages))
    seen = (bits[:, None] >> shifts & 1).astype(np.float64)
    return np.asarray(seen / np.maximum(seen.sum(axis=1, keepdims=True), 1.0))


def guess(texts: list[str], latin: NDArray[np.bool_], sums: FloatArray, languages: tuple[str, ...]) -> list[str | None]:
    """Return the language of each text, or None if neither script nor words indicate one.

    Args:
        latin: (n,) True if most letters of the text are Latin.
        sums: (n, languages) sum of the votes of each text's words.
    """
    latin_alphabet = np.array([language not in _OTHER_SCRIPTS for language in languages])
    counted = np.where(latin_alphabet, sums, 0.0)
    # English wins ties, as the main language of trade.
    counted[:, np.array(languages) == "en"] *= 1.0 + 1e-6
    best = counted.argmax(axis=1).tolist()
    with_votes = (counted.max(axis=1) > 0.0).tolist()
    guesses: list[str | None] = []
    for text, is_latin, number, has_votes in zip(texts, latin.tolist(), best, with_votes, strict=True):
        by_script = None if text.isascii() else _by_script(text, latin=is_latin)
        guesses.append(by_script or (languages[number] if is_latin and has_votes else None))
    return guesses


def _by_script(text: str, *, latin: bool) -> str | None:
    for language, pattern in _SCRIPTS:
        if pattern.search(text):
            return language
    if latin:
        return None
    for language, pattern in _SCRIPTS_NOT_IN_LATIN:
        if pattern.search(text):
            return language
    return None


#: Number of texts classified at once. It bounds the working memory (a few kilobytes per text) and the time for which compiled loops
#: hold the global interpreter lock (10 ms).
_BATCH: Final = 128
#: Number of words whose vectors are cached, a kilobyte each.
_WORDS: Final = 32_768
#: Decimals of probabilities and vagueness, and of log-likelihood ratios.
_P_DECIMALS: Final = 6
_FIT_DECIMALS: Final = 4


class Likely(NamedTuple):
    """A code and its calibrated probability."""

    code: str
    p: float


@dataclass(frozen=True, slots=True)
class GoodsAnswer:
    """Answer about one description.

    Attributes:
        language: guessed language, ISO 639-1; None if neither script nor words indicate one.
        chapters, headings, subheadings: the three likeliest codes, likeliest first; empty for a text without words.
        code_fit: log-likelihood ratio (natural logarithm) of the declared code: negative if the words contradict it, 0 if they are
            neutral. None for an empty text, and without a code in a chapter of HS 2022.
        code_contradicted: True if the ratio is below the model's threshold; None without a ratio.
        vague: vagueness, 0 to 1. ``vague_flagged``: True if it reaches the model's threshold.
        missing: facts that a flagged text lacks.
    """

    language: str | None = None
    chapters: tuple[Likely, ...] = ()
    headings: tuple[Likely, ...] = ()
    subheadings: tuple[Likely, ...] = ()
    code_fit: float | None = None
    code_contradicted: bool | None = None
    vague: float = 1.0
    vague_flagged: bool = True
    missing: tuple[str, ...] = ()


EMPTY: Final = GoodsAnswer()


class GoodsReader:
    """Reads goods descriptions with a model. Threads may share it.

    Args:
        words: number of words whose vectors are cached.
    """

    def __init__(self, model: GoodsModel, words: int = _WORDS) -> None:
        self.model = model
        self._languages = model.settings.languages
        self._index = TextIndex(words)
        self._rows = TextRows(weak_method(self._word_rows), np.zeros(model.width + 2))
        self._names = [np.array(names, dtype=object) for names in CODES.names]
        self._votes = TextRows(weak_method(self._word_votes), np.zeros(len(self._languages)))

    def classify(self, texts: Sequence[str], codes: Sequence[str | None]) -> list[GoodsAnswer]:
        """Return an answer per text, which does not depend on the other texts.

        Args:
            codes: the declared code of each text as digits, or None.
        """
        answers: list[GoodsAnswer] = []
        for start in range(0, len(texts), _BATCH):
            answers += self._classify(list(texts[start : start + _BATCH]), codes[start : start + _BATCH])
        return answers

    def languages(self, texts: list[str]) -> list[str | None]:
        """Return the guessed language of each text as in `GoodsAnswer`."""
        languages: list[str | None] = []
        for start in range(0, len(texts), _BATCH):
            part = texts[start : start + _BATCH]
            tokens = TokenisedTexts(without_amounts(part), folded, self._index)
            languages += self._guesses(part, tokens, self._language_votes(tokens))
        return languages

    def _guesses(self, texts: list[str], tokens: TokenisedTexts, sums: FloatArray) -> list[str | None]:
        counts = tokens.count_rows
        latin = (counts[:, Count.LETTERS] > 0) & (2 * counts[:, Count.LATIN] > counts[:, Count.LETTERS])
        return guess(texts, latin, sums, self._languages)

    def knows_words(self, text: str) -> bool:
        """Return whether a text has words and all of them occur in the training texts."""
        words = words_in(folded(text))
        return bool(words) and bool(self.model.languages_of(list(words)).all())

    def _classify(self, texts: list[str], codes: Sequence[str | None]) -> list[GoodsAnswer]:
        tokens = TokenisedTexts(without_amounts(texts), folded, self._index)
        reading = read_texts(self.model, tokens, self._rows.of(tokens.slots))
        ids = np.empty((len(texts), 3 * RANKS), dtype=np.int32)
        shares = np.empty((len(texts), 3 * RANKS))
        fill_likeliest(reading.vectors, reading.chapters, reading.doubt, self.model, ids, shares)
        numbers = np.array([_numbers(code) for code in codes], dtype=np.int32).reshape(-1, 2)
        fits = self._fits(reading, numbers)
        has_words = np.diff(np.asarray(tokens.word_ends), prepend=0) > 0
        ids[~has_words] = -1
        sums = self._language_votes(tokens)
        languages = self._guesses(texts, tokens, sums)
        known = (sums.sum(axis=1) > 0.0).tolist()
        likely = [_likely(self._names[level], level, ids, shares) for level in HsLevel]
        vague = np.round(reading.vague, _P_DECIMALS)
        settings = self.model.settings
        flagged = vague >= settings.vague_flagged
        columns = zip(texts, languages, *likely, fits, vague.tolist(), flagged.tolist(), strict=True)
        answers = [
            GoodsAnswer(
                language,
                chapters,
                headings,
                subheadings,
                fit,
                None if fit is None else fit < settings.contradicted,
                degree,
                is_vague,
            )
            if text and not text.isspace()
            else EMPTY
            for text, language, chapters, headings, subheadings, fit, degree, is_vague in columns
        ]
        for row in np.flatnonzero(flagged).tolist():
            if answers[row] is not EMPTY:
                answers[row] = self._with_missing(answers[row], tokens.words_of(row), known=known[row])
        return answers

    def _fits(self, reading: Reading, numbers: Ids) -> list[float | None]:
        """Return the log-likelihood ratio of each code; None for a code without a chapter of HS 2022."""
        pairs = np.flatnonzero(numbers[:, HsLevel.CHAPTER] >= 0).astype(np.int32)
        fits: list[float | None] = [None] * len(numbers)
        ratios = agreement(self.model, reading, pairs, np.ascontiguousarray(numbers[pairs])).sum(axis=1)
        for row, ratio in zip(pairs.tolist(), np.round(ratios, _FIT_DECIMALS).tolist(), strict=True):
            # Avoid the negative zero of tiny ratios.
            fits[row] = ratio + 0.0
        return fits

    def _with_missing(self, answer: GoodsAnswer, words: list[str], *, known: bool) -> GoodsAnswer:
        likeliest = answer.chapters[0].p if answer.chapters else 1.0
        lacking = missing(
            tuple(words),
            known=known,
            chapters=answer.chapters,
            heading_p=answer.headings[0].p / max(likeliest, 1e-9) if answer.headings else 0.0,
        )
        return replace(answer, missing=tuple(map(str, lacking)))

    def _language_votes(self, tokens: TokenisedTexts) -> FloatArray:
        """Return the sum of the language votes of each text's words, shape (n, languages)."""
        ends = np.asarray(tokens.word_ends)
        starts = np.concatenate([[0], ends[:-1]])
        sums = np.zeros((len(ends), len(self._languages)))
        filled = np.flatnonzero(ends > starts)
        if len(filled):
            slots = np.asarray(tokens.slots.slots)[np.asarray(tokens.words)[: ends[-1]]]
            sums[filled] = np.add.reduceat(self._votes.of(tokens.slots)[slots], starts[filled], axis=0)
        return sums

    def _word_rows(self, pieces: list[str]) -> FloatArray:
        """Return `GoodsModel.word_rows` of the pieces that are words; 0 for numbers and other tokens."""
        rows = np.zeros((len(pieces), self.model.width + 2))
        are_words = [at for at, piece in enumerate(pieces) if words_in(piece) == (piece,)]
        rows[are_words] = self.model.word_rows([pieces[at] for at in are_words])
        return rows

    def _word_votes(self, pieces: list[str]) -> FloatArray:
        return votes(self.model.languages_of(pieces), self._languages)


def _numbers(code: str | None) -> tuple[int, int]:
    return (-1, -1) if code is None else CODES.numbers(code)[:2]


def _likely(names: NDArray[np.object_], level: int, ids: Ids, shares: FloatArray) -> list[tuple[Likely, ...]]:
    """Return each text's likeliest codes of a level, with their probabilities; empty if its row of ``ids`` contains -1.

    Args:
        names: the codes of the level.
    """
    columns = slice(level * RANKS, (level + 1) * RANKS)
    codes = names[ids[:, columns]].ravel().tolist()
    # One pass over all texts in C is several times faster than a loop per text.
    flat = map(Likely._make, zip(codes, np.round(shares[:, columns], _P_DECIMALS).ravel().tolist(), strict=True))
    likeliest: list[tuple[Likely, ...]] = list(zip(*[flat] * RANKS, strict=True))
    for row in np.flatnonzero(ids[:, columns.start] < 0).tolist():
        likeliest[row] = ()
    return likeliest


@cache
def goods_reader() -> GoodsReader:
    """Return the reader with the bundled model."""
    return GoodsReader(goods_model())
