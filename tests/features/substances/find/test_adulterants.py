"""Tests of the reduced forms under which other spellings are found."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from features.substances.find.adulterants import _key
from features.texts.scan import as_scanned, without_vowels

PIECES = [
    "ph",
    "th",
    "sch",
    "ch",
    "ck",
    "qu",
    "x",
    "y",
    "j",
    "i",
    "w",
    "v",
    "z",
    "s",
    "h",
    "ll",
    "nn",
    "um",
    "us",
    "as",
    "es",
    "os",
    "a",
    "e",
    "o",
    "u",
    "xyl",
    "kain",
    "medeto",
    "midin",
    "t",
    "p",
    "c",
    "r",
]


@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
def test_a_key_is_the_word_after_each_replacement_in_turn(word: str) -> None:
    plain = word
    for letters, one in (
        ("ph", "f"), ("th", "t"), ("sch", "s"), ("ch", "k"), ("ck", "k"), ("qu", "k"), ("x", "ks"), ("y", "i"), ("j", "i"),
        ("w", "v"), ("z", "s"), ("h", ""),
    ):  # fmt: skip
        plain = plain.replace(letters, one)
    plain = re.sub(r"(.)\1+", r"\1", re.sub("c(?=[ei])", "s", plain).replace("c", "k"))
    assert _key(word) == re.sub("(?:um|us|as|es|os|[aeou])$", "", plain)


@given(st.text("abcdeiouyxz123ä"))
def test_only_vowels_are_removed(word: str) -> None:
    assert without_vowels(word) == word.translate(str.maketrans("", "", "aeiouy"))


@given(st.text("rnvclduhimwyb1"))
def test_letters_that_a_scanner_confuses_are_replaced_in_turn(word: str) -> None:
    plain = word
    for piece, other in (("rn", "m"), ("vv", "w"), ("cl", "d"), ("u", "ll"), ("v", "y"), ("h", "b")):
        plain = plain.replace(piece, other)
    assert as_scanned(word) == plain
