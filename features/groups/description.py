"""What the words of the goods description tell: vagueness, chemistry, equipment, how usual they are."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, State, declare, per_text
from features.reference import character_rules, stop_words
from features.table import Coded, ManifestTable

_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_TOKEN: Final = re.compile(r"\w+")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")
_CAS: Final = re.compile(r"\b\d{2,7}-\d{2}-\d\b")
# Endings and stems of systematic names (IUPAC Blue Book P-1 and P-6): ordinary words that share them are listed apart.
_CHEMICAL: Final = re.compile(
    r"\w*(?:piperid|pyrid|benz[oy]|phen[yo]|fluoro|chloro|bromo|methyl|ethyl|propyl|butyl|acetyl|propion|anilin|amid[eo]\b|"
    r"amine\b|oxide\b|chlorid|bromid|sulfat|sulphat|phosphat|carbonat|hydroxid|nitrat|stearat|citrat|ketone\b|idone\b|anhydrid)\w*"
)
_NOT_CHEMICAL: Final = re.compile(r"\b(?:polyamid\w*|phone\w*|phenom\w*|propaganda|benzin\w*|vitamin\w*|ceramid\w*)\b")
_GRADE: Final = re.compile(
    r"\b(?:9[0-9](?:\.\d+)? ?%|reagent|intermediate|r&d|research|lab(?:oratory)?|analytical|standard|purity|crystal\w*|powder|"
    r"raw material|sample)\b|9[0-9](?:\.\d+)?%"
)
_EQUIPMENT: Final = re.compile(
    r"\b(?:tablet|pill|capsule|tdp ?\d?)\b.{0,24}"
    r"\b(?:press\w*|machine|die|dies|mou?lds?|punch\w*|fill\w*|maker)\b|"
    r"\b(?:press\w*|punch\w*|die|dies|mou?lds?|stamp)\b.{0,24}\b(?:tablet|pill|capsule|tdp)\w*|"
    r"\bencapsulat\w*|\bpunch(?:es)? (?:and|&) dies?\b"
)
_TOOLING: Final = re.compile(
    r"\b(?:press|punch\w*|dies?|mou?lds?|tooling|stamp\w*|candy|milk tablet|spare parts?|machine)\b"
)
_MEDICINE: Final = re.compile(
    r"\b(?:tablets?|capsules?|injection|medic\w*|pharma\w*|ampoules?|patch(?:es)?|drug|opioid|analg\w*)\b"
)

#: The most frequent words of the fit window that are remembered.
VOCABULARY: Final = 4000

FEATURES: Final = declare(
    "description",
    ("description_missing", "DESCRIPTION_VAGUE", "Whether the goods description is missing"),
    ("description_length", "DESCRIPTION_FORM", "Characters of the description (log of one more)"),
    ("description_words", "DESCRIPTION_FORM", "Words of the description"),
    ("description_digit_share", "DESCRIPTION_FORM", "Share of digits among its characters"),
    (
        "description_stop_word",
        "DESCRIPTION_VAGUE",
        "1 if the description is a term that customs reject as vague, 0.5 if it holds one",
    ),
    (
        "description_fault",
        "DESCRIPTION_VAGUE",
        "Whether the characters inform of nothing (digits only, one letter repeated)",
    ),
    ("description_other_script", "DESCRIPTION_FORM", "Share of letters outside the Latin script"),
    ("description_chemical_words", "DESCRIPTION_CHEMICAL", "Words built like chemical names"),
    ("description_cas", "DESCRIPTION_CHEMICAL", "Whether a CAS number stands in the text"),
    (
        "description_grade",
        "DESCRIPTION_CHEMICAL",
        "Words of grade and purpose (purity, reagent, intermediate, sample, powder)",
    ),
    ("description_equipment", "EQUIPMENT_DECLARED", "Whether tablet or capsule machinery, dies or moulds are named"),
    (
        "description_tooling",
        "EQUIPMENT_DECLARED",
        "Whether presses, punches, dies, moulds or machine parts of any kind are named",
    ),
    ("description_medicine", "DESCRIPTION_CHEMICAL", "Whether tablets, capsules or medicines are named"),
    ("description_numbers", "DESCRIPTION_FORM", "Numbers in the text"),
    ("description_unknown_words", "DESCRIPTION_FORM", "Share of words that past descriptions did not use"),
    (
        "description_rarest_word",
        "DESCRIPTION_FORM",
        "Log share of past descriptions with the rarest known word of the text",
    ),
)


def folded(text: str) -> str:
    """Lower case, full-width and accented letters reduced."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """Distinct words of two letters or more, folded, in order of appearance."""
    return tuple(dict.fromkeys(_WORD.findall(folded(text))))


@cache
def _stop_words() -> tuple[frozenset[str], int]:
    terms = frozenset(" ".join(_TOKEN.findall(folded(term))) for term in stop_words())
    return terms, max(term.count(" ") + 1 for term in terms)


@cache
def _faults() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(rule.pattern, re.IGNORECASE) for rule in character_rules())


def vagueness(text: str) -> float:
    """1 where the whole text is a stop word, 0.5 where it contains one, else 0."""
    terms, longest = _stop_words()
    tokens = _TOKEN.findall(folded(text))
    if " ".join(tokens) in terms:
        return 1.0
    for length in range(1, min(longest, len(tokens)) + 1):
        for start in range(len(tokens) - length + 1):
            if " ".join(tokens[start : start + length]) in terms:
                return 0.5
    return 0.0


@lru_cache(maxsize=65536)
def _fixed(text: str) -> tuple[float, ...]:
    """The features that need no statistics."""
    low = folded(text)
    letters = sum(letter.isalpha() for letter in low)
    latin = sum("a" <= letter <= "z" for letter in low)
    digits = sum(letter.isdigit() for letter in low)
    chemistry = _NOT_CHEMICAL.sub(" ", low)
    return (
        0.0,
        float(np.log1p(len(text))),
        float(len(words(text))),
        digits / max(len(low), 1),
        vagueness(text),
        float(any(rule.search(text) for rule in _faults())),
        1.0 - latin / letters if letters else 0.0,
        float(len(_CHEMICAL.findall(chemistry))),
        float(_CAS.search(low) is not None),
        float(len(_GRADE.findall(low))),
        float(_EQUIPMENT.search(low) is not None),
        float(_TOOLING.search(low) is not None),
        float(_MEDICINE.search(low) is not None),
        float(len(_NUMBER.findall(low))),
    )


def declared_text(table: ManifestTable) -> Coded:
    """The goods description, or where it is missing the declared chemical."""

    def make() -> Coded:
        description, chemical = table.text("goods_description"), table.text("declared_chemical")
        if not (description.codes < 0).any():
            return description
        codes = np.where(description.codes >= 0, description.codes, chemical.codes + len(description.values))
        codes = np.where((description.codes < 0) & (chemical.codes < 0), -1, codes)
        return Coded(codes.astype(np.int32), description.values + chemical.values).compact()

    column: Coded = table.derived("declared_text", make)
    return column


def vocabulary_of(column: Coded, size: int) -> tuple[dict[str, int], NDArray[np.int64]]:
    """The ``size`` most frequent words over the rows -> position, and in how many rows each occurs."""
    counts: dict[str, int] = {}
    rows = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values)).tolist()
    for text, count in zip(column.values, rows, strict=True):
        if not count:
            continue
        for word in words(text):
            counts[word] = counts.get(word, 0) + count
    kept = sorted(counts, key=lambda word: (-counts[word], word))[:size]
    return {word: position for position, word in enumerate(kept)}, np.array(
        [counts[word] for word in kept], dtype=np.int64
    )


class DescriptionGroup(Group):
    """Words of the goods description; learns which words are usual."""

    name = "description"
    learns = True
    features = FEATURES

    def __init__(self) -> None:
        self.log_share_: dict[str, float] = {}

    def fit(self, table: ManifestTable) -> None:
        vocabulary, counts = vocabulary_of(table.text("goods_description"), VOCABULARY)
        shares = np.round(np.log(counts / max(table.n_rows, 1)), 4).tolist()
        self.log_share_ = dict(zip(vocabulary, shares, strict=True))

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        column = table.text("goods_description")
        matrix = per_text(column, self._of_text, len(FEATURES))
        matrix[column.codes < 0, 0] = 1.0
        return matrix

    def _of_text(self, text: str) -> tuple[float, ...]:
        found = [self.log_share_.get(word) for word in words(text)]
        known = [share for share in found if share is not None]
        unknown = 1.0 - len(known) / len(found) if found else np.nan
        return (*_fixed(text), unknown, min(known) if known else np.nan)

    def state(self) -> State:
        return {"log_share": self.log_share_}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.log_share_ = dict(data["log_share"])
