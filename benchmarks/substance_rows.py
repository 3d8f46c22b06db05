"""Recall sets of `benchmarks/substance_sets`, and the judgement of an answer."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from features.substances import Match

#: Folder of the sets; its `README.md` describes how each was made.
FOLDER: Final = Path(__file__).with_name("substance_sets")
#: Values of ``expected`` that are not names of substances.
CLASS: Final = "class"
NONE: Final = "none"
MENTION: Final = "mention"

# Rows of the reference table that are salts or hydrates of one parent: an answer may name either.
_ONE_PARENT: Final = {
    "4-Piperidone hydrochloride": "4-Piperidone",
    "4-Piperidone monohydrate hydrochloride": "4-Piperidone",
}
# Column of a class row -> (jurisdiction, part of the definition's identifier).
_CLASSES: Final = {
    "us": ("US", "fentanyl"),
    "cn": ("CN", "fentanyl"),
    "gb": ("GB", "nitazene"),
    "precursor": ("US", "piperid"),
}
_FIELDS: Final = frozenset({"chemical", "description"})


@dataclass(frozen=True, slots=True)
class Row:
    """One text and its expected answer.

    Attributes:
        text: as declared.
        chemical: whether it is from a field for chemicals.
        expected: name of the substance, or `CLASS`, `NONE`, `MENTION`.
        note: origin of the text or reason for the expectation.
        classes: for `CLASS`, the expected result of each definition (``us``, ``cn``, ``gb``, ``precursor`` -> ``met``
            or ``no``); a definition that is absent is not judged.
    """

    text: str
    chemical: bool
    expected: str
    note: str = ""
    classes: dict[str, str] = field(default_factory=dict)


def read(name: str) -> list[Row]:
    """Return the rows of ``<name>.csv``.

    Raises:
        ValueError: a row has an unknown field or lacks its text; the message names file, line and value.
    """
    path = FOLDER / f"{name}.csv"
    rows = []
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            if not row["text"] or row["field"] not in _FIELDS:
                raise ValueError(
                    f"{path}:{number}: text {row['text']!r} in field {row['field']!r}; fields: {sorted(_FIELDS)}"
                )
            classes = {column: row[column] for column in _CLASSES if row.get(column)}
            rows.append(Row(row["text"], row["field"] == "chemical", row["expected"], row["note"], classes))
    return rows


def same_substance(name: str, expected: str) -> bool:
    """Return whether two names of the reference table have one parent."""
    return _ONE_PARENT.get(name, name) == _ONE_PARENT.get(expected, expected)


def is_hit(match: Match | None) -> bool:
    """Return whether the match declares a watched substance."""
    return match is not None and match.hit


def problem(row: Row, match: Match | None) -> str:
    """Return the problem of the answer in a few words; empty if the answer is right."""
    if row.expected in (NONE, MENTION):
        return f"hit: {match.kind}, {match.substance}" if match is not None and match.hit else ""
    if match is None:
        return "nothing found"
    if not match.hit:
        return f"no hit: {match.kind}, {match.substance}"
    if row.expected == CLASS:
        return _class_problem(row, match)
    return "" if same_substance(match.substance, row.expected) else f"another substance: {match.substance}"


def _class_problem(row: Row, match: Match) -> str:
    wrong = []
    for column, wanted in row.classes.items():
        result = class_result(match, column)
        if result != wanted:
            wrong.append(f"{column} is {result}, not {wanted}")
    return "; ".join(wrong)


def class_result(match: Match, column: str) -> str:
    """Return ``met``, ``possible`` or ``no`` for the definitions of a column of the class rows."""
    jurisdiction, about = _CLASSES[column]
    results = {each.result for each in match.classes if each.jurisdiction == jurisdiction and about in each.definition}
    return "met" if "met" in results else "possible" if results else "no"


def share(right: int, of: int) -> float:
    """Return ``right / of``, or 1 if ``of`` is 0."""
    return right / of if of else 1.0


def wrong_answers(rows: Sequence[Row], matches: Sequence[Match | None]) -> list[tuple[Row, str]]:
    """Return the rows with a wrong answer, each with the problem."""
    return [(row, wrong) for row, match in zip(rows, matches, strict=True) if (wrong := problem(row, match))]
