"""What the words of the goods description tell: vagueness, chemistry, equipment, how usual they are."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, State, declare
from features.kernels.texts import TextRows, any_missing
from features.kernels.texts_scan import survey, words_in
from features.reference import character_rules, stop_words
from features.table import Coded, ManifestTable

# Endings and stems of systematic names (IUPAC Blue Book P-1 and P-6): ordinary words that share them are listed apart.
_CHEMICAL: Final = re.compile(
    r"piperid|pyrid|benz[oy]|phen[yo]|fluoro|chloro|bromo|methyl|ethyl|propyl|butyl|acetyl|propion|anilin|amid[eo]\b|"
    r"amine\b|oxide\b|chlorid|bromid|sulfat|sulphat|phosphat|carbonat|hydroxid|nitrat|stearat|citrat|ketone\b|idone\b|anhydrid"
)
_NOT_CHEMICAL: Final = re.compile(r"polyamid\w*|phone\w*|phenom\w*|propaganda|benzin\w*|vitamin\w*|ceramid\w*")
_MEDICINE: Final = re.compile(
    r"tablets?|capsules?|injection|medic\w*|pharma\w*|ampoules?|patch(?:es)?|drug|opioid|analg\w*"
)
_CAS: Final = re.compile(r"\b\d{2,7}-\d{2}-\d\b")
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
# Without a word like these, or a percentage in the case of grades, the searches above find nothing.
_OF_GRADE: Final = re.compile(
    "reagent|intermediate|r|research|lab|laboratory|analytical|standard|purity|crystal.*|powder|raw|sample"
)
_OF_EQUIPMENT: Final = re.compile("(?:tablet|pill|capsule|tdp|encapsulat|punch).*")
_OF_TOOLING: Final = re.compile("press|punch.*|dies?|mou?lds?|tooling|stamp.*|candy|milk|spare|machine")
# What a word says by itself, one bit each.
_IS_CHEMICAL: Final = 1
_IS_MEDICINE: Final = 2
_HINTS_AT_GRADE: Final = 4
_HINTS_AT_EQUIPMENT: Final = 8
_HINTS_AT_TOOLING: Final = 16
_BEGINS_STOP_WORD: Final = 32

#: The most frequent words of the fit window that are remembered.
VOCABULARY: Final = 4000
#: Distinct texts of which a group remembers its numbers: some hundred bytes each.
REMEMBERED: Final = 49_152
# Several groups ask for a text's words one after another, and then for no more of them: this many last for a table.
_REMEMBERED_SPLIT: Final = 32_768
_REMEMBERED_WORDS: Final = 32_768

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
_LENGTH: Final = next(i for i, feature in enumerate(FEATURES) if feature.name == "description_length")
_MISSING: Final = np.array([1.0, *[np.nan] * (len(FEATURES) - 1)])


def folded(text: str) -> str:
    """Lower case, full-width and accented letters reduced."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()


@lru_cache(maxsize=_REMEMBERED_SPLIT)
def words(text: str) -> tuple[str, ...]:
    """Distinct words of two letters or more, folded, in order of appearance."""
    return words_in(folded(text))


@cache
def _stop_words() -> tuple[frozenset[str], dict[str, tuple[int, ...]]]:
    """Stop words as their words joined by blanks, and for each first word the numbers of words of those that begin with it."""
    terms = [tokens for term in stop_words() if (tokens := survey(folded(term))[0])]
    sizes: dict[str, set[int]] = {}
    for term in terms:
        sizes.setdefault(term[0], set()).add(len(term))
    return frozenset(map(" ".join, terms)), {first: tuple(sorted(found)) for first, found in sizes.items()}


@cache
def _faults() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(rule.pattern, re.IGNORECASE) for rule in character_rules())


