"""Rows of texts are computed once, cached in bounds and independent of other texts; scans agree with regular expressions."""

from __future__ import annotations

import re
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise as pairwise_of
from typing import Any
from zlib import crc32

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.groups.expected.rows import BUCKETS, buckets_of
from features.substances.normalise import TOKEN
from features.substances.rows import choose
from features.texts.cache import BATCH, TextIndex, TextPairs, TextRows, fill_numbers, national_digits_masked
from features.texts.scan import (
    Beginnings,
    has_capital_inside,
    mixes_letters_and_figures,
    name_tokens,
    near_words,
    uncombined,
    word_tokens,
    words_in,
)
from features.texts.words import TokenisedTexts
from tests.effort import examples

MISSING = np.array([-1.0, -2.0])


class Computed:
    """Computes the length of a text and its first character, and records the texts."""

    def __init__(self) -> None:
        self.computed: list[str] = []

    def __call__(self, texts: list[str]) -> np.ndarray:
        self.computed += texts
        return np.array([[len(text), ord(text[0])] for text in texts], dtype=np.float64)


def expected(texts: list[str | None]) -> list[list[float]]:
    return [list(MISSING) if text is None else [len(text), ord(text[0])] for text in texts]


def filled(index: TextIndex, rows: TextRows, texts: list[str | None]) -> list[list[float]]:
    values = list(dict.fromkeys(text for text in texts if text is not None))
    codes = np.array([-1 if text is None else values.index(text) for text in texts], dtype=np.int32)
    matrix = np.full((len(texts), 4), 7.0)
    slots = index.look_up(values)
    rows.fill(slots, codes, matrix, 1)
    assert (matrix[:, [0, 3]] == 7.0).all()
    assert np.array_equal(rows.of(slots)[slots.slots], expected([*values]) or np.empty((0, 2)))
    written: list[list[float]] = matrix[:, 1:3].tolist()
    return written


def test_rows_of_a_text_are_computed_once() -> None:
    computed, index = Computed(), TextIndex(100)
    rows = TextRows(computed, MISSING)
    texts: list[str | None] = ["dress", None, "shoe", "dress"]
    assert filled(index, rows, texts) == expected(texts)
    assert filled(index, rows, ["hat", *texts]) == expected(["hat", *texts])
    assert computed.computed == ["dress", "shoe", "hat"]


def test_each_row_picks_one_number_of_its_text() -> None:
    index, rows = TextIndex(100), TextRows(Computed(), MISSING)
    codes, numbers = np.array([1, 0, -1, 1, -1], dtype=np.int32), np.array([0, 1, 1, 1, 0], dtype=np.int32)
    matrix = np.full((5, 3), 7.0)
    rows.pick(index.look_up(["hat", "dress"]), codes, numbers, matrix, 1)
    assert matrix[:, 1].tolist() == [5.0, ord("h"), -2.0, ord("d"), -1.0]
    assert (matrix[:, [0, 2]] == 7.0).all()


def test_more_texts_than_the_capacity_have_correct_rows() -> None:
    computed, index = Computed(), TextIndex(4)
    rows = TextRows(computed, MISSING)
    many = [f"{i % 7} parcel {'x' * i}" for i in range(50)]
    assert filled(index, rows, list(many)) == expected(list(many))
    for start in range(0, 40, 3):
        part: list[str | None] = [None, *many[start : start + 3]]
        assert filled(index, rows, part) == expected(part)
    before = len(computed.computed)
    assert filled(index, rows, list(many[39:42])) == expected(list(many[39:42]))
    assert len(computed.computed) == before, "the texts of the last table are still in the cache"


def test_rows_of_many_texts_are_computed_in_batches() -> None:
    sizes: list[int] = []

    def numbers(texts: list[str]) -> np.ndarray:
        sizes.append(len(texts))
        return np.array([[float(text), 0.0] for text in texts])

    texts = [str(i) for i in range(2 * BATCH + 1)]
    slots = TextIndex(10).look_up(texts)
    assert TextRows(numbers, MISSING).of(slots)[slots.slots, 0].tolist() == [*range(2 * BATCH + 1)]
    assert sizes == [BATCH, BATCH, 1]


def test_rows_of_long_texts_are_computed_in_smaller_batches() -> None:
    """A compiled loop over all of them would hold Python's lock."""
    characters: list[int] = []

    def lengths(texts: Any) -> np.ndarray:
        own = texts.lengths() if isinstance(texts, TextPairs) else [len(text) for text in texts]
        characters.append(sum(own))
        return np.array([[length, 0.0] for length in own])

    texts = ["x" * i for i in range(2 * BATCH + 1)]
    index = TextIndex(10)
    slots = index.look_up(texts)
    assert TextRows(lengths, MISSING).of(slots)[slots.slots, 0].tolist() == [*range(2 * BATCH + 1)]
    assert max(characters) < 210_000 < sum(characters)
    codes = np.arange(-1, len(texts), dtype=np.int32)
    characters.clear()
    pairs = index.look_up_pairs(TextPairs(slots, codes, np.zeros(len(codes), dtype=np.int32)), 1)
    assert TextRows(lengths, MISSING).of(pairs)[pairs.slots, 0].tolist() == [0, *range(2 * BATCH + 1)]
    assert max(characters) < 210_000 < sum(characters)


