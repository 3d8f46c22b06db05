"""Matching of names and addresses against a hundred thousand entries in microseconds.

1. A text is compared only with entries that share a key with it. For names, the keys of an entry are its two rarest words and its
   letters without blanks. Each word is also a key with one letter missing, as in symmetric-delete spelling correction, so that
   words which differ in one letter share a key. A similar entry is missed only if both of its rarest words have two wrong letters,
   or one in a word of up to three letters. For addresses the keys are the house number with the first and with the last letters
   of the street.
2. Pairs whose sets of letters differ too much are dropped. Each letter that only one of the texts has is one difference.
3. RapidFuzz computes the similarity of the remaining pairs in C: twice the length of the longest common subsequence, divided by the
   sum of both lengths.

Names, addresses and identifiers are compared in normal forms. These use the normalisation of the model's features, which removes
differences of case, accents, full-width letters and punctuation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from features.groups.history.address import plain_contacts, plain_names, plain_postcodes, split_addresses
from features.kinds.parties import words_without_form

FloatArray: TypeAlias = NDArray[np.float64]
WordArray: TypeAlias = NDArray[np.uint64]
#: Position of the text, position of the entry, and similarity in percent.
Match: TypeAlias = tuple[int, int, float]

#: Words of an entry that select it, the rarest first.
_KEY_WORDS: Final = 2
#: Tolerance for rounding, so that a pair whose similarity equals the threshold is not dropped.
_ROUNDING: Final = 1e-9
#: Bits of a hash and of a set of letters. The upper half of a set is for letters that occur more than once.
_BITS: Final = 64
_LETTERS: Final = 32


class NameIndex:
    """Immutable index of the names of n entries.

    The pairs of a key and an entry are sorted by the hash of the key. A directory maps the first bits of a hash to its pairs.
    """

    def __init__(self, forms: Sequence[Form], thresholds: Sequence[float]) -> None:
        """
        Args:
            thresholds: (n,) least similarity to each entry, in percent.
        """
        self._forms = tuple(forms)
        self._thresholds = np.array(thresholds, dtype=np.float64)
        #: Largest share of differences that any entry allows.
        self._allowed = 1.0 - self._thresholds.min(initial=100.0) / 100.0 + _ROUNDING
        keys_of = _name_keys(forms)
        hashes = _hashes([key for keys in keys_of for key in keys])
        owners = np.repeat(np.arange(len(forms), dtype=np.int32), [len(keys) for keys in keys_of])
        order = np.argsort(hashes, kind="stable")
        self._keys, self._owners = hashes[order], owners[order]
        letters, lengths = _letter_sets(forms)
        # Repeated for each pair, so that the values for one key are contiguous in memory.
        self._letters, self._lengths = letters[self._owners], lengths[self._owners]
        bits = max(len(hashes).bit_length(), 1)
        self._shift = np.uint64(_BITS - bits)
        self._directory = np.searchsorted(self._keys >> self._shift, np.arange(2**bits + 1, dtype=np.uint64))

    def match(self, forms: Sequence[Form]) -> list[Match]:
        """Return the entries that match each text, in order of the texts."""
        keys: list[str] = []
        counts: list[int] = []
        for form in forms:
            before = len(keys)
            for word in form.words:
                keys += without_a_letter(word)
            keys.append(form.joined)
            counts.append(len(keys) - before)
        wanted = _hashes(keys)
        bucket = (wanted >> self._shift).view(np.int64)
        start = self._directory[bucket]
        sizes = self._directory[bucket + 1] - start
        total = int(sizes.sum())
        if not total:
            return []
        # Positions of all pairs in the buckets, bucket by bucket, and the key whose bucket each is in.
        positions = np.arange(total) + np.repeat(start - (np.cumsum(sizes) - sizes), sizes)
        looked_up_by = np.repeat(np.arange(len(keys)), sizes)
        equal = np.flatnonzero(self._keys[positions] == wanted[looked_up_by])
        if not len(equal):
            return []
        positions = positions[equal]
        texts = np.repeat(np.arange(len(forms)), counts)[looked_up_by[equal]]
        letters, lengths = _letter_sets(forms)
        differences = np.bitwise_count(letters[texts] ^ self._letters[positions])
        near = np.flatnonzero(differences <= self._allowed * (lengths[texts] + self._lengths[positions]))
        if not len(near):
            return []
        pairs = dict.fromkeys(zip(texts[near].tolist(), self._owners[positions[near]].tolist(), strict=True))
        return _similar_pairs(forms, self._forms, self._thresholds, sorted(pairs))


class AddressIndex:
    """Immutable index of the addresses of n entries."""

    def __init__(self, forms: Sequence[Form], thresholds: Sequence[float]) -> None:
        """
        Args:
            thresholds: (n,) least similarity to each entry, in percent.
        """
        self._forms = tuple(forms)
        self._thresholds = np.array(thresholds, dtype=np.float64)
        self._entries = _by_key(form.words for form in forms)

    def match(self, forms: Sequence[Form]) -> list[Match]:
        """Return the entries that match each text, in order of the texts."""
        entries = self._entries
        pairs = {
            (text, entry)
            for text, form in enumerate(forms)
            for key in form.words
            if key in entries
            for entry in entries[key]
        }
        return _similar_pairs(forms, self._forms, self._thresholds, sorted(pairs)) if pairs else []


class ExactIndex:
    """Immutable index of the identifiers of n entries."""

    def __init__(self, forms: Iterable[str]) -> None:
        """
        Args:
            forms: (n,) forms of the entries; empty for an entry that matches nothing.
        """
        self._entries = _by_key([form] if form else [] for form in forms)

    def match(self, forms: Sequence[str]) -> list[Match]:
        """Return the entries that match each text, in order of the texts."""
        entries = self._entries
        return [(text, entry, 100.0) for text, form in enumerate(forms) if form in entries for entry in entries[form]]


def _name_keys(forms: Sequence[Form]) -> list[list[str]]:
    """Return the keys of each name: its rarest words, also with a letter missing, and its letters without blanks."""
    frequency = Counter(word for form in forms for word in set(form.words))
    return [
        [
            *dict.fromkeys(
                key
                for word in sorted(set(form.words), key=lambda word: (frequency[word], word))[:_KEY_WORDS]
                for key in without_a_letter(word)
            ),
            form.joined,
        ]
        for form in forms
    ]


def _hashes(keys: Sequence[str]) -> WordArray:
    return np.array([*map(hash, keys)], dtype=np.int64).view(np.uint64)


def _by_key(keys_of: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    """Return the positions of the entries with each key."""
    entries: dict[str, list[int]] = {}
    for entry, keys in enumerate(keys_of):
        for key in keys:
            entries.setdefault(key, []).append(entry)
    return entries


def _letter_sets(forms: Sequence[Form]) -> tuple[WordArray, NDArray[np.int32]]:
    """Return the set of letters of each text as bits, and its length with blanks.

    A letter that occurs more than once sets a second bit. Letters may share a bit, which can hide a difference but never adds one.
    """
    sets = np.array([_letter_set(form.joined) for form in forms], dtype=np.uint64)
    return sets, np.array([len(form.ordered) for form in forms], dtype=np.int32)


def _letter_set(text: str) -> int:
    once = again = 0
    for letter in text:
        bit = 1 << ord(letter) % _LETTERS
        again |= once & bit
        once |= bit
    return once | again << _LETTERS


def _similar_pairs(
    forms: Sequence[Form], entries: Sequence[Form], thresholds: FloatArray, pairs: Sequence[tuple[int, int]]
) -> list[Match]:
    """Return the pairs of a text and an entry that are similar enough, regardless of the order of the words and of blanks."""
    of_texts, of_entries = [forms[text] for text, _ in pairs], [entries[entry] for _, entry in pairs]
    similarity = np.maximum(
        _ratio([form.ordered for form in of_texts], [form.ordered for form in of_entries]),
        _ratio([form.joined for form in of_texts], [form.joined for form in of_entries]),
    )
    similar = np.flatnonzero(similarity >= thresholds[[entry for _, entry in pairs]])
    return [(*pairs[at], float(similarity[at])) for at in similar.tolist()]


def _ratio(texts: Sequence[str], entries: Sequence[str]) -> NDArray[Any]:
    return process.cpdist(texts, entries, scorer=fuzz.ratio, dtype=np.float64)


class EntryKind(StrEnum):
    """Kinds of entries."""

    NAME = "name"
    ADDRESS = "address"
    PHONE = "phone"
    EMAIL = "email"
    IDENTIFIER = "identifier"


#: Manifest fields that each kind is compared with. Identifiers are also compared with an office's own fields.
FIELDS: Final[Mapping[EntryKind, tuple[str, ...]]] = {
    EntryKind.NAME: ("consignor_name", "consignee_name", "agent_name"),
    EntryKind.ADDRESS: ("consignor_address", "consignee_address"),
    EntryKind.PHONE: ("consignor_phone", "consignee_phone"),
    EntryKind.EMAIL: ("consignor_email", "consignee_email"),
    EntryKind.IDENTIFIER: ("house_id", "master_id", "permit_number", "shipment_id", "carrier_id", "marketplace"),
}
#: Kinds that are compared by similarity. Texts of the other kinds match if their forms are equal.
FUZZY: Final = frozenset({EntryKind.NAME, EntryKind.ADDRESS})
#: Words up to this length must be equal in a lookup. Longer ones may have one letter changed, missing or added.
_EXACT_LENGTH: Final = 3
#: Number of letters at the beginning and at the end of a street that select the entries to compare with.
_STREET_LETTERS: Final = 3
#: Longest word that is looked up with a letter missing, which bounds the cost of a long text. Words of names are shorter.
_LONGEST_WORD: Final = 40


@dataclass(frozen=True, slots=True)
class Form:
    """Normal form of a name or address.

    Attributes:
        ordered: the words in alphabetical order; for an address, the building.
        joined: the words in their order, without blanks; for an address, the building.
        words: the words that select entries; for an address, its number with letters of its street.
        unit: the unit of an address (flat, suite, locker), which is not compared by similarity; empty for names.
    """

    ordered: str
    joined: str
    words: tuple[str, ...]
    unit: str = ""


def name_forms(texts: Sequence[str]) -> list[Form]:
    """Return the forms of names."""
    forms = []
    for text in texts:
        words = words_without_form(text)
        forms.append(Form(" ".join(sorted(words)), "".join(words), tuple(words)))
    return forms


def address_forms(texts: Sequence[str]) -> list[Form]:
    """Return the forms of street lines. Two of them are compared only if their house numbers are equal."""
    forms = []
    for building, unit in zip(*split_addresses(list(texts)), strict=True):
        number = "".join(filter(str.isdigit, building))
        street = "".join(letter for letter in building if not letter.isdigit())
        ends = (f"{number}<{street[:_STREET_LETTERS]}", f"{number}>{street[-_STREET_LETTERS:]}")
        # Streets without a number match only if they are spelled alike.
        words = ends if number else (building,)
        forms.append(Form(building, building, words if building else (), unit))
    return forms


def without_a_letter(word: str) -> list[str]:
    """Return a word and all forms of it with one letter missing. Two words that differ in one letter share one of these."""
    if not _EXACT_LENGTH < len(word) <= _LONGEST_WORD:
        return [word]
    return [word, *[word[:at] + word[at + 1 :] for at in range(len(word))]]


def _identifiers(texts: Sequence[str]) -> list[str]:
    return [plain.decode() for plain in plain_names(list(texts))]


def _contacts(texts: Sequence[str]) -> list[str]:
    return [plain.decode() for plain in plain_contacts(list(texts))]


#: Kind -> function that returns exact forms of texts; empty for a text that identifies nothing.
EXACT_FORMS: Final[Mapping[EntryKind, Callable[[Sequence[str]], list[str]]]] = {
    EntryKind.PHONE: _contacts,
    EntryKind.EMAIL: _contacts,
    EntryKind.IDENTIFIER: _identifiers,
}


def exact_form(kind: EntryKind, text: str) -> str:
    """Return the normal form of a text, for dismissals: equal forms mean the same party. Empty if the text identifies nothing."""
    if kind is EntryKind.NAME:
        return name_forms([text])[0].ordered
    if kind is EntryKind.ADDRESS:
        form = address_forms([text])[0]
        return f"{form.joined} {form.unit}".strip()
    return EXACT_FORMS[kind]([text])[0]


def plain_places(cities: Sequence[str], postcodes: Sequence[str]) -> list[str]:
    """Return the forms of cities, then of postcodes."""
    return [plain.decode() for plain in (*plain_names(list(cities)), *plain_postcodes(list(postcodes)))]


@dataclass(frozen=True, slots=True)
class Topic:
    """One of the tables of lists.

    Attributes:
        name: name of the table.
        kind: prefix of kinds of audit entries, as in ``permit_added``.
        filters: columns by which entries may be filtered.
    """

    name: str
    kind: str
    filters: tuple[str, ...]


WATCH_ENTRIES: Final = Topic("watch_entries", "watch_entry", ("list_name", "kind"))
DISMISSALS: Final = Topic("dismissals", "dismissal", ("entry_id",))
SUPPRESSIONS: Final = Topic("suppressions", "suppression", ("rule_id", "list_name", "entry_id"))
PERMITS: Final = Topic("permits", "permit", ("permit_number",))
TOPICS: Final = (WATCH_ENTRIES, DISMISSALS, SUPPRESSIONS, PERMITS)
