"""Features of the HS code, and of its agreement with the words of the description (`features.goods`)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.goods.amounts import without_amounts
from features.goods.codes import CHEMICAL_CHAPTERS, CODES, HsLevel
from features.goods.model import agreement, goods_model, read_texts, shares
from features.goods.scores import Fit, Share
from features.groups.base import CAPACITY, Column, FloatArray, Group, GroupInput, State, TextCache, declare
from features.groups.shown import CODE, FLAG, Shown, percent, ratio
from features.reference import hs_exists, hs_of_interest
from features.texts.cache import TextIndex, TextPairs, TextRows, weak_method

#: Probability of a chemical that the words of two in three goods stay below, measured in three of the authors' worlds.
_MOST_GOODS: Final = 0.02


def _chemical(value: float) -> str:
    """Return the probability that words name a chemical in words."""
    probability = f"probability {percent(value)}"
    if value < _MOST_GOODS:
        return f"no chemical ({probability})"
    if value < 0.3:
        return f"less sure than for most goods that this is no chemical ({probability}, for most under {percent(_MOST_GOODS)})"
    return f"{'probably' if value >= 0.5 else 'possibly'} a chemical ({probability})"


class ClassificationColumn(Column):
    """Columns of the group, in order."""

    HS_MISSING = "HS_FORM", "the HS code is missing", FLAG
    HS_DIGITS = "HS_FORM", "Digits of the HS code as declared", CODE
    HS_UNKNOWN = "HS_FORM", "the code is not in HS 2022", FLAG
    HS_CHAPTER = "HS_CHAPTER", "HS chapter declared", CODE
    HS_FENTANYL = "HS_OF_INTEREST", "the subheading is one of fentanyls", FLAG
    HS_PRECURSOR = (
        "HS_OF_INTEREST",
        "the subheading is one of fentanyl precursors, or a broad one that contains them or nitazenes",
        FLAG,
    )
    HS_EQUIPMENT = "HS_OF_INTEREST", "the subheading is one of tablet presses, their parts or lookalikes", FLAG
    HS_EXCIPIENT = "HS_OF_INTEREST", "the subheading is one of binders, fillers or dosage forms", FLAG
    HS_COVER = "HS_OF_INTEREST", "the subheading was reported as a cover, or looks alike", FLAG
    HS_TEXT_CONTRADICTION = (
        "HS_CONTRADICTS_TEXT",
        "How far the words contradict the HS code: minus its log-likelihood ratio, 0 where they fit or say nothing",
        Shown(
            ratio,
            "The automatic reading of the words speaks against the HS code",
            denied="The automatic reading of the words does not speak against the HS code",
        ),
        1,
    )
    HS_TEXT_AGREEMENT = (
        "HS_TEXT",
        "How well the words fit the HS code: its log-likelihood ratio, 0 where they do not",
        Shown(
            ratio,
            "The words speak for the HS code",
            denied="It is not certain that the words fit the HS code",
        ),
        -1,
    )
    HS_TEXT_CERTAINTY = (
        "HS_TEXT",
        "Largest P(HS chapter given the words of the description)",
        Shown(percent, "Probability of the likeliest HS chapter, given these words"),
    )
    HS_CHEMICAL_CHAPTER = "HS_CHAPTER", "the code is in the chemical chapters 28, 29 or 38", FLAG
    TEXT_CHEMICAL_PROBABILITY = (
        "HS_TEXT",
        "P(chemical chapters given the words of the description)",
        Shown(_chemical, "Automatic reading of the words", usual_within=_MOST_GOODS),
    )
    CHEMICAL_TEXT_HARMLESS_CODE = (
        "HS_CONTRADICTS_TEXT",
        "Log-likelihood ratio of chemicals given the words, under a code outside the chemical chapters; otherwise 0",
        Shown(
            ratio,
            "The automatic reading of the words speaks for chemicals, the HS code does not",
            denied="The words do not speak for chemicals under a code of other goods",
        ),
        1,
    )
    HARMLESS_TEXT_CHEMICAL_CODE = (
        "HS_CONTRADICTS_TEXT",
        "Minus the log-likelihood ratio of chemicals given the words, under a code of the chemical chapters; 0 for words that "
        "say nothing about their goods",
        Shown(
            ratio,
            "The automatic reading of the words speaks for other goods than the HS code's chemicals",
            denied="The words do not speak for other goods under a code of chemicals",
        ),
    )
    TEXT_DOUBT = (
        "HS_TEXT",
        "P(the words of the description say nothing about the goods)",
        Shown(percent, "Uncertainty of the automatic reading of the words"),
    )
    DESCRIPTION_VAGUENESS = (
        "DESCRIPTION_VAGUE",
        "How likely a customs office rejects the description as too vague, 0 to 1",
        Shown(percent, "Probability that customs reject the description as vague"),
    )


#: Columns before this one depend on the full HS code. The others depend on the description and on the heading at most.
FIRST_OF_PAIR: Final = ClassificationColumn.HS_TEXT_CONTRADICTION
FEATURES: Final = declare("classification", ClassificationColumn)


#: Role of a subheading of interest -> column. Those of general reagents (aniline) and of adulterants have none.
_ROLES: Final = {
    "fentanyl": ClassificationColumn.HS_FENTANYL,
    "nitazene": ClassificationColumn.HS_PRECURSOR,
    "precursor": ClassificationColumn.HS_PRECURSOR,
    "residual": ClassificationColumn.HS_PRECURSOR,
    "equipment": ClassificationColumn.HS_EQUIPMENT,
    "equipment_lookalike": ClassificationColumn.HS_EQUIPMENT,
    "excipient": ClassificationColumn.HS_EXCIPIENT,
    "dosage_form": ClassificationColumn.HS_EXCIPIENT,
    "cover": ClassificationColumn.HS_COVER,
    "lookalike": ClassificationColumn.HS_COVER,
}
#: Columns before `FIRST_OF_PAIR` for a missing HS code.
_NO_HS_CODE: Final = np.zeros(FIRST_OF_PAIR)
_NO_HS_CODE[ClassificationColumn.HS_MISSING] = 1.0
_NO_HS_CODE[[ClassificationColumn.HS_DIGITS, ClassificationColumn.HS_UNKNOWN, ClassificationColumn.HS_CHAPTER]] = np.nan
_PAIR_WIDTH: Final = len(FEATURES) - FIRST_OF_PAIR
#: Positions in the row of a pair. Plain integers index arrays faster than members of an enum.
(
    _CONTRADICTION, _AGREEMENT, _CERTAINTY, _CHEMICAL_CHAPTER, _CHEMICAL_PROBABILITY, _CHEMICAL_TEXT_HARMLESS_CODE,
    _HARMLESS_TEXT_CHEMICAL_CODE, _DOUBT, _VAGUENESS,
) = (
    column - FIRST_OF_PAIR
    for column in (
        ClassificationColumn.HS_TEXT_CONTRADICTION,
        ClassificationColumn.HS_TEXT_AGREEMENT,
        ClassificationColumn.HS_TEXT_CERTAINTY,
        ClassificationColumn.HS_CHEMICAL_CHAPTER,
        ClassificationColumn.TEXT_CHEMICAL_PROBABILITY,
        ClassificationColumn.CHEMICAL_TEXT_HARMLESS_CODE,
        ClassificationColumn.HARMLESS_TEXT_CHEMICAL_CODE,
        ClassificationColumn.TEXT_DOUBT,
        ClassificationColumn.DESCRIPTION_VAGUENESS,
    )
)  # fmt: skip
_CHAPTER, _HEADING = int(Fit.CHAPTER), int(Fit.HEADING)


class ClassificationGroup(Group):
    """Features of the HS code and of its agreement with the words.

    The pair columns depend only on the class of an HS code. The classes are, in order: each heading of HS 2022, each chapter (for
    codes with an unknown heading), all other codes, and no code.
    """

    name = "classification"
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        self._model = goods_model()
        chapters, headings = (len(CODES.names[level]) for level in (HsLevel.CHAPTER, HsLevel.HEADING))
        self._headings = headings
        self._other, self._no_code = headings + chapters, headings + chapters + 1
        #: (classes, 2) numbers of each class's chapter and heading.
        self._codes = np.full((self._no_code + 1, 2), -1, dtype=np.int32)
        self._codes[:headings, HsLevel.CHAPTER] = CODES.parents[HsLevel.HEADING]
        self._codes[:headings, HsLevel.HEADING] = np.arange(headings)
        self._codes[headings : self._other, HsLevel.CHAPTER] = np.arange(chapters)
        of_chapter = np.array([float(chapter in CHEMICAL_CHAPTERS) for chapter in CODES.names[HsLevel.CHAPTER]])
        self._is_chemical = np.append(of_chapter, 0.0)[self._codes[:, HsLevel.CHAPTER]]
        self._is_chemical[self._no_code] = np.nan
        self._code_rows = TextRows(_code_rows, _NO_HS_CODE)
        self._class_numbers = TextRows(weak_method(self._classes), np.array([self._no_code]))
        self._word_rows = TextRows(self._model.word_rows, np.zeros(self._model.width + 2))
        self._pairs = TextIndex(CAPACITY)
        self._pair_rows = TextRows(weak_method(self._compute), np.full(_PAIR_WIDTH, np.nan))

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        codes = source.table.text("hs_code").codes
        self._code_rows.fill(source.hs_codes, codes, out, 0)
        classes = self._class_numbers.numbers(source.hs_codes, codes)
        pairs = TextPairs(source.described, source.table.description_or_chemical.codes, classes)
        self._pair_rows.fill(self._pairs.look_up_pairs(pairs, self._no_code + 1), None, out, FIRST_OF_PAIR)

    def state(self) -> State:
        return {"goods_model": self._model.digest}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Check that the saved model was trained with the goods model of this version.

        Raises:
            KeyError: the digest of the goods model is missing.
            ValueError: it was trained with another goods model.
        """
        if data["goods_model"] != self._model.digest:
            raise ValueError(
                f"trained with another goods model ({str(data['goods_model'])[:12]}) than this version's "
                f"({self._model.digest[:12]}); train the model again"
            )

    def _classes(self, codes: list[str]) -> list[float]:
        """Return the class of each HS code."""
        return [self._class(code) for code in codes]

    def _class(self, code: str) -> float:
        chapter, heading, _ = CODES.numbers(code)
        if heading >= 0:
            return heading
        return self._other if chapter < 0 else self._headings + chapter

    def _compute(self, pairs: TextPairs) -> FloatArray:
        """Return the columns from `FIRST_OF_PAIR` on, one row per pair."""
        rows = np.empty((len(pairs), _PAIR_WIDTH))
        rows.fill(np.nan)
        chemical = self._is_chemical.take(pairs.classes)
        rows[:, _CHEMICAL_CHAPTER] = chemical
        # New texts are one batch, which other groups also request, so its tokens are cached.
        for texts in pairs.distinct_texts():
            if texts:
                self._read(pairs, texts, chemical.tolist(), rows)
        return rows

    def _read(self, pairs: TextPairs, texts: list[int], chemical: list[float], rows: FloatArray) -> None:
        """Classify some texts, and write the rows of the pairs with these texts.

        Args:
            texts: indices of the texts in ``pairs.texts``.
            chemical: for each pair, 1 if its code is one of chemicals, 0 if not, NaN without a code.
        """
        values = pairs.texts.values
        tokenised = self.texts.tokenise(without_amounts([values[text] for text in texts]))
        reading = read_texts(self._model, tokenised, self._word_rows.of(tokenised.slots))
        position = {text: number for number, text in enumerate(texts)}
        text_of = [position.get(code, -1) for code in pairs.codes.tolist()]
        codes = self._codes.take(pairs.classes, axis=0)
        fit = agreement(self._model, reading, np.array(text_of, dtype=np.int32), codes).tolist()
        evidence = shares(reading, self._model)
        certainty, chemistry = evidence[Share.CERTAINTY].tolist(), evidence[Share.CHEMISTRY].tolist()
        for_chemistry = evidence[Share.FOR_CHEMISTRY].tolist()
        doubt, vague, silent = reading.doubt.tolist(), reading.vague.tolist(), reading.silent.tolist()
        for pair, text in enumerate(text_of):
            if text < 0:
                continue
            rows[pair, _CERTAINTY] = certainty[text]
            rows[pair, _CHEMICAL_PROBABILITY] = chemistry[text]
            rows[pair, _DOUBT] = doubt[text]
            rows[pair, _VAGUENESS] = vague[text]
            is_chemical = chemical[pair]
            if is_chemical == is_chemical:  # the pair has a code
                agrees = fit[pair][_CHAPTER] + fit[pair][_HEADING]
                rows[pair, _CONTRADICTION] = max(0.0, -agrees)
                rows[pair, _AGREEMENT] = max(0.0, agrees)
                rows[pair, _CHEMICAL_TEXT_HARMLESS_CODE] = max(0.0, for_chemistry[text]) * (1.0 - is_chemical)
                # For the ratio of the other chapters, any text would do: chemicals are a small share of goods, so it is near 1.
                speaks = 0.0 if silent[text] else is_chemical
                rows[pair, _HARMLESS_TEXT_CHEMICAL_CODE] = max(0.0, -for_chemistry[text]) * speaks


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
