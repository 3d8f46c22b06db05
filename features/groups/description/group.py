"""Features of the words of the goods description: vagueness, chemistry, equipment, and word frequency."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, GroupInput, State, TextCache
from features.groups.description.columns import FEATURES, DescriptionColumn, WordFlag
from features.groups.description.rows import fill_words
from features.kinds.words import KindWords
from features.reference import benign_chemicals, character_rules, stop_words, substances
from features.reference.words import description_patterns
from features.table.table import Coded, ManifestTable
from features.texts.cache import TextRows, weak_method
from features.texts.folding import folded, words
from features.texts.words import TokenisedTexts

_PATTERNS: Final = description_patterns()
_CHEMICAL: Final = _PATTERNS["chemical"]["pattern"]
_NOT_CHEMICAL: Final = _PATTERNS["not_chemical"]["pattern"]
_MEDICINE: Final = _PATTERNS["medicine"]["pattern"]
_CAS: Final = re.compile(r"\b\d{2,7}-\d{2}-\d\b")
_GRADE: Final = _PATTERNS["grade"]["pattern"]
_RESEARCH: Final = _PATTERNS["research"]["pattern"]
_EQUIPMENT: Final = _PATTERNS["equipment"]["pattern"]
_TOOLING: Final = _PATTERNS["tooling"]["pattern"]
_PRINTED: Final = _PATTERNS["printed"]["pattern"]
_NOT_BINDER: Final = _PATTERNS["not_binder"]["pattern"]
_NAMED_DYE: Final = _PATTERNS["named_dye"]["pattern"]
_NAMED_POWDER: Final = _PATTERNS["named_powder"]["pattern"]
_GRAM: Final = _PATTERNS["gram"]["pattern"]
# Token patterns that make costly searches rare: without a matching token (or, for grades, a percent sign) a search cannot succeed.
_OF_GRADE: Final = _PATTERNS["grade"]["token"]
_OF_RESEARCH: Final = _PATTERNS["research"]["token"]
_OF_EQUIPMENT: Final = _PATTERNS["equipment"]["token"]
_OF_TOOLING: Final = _PATTERNS["tooling"]["token"]
#: Columns for fragments of chemical names, with their patterns.
_FRAGMENTS: Final = (
    (DescriptionColumn.DESCRIPTION_OPIOID_FRAGMENT, _PATTERNS["opioid_fragment"]),
    (DescriptionColumn.DESCRIPTION_PRECURSOR_FRAGMENT, _PATTERNS["precursor_fragment"]),
)
#: Any of the tokens above, or a word of medicine. One search settles nearly all tokens.
_OF_ANY: Final = re.compile(
    "|".join(
        f"(?:{pattern.pattern})"
        for pattern in (
            _MEDICINE,
            _OF_GRADE,
            _OF_RESEARCH,
            _OF_EQUIPMENT,
            _OF_TOOLING,
            *(one["token"] for _, one in _FRAGMENTS),
        )
    )
)
#: Features that count words: the flag of the words, and the one that counts matches of a pattern.
_FLAG_OF: Final = {
    "description_chemical_words": WordFlag.CHEMICAL,
    "description_generic_chemistry": WordFlag.GENERIC_CHEMISTRY,
}
_GRADE_NAME: Final = "description_grade"
#: Number of words whose shares are learned: the most frequent words of the fit window.
_VOCABULARY: Final = 4000
#: Flags that require a search.
_SEARCHES: Final = (
    WordFlag.SEARCH_GRADE
    | WordFlag.SEARCH_RESEARCH
    | WordFlag.SEARCH_EQUIPMENT
    | WordFlag.SEARCH_TOOLING
    | WordFlag.SEARCH_STOP_WORD
    | WordFlag.SEARCH_FRAGMENT
    | WordFlag.STANDARD
    | WordFlag.GENERIC_CHEMISTRY
    | WordFlag.BINDER
)
_KIND_FLAGS: Final = {flag.name.lower(): int(flag) for flag in WordFlag if flag >= WordFlag.DOSE_FORM} | {
    "named_powder": 0
}
_KINDS: Final = KindWords("goods_kinds.toml", _KIND_FLAGS)
# Plain integers, which index arrays faster than enum members.
_EQUIPMENT_AND_TOOLING: Final = (
    int(DescriptionColumn.DESCRIPTION_EQUIPMENT),
    int(DescriptionColumn.DESCRIPTION_TOOLING),
)
_DIGITS: Final = "0123456789"
_MISSING: Final = np.full(len(FEATURES), np.nan)
_MISSING[DescriptionColumn.DESCRIPTION_MISSING] = 1.0


@cache
def _stop_words() -> tuple[frozenset[str], dict[str, tuple[int, ...]]]:
    """Return the stop words, and a mapping from each first word to the lengths, in words, of the stop words that begin with it."""
    terms = [tokens for term in stop_words() if (tokens := re.findall(r"\w+", folded(term)))]
    sizes: dict[str, set[int]] = {}
    for term in terms:
        sizes.setdefault(term[0], set()).add(len(term))
    return frozenset(map(" ".join, terms)), {first: tuple(sorted(lengths)) for first, lengths in sizes.items()}


@cache
def _words_of_substances() -> frozenset[str]:
    """Return the words in names of substances and of common chemicals.

    They count as known, because whether an office's traffic happened to contain a substance's name says nothing about a shipment
    that names it.
    """
    named = [
        *(name for row in substances() for name in (row.name, *row.synonyms, *row.abbreviations, row.systematic_name)),
        *(name for row in benign_chemicals() for name in (row.name, *row.synonyms)),
    ]
    return frozenset(word for name in named for word in words(name))


@cache
def _faults() -> tuple[re.Pattern[str], ...]:
    """Return patterns for uninformative texts. At least one matches the beginning of such a text."""
    patterns = [rule.pattern for rule in character_rules()]
    # Do not join patterns with back-references, because joining renumbers the groups.
    apart = [pattern for pattern in patterns if re.search(r"\\\d", pattern) is not None]
    together = "|".join(f"(?:{pattern})" for pattern in patterns if pattern not in apart)
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in (*apart, together))


def _flags(word: str) -> int:
    """Return the `WordFlag` bits of a token."""
    flags = _KINDS.of_word(word)
    if _CHEMICAL.search(word) is not None and _NOT_CHEMICAL.fullmatch(word) is None:
        flags |= WordFlag.CHEMICAL
    if _OF_ANY.fullmatch(word) is not None:
        flags |= _flags_of_token(word)
    if word in _stop_words()[1]:
        flags |= WordFlag.SEARCH_STOP_WORD
    if word[0] in _DIGITS:
        # The unit follows the digits of an amount, as in 25mcg.
        flags |= _KINDS.of_word(word.lstrip(_DIGITS)) & WordFlag.STRENGTH
    return flags if word.isascii() else flags | _KINDS.inside(word)


def _flags_of_token(word: str) -> int:
    """Return the `WordFlag` bits of a token that one of the patterns of `_OF_ANY` matches."""
    flags = 0
    if _MEDICINE.fullmatch(word) is not None:
        flags |= WordFlag.MEDICINE
    if _OF_GRADE.fullmatch(word) is not None:
        flags |= WordFlag.SEARCH_GRADE
    if _OF_RESEARCH.fullmatch(word) is not None:
        flags |= WordFlag.SEARCH_RESEARCH
    if _OF_EQUIPMENT.fullmatch(word) is not None:
        flags |= WordFlag.SEARCH_EQUIPMENT
    if _OF_TOOLING.fullmatch(word) is not None:
        flags |= WordFlag.SEARCH_TOOLING
    if any(patterns["token"].fullmatch(word) is not None for _, patterns in _FRAGMENTS):
        flags |= WordFlag.SEARCH_FRAGMENT
    return flags


def _vagueness(tokens: list[str]) -> float:
    """Return 1 if the whole text is a stop word, 0.5 if it contains one, otherwise 0."""
    terms, sizes = _stop_words()
    if " ".join(tokens) in terms:
        return 1.0
    for start, token in enumerate(tokens):
        for size in sizes.get(token, ()):
            if " ".join(tokens[start : start + size]) in terms:
                return 0.5
    return 0.0


def _search(texts: TokenisedTexts, at: int, flags: int, row: FloatArray) -> None:
    """Write the columns of a text that need a pattern search. Skip the searches that the flags exclude."""
    low = texts.folded[at]
    if flags & WordFlag.SEARCH_STOP_WORD:
        row[DescriptionColumn.DESCRIPTION_STOP_WORD] = _vagueness(texts.tokens_of(at))
    if "powder" in low:
        # The kind of a powder says what it is: cosmetic powder is no chemistry in general words.
        low, named = _NAMED_POWDER.subn(" ", low)
        row[DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY] *= not named
    if flags & WordFlag.SEARCH_GRADE or "%" in low:
        row[DescriptionColumn.DESCRIPTION_GRADE] = len(_GRADE.findall(low))
    if flags & WordFlag.SEARCH_RESEARCH:
        row[DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY] += len(_RESEARCH.findall(low))
    if flags & WordFlag.SEARCH_EQUIPMENT:
        row[DescriptionColumn.DESCRIPTION_EQUIPMENT] = (
            flags & WordFlag.TABLET_PRESS != 0 or _EQUIPMENT.search(low) is not None
        )
    if flags & WordFlag.SEARCH_TOOLING:
        row[DescriptionColumn.DESCRIPTION_TOOLING] = _TOOLING.search(low) is not None
    equipment, tooling = _EQUIPMENT_AND_TOOLING
    if (row[equipment] or row[tooling]) and _PRINTED.search(low) is not None:
        # A book about presses is not a press.
        row[equipment] = row[tooling] = 0.0
    if flags & WordFlag.SEARCH_FRAGMENT:
        for column, patterns in _FRAGMENTS:
            row[column] = patterns["pattern"].search(low) is not None
    if flags & WordFlag.BINDER and _NOT_BINDER.search(low) is not None:
        rest = words(_NOT_BINDER.sub(" ", low))
        row[DescriptionColumn.DESCRIPTION_BINDER] = any(_flags(word) & WordFlag.BINDER for word in rest)
    if flags & WordFlag.STANDARD and _GRAM.search(low) is not None:
        row[DescriptionColumn.DESCRIPTION_STANDARD] = 2.0
    if "-" in low:
        row[DescriptionColumn.DESCRIPTION_CAS] = _CAS.search(low) is not None
    if flags & WordFlag.GENERIC_CHEMISTRY and (row[DescriptionColumn.DESCRIPTION_CAS] or _NAMED_DYE.search(low)):
        # A CAS number, and the name of a dye, say which chemical it is.
        row[DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY] = 0.0


def vocabulary_of(column: Coded, size: int) -> tuple[dict[str, int], NDArray[np.int64]]:
    """Return a mapping from the ``size`` most frequent words to positions, and the number of rows that contain each word."""
    counts: dict[str, int] = {}
    rows = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values)).tolist()
    for text, count in zip(column.values, rows, strict=True):
        if not count:
            continue
        for word in words(text):
            counts[word] = counts.get(word, 0) + count
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:size]
    positions = {word: position for position, word in enumerate(frequent)}
    return positions, np.array([counts[word] for word in frequent], dtype=np.int64)


class DescriptionGroup(Group):
    """Features of the goods description. The group learns word frequencies."""

    name = "description"
    learns = True
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        self.log_share_: dict[str, float] = {}
        self._rarest = np.nan
        self._flags = TextRows(lambda tokens: [_flags(token) for token in tokens], np.zeros(1))
        self._clear()

    def _clear(self) -> None:
        """Clear the cached rows of texts, because they depend on the learned statistics."""
        self._rarest = min(self.log_share_.values(), default=np.nan)
        self._rows = TextRows(weak_method(self._compute), _MISSING)
        self._shares = TextRows(weak_method(self._word_shares), np.full(1, np.nan))

    def fit(self, table: ManifestTable) -> None:
        vocabulary, counts = vocabulary_of(table.text("goods_description"), _VOCABULARY)
        shares = np.round(np.log(counts / max(table.n_rows, 1)), 4).tolist()
        self.log_share_ = dict(zip(vocabulary, shares, strict=True))
        self._clear()

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        self._rows.fill(source.descriptions, source.table.text("goods_description").codes, out, 0)

    def _compute(self, texts: list[str]) -> FloatArray:
        """Return the columns (texts, F) of the texts."""
        rows = np.empty((len(texts), len(FEATURES)))
        tokenised = self.texts.tokenise(texts)
        slots = tokenised.slots
        flags_of_texts = fill_words(texts, tokenised, self._flags.of(slots), self._shares.of(slots), rows)
        patterns = _faults()
        for at, text in enumerate(texts):
            flags = flags_of_texts[at]
            if flags & _SEARCHES or "%" in text or "-" in text or not text.isascii():
                _search(tokenised, at, flags, rows[at])
            for pattern in patterns:
                if pattern.match(text) is not None:
                    rows[at, DescriptionColumn.DESCRIPTION_UNINFORMATIVE] = 1.0
        return rows

    def _word_shares(self, words: list[str]) -> list[float]:
        """Return the log share of each word; NaN for an unknown word.

        A word in the name of a substance has at least the share of the rarest known word.
        """
        of_substances = _words_of_substances()
        return [self.log_share_.get(word, self._rarest if word in of_substances else np.nan) for word in words]

    def shares_of_words(self, text: str) -> dict[str, float]:
        """Return each word of a text with its log share of past descriptions; NaN for an unknown word."""
        tokens = list(dict.fromkeys(words(text)))
        return dict(zip(tokens, self._word_shares(tokens), strict=True))

    @staticmethod
    def is_chemical(word: str) -> bool:
        """Return whether a folded word is built like a chemical name, or is one in a name of a substance."""
        return bool(_flags(word) & WordFlag.CHEMICAL) or word in _words_of_substances()

    @staticmethod
    def counted_words(column: str, text: str) -> list[str]:
        """Return the words of a text that a feature counts, folded; empty for a feature that counts no words."""
        low = _NAMED_POWDER.sub(" ", folded(text))
        if column == _GRADE_NAME:
            return list(dict.fromkeys(_GRADE.findall(low)))
        flag = _FLAG_OF.get(column, 0)
        return [token for token in dict.fromkeys(re.findall(r"\w+", low)) if _flags(token) & flag]

    def state(self) -> State:
        return {"log_share": self.log_share_}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.log_share_ = dict(data["log_share"])
        self._clear()
