"""Answers about goods descriptions: likely codes, the fit of a declared code, vagueness, and missing facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.goods.amounts import without_amounts
from features.goods.classifier import Reading, agreement, read_texts
from features.goods.codes import CODES, HsLevel, Ids
from features.goods.language import guess, votes
from features.goods.missing import missing
from features.goods.model import GoodsModel, goods_model
from features.goods.ranking import RANKS, fill_likeliest
from features.goods.scores import FloatArray
from features.texts.cache import TextIndex, TextRows, weak_method
from features.texts.folding import folded
from features.texts.scan import words_in
from features.texts.words import Count, TokenisedTexts

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
        counts = tokens.count_rows
        latin = (counts[:, Count.LETTERS] > 0) & (2 * counts[:, Count.LATIN] > counts[:, Count.LETTERS])
        languages = guess(texts, latin, sums, self._languages)
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
