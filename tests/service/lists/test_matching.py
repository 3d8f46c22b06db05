"""Matching of names and addresses: compared with a search through all pairs, and with different spellings."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from service.lists.matching import (
    AddressIndex,
    EntryKind,
    Form,
    NameIndex,
    address_forms,
    exact_form,
    name_forms,
    without_a_letter,
)

#: Words of invented names. They are few, so that many entries share words.
WORDS = (
    "lianhe",
    "novelty",
    "harbour",
    "gate",
    "ocean",
    "star",
    "dana",
    "example",
    "müller",
    "上海",
    "orient",
    "light",
)
NAMES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)


def changed(text: str, seed: int) -> str:
    """Return a text with one letter of one word changed, missing or added."""
    chance = random.Random(seed)
    at = chance.randrange(len(text))
    if text[at] == " ":
        at -= 1
    letter = chance.choice(string.ascii_lowercase)
    return text[:at] + chance.choice(("", letter, letter + text[at])) + text[at + 1 :]


def similarity(one: Form, other: Form) -> float:
    return max(fuzz.ratio(one.ordered, other.ordered), fuzz.ratio(one.joined, other.joined))


def within_one_letter(word: str, other: str) -> bool:
    return not set(without_a_letter(word)).isdisjoint(without_a_letter(other))


@given(
    st.lists(NAMES, min_size=1, max_size=12),
    st.lists(st.tuples(NAMES, st.integers(0, 999)), min_size=1, max_size=6),
    st.sampled_from((60.0, 80.0, 90.0, 100.0)),
)
def test_an_index_finds_all_similar_pairs_whose_words_have_counterparts(
    entries: list[str], texts: list[tuple[str, int]], threshold: float
) -> None:
    forms, queries = name_forms(entries), name_forms([changed(text, seed) for text, seed in texts])
    index = NameIndex(forms, [threshold] * len(forms))
    found = {(text, entry): percent for text, entry, percent in index.match(queries)}
    for text, form in enumerate(queries):
        for entry, known in enumerate(forms):
            agrees = similarity(form, known) >= threshold
            if (text, entry) in found:
                assert agrees
                assert found[text, entry] == pytest.approx(similarity(form, known))
            elif agrees:
                # At least one word of the entry has no counterpart in the text.
                common = [word for word in set(known.words) if any(within_one_letter(word, own) for own in form.words)]
                assert len(common) < len(set(known.words))
    # A text matches the same entries alone and together with others.
    for text, form in enumerate(queries):
        assert index.match([form]) == [(0, entry, percent) for at, entry, percent in index.match(queries) if at == text]


@given(NAMES, st.integers(0, 999))
def test_a_name_with_one_wrong_letter_matches_itself(name: str, seed: int) -> None:
    [form], [query] = name_forms([name]), name_forms([changed(name, seed)])
    index = NameIndex([form], [60.0])
    assert index.match([form]) == [(0, 0, 100.0)]
    if all(len(word) > 3 for word in form.words) and len(form.words) > 1:
        assert len(index.match([query])) == 1


@given(
    st.text(alphabet=string.ascii_letters + string.digits + " .,-/#@", max_size=40),
    st.sampled_from([kind for kind in EntryKind if kind is not EntryKind.NAME]),
)
def test_case_and_outer_blanks_do_not_matter(text: str, kind: EntryKind) -> None:
    assert exact_form(kind, f" {text.upper()} ") == exact_form(kind, text.lower())


@given(NAMES, st.permutations(range(4)), st.sampled_from((" ", ", ", "-", ". ", " / ")))
def test_order_and_punctuation_of_a_name_do_not_matter(name: str, order: list[int], between: str) -> None:
    words = name.split()
    shuffled = [words[at] for at in order if at < len(words)]
    assert exact_form(EntryKind.NAME, between.join(shuffled)) == exact_form(EntryKind.NAME, name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lianhe Novelty Trading", "TRADING, Lianhe Novelty Co., Ltd."),
        ("Müller & Söhne", "MULLER SOHNE GmbH"),
        ("Lian He Novelty", "Lianhe Novelty"),
        ("Ｌｉａｎｈｅ Novelty", "lianhe novelty"),
        ("上海联合新材料有限公司", "上海联合新材料有限公司"),
    ],
)
def test_spellings_of_one_name_have_full_similarity(one: str, other: str) -> None:
    assert similarity(*name_forms([one, other])) == 100.0
    assert NameIndex(name_forms([one]), [100.0]).match(name_forms([other])) == [(0, 0, 100.0)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dana Example", "Dina Sample"),
        ("Lianhe Novelty Trading", "Lianhe Trading"),
        ("Li Wei", "Li Wen"),
        ("Ana Sa", "Ana"),
    ],
)
def test_different_names_do_not_match(one: str, other: str) -> None:
    assert NameIndex(name_forms([one]), [90.0]).match(name_forms([other])) == []


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("12 Main Street, Apt. 4-B", "12 MAIN ST #4B", True),
        ("12 Main Street", "12 Maine Street", True),
        ("12 Main Street", "13 Main Street", False),
        ("12 Main Street", "12 High Street", False),
        ("P.O. Box 77", "PO BOX 77", True),
    ],
)
def test_addresses_match_if_the_number_is_equal_and_the_street_similar(one: str, other: str, agree: bool) -> None:
    assert bool(AddressIndex(address_forms([one]), [85.0]).match(address_forms([other]))) is agree


def test_an_index_without_entries_finds_nothing() -> None:
    assert NameIndex([], []).match(name_forms(["Dana Example"])) == []
    assert AddressIndex([], []).match(address_forms(["12 Main Street"])) == []


def test_a_similarity_equal_to_the_threshold_is_found() -> None:
    # Each text has ten letters; nine of them are equal.
    assert NameIndex(name_forms(["abcdefghij"]), [90.0]).match(name_forms(["abcdefghix"])) == [(0, 0, 90.0)]


def test_an_entry_is_found_by_either_of_its_two_rarest_words() -> None:
    index = NameIndex(name_forms(["abcdefgh ijklmnop qrstuvwx"]), [60.0])
    for query in ("zzzzzzzz ijklmnop qrstuvwx", "abcdefgh zzzzzzzz qrstuvwx"):
        assert len(index.match(name_forms([query]))) == 1
