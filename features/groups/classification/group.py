"""The HS code, and its agreement with the words of the description.

The description-to-HS model is multinomial naive Bayes over words (Manning, Raghavan and Schuetze 2008, chapter 13): the
probability of each HS heading given the words of the description, with Laplace smoothing. Its vocabulary and headings are those
that are frequent in the fit window.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, GroupInput, State, TextCache
from features.groups.classification.columns import FEATURES, FIRST_OF_PAIR, ClassificationColumn
from features.groups.classification.headings import (
    NO_CODE,
    UNKNOWN,
    Classes,
    fill_agreement,
    log_scores,
    normalise,
)
from features.groups.description.group import vocabulary_of
from features.groups.text_cache import CAPACITY
from features.reference import hs_exists, hs_of_interest
from features.table.table import ManifestTable
from features.texts.cache import TextIndex, TextPairs, TextRows
from features.texts.folding import words
from features.texts.words import numbers_of_words

#: Role of a subheading of interest -> its column.
_ROLES: Final = {
    "fentanyl": ClassificationColumn.HS_FENTANYL,
    "nitazene": ClassificationColumn.HS_FENTANYL,
    "precursor": ClassificationColumn.HS_PRECURSOR,
    "residual": ClassificationColumn.HS_PRECURSOR,
    "reagent": ClassificationColumn.HS_PRECURSOR,
    "equipment": ClassificationColumn.HS_EQUIPMENT,
    "equipment_lookalike": ClassificationColumn.HS_EQUIPMENT,
    "excipient": ClassificationColumn.HS_EXCIPIENT,
    "dosage_form": ClassificationColumn.HS_EXCIPIENT,
    "cover": ClassificationColumn.HS_COVER,
    "lookalike": ClassificationColumn.HS_COVER,
}
#: Columns before `FIRST_OF_PAIR` of a missing HS code.
_NO_HS_CODE: Final = np.zeros(FIRST_OF_PAIR)
_NO_HS_CODE[ClassificationColumn.HS_MISSING] = 1.0
_NO_HS_CODE[[ClassificationColumn.HS_DIGITS, ClassificationColumn.HS_UNKNOWN, ClassificationColumn.HS_CHAPTER]] = np.nan
_PAIR_WIDTH: Final = len(FEATURES) - FIRST_OF_PAIR
_SURPRISE: Final = ClassificationColumn.HS_TEXT_SURPRISE - FIRST_OF_PAIR
_CHEMICAL_CHAPTER: Final = ClassificationColumn.HS_CHEMICAL_CHAPTER - FIRST_OF_PAIR
_CHEMICAL: Final = frozenset({"28", "29", "30", "32", "33", "38"})
_WORDS: Final = 3000
_HEADINGS: Final = 250
_LEAST_ROWS: Final = 10
_SMOOTHING: Final = 0.1


class ClassificationGroup(Group):
    """Features of the HS code and of its agreement with the description. The group learns the description-to-HS model."""

    name = "classification"
    learns = True
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        self._code_rows = TextRows(_code_rows, _NO_HS_CODE)
        self.words_: dict[str, int] = {}
        self.headings_: list[str] = []
        self.log_given_: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
        self.log_prior_: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self._prepare()

    def fit(self, table: ManifestTable) -> None:
        text, hs = table.text("goods_description"), table.text("hs_code")
        self.words_, _ = vocabulary_of(text, _WORDS)
        usable = (text.codes >= 0) & (hs.codes >= 0)
        names, heading = np.unique([code[:4] for code in hs.values] or [""], return_inverse=True)
        of_row = heading[hs.codes[usable]]
        counts = np.bincount(of_row, minlength=len(names))
        frequent = np.argsort(-counts, kind="stable")[:_HEADINGS]
        frequent = np.sort(frequent[counts[frequent] >= _LEAST_ROWS])
        self.headings_ = [str(names[position]) for position in frequent.tolist()]
        new = np.full(len(names), -1)
        new[frequent] = np.arange(len(frequent))
        classes = new[of_row]
        pairs, weight = np.unique(
            np.stack([text.codes[usable][classes >= 0], classes[classes >= 0]]), axis=1, return_counts=True
        )
        table_of_counts = np.full((len(self.words_), len(frequent)), _SMOOTHING)
        for code, column, count in zip(pairs[0].tolist(), pairs[1].tolist(), weight.tolist(), strict=True):
            for word in words(text.values[code]):
                if (position := self.words_.get(word)) is not None:
                    table_of_counts[position, column] += count
        rows = np.bincount(classes[classes >= 0], minlength=len(frequent)).astype(np.float64)
        log_given = np.log(table_of_counts / (rows[None, :] + 2 * _SMOOTHING)) if len(frequent) else table_of_counts
        # Bundles store half precision. Round now, so that a saved model equals the fitted one.
        self.log_given_ = log_given.astype(np.float16).astype(np.float32)
        self.log_prior_ = np.log(rows / max(rows.sum(), 1.0)).astype(np.float16).astype(np.float32)
        self._prepare()

    def _prepare(self) -> None:
        """Number the classes of HS codes, and clear the cached rows of texts.

        The classes are, in order, the model's headings, its chapters, other chapters of chemicals, other chapters, and no code.
        """
        chapters = sorted({heading[:2] for heading in self.headings_})
        self._heading_at = {heading: position for position, heading in enumerate(self.headings_)}
        self._chapter_at = {chapter: position for position, chapter in enumerate(chapters)}
        # Headings are sorted, so the headings of a chapter are adjacent.
        starts = np.searchsorted([heading[:2] for heading in self.headings_], chapters)
        chapter_start = np.append(starts, len(self.headings_)).astype(np.int64)
        is_chemical = np.array([chapter in _CHEMICAL for chapter in chapters], dtype=np.float32)
        headings = len(self.headings_)
        self._others = headings + len(chapters)
        self._no_code = self._others + 2
        heading_of = np.full(self._no_code + 1, UNKNOWN)
        heading_of[:headings], heading_of[-1] = np.arange(headings), NO_CODE
        chapter_of = np.full(self._no_code + 1, UNKNOWN)
        chapter_of[:headings] = [self._chapter_at[heading[:2]] for heading in self.headings_]
        chapter_of[headings : self._others], chapter_of[-1] = np.arange(len(chapters)), NO_CODE
        self._classes = Classes(heading_of, chapter_of, chapter_start, is_chemical)
        self._class_is_chemical = np.zeros(self._no_code + 1)
        of_model = chapter_of >= 0
        self._class_is_chemical[of_model] = is_chemical[chapter_of[of_model]]
        self._class_is_chemical[self._others], self._class_is_chemical[-1] = 1.0, np.nan
        self._word_numbers = TextRows(lambda words: [self.words_.get(word, -1) for word in words], np.zeros(1))
        self._class_numbers = TextRows(
            lambda codes: [self._class(code[:4], code[:2]) for code in codes], np.array([self._no_code])
        )
        self._pairs = TextIndex(CAPACITY)
        self._pair_rows = TextRows(self._compute, np.full(_PAIR_WIDTH, np.nan))

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        codes = source.table.text("hs_code").codes
        self._code_rows.fill(source.hs_codes, codes, out, 0)
        classes = self._class_numbers.numbers(source.hs_codes, codes)
        pairs = TextPairs(source.described, source.table.description_or_chemical.codes, classes)
        self._pair_rows.fill(self._pairs.look_up_pairs(pairs, self._no_code + 1), None, out, FIRST_OF_PAIR)

    def _class(self, heading: str, chapter: str) -> int:
        """Return the class of an HS code."""
        number = self._heading_at.get(heading)
        if number is not None:
            return number
        number = self._chapter_at.get(chapter)
        if number is not None:
            return len(self.headings_) + number
        return self._others + (chapter not in _CHEMICAL)

    def _compute(self, pairs: TextPairs) -> FloatArray:
        """Return the columns from `FIRST_OF_PAIR` onwards, one row per pair."""
        rows = np.full((len(pairs), _PAIR_WIDTH), np.nan)
        rows[:, _CHEMICAL_CHAPTER] = self._class_is_chemical[pairs.classes]
        if self.headings_:
            # Process the new texts together, because their tokens are cached as one batch.
            for codes in pairs.distinct_texts():
                if codes:
                    self._compare(pairs, codes, rows)
            rows[:, _SURPRISE] = -np.log(rows[:, _SURPRISE].copy())
        return rows

    def _compare(self, pairs: TextPairs, codes: list[int], rows: FloatArray) -> None:
        """Write the agreement of the HS codes with the words of the texts ``codes`` into ``rows``.

        The surprise is written as a probability.
        """
        texts = pairs.texts.values
        tokenised = self.texts.tokenise([texts[code] for code in codes])
        place, length = np.empty(len(tokenised.pieces), dtype=np.int64), np.empty(len(codes), dtype=np.int64)
        count = numbers_of_words(tokenised, self._word_numbers.of(tokenised.slots), place, length)
        odds = np.empty(len(codes) * len(self.headings_), dtype=np.float32)
        column = np.empty(max(count, 1), dtype=np.float32)
        log_scores(place, length, self.log_given_, self.log_prior_, column, odds)
        np.exp(odds, out=odds)
        probabilities = normalise(odds, len(codes), self._classes)
        # Texts without known words have no number. The last entry is that of a missing text.
        number = np.full(len(texts) + 1, -1, dtype=np.int32)
        for at, (code, words_known) in enumerate(zip(codes, length.tolist(), strict=True)):
            if words_known:
                number[code] = at
        fill_agreement(number[pairs.codes], pairs.classes, probabilities, self._classes, rows)

    def state(self) -> State:
        data = {"words": list(self.words_), "headings": self.headings_}
        return data, {
            "log_given": self.log_given_.astype(np.float16),
            "log_prior": self.log_prior_.astype(np.float16),
        }

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.words_ = {word: position for position, word in enumerate(data["words"])}
        self.headings_ = list(data["headings"])
        self.log_given_ = arrays["log_given"].astype(np.float32, order="C")
        self.log_prior_ = arrays["log_prior"].astype(np.float32)
        if self.log_given_.shape != (len(self.words_), len(self.headings_)):
            raise ValueError(
                f"log_given has shape {self.log_given_.shape}, but expected {(len(self.words_), len(self.headings_))} "
                "(words, headings)."
            )
        self._prepare()


def _code_rows(codes: list[str]) -> FloatArray:
    """Return the columns before `FIRST_OF_PAIR`, one row per HS code."""
    rows = np.zeros((len(codes), FIRST_OF_PAIR))
    rows[:, ClassificationColumn.HS_DIGITS] = [len(code) for code in codes]
    rows[:, ClassificationColumn.HS_UNKNOWN] = [not hs_exists(code) for code in codes]
    rows[:, ClassificationColumn.HS_CHAPTER] = [float(code[:2]) for code in codes]
    interests = hs_of_interest()
    for row, code in enumerate(codes):
        interest = interests.get(code[:6])
        if interest is not None and (column := _ROLES.get(interest.role.value)) is not None:
            rows[row, column] = 1.0
    return rows