def test_rows_are_correct_for_texts_of_two_indexes() -> None:
    one, other, rows = TextIndex(10), TextIndex(10), TextRows(Computed(), MISSING)
    for _ in range(2):
        assert filled(one, rows, ["dress", "shoe"]) == expected(["dress", "shoe"])
        assert filled(other, rows, ["hat", "glove"]) == expected(["hat", "glove"])


_TABLES = st.lists(st.lists(st.sampled_from([f"{'ab'[i % 2]}{'c' * i}" for i in range(12)]), max_size=8), max_size=20)


@given(_TABLES)
@examples(100)
def test_rows_are_correct_after_any_earlier_lookups(tables: list[list[str]]) -> None:
    # Feature groups look up texts one after another, and some groups not in every table.
    index, groups = TextIndex(5), [TextRows(Computed(), MISSING) for _ in range(3)]
    for number, texts in enumerate(tables):
        for rows in groups[: 1 + number % 3]:
            assert filled(index, rows, list(texts)) == expected(list(texts))


@given(_TABLES)
@examples(100)
def test_texts_keep_their_slots_within_a_generation(tables: list[list[str]]) -> None:
    index, known = TextIndex(5), dict[tuple[int, int], str]()
    met: set[tuple[int, str]] = set()
    for texts in tables:
        slots = index.look_up(texts)
        places = np.asarray(slots.slots).tolist()
        assert all(
            known.setdefault((slots.generation.first, place), text) == text
            for place, text in zip(places, texts, strict=True)
        )
        assert max(places, default=-1) < slots.room
        assert {texts[i] for i in slots.new} == {text for text in texts if (slots.generation.first, text) not in met}
        met |= {(slots.generation.first, text) for text in texts}


def test_threads_share_rows_of_texts() -> None:
    index, rows = TextIndex(16), TextRows(Computed(), MISSING)
    texts = [chr(97 + i) * (i + 1) for i in range(24)]

    def ask(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        for _ in range(60):
            part: list[str | None] = [texts[i] for i in rng.integers(0, len(texts), 6)]
            if filled(index, rows, part) != expected(part):
                return False
        return True

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(ask, range(12)))
    finally:
        sys.setswitchinterval(interval)


_PAIRED = st.lists(st.tuples(st.sampled_from([None, *"abcdef"]), st.integers(0, 3)), max_size=8)


@given(st.lists(_PAIRED, max_size=12))
@examples(100)
def test_different_pairs_never_share_a_slot(tables: list[list[tuple[str | None, int]]]) -> None:
    def rows_of(pairs: TextPairs) -> np.ndarray:
        texts = [0 if code < 0 else ord(pairs.texts.values[code]) for code in pairs.codes]
        return np.array([texts, pairs.classes], dtype=np.float64).T

    index, of_pairs, rows = TextIndex(3), TextIndex(4), TextRows(rows_of, MISSING)
    for table in tables:
        values = list(dict.fromkeys(text for text, _ in table if text is not None))
        codes = np.array([-1 if text is None else values.index(text) for text, _ in table], dtype=np.int32)
        classes = np.array([number for _, number in table], dtype=np.int32)
        slots = of_pairs.look_up_pairs(TextPairs(index.look_up(values), codes, classes), 4)
        found = rows.of(slots)[slots.slots] if table else np.empty((0, 2))
        assert found.tolist() == [[ord(text) if text else 0, number] for text, number in table]


_ANY_TEXT = st.one_of(st.text("abZé_19.,² -中٣", max_size=24), st.text(max_size=24))


@given(_ANY_TEXT)
@examples(400)
def test_words_are_the_matches_of_a_pattern(text: str) -> None:
    assert words_in(text) == tuple(dict.fromkeys(re.findall(r"[^\W\d_]{2,}", text)))


@given(st.lists(_ANY_TEXT, max_size=6))
@examples(400)
def test_tokens_words_and_counts_agree_with_patterns(texts: list[str]) -> None:
    tokenised = TokenisedTexts(texts, str.casefold, TextIndex(50))
    first = 0
    for row, (text, end) in enumerate(zip(map(str.casefold, texts), tokenised.token_ends, strict=True)):
        assert [tokenised.pieces[piece] for piece in tokenised.tokens[first:end]] == re.findall(r"\w+", text)
        assert tokenised.words_of(row) == list(dict.fromkeys(re.findall(r"[^\W\d_]{2,}", text)))
        assert [*tokenised.counts[5 * row : 5 * row + 5]] == [
            sum(map(str.isalpha, text)),
            len(re.findall("[a-z]", text)),
            sum(map(str.isdigit, text)),
            len(re.findall(r"\d+(?:[.,]\d+)?", text)),
            len(text),
        ]
        first = end


@given(_ANY_TEXT | st.text("ae\u0301\u0300\u064b中", max_size=8))
def test_combining_characters_are_removed(text: str) -> None:
    assert uncombined(text) == "".join(char for char in text if not unicodedata.combining(char))


