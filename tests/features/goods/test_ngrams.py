from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.goods.ngrams import MOST_LETTERS, WordVectors, fill_word, gram_ids, word_key

BUCKETS = 1 << 12
words = st.text(st.characters(categories=["Ll", "Lo"]), min_size=1, max_size=60)


@given(words)
def test_buckets_are_within_the_table_and_depend_only_on_the_word(word: str) -> None:
    ids = gram_ids(word, BUCKETS)
    assert ids.min() >= 0
    assert ids.max() < BUCKETS
    assert ids.tolist() == gram_ids(word, BUCKETS).tolist()


@pytest.mark.parametrize(
    ("word", "related", "unrelated"), [("trousers", "trouser", "biscuits"), ("连衣裙", "裙", "电池")]
)
def test_related_words_share_ngrams_and_others_do_not(word: str, related: str, unrelated: str) -> None:
    own = set(gram_ids(word, 1 << 20).tolist())
    assert own & set(gram_ids(related, 1 << 20).tolist())
    assert not own & set(gram_ids(unrelated, 1 << 20).tolist())


def test_a_whole_word_has_another_bucket_than_its_ngrams() -> None:
    whole = gram_ids("tea", 1 << 20)[0]
    assert whole not in gram_ids("teapot", 1 << 20)
    assert whole not in gram_ids("tea", 1 << 20)[1:]


def test_the_work_on_a_word_is_bounded() -> None:
    assert len(gram_ids("a" * 100_000, BUCKETS)) == len(gram_ids("a" * MOST_LETTERS, BUCKETS))


@given(words)
def test_the_numbers_of_a_word_equal_those_of_numpy(word: str) -> None:
    rng = np.random.default_rng(1)
    table, values = rng.integers(-127, 127, (BUCKETS, 5)).astype(np.int8), rng.normal(size=BUCKETS).astype(np.float32)
    ids, out = gram_ids(word, BUCKETS), np.full(6, np.nan)
    fill_word(word, table, values, out)
    assert out[:5] == pytest.approx(table[ids].mean(axis=0, dtype=np.float64))
    assert out[5] == pytest.approx(values[ids].sum(dtype=np.float64) / np.sqrt(len(ids)))


def test_word_keys_are_fnv_1a_hashes() -> None:
    # Values of the reference implementation of FNV-1a.
    assert word_key("a") == 0xE40C292C
    assert word_key("foobar") == 0xBF9CF968


def test_the_row_of_a_word_contains_its_scaled_vectors_and_whether_it_names_goods() -> None:
    rng = np.random.default_rng(2)
    grams, words = (rng.integers(-127, 127, (size, 3)).astype(np.int8) for size in (BUCKETS, 2))
    values, scale = rng.normal(size=BUCKETS).astype(np.float32), rng.uniform(0.5, 2.0, 6)
    position, naming = {word_key("lipton"): 0, word_key("tea"): 1}, np.array([0, 1], dtype=np.uint8)
    vectors = WordVectors(grams, values, words, position, naming, scale)
    given = ["tea", "lipton", "coffee"]
    for word, row in zip(given, vectors.rows(given), strict=True):
        of_grams = np.empty(4)
        fill_word(word, grams, values, of_grams)
        of_word = words[position[word_key(word)]] if word != "coffee" else np.zeros(3)
        assert row[:6].tolist() == (np.concatenate([of_grams[:3], of_word]) * scale).tolist()
        assert row[6:].tolist() == [float(word == "tea"), of_grams[3]]
