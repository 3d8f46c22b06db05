"""Words and phrases of kinds."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.kinds import words as module
from features.kinds.parties import LINES_FILE, PARTY_KINDS
from features.kinds.words import KindWords
from features.texts.folding import folded

CHEMICAL, NONE = 1, 0
GOODS_KINDS = "goods_kinds.toml"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], KindWords]:
    """Return a function that makes the words of a file with one section."""

    def make(entries: str) -> KindWords:
        monkeypatch.setattr(module, "open_data", lambda _file: io.StringIO(f"[kind]\n{entries}\n"))
        return KindWords("kinds.toml", {"kind": 1})

    return make


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("example new material", CHEMICAL),
        ("\u793a\u4f8b new material", CHEMICAL),
        ("example", NONE),
        ("\u793a\u4f8b", NONE),
    ],
)
def test_phrases_are_found_in_texts_of_any_script(text: str, kinds: int) -> None:
    assert KindWords(PARTY_KINDS, {"chemical": CHEMICAL}).inside(text) == kinds


@pytest.mark.parametrize("file", [PARTY_KINDS, LINES_FILE, GOODS_KINDS])
def test_every_phrase_is_found_in_a_folded_text(file: str) -> None:
    for section, entries in KindWords(file, {}).sections.items():
        words = KindWords(file, {section: 1})
        for phrase in (*entries.get("anywhere", ()), *entries.get("phrases", ())):
            assert words.inside(folded(f"x {phrase} x")) == 1, (section, phrase)


@pytest.mark.parametrize("file", [PARTY_KINDS, LINES_FILE, GOODS_KINDS])
def test_every_word_is_found_in_whatever_case_and_accents(file: str) -> None:
    for section, entries in KindWords(file, {}).sections.items():
        words = KindWords(file, {section: 1})
        for word in entries.get("words", "").split():
            assert words.of_word(folded(word.strip("*").upper())) == 1, (section, word)


def test_phrases_of_goods_are_one_word_because_descriptions_are_compared_by_words() -> None:
    for section, entries in KindWords(GOODS_KINDS, {}).sections.items():
        for phrase in entries.get("anywhere", ()):
            assert re.fullmatch(r"\w+", folded(phrase)), (section, phrase)


def test_a_star_matches_a_beginning_or_an_end(made: Callable[[str], KindWords]) -> None:
    words = made('words = "vergleichsmaterialien* *spedition й"\nanywhere = ["transport"]')
    assert [words.of_word(word) for word in ("vergleichsmaterialienset", "vergleich", "eilspedition", "и")] == [
        1,
        0,
        1,
        1,
    ]
    assert (words.of_word("speditionen"), words.inside("nordtransporte")) == (0, 1)


def test_a_korean_syllable_is_no_beginning_of_another(made: Callable[[str], KindWords]) -> None:
    words = made('anywhere = ["회사"]')
    assert [words.inside(folded(name)) for name in ("주식회사 예시", "회산")] == [1, 0]


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ('words = "*lab*"', "'*lab*' has a star at both ends; write 'lab' under anywhere"),
        ('words = "film-coated"', "'film-coated' is not one word"),
        ('words = "a*b"', "'a*b' is not one word"),
        ('words = "**"', "'**' has a star at both ends"),
        ('words = "*"', "'*' is not one word"),
        ('words = "a*"', "'a*' has fewer than 2 letters"),
        ('anywhere = ["a"]', "'a' has fewer than 2 letters"),
        ('anywhere = ["máy"]', "'máy' is compared as 'may'"),
        ('phrases = [" "]', "' ' is empty"),
        ('phrases = ["new mat*"]', "has a star"),
    ],
)
def test_a_word_that_cannot_match_as_written_is_refused(
    made: Callable[[str], KindWords], entries: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        made(entries)


def test_without_sections_no_phrase_is_found() -> None:
    assert KindWords(PARTY_KINDS, {}).inside("new material") == NONE


@pytest.mark.parametrize("file", [PARTY_KINDS, LINES_FILE, GOODS_KINDS])
def test_a_word_is_of_the_kinds_whose_entries_match_it_one_by_one(file: str) -> None:
    sections = {section: 1 << bit for bit, section in enumerate(KindWords(file, {}).sections)}
    words = KindWords(file, sections)
    entries = [
        (folded(word), sections[section])
        for section, content in words.sections.items()
        for word in content.get("words", "").split()
    ]

    def matches(entry: str, word: str) -> bool:
        plain = entry.strip("*")
        return (
            word.startswith(plain) if entry.endswith("*") else word.endswith(plain) if "*" in entry else word == plain
        )

    pieces = st.sampled_from([entry.strip("*") for entry, _ in entries])

    @given(
        st.one_of(pieces, st.text("abcdeiklmnoprstu", min_size=1, max_size=6), st.tuples(pieces, pieces).map("".join))
    )
    def check(word: str) -> None:
        kinds = 0
        for entry, kind in entries:
            kinds |= kind if matches(entry, word) else 0
        assert words.of_word(word) == kinds

    check()


def test_a_star_after_two_letters_matches_a_beginning(made: Callable[[str], KindWords]) -> None:
    words = made('words = "ab* *yz"')
    assert [words.of_word(word) for word in ("ab", "abc", "a", "xyz", "yz", "z")] == [1, 1, 0, 1, 1, 0]