@given(st.lists(st.text(st.characters(codec="ascii"), min_size=1, max_size=12), max_size=6))
@examples(200)
def test_buckets_of_words_and_neighbours_are_their_checksums(words: list[str]) -> None:
    spelled = [*words, *(f"{a} {b}" for a, b in pairwise_of(words))]
    assert buckets_of(words, " ".join(words)) == {crc32(text.encode()) % BUCKETS for text in spelled}


def test_numbers_of_values_are_written_per_row() -> None:
    target = np.full((4, 2), -9, dtype=np.int32)
    fill_numbers({"CN": 3, "US": 1}, ["US", "XX", "CN"], np.array([2, -1, 1, 0], dtype=np.int32), target, 1)
    assert target.tolist() == [[-9, 3], [-9, 0], [-9, 0], [-9, 1]]


def test_national_digits_of_an_hs_code_are_masked() -> None:
    assert national_digits_masked(["2933", "29333", "293334", "29333410", "2933349012"]) == [
        "2933", "29333", "293334", "293334xx", "293334xxxx",
    ]  # fmt: skip


def test_the_first_match_of_the_highest_rank_is_chosen() -> None:
    chosen, best = np.full(4, -1, dtype=np.int32), np.zeros(4, dtype=np.int32)
    for codes, numbers, ranks in (
        ([0, 0, -1, 1], [10, 11], [3, 0]),
        ([1, 0, 0, 0], [20, 21], [3, 4]),
    ):
        of_rows, named, ranked = (np.array(values, dtype=np.int32) for values in (codes, numbers, ranks))
        choose(of_rows, named, ranked, chosen, best)
    assert chosen.tolist() == [21, 10, 20, 20]
    assert best.tolist() == [4, 3, 3, 3]


@given(st.text("abzAZ 019-_@+!|$.€", max_size=20))
@examples(400)
def test_tokens_and_mixed_characters_agree_with_patterns(text: str) -> None:
    assert name_tokens(text) == re.findall(r"[a-zA-Z]+|[0-9]+", text)
    found = re.search(r"[a-z][0-9@$!|€+]|[0-9@$!|€+][a-z]", text) is not None
    assert mixes_letters_and_figures(text) is found


@given(st.text("abAB _9é", max_size=12) | _ANY_TEXT)
@examples(400)
def test_word_tokens_and_capitals_inside_words_agree_with_patterns(text: str) -> None:
    assert word_tokens(text) == re.findall(r"\w+", text)
    assert has_capital_inside(text) is (re.search("[a-z]{3}[A-Z][A-Za-z]", text) is not None)


@given(
    st.lists(st.text("abc -", min_size=2, max_size=4), max_size=4),
    st.text("abc -é", max_size=16),
    st.integers(0, 4),
)
@examples(400)
def test_beginnings_of_words_are_found(words: list[str], text: str, begin: int) -> None:
    beginnings = Beginnings(words)

    def pattern(char: str) -> str:
        return char if char in "abc" else "[^a-z]"

    heads = "|".join(
        pattern(word[0]) + pattern(word[1]) + ("" if len(word) < 3 else word[2] if word[2] in "abc" else "(?![a-z])")
        for word in words
    )
    heads = heads or "(?!)"
    places = [place.start() for place in re.finditer(f"(?=({heads}))", text) if place.start() >= begin]
    found, at = [], beginnings.find(text, begin)
    while at >= 0:
        found.append(at)
        at = beginnings.find(text, at + 1)
    assert found == places


def test_words_near_a_token_or_two_joined_neighbours_are_found() -> None:
    reach = {"fentanil": (("fentanyl", 1),), "carfent": (("carfentanyl", 4),), "fent": (), "anil": (), "car": ()}
    lookups: list[str] = []

    def near(token: str) -> tuple[tuple[str, int], ...]:
        lookups.append(token)
        return reach.get(token, ())

    assert near_words(["car", "fent", "anil"], near, {"fent"}, {"fent"}, 5, 40) == [
        (0, 1, "carfentanyl", 4),
        (1, 2, "fentanyl", 1),
    ]
    assert lookups == ["fent", "carfent", "anil", "fentanil"]
    lookups.clear()
    assert near_words(["a" * 30, "b" * 30], near, {"a" * 30}, set(), 5, 40) == []
    assert lookups == ["a" * 30, "b" * 30]


@given(st.one_of(st.text("a1é²٣_-々あゝア・ーㄱ㐀一한中9", max_size=16), st.text(max_size=16)))
@examples(400)
def test_tokens_of_names_in_any_script_agree_with_the_pattern(text: str) -> None:
    assert name_tokens(text) == TOKEN.findall(text)


def test_every_character_is_tokenised_as_by_the_pattern() -> None:
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000), 0x1D7D8, 0x20000, 0x1F600]))
    assert name_tokens(everything) == TOKEN.findall(everything)
    separated = "a".join(everything)
    assert name_tokens(separated) == TOKEN.findall(separated)
    assert word_tokens(everything) == re.findall(r"\w+", everything)
