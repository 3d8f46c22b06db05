"""Train the champion on worlds by several authors, or write their lessons.

``python -m training.authors --bundle DIR [--json FILE]`` leaves each author out in turn, and then learns from all. The figures of
the left-out worlds go into the card, the JSON file and MLflow.

``python -m training.authors --lessons DIR`` writes the lessons from which `tidewaiter train --from champion` learns together with
an office's finds. Sealed worlds are left out of them, so that they can play offices of which nothing was seen.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.groups.history.history import History
from features.manifest.fields import HEADS
from models.bundle import save
from models.calibration import Calibrator, ReferenceScores
from models.lanes import Lanes
from models.scoring import DEFAULT_BASE_RATES, RISK, RiskModel
from models.trees import StoredRows
from training.authors.calibrating import BASE_RATE, fit
from training.authors.learning import ResidualParams, fit_residual
from training.authors.leaving_out import Authors, LeftOut, best_scores, leave_each_out, report
from training.authors.lessons_file import StoredLessons
from training.authors.report import further_tables, log_authors, table_of
from training.authors.views import SEALED
from training.fitting.boosting import importances
from training.progress import StageLog
from training.worlds.writer import author_names

MODEL_NAME: Final = "tidewaiter"
_CHECKED_ROWS: Final = 4_000
_SHOWN_FEATURES: Final = 30
_LIMITS: Final = (
    "Its trees learned from simulated worlds by several authors. The figures hold for worlds that the trees did not see. Only "
    "an office's own results can tell how far they hold for its traffic.",
    "It ranks shipments for a person who decides; a lane is a recommendation, not a finding.",
    "It knows only the manifest. It cannot detect a flawless declaration by an inconspicuous party.",
    "Probabilities hold at assumed base rates; an office should set its own. They are calibrated on simulated worlds that the "
    "trees did not see. The figures of calibration compare, per world, what a calibrator of the other worlds states with what is "
    "found. The spread between worlds is the real uncertainty of the risk. Where the declaration itself states controlled content, "
    "the risk is that of the declaration, not a frequency.",
    "Error rates by origin are part of this card. Origin alone must not be a reason to inspect.",
)


def train_champion(
    authors: Authors,
    results: Mapping[str, LeftOut],
    params: ResidualParams,
    *,
    report: Mapping[str, Any],
) -> RiskModel:
    """Return a model whose trees learned from all authors.

    Its statistics are pooled over all authors. Its history is empty, because parties of a simulator must not appear in the reasons
    of an office. Calibrators, lanes and percentiles come from the left-out scores, with the same weight for each author.

    Args:
        results: the left-out scores of each author.
        report: the figures of the left-out worlds, for the card.
    """
    heads = tuple(HEADS)
    space = authors.pooled(frozenset(authors.views))
    lessons = authors.lessons(slope=params.slope)
    trees = fit_residual(lessons, heads, authors.names, authors.monotone, params)
    calibrator = fit(result.outcomes for result in results.values())
    lanes, reference = _traffic([*results.values()], calibrator)
    rows = np.random.default_rng(params.seed).choice(
        len(lessons.matrix), min(_CHECKED_ROWS, len(lessons.matrix)), False
    )
    check = StoredRows.of(
        list(trees.boosters.values()),
        np.ascontiguousarray(lessons.matrix[np.sort(rows)]),
        list(trees.factors.values()),
    )
    evidence = authors.evidence
    calibrators = _calibrators(calibrator)
    model = RiskModel(
        name=MODEL_NAME,
        version=f"{evidence.dated:%Y.%m.%d}-authors",
        created_at=dt.datetime.combine(evidence.dated, dt.time(), dt.UTC).isoformat().replace("+00:00", "Z"),
        heads=heads,
        space=space,
        boosters=trees.boosters,
        factors=trees.factors,
        calibrators=calibrators,
        prevalence={name: calibrator.prevalence for name, calibrator in calibrators.items()},
        base_rates={head: DEFAULT_BASE_RATES[head] for head in heads},
        lanes=lanes,
        reference=reference,
        history=History.empty(),
        card={},
        check=check,
        evidence=evidence,
    )
    model.card = _card(model, authors, params, report)
    return model


def _calibrators(calibrator: Calibrator) -> dict[str, Calibrator]:
    """Return the calibrators of a champion: one map for the risk and for all heads, which share the trees."""
    rates = {**{head: DEFAULT_BASE_RATES[head] for head in HEADS}, RISK: BASE_RATE}
    return {name: replace(calibrator, prevalence=rate) for name, rate in rates.items()}


def _traffic(results: Sequence[LeftOut], calibrator: Calibrator) -> tuple[Lanes, ReferenceScores]:
    """Return lanes and percentiles of clean shipments, with the same weight for each author.

    At the base rates, finds are too rare to matter for shares of the traffic.
    """
    scores = [result.stated(calibrator)[~result.views.illicit] for result in results]
    weight = np.concatenate([np.full(len(part), 1.0 / len(part)) for part in scores])
    risk = np.concatenate(scores)
    weight *= len(weight) / weight.sum()
    return Lanes.from_scores(risk, weight), ReferenceScores.from_scores(risk, weight)


def _card(model: RiskModel, authors: Authors, params: ResidualParams, report: Mapping[str, Any]) -> dict[str, Any]:
    evidence = authors.evidence
    importance = importances(dict(model.boosters), authors.names)
    return {
        "description": "Probability, from the manifest alone, that a shipment contains fentanyl or an analogue, a precursor, "
        "or press equipment",
        "limits": list(_LIMITS),
        "data": {
            "source": "worlds by several authors (training/worlds)",
            "worlds": {
                name: {
                    "sha256": views.data.digest,
                    "goods_items": views.data.table.n_rows,
                    "shipments": views.data.table.n_shipments,
                    "finds": int(views.data.illicit.sum()),
                    "further_runs": [{"sha256": taught.digest} for taught in authors.taught[name][1:]],
                }
                for name, views in authors.views.items()
            },
        },
        "evidence": {
            "title": evidence.title,
            "dated": evidence.dated.isoformat(),
            "sha256": evidence.digest,
            "entries": len(evidence.entries),
        },
        "training": asdict(params),
        "features": {"count": len(authors.names), "importance": dict([*importance.items()][:_SHOWN_FEATURES])},
        "metrics": {
            "left_out_worlds": report["authors"],
            **{key: report[key] for key in ("comparison", "calibration", "origins")},
        },
        "base_rates": {head: {"rate": rate, "is": "assumed"} for head, rate in model.base_rates.items()},
    }


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.authors", description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", type=Path, help="folder of the champion to write; it must not exist")
    parser.add_argument("--lessons", type=Path, help="folder of the lessons to write")
    parser.add_argument("--json", type=Path, help="also write the figures as JSON")
    parser.add_argument("--tracking-uri", help="MLflow store; by default none")
    parser.add_argument("--threads", type=int, default=2, help="number of threads")
    options = parser.parse_args()
    if (options.bundle is None) == (options.lessons is None):
        parser.error("name either --bundle or --lessons")
    if options.bundle is not None and options.bundle.exists():
        sys.stderr.write(f"{options.bundle}: exists; name a new folder\n")
        return 2
    from rich.console import Console

    console = Console(stderr=True)
    log = StageLog(console)
    params = ResidualParams(threads=options.threads)
    if options.lessons is not None:
        with log.stage("Worlds") as progress:
            open_worlds = [name for name in author_names() if name not in SEALED]
            lessons = StoredLessons.of(Authors.load(open_worlds, progress=progress)).sampled()
        Console().print(f"{options.lessons}: {len(lessons.weight):,} lessons, digest {lessons.save(options.lessons)}")
        return 0
    with log.stage("Worlds") as progress:
        authors = Authors.load(progress=progress)
    with log.stage("Leaving each author out") as progress:
        results = leave_each_out(authors, params, progress)
    with log.stage("Figures") as progress:
        best = best_scores(results, threads=options.threads, progress=progress)
        figures = report(results, best)
    with log.stage("Champion"):
        model = train_champion(authors, results, params, report=figures)
        digest = save(model, options.bundle)
    for table in (table_of(figures), *further_tables(figures)):
        Console().print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if options.tracking_uri is not None:
        with log.stage("MLflow"):
            scores = {
                name: ({**result.scores, "best": best[name]}, result.views.illicit) for name, result in results.items()
            }
            log_authors(figures, params, options.bundle, options.tracking_uri, scores=scores)
    Console().print(f"{options.bundle}: {model.name} {model.version}, digest {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
