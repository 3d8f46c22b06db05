"""Evaluation of a training run, a labelled file, or a file of predictions, as one document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.readers import ColumnMapping, open_table
from features.table.table import Coded, ManifestTable
from models.evidence import Prior
from models.lanes import LANE_NAMES
from models.scoring import DEFAULT_BASE_RATES, RISK, RiskModel, ScoreSettings
from training.arrays import Floats, Ints
from training.config import Run
from training.data.dataset import BadData, ColumnsBuilder, Dataset, Outcome
from training.data.labels import OwnLabel, judged
from training.data.sources import RawData, build, from_file, read_truth
from training.data.window_features import WindowFeatures
from training.data.windows import NEVER, Window
from training.evaluation.baselines import BASELINES, BaselineRows, against, baseline_scores, misses_against
from training.evaluation.calibration_check import checks_of
from training.evaluation.capacity import lines_and_shipments, repeated
from training.evaluation.contributions import contributions
from training.evaluation.evaluation import (
    Scored,
    WindowScores,
    best_known,
    evaluate,
    log_odds,
    outcomes_of,
    score_dataset,
    score_figures,
    scored_of_model,
)
from training.evaluation.lane_errors import items_of, lane_shares, origin_of, red_by_items, red_by_origin
from training.evaluation.metrics import Curve
from training.evaluation.slices import evaluate_slices, slicings
from training.fitting.boosting import HeadFit
from training.fitting.calibrating import raw_scores
from training.fitting.examples import Examples, sampled_rows
from training.fitting.residual import combined
from training.progress import Progress, no_progress

#: Number of bootstrap samples for baselines. Comparisons need fewer than the model's own metrics.
_BASELINE_RESAMPLES: Final = 50


@dataclass(frozen=True, slots=True)
class EvaluatedWindow:
    """A window to evaluate a model on, with its features and a description for the report."""

    window: Window
    features: WindowFeatures
    description: str


@dataclass(frozen=True, slots=True)
class LearnedFrom:
    """Training window of a model, and the examples on which baselines are fitted. None: no baselines."""

    window: Window
    examples: Examples | BaselineRows | None


def evaluate_run(
    run: Run, model: RiskModel, tested: EvaluatedWindow, learned: LearnedFrom, progress: Progress = no_progress
) -> tuple[dict[str, Any], WindowScores]:
    """Evaluate a model on a window. Return the metrics as JSON values, and the scores and outcomes behind them."""
    data, window = run.data, tested.window
    features = replace(tested.features, labels=judged(tested.features.labels, run.heads))
    table = data.window_table(window)
    progress("scores")
    scored = scored_of_model(model, features.matrix, table, threads=run.threads)
    outcomes = outcomes_of(data, window.shipments, features.outcome)
    metrics: dict[str, Any] = {
        "evaluated_on": tested.description,
        **score_sections(scored, outcomes, table, run.seed, progress),
    }
    if scored.items is not None:
        seen = repeated(data, learned.window, table)
        metrics["capacity"] = lines_and_shipments(scored.items, features.labels, seen, features.first_row)
    progress("contributions")
    metrics["contributions"] = contributions(model, features, scored, best_known(outcomes), seed=run.seed)
    progress("slices")
    cuts = slicings(data, window.shipments, learned.window.shipments, table)
    metrics["slices"] = evaluate_slices(scored, best_known(outcomes), cuts, seed=run.seed)
    if learned.examples is not None and learned.examples.find.any():
        progress("baselines")
        metrics |= baseline_sections(run, model, tested, learned, table, WindowScores(scored, outcomes))
    return metrics, WindowScores(scored, outcomes)


def baseline_sections(
    run: Run,
    model: RiskModel,
    tested: EvaluatedWindow,
    learned: LearnedFrom,
    table: ManifestTable,
    ours: WindowScores,
) -> dict[str, Any]:
    """Return the sections on baselines trained on the same examples. ``table`` contains the rows of the tested window."""
    assert learned.examples is not None
    # Pass the table of the training rows without a local name, so that `baseline_scores` can free it early.
    rows, chosen = baseline_scores(
        learned.examples, run.data.table.take(sampled_rows(run.data, learned.window, run.seed)), tested.features.matrix,
        table, model.space.names, seed=run.seed, threads=run.threads, further=model.space.further_fields,
    )  # fmt: skip
    scores = {name: np.maximum.reduceat(rows[name], tested.features.first_row) for name in BASELINES}
    rate = sum(model.base_rates.values())
    return {
        "baselines": {
            name: {kind: _baseline(score, outcome, rate, run.seed) for kind, outcome in ours.outcomes.items()}
            for name, score in scores.items()
        },
        "baselines_chose": chosen,
        "misses_against": misses_against(
            ours.scored.risk, scores, best_known(ours.outcomes), base_rate=rate, seed=run.seed
        ),
        "pr_auc_against": against(ours.scored.risk, scores, best_known(ours.outcomes), Curve.pr_auc, seed=run.seed),
    }


def _baseline(score: Floats, outcome: Outcome, base_rate: float, seed: int) -> dict[str, Any]:
    figures = score_figures(
        score, outcome.any, outcome.weight, base_rate=base_rate, resamples=_BASELINE_RESAMPLES, seed=seed
    )
    # The score of a baseline or of a part is not a probability.
    return {key: value for key, value in figures.items() if not key.startswith("reliability")}


def score_sections(
    scored: Scored, outcomes: Mapping[str, Outcome], table: ManifestTable, seed: int, progress: Progress
) -> dict[str, Any]:
    """Return the sections for scored shipments: ranking, calibration and, if lanes are known, errors of the lanes."""
    progress("ranking and calibration")
    best = best_known(outcomes)
    out: dict[str, Any] = {
        "labels": evaluate(scored, outcomes, seed=seed),
        "calibration": checks_of(scored, outcomes, seed=seed),
    }
    if scored.lane is not None:
        out |= {
            "lanes": lane_shares(scored, best),
            "false_positives_by_origin": red_by_origin(scored, best, origin_of(table), seed=seed),
            "false_positives_by_items": red_by_items(scored, best, items_of(table)),
        }
    return out


@dataclass(frozen=True, slots=True)
class FileLabels:
    """How to read the labels of a file.

    Attributes:
        mapping: Mapping that renames and converts columns.
        label: The office's own binary label column.
        positive: The value of ``label`` that marks a find.
        truth: A truth file of `tidewaiter generate --truth`.
    """

    mapping: ColumnMapping | None = None
    label: str | None = None
    positive: str | None = None
    truth: Path | None = None


def evaluate_file(
    model: RiskModel,
    path: Path,
    labels: FileLabels | None = None,
    *,
    settings: ScoreSettings | None = None,
    threads: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Score a labelled file in its own order and compare the scores with its labels, and with the truth if available.

    For a model of an office's own label, the label column defaults to the one named in the model card.

    Raises:
        BadData: The file or its truth cannot be used, or its labels do not fit the model's heads.
        BadLabels: The labels cannot be used.
    """
    labels = labels or FileLabels()
    label, positive = labels.label, labels.positive
    if label is None and model.heads == (RISK,):
        own = model.card.get("label", {})
        label, positive = own.get("column"), positive or own.get("positive")
    data = from_file(
        path,
        mapping=labels.mapping,
        label=label,
        positive=positive,
        in_order=False,
        fields=model.space.further_fields,
    )
    if data.labels.heads != model.heads:
        raise BadData(
            f"{path}: its labels are for {', '.join(data.labels.heads)}, "
            f"but this model's heads are {', '.join(model.heads)}"
        )
    data = _with_truth(data, labels.truth)
    scored = score_dataset(model, data, settings=settings, threads=threads)
    return {
        "data": {"source": data.source, "sha256": data.digest, "rows": data.table.n_rows, "notes": list(data.notes)},
        "model": {"name": model.name, "version": model.version, "digest": model.digest},
        **_of_file(scored, data, np.arange(data.table.n_shipments), seed),
    }


