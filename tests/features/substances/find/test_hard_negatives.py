"""Committed test sets of declared chemicals: harmless texts are not hits, and recall reaches its documented level."""

from __future__ import annotations

from functools import cache

import pytest

from benchmarks import substance_misspellings
from benchmarks.substance_misspellings import generate, letters
from benchmarks.substance_recall import LANGUAGES_BAR, MISSPELT_BAR, NAMES_BAR
from benchmarks.substance_rows import MENTION, NONE, Row, problem, read
from features.reference import substances
from features.substances import Substances

INDEX = Substances.load()
NEGATIVES = read("hard_negatives")


def mistake_in(row: Row) -> str:
    return problem(row, INDEX.match(row.text, chemical=row.chemical))


@cache
def mistakes(name: str, every: int) -> tuple[int, list[str]]:
    """Return the number of tested rows (every ``every``-th of the set) and a description of each wrong answer."""
    rows = read(name)[::every]
    described = [f"{row.text!r}: {mistake}" for row in rows if (mistake := mistake_in(row))]
    return len(rows), described


def test_there_are_enough_distinct_hard_negatives() -> None:
    assert len({row.text for row in NEGATIVES if row.expected == NONE}) >= 250
    assert len({row.text for row in NEGATIVES if row.expected == MENTION}) >= 50


def test_no_hard_negative_is_a_hit() -> None:
    assert [f"{row.text!r}: {mistake}" for row in NEGATIVES if (mistake := mistake_in(row))] == []


def test_hard_negatives_other_than_abbreviations_and_numbers_are_no_hits_in_chemical_fields() -> None:
    # A chemical field declares a chemical, so it accepts bare abbreviations and numbers without hyphens.
    excluded = {"abbreviations in other senses", "numbers"}
    tested = [Row(row.text, True, row.expected) for row in NEGATIVES if row.note not in excluded]
    assert [f"{row.text!r}: {mistake}" for row in tested if (mistake := mistake_in(row))] == []


def test_mentions_are_classified_as_mentions_or_not_found() -> None:
    kinds = {}
    for row in NEGATIVES:
        if row.expected == MENTION:
            match = INDEX.match(row.text, chemical=row.chemical)
            kinds[row.text] = match.kind if match is not None else "nothing"
    assert {text: kind for text, kind in kinds.items() if kind not in ("mention", "nothing")} == {}
    assert sum(kind == "mention" for kind in kinds.values()) >= 0.8 * len(kinds)


def test_a_near_miss_is_no_hit() -> None:
    assert mistakes("near_misses", 1)[1] == []


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
def test_recall_of_declared_substances_reaches_its_level(name: str, every: int, bar: float) -> None:
    tested, missed = mistakes(name, every)
    assert tested >= 70
    assert 1 - len(missed) / tested >= bar, "\n".join(missed)


def test_recall_with_one_or_two_typing_errors_reaches_its_level() -> None:
    rows = [row for errors in (1, 2) for row in generate(300, errors, seed=5)[0]]
    answers = [(row, INDEX.match(row.text, chemical=row.chemical)) for row in rows]
    hidden = [row.text for row, match in answers if match is None or not match.hit]
    assert 1 - len(hidden) / len(rows) >= MISSPELT_BAR, "\n".join(hidden)
    # Two errors in a short prefix can leave only the family recognisable, or turn the prefix into that of another
    # member.
    misidentified = [row.text for row, match in answers if match is None or match.substance != row.expected]
    assert 1 - len(misidentified) / len(rows) >= 0.95, "\n".join(misidentified)


def test_generated_misspellings_are_reproducible_and_differ_from_all_names() -> None:
    rows, _ = generate(100, 2, seed=7)
    assert rows == generate(100, 2, seed=7)[0]
    names = {letters(name) for row in substances() for name in (row.name, *row.synonyms, *row.abbreviations)}
    assert not {letters(row.text) for row in rows if row.chemical} & names


def test_a_new_name_does_not_change_the_misspellings_of_other_names(monkeypatch: pytest.MonkeyPatch) -> None:
    names = substance_misspellings.watched_names()
    before = [row.text for row in generate(100, 1, seed=7)[0]]
    monkeypatch.setattr(
        substance_misspellings, "watched_names", lambda: [*names[:50], ("zylophantine", "Fentanyl"), *names[50:]]
    )
    after = [row.text for row in generate(100, 1, seed=7)[0]]
    assert len({*before} - {*after}) <= 1


def test_every_expected_substance_is_in_the_reference_table() -> None:
    names = {row.name for row in substances()}
    sets = ("synonyms", "identifiers", "systematic", "declarations", "languages")
    assert {row.expected for name in sets for row in read(name)} <= names
