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
from features.groups.description import declared_text, vocabulary_of, words
from features.reference import hs_exists, hs_of_interest
from features.table import Coded, ManifestTable

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
_CHEMICAL: Final = frozenset({"28", "29", "30", "32", "33", "38"})
_WORDS: Final = 3000
_HEADINGS: Final = 250
_LEAST_ROWS: Final = 10
_SMOOTHING: Final = 0.1
#: Texts classified at a time: texts x words per text x headings floats are in memory.
_PART: Final = 2048
#: The surprise of a heading the model never saw, and the largest it gives.
_MOST_SURPRISE: Final = 12.0


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
        self._chapter_start = np.searchsorted([heading[:2] for heading in self.headings_], chapters)
        self._chemical = np.array([chapter in _CHEMICAL for chapter in chapters], dtype=np.float32)

    def posterior(self, texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """P(heading | words) (texts, headings), and which texts have a known word at all."""
        positions = [[self.words_[word] for word in words(text) if word in self.words_] for text in texts]
        known = np.array([bool(found) for found in positions], dtype=bool)
        scores = np.tile(self.log_prior_, (len(texts), 1))
        if known.any():
            flat = np.array([position for found in positions for position in found], dtype=np.int64)
            lengths = np.array([len(found) for found in positions if found])
            starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
            scores[known] += np.add.reduceat(self.log_given_[flat], starts, axis=0)
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        return scores, known

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        hs = table.text("hs_code")
        matrix = np.asarray(
            hs.lookup(np.array([_of_code(c) for c in hs.values]).reshape(-1, 14), np.nan), dtype=np.float64
        )
        missing = hs.codes < 0
        matrix[missing, 0] = 1.0
        matrix[missing, 4:9] = 0.0
        matrix[:, 9:12] = np.nan
        matrix[:, 13] = np.nan
        if self.headings_:
            self._compare(matrix, declared_text(table), hs)
        return matrix

    def _compare(self, matrix: FloatArray, text: Coded, hs: Coded) -> None:
        heading = hs.lookup(np.array([self._heading_at.get(c[:4], -1) for c in hs.values], dtype=np.int64), -2)
        chapter = hs.lookup(np.array([self._chapter_at.get(c[:2], -1) for c in hs.values], dtype=np.int64), -2)
        order = np.argsort(text.codes, kind="stable")
        bounds = np.searchsorted(text.codes[order], np.arange(0, len(text.values) + _PART, _PART))
        for part in range(len(bounds) - 1):
            rows = order[bounds[part] : bounds[part + 1]]
            if not len(rows):
                continue
            headings, known = self.posterior(text.values[part * _PART : (part + 1) * _PART])
            # Sums, not a matrix product: the last bits of a product depend on how many rows it gets.
            chapters = np.ascontiguousarray(np.add.reduceat(headings, self._chapter_start, axis=1))
            of_row = text.codes[rows] - part * _PART
            certainty = chapters.max(axis=1)
            chemical = (chapters * self._chemical).sum(axis=1)
            own_heading, own_chapter = heading[rows], chapter[rows]
            p_heading = np.where(own_heading >= 0, headings[of_row, np.maximum(own_heading, 0)], 0.0)
            p_chapter = np.where(own_chapter >= 0, chapters[of_row, np.maximum(own_chapter, 0)], 0.0)
            comparable = known[of_row] & (own_heading > -2)
            surprise = -np.log(np.maximum(p_heading, np.exp(-_MOST_SURPRISE)))
            matrix[rows, 9] = np.where(comparable, 1.0 - np.minimum(p_chapter, 1.0), np.nan)
            matrix[rows, 10] = np.where(comparable, surprise, np.nan)
            matrix[rows, 11] = np.where(known[of_row], certainty[of_row], np.nan)
            matrix[rows, 13] = np.where(known[of_row], chemical[of_row], np.nan)

    def state(self) -> State:
        data = {"words": list(self.words_), "headings": self.headings_}
        return data, {
            "log_given": self.log_given_.astype(np.float16),
            "log_prior": self.log_prior_.astype(np.float16),
        }

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.words_ = {word: position for position, word in enumerate(data["words"])}
        self.headings_ = list(data["headings"])
        self.log_given_ = arrays["log_given"].astype(np.float32)
        self.log_prior_ = arrays["log_prior"].astype(np.float32)
        if self.log_given_.shape != (len(self.words_), len(self.headings_)):
            raise ValueError(f"log_given has shape {self.log_given_.shape}, not words by headings.")
        self._prepare()


def _of_code(code: str) -> list[float]:
    row = [0.0] * 14
    row[1] = float(len(code))
    row[2] = float(not hs_exists(code))
    row[3] = float(code[:2])
    interest = hs_of_interest().get(code[:6])
    if interest is not None and (at := _ROLES.get(interest.role.value)) is not None:
        row[at] = 1.0
    row[12] = float(code[:2] in _CHEMICAL)
    return row