def _with_truth(data: Dataset, truth: Path | None) -> Dataset:
    if truth is None:
        return data
    if data.labels.heads == (RISK,):
        raise BadData(f"{truth}: the truth describes simulated content, but the labels are an office's own")
    world = read_truth(truth, data.table)
    return replace(data, world=world, truth=world.heads())


def _of_file(scored: Scored, data: Dataset, shipments: Ints, seed: int) -> dict[str, Any]:
    """Return the sections for ``shipments`` (n,) of a file, with the scores ``scored`` (n,)."""
    labels = judged(data.labels.known_at(data.table, NEVER), data.labels.heads)
    office = Outcome(
        data.labels.shipment_find(data.table)[shipments], labels.weight[shipments], data.labels.inspected[shipments]
    )
    outcomes = outcomes_of(data, shipments, office)
    has_all = len(shipments) == data.table.n_shipments
    table = data.table if has_all else data.table.take(np.flatnonzero(np.isin(data.table.shipment, shipments)))
    out = score_sections(scored, outcomes, table, seed, no_progress)
    cuts = slicings(data, shipments, None, table)
    return {**out, "slices": evaluate_slices(scored, best_known(outcomes), cuts, seed=seed)}


def evaluate_predictions(
    path: Path,
    *,
    label: str | None = None,
    positive: str | None = None,
    truth: Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Evaluate a labelled file with a column ``risk`` (and ``risk_<head>``, ``lane``), written by `score` or `train`.

    The base rate is the sum of the assumed rates, or the share of finds in a file with its own label column. Rows without a risk
    are omitted, because scoring refused them.

    Raises:
        BadData: The file has no column ``risk`` or no column named ``label``, or contains a risk that is not a probability.
        BadLabels: The labels cannot be used.
    """
    builder = ColumnsBuilder()
    with open_table(path) as reader:
        for chunk in reader:
            names = [
                n for n in chunk.raw.column_names if n in (RISK, "lane", label) or n.startswith(f"{RISK}_")
            ]  # fmt: skip
            own = {f"{'label' if n == label else 'score'}:{n}": Coded.from_arrow(chunk.raw.column(n)) for n in names}
            builder.add({**chunk.columns, **own}, chunk.n_rows)
    columns = builder.columns()
    if "score:risk" not in columns:
        raise BadData(
            f"{path}: no column `risk`; expected a file written by `tidewaiter score` or `train --predictions`"
        )
    if label is not None and f"label:{label}" not in columns:
        raise BadData(f"{path}: no column {label!r}")
    raw = RawData(columns, builder.n_rows, str(path), "", decimal=reader.decimal)
    data = build(raw, OwnLabel(label, positive) if label is not None else None, in_order=False)
    data = _with_truth(data, truth)
    rows = data.data_row - 1
    first = data.table.first_row

    def scores(name: str) -> Floats:
        return _score_column(columns[f"score:{name}"].take(rows), path, name, data.data_row)[first]

    risk, heads = scores(RISK), data.labels.heads
    if all(f"score:risk_{head}" in columns for head in heads):
        of_head = np.stack([scores(f"risk_{head}") for head in heads], axis=1)
    else:
        of_head = np.repeat(risk[:, None], len(heads), axis=1)
    scored_rows = np.flatnonzero(~np.isnan(risk))
    find = data.labels.shipment_find(data.table)[scored_rows]
    share = {heads[0]: min(max(float(find.mean()), 1e-9), 0.999)}
    rates = dict(DEFAULT_BASE_RATES) if len(heads) > 1 else share
    lane = _lanes(columns["score:lane"].take(rows).take(first)) if "score:lane" in columns else None
    scored = Scored(heads, log_odds(risk), log_odds(of_head), rates, lane).take(scored_rows)
    return {
        "data": {"source": str(path), "rows": data.table.n_rows, "notes": list(data.notes)},
        **_of_file(scored, data, scored_rows, seed),
    }


def _lanes(column: Coded) -> NDArray[np.int8] | None:
    """Return lane codes (n,), or None if the column contains other values than lanes."""
    if (column.codes < 0).any() or not set(column.compact().values) <= set(LANE_NAMES):
        return None
    codes = np.array([LANE_NAMES.index(name) if name in LANE_NAMES else 0 for name in column.values], dtype=np.int8)
    return np.asarray(codes[column.codes], dtype=np.int8)


def _score_column(column: Coded, path: Path, name: str, data_row: Ints) -> Floats:
    values = np.full(len(column.values), np.nan)
    for code, text in enumerate(column.values):
        try:
            values[code] = float(text)
            good = 0.0 <= values[code] <= 1.0
        except ValueError:
            good = False
        if not good and np.any(column.codes == code):
            row = int(data_row[int(np.argmax(column.codes == code))])
            raise BadData(f"{path}: row {row}, field {name}: got {text!r}, but expected a probability from 0 to 1")
    return np.asarray(column.lookup(values, np.nan), dtype=np.float64)


PARTS: Final = ("prior", "trees", "both")


def add_parts(
    metrics: dict[str, Any],
    prior: Prior,
    alone: Mapping[str, HeadFit],
    features: WindowFeatures,
    evaluated: WindowScores,
    run: Run,
) -> None:
    """Add the metrics of each part per kind of label, and the comparison with the whole model.

    ``alone`` contains boosters fitted without the prior on the same rows as the model's. ``evaluated`` contains the model's scores.
    """
    matrix = features.matrix

    def per_shipment(log_odds: Floats) -> Floats:
        return np.asarray(np.maximum.reduceat(combined(log_odds), features.first_row))

    scores = {
        "prior": per_shipment(prior.log_odds(np.ascontiguousarray(matrix))),
        "trees": per_shipment(raw_scores(alone, matrix, run.threads)),
        "both": evaluated.scored.risk,
    }
    rate = sum(evaluated.scored.base_rates.values())
    metrics["parts"] = {
        name: {kind: _baseline(scores[name], outcome, rate, run.seed) for kind, outcome in evaluated.outcomes.items()}
        for name in PARTS
    }
    ours, best = scores.pop("both"), best_known(evaluated.outcomes)
    of_parts = against(ours, scores, best, Curve.pr_auc, seed=run.seed)
    metrics["pr_auc_against"] = of_parts | metrics.get("pr_auc_against", {})
