"""The committed sets of declared chemicals: nothing harmless hits, and what is declared is found as often as promised."""

from __future__ import annotations

from functools import cache

import pytest

from benchmarks.substance_misspellings import generate, letters
from benchmarks.substance_recall import LANGUAGES_BAR, MISSPELT_BAR, NAMES_BAR
from benchmarks.substance_rows import MENTION, NONE, Row, problem, read
from features.reference import substances
from features.substances import SubstanceIndex

INDEX = SubstanceIndex.load()
NEGATIVES = read("hard_negatives")


def answered(row: Row) -> str:
    return problem(row, INDEX.resolve(row.text, chemical=row.chemical))


@cache
def wrong(name: str, every: int) -> tuple[int, list[str]]:
    """Rows asked of a set (every so-manyth), and what is wrong with those answered wrongly."""
    rows = read(name)[::every]
    found = [f"{row.text!r}: {said}" for row in rows if (said := answered(row))]
    return len(rows), found


def test_the_hard_negatives_are_many_and_different() -> None:
    assert len({row.text for row in NEGATIVES if row.expected == NONE}) >= 250
    assert len({row.text for row in NEGATIVES if row.expected == MENTION}) >= 50


def test_no_hard_negative_is_a_hit() -> None:
    assert [f"{row.text!r}: {said}" for row in NEGATIVES if (said := answered(row))] == []


def test_no_hard_negative_is_a_hit_in_a_field_for_chemicals_unless_it_is_an_abbreviation_or_a_number() -> None:
    # In such a field a bare abbreviation or a number without hyphens is read as a chemical: that is what the field says.
    spared = {"abbreviations in other senses", "numbers"}
    asked = [Row(row.text, True, row.expected) for row in NEGATIVES if row.note not in spared]
    assert [f"{row.text!r}: {said}" for row in asked if (said := answered(row))] == []


def test_what_is_only_mentioned_is_found_as_a_mention_or_not_at_all() -> None:
    kinds = {}
    for row in NEGATIVES:
        if row.expected == MENTION:
            match = INDEX.resolve(row.text, chemical=row.chemical)
            kinds[row.text] = match.kind if match is not None else "nothing"
    assert {text: kind for text, kind in kinds.items() if kind not in ("mention", "nothing")} == {}
    assert sum(kind == "mention" for kind in kinds.values()) >= 0.8 * len(kinds)


def test_a_near_miss_is_no_hit() -> None:
    assert wrong("near_misses", 1)[1] == []


@pytest.mark.parametrize(
    ("name", "every", "bar"),
    [
        ("synonyms", 3, NAMES_BAR),
        ("identifiers", 1, NAMES_BAR),
        ("systematic", 3, NAMES_BAR),
        ("declarations", 3, NAMES_BAR),
        ("class_analogues", 3, NAMES_BAR),
        ("languages", 4, LANGUAGES_BAR),
    ],
)
def test_what_is_declared_is_found(name: str, every: int, bar: float) -> None:
    asked, missed = wrong(name, every)
    assert asked >= 70
    assert 1 - len(missed) / asked >= bar, "\n".join(missed)


def test_one_or_two_typing_errors_do_not_hide_that_a_watched_name_is_declared() -> None:
    rows = [row for errors in (1, 2) for row in generate(300, errors, seed=5)[0]]
    answers = [(row, INDEX.resolve(row.text, chemical=row.chemical)) for row in rows]
    hidden = [row.text for row, match in answers if match is None or not match.hit]
    assert 1 - len(hidden) / len(rows) >= MISSPELT_BAR, "\n".join(hidden)
    # Two errors in a short prefix can leave only the family recognisable, or make the prefix of another member.
    otherwise = [row.text for row, match in answers if match is None or match.substance != row.expected]
    assert 1 - len(otherwise) / len(rows) >= 0.95, "\n".join(otherwise)


def test_generated_misspellings_are_no_other_name_and_come_again_with_their_seed() -> None:
    rows, _ = generate(100, 2, seed=7)
    assert rows == generate(100, 2, seed=7)[0]
    names = {letters(name) for row in substances() for name in (row.name, *row.synonyms, *row.abbreviations)}
    assert not {letters(row.text) for row in rows if row.chemical} & names


def test_every_expected_substance_is_a_row_of_the_reference_table() -> None:
    names = {row.name for row in substances()}
    sets = ("synonyms", "identifiers", "systematic", "declarations", "languages")
    assert {row.expected for name in sets for row in read(name)} <= names
