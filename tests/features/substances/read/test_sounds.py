"""Tests of the letters that a word must have to sound like a watched name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from features.substances.read.sounds import _MAY_HAVE_CORE, latin_reading, sounds_watched

PIECES = "f ph p n t l z s c r d b o a e i y th fen tan nyl taz pip rid"
pieces = st.sampled_from(PIECES.split())


@given(st.lists(pieces, max_size=9).map("".join))
def test_a_word_without_n_and_p_has_no_core(word: str) -> None:
    if _MAY_HAVE_CORE.search(word) is not None:
        assert "n" in word or "p" in word
    if "n" not in word and "p" not in word:
        assert latin_reading(word) is None


@given(st.lists(pieces, min_size=1, max_size=9).map("".join))
def test_a_word_that_is_read_by_its_sound_has_the_sound_of_a_core(word: str) -> None:
    if latin_reading(word) is not None:
        assert sounds_watched(word)
