"""What the words of the goods description tell: vagueness, chemistry, equipment, how usual they are."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, State, declare
from features.groups.shared_texts import placed_descriptions
from features.reference import character_rules, stop_words
from features.table.table import Coded, ManifestTable
from features.texts.cache import TextRows, Texts, any_missing
from features.texts.scan import uncombined, words_in
from features.texts.words import CHEMICAL, MEDICINE, Cut, describe

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
# What a word says by itself besides, one bit each.
_HINTS_AT_GRADE: Final = 4
_HINTS_AT_EQUIPMENT: Final = 8
_HINTS_AT_TOOLING: Final = 16
_BEGINS_STOP_WORD: Final = 32

#: The most frequent words of the fit window that are remembered.
VOCABULARY: Final = 4000
# Trade repeats its words: nearly all are among so many.
_REMEMBERED_WORDS: Final = 32_768
# Groups ask for the words of a table's new texts one after another, and then for no more of them. Several tables may be at hand.
_REMEMBERED_CUTS: Final = 4

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
        "description_uninformative",
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
_LENGTH, _STOP_WORD, _FAULT, _CAS_NUMBER, _GRADES, _MACHINES, _TOOLS = (
    next(i for i, feature in enumerate(FEATURES) if feature.name == f"description_{name}")
    for name in ("length", "stop_word", "uninformative", "cas", "grade", "equipment", "tooling")
)
_MISSING: Final = np.array([1.0, *[np.nan] * (len(FEATURES) - 1)])


def folded(text: str) -> str:
    """Lower case, full-width and accented letters reduced."""
    if text.isascii():
        return text.lower()
    return uncombined(unicodedata.normalize("NFKD", text)).casefold()


@lru_cache(maxsize=1024)
def words(text: str) -> tuple[str, ...]:
    """Distinct words of two letters or more, folded, in order of appearance."""
    return words_in(folded(text))


_WORDS: Final = Texts(_REMEMBERED_WORDS)


@lru_cache(maxsize=_REMEMBERED_CUTS)
def cut(texts: tuple[str, ...]) -> Cut:
    """Texts, folded, cut into words."""
    return Cut(list(texts), folded, _WORDS)


@cache
def _stop_words() -> tuple[frozenset[str], dict[str, tuple[int, ...]]]:
    """Stop words as their words joined by blanks, and for each first word the numbers of words of those that begin with it."""
    terms = [tokens for term in stop_words() if (tokens := re.findall(r"\w+", folded(term)))]
    sizes: dict[str, set[int]] = {}
    for term in terms:
        sizes.setdefault(term[0], set()).add(len(term))
    return frozenset(map(" ".join, terms)), {first: tuple(sorted(found)) for first, found in sizes.items()}


@cache
def _faults() -> tuple[re.Pattern[str], ...]:
    """Expressions one of which matches a text that informs of nothing, from its beginning on."""
    patterns = [rule.pattern for rule in character_rules()]
    # Those that refer to a group of their own stay by themselves.
    apart = [pattern for pattern in patterns if re.search(r"\\\d", pattern) is not None]
    together = "|".join(f"(?:{pattern})" for pattern in patterns if pattern not in apart)
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in (*apart, together))


def _flags(word: str) -> int:
    """What a word, letters and figures, says by itself."""
    flags = 0
    if _CHEMICAL.search(word) is not None and _NOT_CHEMICAL.fullmatch(word) is None:
        flags |= CHEMICAL
    if _MEDICINE.fullmatch(word) is not None:
        flags |= MEDICINE
    if _OF_GRADE.fullmatch(word) is not None:
        flags |= _HINTS_AT_GRADE
    if _OF_EQUIPMENT.fullmatch(word) is not None:
        flags |= _HINTS_AT_EQUIPMENT
    if _OF_TOOLING.fullmatch(word) is not None:
        flags |= _HINTS_AT_TOOLING
    if word in _stop_words()[1]:
        flags |= _BEGINS_STOP_WORD
    return flags


_FLAGS: Final = TextRows(lambda tokens: list(map(_flags, tokens)), np.zeros(1))


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


def _searched(found: Cut, at: int, every: int, row: FloatArray) -> None:
    """Write the features of a text that searches find, where the flags of its tokens let them find something."""
    low = found.folded[at]
    if every & _BEGINS_STOP_WORD:
        row[_STOP_WORD] = _vagueness(found.tokens_of(at))
    if every & _HINTS_AT_GRADE or "%" in low:
        row[_GRADES] = len(_GRADE.findall(low))
    if every & _HINTS_AT_EQUIPMENT:
        row[_MACHINES] = _EQUIPMENT.search(low) is not None
    if every & _HINTS_AT_TOOLING:
        row[_TOOLS] = _TOOLING.search(low) is not None
    if "-" in low:
        row[_CAS_NUMBER] = _CAS.search(low) is not None


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
        self._of_text = TextRows(self._rows, _MISSING)
        self._share_of = TextRows(self._shares, np.full(1, np.nan))

    def fit(self, table: ManifestTable) -> None:
        vocabulary, counts = vocabulary_of(table.text("goods_description"), VOCABULARY)
        shares = np.round(np.log(counts / max(table.n_rows, 1)), 4).tolist()
        self.log_share_ = dict(zip(vocabulary, shares, strict=True))
        self._forget()

    def fill(self, table: ManifestTable, history: FloatArray, out: FloatArray) -> None:
        column = table.text("goods_description")
        self._of_text.fill(placed_descriptions(table, column), column.codes, out, 0)

    def _rows(self, texts: list[str]) -> FloatArray:
        """(texts, features)"""
        rows = np.empty((len(texts), len(FEATURES)))
        found = cut(tuple(texts))
        flags = describe(texts, found, _FLAGS.of(found.placed), self._share_of.of(found.placed), rows)
        faults = _faults()
        for at, text in enumerate(texts):
            every = flags[at]
            if every > CHEMICAL | MEDICINE or "%" in text or "-" in text or not text.isascii():
                _searched(found, at, every, rows[at])
            for fault in faults:
                if fault.match(text) is not None:
                    rows[at, _FAULT] = 1.0
        rows[:, _LENGTH] = np.log1p(rows[:, _LENGTH])
        return rows

    def _shares(self, words: list[str]) -> list[float]:
        """Log shares of words, NaN of those that past descriptions did not use."""
        return [self.log_share_.get(word, np.nan) for word in words]

    def state(self) -> State:
        return {"log_share": self.log_share_}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.log_share_ = dict(data["log_share"])
        self._forget()