@lru_cache(maxsize=_REMEMBERED_WORDS)
def _flags(word: str) -> int:
    """What a word, letters and figures, says by itself."""
    flags = 0
    if _CHEMICAL.search(word) is not None and _NOT_CHEMICAL.fullmatch(word) is None:
        flags |= _IS_CHEMICAL
    if _MEDICINE.fullmatch(word) is not None:
        flags |= _IS_MEDICINE
    if _OF_GRADE.fullmatch(word) is not None:
        flags |= _HINTS_AT_GRADE
    if _OF_EQUIPMENT.fullmatch(word) is not None:
        flags |= _HINTS_AT_EQUIPMENT
    if _OF_TOOLING.fullmatch(word) is not None:
        flags |= _HINTS_AT_TOOLING
    if word in _stop_words()[1]:
        flags |= _BEGINS_STOP_WORD
    return flags


def _vagueness(tokens: list[str]) -> float:
    """1 where the whole text is a stop word, 0.5 where it contains one, else 0."""
    terms, sizes = _stop_words()
    if " ".join(tokens) in terms:
        return 1.0
    for start, token in enumerate(tokens):
        for size in sizes.get(token, ()):
            if " ".join(tokens[start : start + size]) in terms:
                return 0.5
    return 0.0


def _fixed(text: str) -> tuple[float, ...]:
    """The features that need no statistics."""
    low = folded(text)
    tokens, letters, latin, digits, numbers = survey(low)
    chemical = every = 0
    for token in tokens:
        flags = _flags(token)
        chemical += flags & _IS_CHEMICAL
        every |= flags
    grade = every & _HINTS_AT_GRADE or "%" in low
    return (
        0.0,
        float(len(text)),
        float(len(words(text))),
        digits / max(len(low), 1),
        _vagueness(tokens) if every & _BEGINS_STOP_WORD else 0.0,
        float(any(rule.search(text) for rule in _faults())),
        1.0 - latin / letters if letters else 0.0,
        float(chemical),
        float("-" in low and _CAS.search(low) is not None),
        float(len(_GRADE.findall(low))) if grade else 0.0,
        float(every & _HINTS_AT_EQUIPMENT > 0 and _EQUIPMENT.search(low) is not None),
        float(every & _HINTS_AT_TOOLING > 0 and _TOOLING.search(low) is not None),
        float(every & _IS_MEDICINE > 0),
        float(numbers),
    )


def declared_text(table: ManifestTable) -> Coded:
    """The goods description, or where it is missing the declared chemical."""

    def make() -> Coded:
        description, chemical = table.text("goods_description"), table.text("declared_chemical")
        if not any_missing(description.codes):
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
        self._forget()

    def _forget(self) -> None:
        self._of_text = TextRows(self._rows, _MISSING, REMEMBERED)

    def fit(self, table: ManifestTable) -> None:
        vocabulary, counts = vocabulary_of(table.text("goods_description"), VOCABULARY)
        shares = np.round(np.log(counts / max(table.n_rows, 1)), 4).tolist()
        self.log_share_ = dict(zip(vocabulary, shares, strict=True))
        self._forget()

    def fill(self, table: ManifestTable, history: FloatArray, out: FloatArray) -> None:
        column = table.text("goods_description")
        self._of_text.fill(column.values, column.codes, out, 0)

    def _rows(self, texts: list[str]) -> FloatArray:
        """(texts, features)"""
        rows = np.array([(*_fixed(text), *self._usual(text)) for text in texts])
        rows[:, _LENGTH] = np.log1p(rows[:, _LENGTH])
        return rows

    def _usual(self, text: str) -> tuple[float, float]:
        """Share of words that are not known, and the log share of the rarest one that is."""
        found = words(text)
        shares = self.log_share_
        known = [shares[word] for word in found if word in shares]
        return 1.0 - len(known) / len(found) if found else np.nan, min(known) if known else np.nan

    def state(self) -> State:
        return {"log_share": self.log_share_}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.log_share_ = dict(data["log_share"])
        self._forget()
