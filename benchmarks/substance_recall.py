"""Recall on declared substances, and false hits on texts that declare none."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks import substance_misspellings, substance_writings
from benchmarks.substance_rows import Row, is_hit, read, share, wrong_answers
from features.substances import Substances

#: Required shares of right answers. Texts that declare nothing must not have a hit.
NAMES_BAR: Final = 0.99
MISSPELT_BAR: Final = 0.97
LANGUAGES_BAR: Final = 0.90
SILENT: Final = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table.

    Attributes:
        name: name of the set.
        rows: number of texts.
        hits: number of texts with a hit; these are false hits in a set of texts that declare nothing.
        right: number of texts whose hit names the expected substance, or that correctly have no hit.
        bar: required share of right answers.
        wrong: rows answered wrongly, with the problem.
    """

    name: str
    rows: int
    hits: int
    right: int
    bar: float
    wrong: list[tuple[Row, str]]

    @property
    def share(self) -> float:
        return share(self.right, self.rows)

    @property
    def reached(self) -> bool:
        return self.share >= self.bar


def query(index: Substances, name: str, rows: Sequence[Row], bar: float) -> Result:
    """Query the index with every row."""
    matches = [index.match(row.text, chemical=row.chemical) for row in rows]
    wrong = wrong_answers(rows, matches)
    return Result(name, len(rows), sum(map(is_hit, matches)), len(rows) - len(wrong), bar, wrong)


def _languages() -> list[tuple[str, list[Row]]]:
    rows = sorted(read("languages"), key=lambda row: row.note)
    return [(language, list(group)) for language, group in itertools.groupby(rows, key=lambda row: row.note)]


def sets(misspellings: int, seed: int, others: frozenset[str] = frozenset()) -> Iterable[tuple[str, list[Row], float]]:
    """Yield name, rows and target of every set.

    Args:
        misspellings: number of misspellings with one error, and as many with two.
        seed: for the generated sets.
        others: names of real chemicals, by their letters, that a misspelling must not equal.
    """
    committed: list[tuple[str, str, float]] = [
        ("synonyms", "synonyms and brands", NAMES_BAR),
        ("identifiers", "identifiers, by hand", NAMES_BAR),
        ("systematic", "systematic names", NAMES_BAR),
        ("declarations", "declarations", NAMES_BAR),
        ("class_analogues", "unlisted, in a class", NAMES_BAR),
    ]
    for file, name, bar in committed:
        yield name, read(file), bar
    generated: list[tuple[str, Callable[[], list[Row]]]] = [
        ("CAS numbers", substance_writings.cas_numbers),
        ("SMILES", lambda: substance_writings.smiles(seed)),
        ("InChI", substance_writings.inchis),
        ("InChIKey", substance_writings.inchikeys),
    ]
    for name, make in generated:
        yield name, make(), NAMES_BAR
    for errors, name in ((1, "misspelt, one error"), (2, "misspelt, two errors")):
        yield name, substance_misspellings.generate(misspellings, errors, seed, others)[0], MISSPELT_BAR
    for language, rows in _languages():
        yield f"language {language}", rows, LANGUAGES_BAR
    yield "near misses", read("near_misses"), SILENT
    yield "hard negatives", read("hard_negatives"), SILENT


def measure(index: Substances, misspellings: int, seed: int, others: frozenset[str] = frozenset()) -> list[Result]:
    """Query the index with every set."""
    return [query(index, name, rows, bar) for name, rows, bar in sets(misspellings, seed, others)]
