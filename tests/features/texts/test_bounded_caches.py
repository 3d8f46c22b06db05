"""Caches of texts are bounded in bytes, whatever a request sends."""

from __future__ import annotations

import numpy as np

from features.groups.base import TextCache
from features.texts.cache import LONGEST_CACHED, TextIndex, TextPairs, TextRows
from features.texts.remembered import LONGEST_REMEMBERED, remembered


def lengths(computed: list[list[str]]) -> TextRows:
    """Rows with the length of each text. ``computed`` receives the texts for which they are computed."""

    def compute(texts: list[str]) -> list[float]:
        computed.append(texts)
        return [float(len(text)) for text in texts]

    return TextRows(compute, np.zeros(1))


def test_a_long_text_is_not_cached_and_does_not_displace_others() -> None:
    computed: list[list[str]] = []
    index, rows = TextIndex(100), lengths(computed)
    short, long = ["a", "bb"], ["a", "x" * (LONGEST_CACHED + 1)]
    assert rows.numbers(index.look_up(short)).tolist() == [1, 2]
    for _ in range(2):
        found = index.look_up(long)
        # Several groups read the same texts of a table.
        assert rows.numbers(found).tolist() == [1, LONGEST_CACHED + 1]
        assert rows.numbers(found).tolist() == [1, LONGEST_CACHED + 1]
        assert rows.nonzero(found) == [0, 1]
    assert rows.numbers(index.look_up(short)).tolist() == [1, 2]
    assert computed == [short, long, long]


def test_the_longest_cached_text_is_cached() -> None:
    computed: list[list[str]] = []
    index, rows = TextIndex(100), lengths(computed)
    for _ in range(2):
        rows.numbers(index.look_up(["x" * LONGEST_CACHED]))
    assert len(computed) == 1


def test_an_index_is_emptied_when_its_texts_have_too_many_characters() -> None:
    index = TextIndex(1_000_000)
    first = index.look_up(["a"]).generation
    generations = set()
    for batch in range(40):
        texts = [f"{batch:04}{number:06}".ljust(LONGEST_CACHED, "x") for number in range(500)]
        generations.add(id(index.look_up(texts).generation))
    # 10 million characters in all, of which at most 4 million stay.
    assert len(generations) >= 3
    assert index.look_up(["a"]).generation is not first


def test_a_table_with_very_many_characters_is_not_kept() -> None:
    index = TextIndex(1_000_000)
    generation = index.look_up(["a"]).generation
    many = index.look_up([f"{number:06}".ljust(LONGEST_CACHED, "x") for number in range(9_000)])
    assert len(set(many.slots.tolist())) == 9_000
    assert index.look_up(["a"]).generation is generation


def test_pairs_of_a_table_with_a_long_text_are_not_kept() -> None:
    texts, pairs = TextIndex(100), TextIndex(100)
    codes, classes = np.array([0, 1], dtype=np.int32), np.array([0, 0], dtype=np.int32)
    known = pairs.look_up_pairs(TextPairs(texts.look_up(["a", "b"]), codes, classes), 3)
    long = pairs.look_up_pairs(TextPairs(texts.look_up(["c" * 600, "d"]), codes, classes), 3)
    assert long.generation is not known.generation
    again = pairs.look_up_pairs(TextPairs(texts.look_up(["a", "b"]), codes, classes), 3)
    assert (again.generation, again.new) == (known.generation, [])


def test_a_function_of_a_text_caches_short_texts_only() -> None:
    calls: list[str] = []

    @remembered(10)
    def length(text: str, *, twice: bool = False) -> int:
        calls.append(text)
        return len(text) * (1 + twice)

    short, long = "x" * LONGEST_REMEMBERED, "x" * (LONGEST_REMEMBERED + 1)
    for text in (short, short, long, long):
        assert length(text, twice=True) == 2 * len(text)
    assert calls == [short, long, long]


def test_tokens_of_a_large_batch_are_not_kept() -> None:
    cache = TextCache()
    small, large = ["some words"], ["other words " * 50_000]
    assert cache.tokenise(small) is cache.tokenise(small)
    assert cache.tokenise(large) is not cache.tokenise(large)
