"""Whether the HS code is a telling one, and whether it fits the words.

The description-to-HS model is multinomial naive Bayes over words (Manning, Raghavan and Schuetze 2008, chapter 13): the
probability of each HS heading given the words of the description, with Laplace smoothing. Words and headings are those
frequent in the fit window.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, State, declare
from features.groups.classification.headings import agreement, log_scores
from features.groups.description.group import cut, declared_text, vocabulary_of, words
from features.groups.shared_texts import REMEMBERED, placed_codes, placed_descriptions
from features.reference import hs_exists, hs_of_interest
from features.table.table import ManifestTable
from features.texts.cache import Pairs, TextRows, Texts
from features.texts.words import known_words

FEATURES: Final = declare(
    "classification",
    ("hs_missing", "HS_FORM", "Whether the HS code is missing"),
    ("hs_digits", "HS_FORM", "Digits of the HS code as declared"),
    ("hs_unknown", "HS_FORM", "Whether the code is not in HS 2022"),
    ("hs_chapter", "HS_CHAPTER", "HS chapter declared"),
    ("hs_fentanyl", "HS_OF_INTEREST", "Whether the subheading is one of fentanyls or nitazenes"),
    ("hs_precursor", "HS_OF_INTEREST", "Whether the subheading is one of fentanyl precursors"),
    ("hs_equipment", "HS_OF_INTEREST", "Whether the subheading is one of tablet presses, their parts or lookalikes"),
    ("hs_excipient", "HS_OF_INTEREST", "Whether the subheading is one of binders, fillers or dosage forms"),
    ("hs_cover", "HS_OF_INTEREST", "Whether the subheading was reported as a cover, or looks alike"),
    (
        "hs_text_contradiction",
        "HS_CONTRADICTS_TEXT",
        "1 - P(declared HS chapter given the words of the description)",
        1,
    ),
    ("hs_text_surprise", "HS_CONTRADICTS_TEXT", "-log P(declared HS heading given the words of the description)", 1),
    ("hs_text_certainty", "HS_TEXT", "Largest P(HS chapter given the words of the description)"),
    ("hs_chemical_chapter", "HS_CHAPTER", "Whether the code lies in the chemical chapters 28, 29, 30, 32, 33 or 38"),
    ("text_chemical_probability", "HS_TEXT", "P(chemical chapters given the words of the description)"),
)
_ROLES: Final = {
    "fentanyl": 4, "nitazene": 4, "precursor": 5, "residual": 5, "reagent": 5, "equipment": 6, "equipment_lookalike": 6,
    "excipient": 7, "dosage_form": 7, "cover": 8, "lookalike": 8,
}  # fmt: skip
#: From this feature on they depend on the text, or on the heading alone.
_FIRST_OF_PAIR: Final = 9
_CHEMICAL: Final = frozenset({"28", "29", "30", "32", "33", "38"})
_WORDS: Final = 3000
_HEADINGS: Final = 250
_LEAST_ROWS: Final = 10
_SMOOTHING: Final = 0.1
#: The surprise of a heading the model never saw is 12, the largest it gives.
_LEAST: Final = float(np.exp(-12.0))


class ClassificationGroup(Group):
    """The HS code and its agreement with the words; learns the description-to-HS model."""

    name = "classification"
    learns = True
    features = FEATURES

    def __init__(self) -> None:
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
        kept = np.argsort(-counts, kind="stable")[:_HEADINGS]
        kept = np.sort(kept[counts[kept] >= _LEAST_ROWS])
        self.headings_ = [str(names[position]) for position in kept.tolist()]
        new = np.full(len(names), -1)
        new[kept] = np.arange(len(kept))
        classes = new[of_row]
        pairs, weight = np.unique(
            np.stack([text.codes[usable][classes >= 0], classes[classes >= 0]]), axis=1, return_counts=True
        )
        table_of_counts = np.full((len(self.words_), len(kept)), _SMOOTHING)
        for code, column, count in zip(pairs[0].tolist(), pairs[1].tolist(), weight.tolist(), strict=True):
            for word in words(text.values[code]):
                if (position := self.words_.get(word)) is not None:
                    table_of_counts[position, column] += count
        rows = np.bincount(classes[classes >= 0], minlength=len(kept)).astype(np.float64)
        given = np.log(table_of_counts / (rows[None, :] + 2 * _SMOOTHING)) if len(kept) else table_of_counts
        # Half precision on disk is enough; rounding now keeps a saved model equal to the one that was fitted.
        self.log_given_ = given.astype(np.float16).astype(np.float32)
        self.log_prior_ = np.log(rows / max(rows.sum(), 1.0)).astype(np.float16).astype(np.float32)
        self._prepare()

    def _prepare(self) -> None:
        chapters = sorted({heading[:2] for heading in self.headings_})
        self._heading_at = {heading: position for position, heading in enumerate(self.headings_)}
        self._chapter_at = {chapter: position for position, chapter in enumerate(chapters)}
        # Headings are sorted, so those of a chapter are neighbours.
        starts = np.searchsorted([heading[:2] for heading in self.headings_], chapters)
        self._chapter_start = np.append(starts, len(self.headings_)).astype(np.int64)
        self._chemical = np.array([chapter in _CHEMICAL for chapter in chapters], dtype=np.float32)
        # What pairs tell apart of codes: headings and chapters that the model knows, others of chemicals or not, and none.
        headings, chapters_known = len(self.headings_), len(chapters)
        self._others = headings + chapters_known
        self._none = self._others + 2
        # Of each of these the heading and the chapter; -1 where the model does not know it, -2 of none.
        self._heading_of = np.full(self._none + 1, -1)
        self._heading_of[:headings], self._heading_of[-1] = np.arange(headings), -2
        self._chapter_of = np.full(self._none + 1, -1)
        self._chapter_of[:headings] = [self._chapter_at[heading[:2]] for heading in self.headings_]
        self._chapter_of[headings : self._others], self._chapter_of[-1] = np.arange(chapters_known), -2
        self._is_chemical = np.zeros(self._none + 1)
        known = self._chapter_of >= 0
        self._is_chemical[known] = self._chemical[self._chapter_of[known]]
        self._is_chemical[self._others], self._is_chemical[-1] = 1.0, np.nan
        self._number_of = TextRows(self._numbers, np.zeros(1))
        self._class_of = TextRows(self._classes, np.array([self._none]))
        self._pairs = Texts(REMEMBERED)
        self._of_pair = TextRows(self._pair_rows, np.full(len(FEATURES) - _FIRST_OF_PAIR, np.nan))

    def fill(self, table: ManifestTable, history: FloatArray, out: FloatArray) -> None:
        hs, text = table.text("hs_code"), declared_text(table)
        codes = placed_codes(table)
        _OF_CODE.fill(codes, hs.codes, out, 0)
        pairs = Pairs(placed_descriptions(table, text), text.codes, self._class_of.numbers(codes, hs.codes))
        self._of_pair.fill(self._pairs.placed_pairs(pairs, self._none + 1), None, out, _FIRST_OF_PAIR)

    def _numbers(self, words: list[str]) -> list[float]:
        """Numbers of words, -1 of those that the model does not know."""
        return [self.words_.get(word, -1) for word in words]

    def _classes(self, codes: list[str]) -> list[float]:
        """What of HS codes pairs tell apart."""
        return [self._class(code[:4], code[:2]) for code in codes]

    def _class(self, heading: str, chapter: str) -> int:
        known = self._heading_at.get(heading)
        if known is None and (number := self._chapter_at.get(chapter)) is not None:
            known = len(self.headings_) + number
        return known if known is not None else self._others + (chapter not in _CHEMICAL)

    def _pair_rows(self, pairs: Pairs) -> FloatArray:
        """(pairs, 5) agreement of texts and HS codes, and what either says of chemicals: the last features of the group."""
        rows = np.full((len(pairs), len(FEATURES) - _FIRST_OF_PAIR), np.nan)
        rows[:, 3] = self._is_chemical[pairs.classes]
        if self.headings_:
            # Texts that are new to all groups are cut into words once for all of them.
            for codes in pairs.distinct_texts():
                if codes:
                    self._compare(pairs, codes, rows)
            rows[:, 1] = -np.log(rows[:, 1].copy())
        return rows

    def _compare(self, pairs: Pairs, codes: list[int], rows: FloatArray) -> None:
        """Write what P(heading | words) of some texts says into the ``rows`` of `_pair_rows`; the surprise as a probability."""
        texts = pairs.texts.values
        found = cut(tuple([texts[code] for code in codes]))
        place, length = np.empty(len(found.pieces), dtype=np.int64), np.empty(len(codes), dtype=np.int64)
        known = known_words(found, self._number_of.of(found.placed), place, length)
        odds = np.empty(len(codes) * len(self.headings_), dtype=np.float32)
        column = np.empty(max(known, 1), dtype=np.float32)
        log_scores(place, length, self.log_given_, self.log_prior_, column, odds)
        np.exp(odds, out=odds)
        scratch = np.empty((len(codes) + 1, len(self._chemical) + 2), dtype=np.float32)
        agreement(
            odds, length, self._chapter_start, self._chemical, scratch, codes, pairs, self._heading_of, self._chapter_of,
            _LEAST, rows,
        )  # fmt: skip

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
            raise ValueError(f"log_given has shape {self.log_given_.shape}, not words by headings.")
        self._prepare()


def _code_rows(codes: list[str]) -> FloatArray:
    """(codes, 9) what an HS code says by itself: the first features of the group."""
    rows = np.zeros((len(codes), _FIRST_OF_PAIR))
    rows[:, 1] = [len(code) for code in codes]
    rows[:, 2] = [not hs_exists(code) for code in codes]
    rows[:, 3] = [float(code[:2]) for code in codes]
    interests = hs_of_interest()
    for row, code in enumerate(codes):
        interest = interests.get(code[:6])
        if interest is not None and (at := _ROLES.get(interest.role.value)) is not None:
            rows[row, at] = 1.0
    return rows


_OF_CODE: Final = TextRows(_code_rows, np.array([1.0, *[np.nan] * 3, *[0.0] * 5]))
