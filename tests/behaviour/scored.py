"""Scores of manifests as files of shipments, and tables of the cases to which an officer would object."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.rules import office_rules
from models.scoring import RiskModel, ScoreSettings
from service.files.batch import score_file
from service.files.options import ScoreOptions
from training.gate.cases import REGISTER, Case, Pair, Row


@dataclass(frozen=True, slots=True)
class Score:
    """Values of the output for a shipment."""

    lane: str
    selected_by: str
    risk: float
    reasons: tuple[str, ...]


def score_shipments(
    model: RiskModel,
    shipments: Sequence[Sequence[Row]],
    folder: Path,
    *,
    rules: bool = True,
    register: bool = False,
    update_history: bool = True,
) -> list[Score]:
    """Return the scores of shipments that are scored as one file.

    Args:
        shipments: the rows of each; the position is appended to ``shipment_id``, so that ids may be equal.
        rules: whether the bundle's rules are in force.
        register: whether the office's register is in force.
        update_history: whether the shipments advance the history.
    """
    source, target = folder / "manifests.csv", folder / "scores.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(shipments[0][0]))
        writer.writeheader()
        for number, rows in enumerate(shipments):
            writer.writerows(row | {"shipment_id": f"{row['shipment_id']}-{number}"} for row in rows)
    settings = ScoreSettings(rules=office_rules(None if rules else "none", REGISTER if register else None))
    options = ScoreOptions(explain="all", settings=settings, update_history=update_history)
    report = score_file(source, target, model, options)
    assert (report.shipments, report.rows_rejected) == (len(shipments), 0)
    with target.open(encoding="utf-8", newline="") as file:
        scores = {row["shipment_id"]: _score(row) for row in csv.DictReader(file)}
    return [scores[f"{rows[0]['shipment_id']}-{number}"] for number, rows in enumerate(shipments)]


def _score(row: Row) -> Score:
    reasons = tuple(filter(None, (row[f"reason_{n}"] for n in (1, 2, 3))))
    return Score(row["lane"], row["selected_by"], float(row["risk"]), reasons)


def score_cases(model: RiskModel, cases: Sequence[Case], folder: Path, *, rules: bool = True) -> dict[str, Score]:
    """Return the scores of cases by id. Cases with and without the register are scored as separate files."""
    scores: dict[str, Score] = {}
    for register in {case.registered for case in cases}:
        part = [case for case in cases if case.registered is register]
        answers = score_shipments(model, [case.rows for case in part], folder, rules=rules, register=register)
        scores |= {case.id: score for case, score in zip(part, answers, strict=True)}
    return scores


def score_pairs(model: RiskModel, pairs: Sequence[Pair], folder: Path) -> list[tuple[Pair, float, float]]:
    """Return pairs with the risk of each manifest, without rules. Manifests do not affect each other."""
    sides = [side for pair in pairs for side in (pair.above, pair.below)]
    # Score each as its own file: the earlier shipments of a file count for later ones, even if they do not advance the history.
    risks = [
        score_shipments(model, [side.rows], folder, rules=False, register=side.registered, update_history=False)[0].risk
        for side in sides
    ]
    return list(zip(pairs, risks[::2], risks[1::2], strict=True))


def table_of(cases: Iterable[Case], scores: dict[str, Score], word: str) -> str:
    """Return cases as text, one paragraph each: expected and actual lane, goods, and the reasons of officer and model."""
    failed = list(cases)
    lines = [f"{len(failed)} cases:"]
    for case in failed:
        score = scores[case.id]
        by = f" by {score.selected_by}" if score.selected_by else ""
        lines += [
            f"{case.id}  {word} {case.lane}, is {score.lane}{by}, risk {score.risk:.3g}"
            f"{', with the register' if case.registered else ''}  [{' '.join(case.grid.values())}]",
            f"    goods:   {case.goods}",
            f"    officer: {case.why}",
            *(f"    model:   {reason}" for reason in score.reasons),
        ]
    return "\n".join(["", *lines])
