"""The guess of a language from votes of words."""

from __future__ import annotations

import numpy as np

from features.goods.answers import guess, votes

LANGUAGES = ("de", "en", "zh")


def guessed(*bits: int) -> str | None:
    """Return the guess for a text in Latin letters whose words were seen in the languages that bits mark."""
    sums = votes(np.array(bits, dtype=np.int64), LANGUAGES).sum(axis=0, keepdims=True)
    return guess(["words"], np.array([True]), sums, LANGUAGES)[0]


def test_a_word_divides_its_vote_between_its_languages() -> None:
    assert votes(np.array([0b011, 0b100, 0]), LANGUAGES).tolist() == [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]


def test_most_votes_decide_and_english_wins_a_tie() -> None:
    assert guessed(0b001, 0b001, 0b010) == "de"
    assert guessed(0b001, 0b010) == "en"
    assert guessed(0) is None


def test_latin_words_in_texts_of_other_alphabets_are_no_votes_for_their_languages() -> None:
    languages = ("bg", "el", "ru", "en")
    sums = votes(np.array([0b0111, 0b0111, 0b1000], dtype=np.int64), languages).sum(axis=0, keepdims=True)
    assert guess(["words"], np.array([True]), sums, languages) == ["en"]


def test_latin_words_in_chinese_texts_do_not_make_a_latin_text_chinese() -> None:
    assert guessed(0b100, 0b100, 0b001) == "de"
    assert guessed(0b100) is None
