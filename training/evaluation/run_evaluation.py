"""The evaluation as one document: of a training run's test window, of a labelled file, or of a file of predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.readers import ColumnMapping, open_table
from features.table.table import Coded, ManifestTable
from models.lanes import LANE_NAMES
from models.scoring import DEFAULT_BASE_RATES, RISK, RiskModel, ScoreSettings
from training.data.dataset import BadData, ColumnsBuilder, Dataset, build, from_file
from training.data.stream import Part, Stream
from training.data.truth_file import read_truth
from training.data.windows import Window
from training.evaluation.baselines import BASELINES, baseline_scores, misses_against
from training.evaluation.calibration_check import calibration_check
from training.evaluation.evaluation import (
    Outcome,
    Scored,
    evaluate,
    log_odds,
    score_dataset,
    score_figures,
    scored_of_model,
)
from training.evaluation.lane_errors import items_of, lane_shares, origin_of, red_by_items, red_by_origin
from training.evaluation.slices import evaluate_slices, slicings
from training.fitting.boosting import Examples, keep_for_prevalence

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Say = Callable[[str], None]

#: Baselines are compared, not tuned: fewer resamples do.
_BASELINE_RESAMPLES: Final = 50


def evaluate_run(
    model: RiskModel,
    stream: Stream,
    window: Window,
    part: Part,
    *,
    what: str,
    learned: Window,
    examples: Examples | None,
    seed: int,
    threads: int,
    say: Say | None = None,
) -> tuple[dict[str, Any], Scored, dict[str, Outcome]]:
    """Figures of a model on a ``window``, whose features are ``part``, with the scores and outcomes they are of.

    ``learned`` is the window that the model was fitted on and ``examples`` the rows it learned from; without those
    there are no baselines.
    """
    say = say or _silent
    data, table = stream.data, stream.table(window)
    say("scores")
    scored = scored_of_model(model, part.matrix, table, threads=threads)
    outcomes = {"office": part.outcome}
    truth = data.truth_of_shipment()
    if truth is not None:
        outcomes["truth"] = Outcome(truth[window.shipments], np.ones(len(window.shipments)))
    metrics: dict[str, Any] = {"evaluated_on": what, **_sections(scored, outcomes, table, seed, say)}
    best_known = outcomes.get("truth", outcomes["office"])
    say("slices")
    cuts = slicings(data, window.shipments, learned.shipments, table)
    metrics["slices"] = evaluate_slices(scored, best_known, cuts, seed=seed)
    if examples is not None and examples.find.any():
        say("baselines")
        # The table of the rows learned from is nobody's but theirs, who let go of it soon.
        rows, chosen = baseline_scores(
            examples, data.table.take(learned_rows(stream, learned, seed)), part.matrix, table, model.space.names,
            seed=seed, threads=threads, further=model.space.further_fields,
        )  # fmt: skip
        scores = {name: np.maximum.reduceat(rows[name], part.first_row) for name in BASELINES}
        rate = sum(model.base_rates.values())
        metrics["baselines"] = {
            name: {kind: _baseline(score, outcome, rate, seed) for kind, outcome in outcomes.items()}
            for name, score in scores.items()
        }
        metrics["baselines_chose"] = chosen
        metrics["misses_against"] = misses_against(scored.risk, scores, best_known, base_rate=rate, seed=seed)
    return metrics, scored, outcomes


def _silent(_: str) -> None:
    pass


def _baseline(score: Floats, outcome: Outcome, base_rate: float, seed: int) -> dict[str, Any]:
    figures = score_figures(
        score, outcome.any, outcome.weight, base_rate=base_rate, resamples=_BASELINE_RESAMPLES, seed=seed
    )
    # A baseline's score is no probability.
    return {key: value for key, value in figures.items() if not key.startswith("reliability")}


def learned_rows(stream: Stream, window: Window, seed: int) -> Ints:
    """Rows of the data that `training.data.stream.sampled` takes from a window with this seed."""
    rows = stream.rows(window)
    of_row = np.searchsorted(window.shipments, stream.data.table.shipment[rows])
    labels = stream.labels(window)
    found = np.zeros(len(window.shipments), dtype=np.bool_)
    found[of_row[labels.find.any(axis=1)]] = True
    keep, _ = keep_for_prevalence(found, labels.weight, seed=seed)
    return rows[keep[of_row]]


def _sections(
    scored: Scored, outcomes: Mapping[str, Outcome], table: ManifestTable, seed: int, say: Say
) -> dict[str, Any]:
    """What can be said of any scored shipments: ranking, calibration, and errors of the lanes where there are lanes."""
    say("ranking and calibration")
    rate = sum(scored.base_rates.values())
    best_known = outcomes.get("truth", outcomes["office"])
    out: dict[str, Any] = {
        "labels": evaluate(scored, outcomes, seed=seed),
        "calibration": {
            kind: calibration_check(scored.risk, outcome.any, outcome.weight, base_rate=rate, seed=seed)
            for kind, outcome in outcomes.items()
        },
    }
    if scored.lane is not None:
        out |= {
            "lanes": lane_shares(scored, best_known),
            "false_positives_by_origin": red_by_origin(scored, best_known, origin_of(table), seed=seed),
            "false_positives_by_items": red_by_items(scored, best_known, items_of(table)),
        }
    return out


def evaluate_file(
    model: RiskModel,
    path: Path,
    *,
    mapping: ColumnMapping | None = None,
    label: str | None = None,
    positive: str | None = None,
    truth: Path | None = None,
    settings: ScoreSettings | None = None,
    threads: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Score a labelled file in its own order and compare with its labels, and with the ``truth`` where there is one.

    A model of an office's own label reads that label's column, which its card names, unless told otherwise.
    """
    if label is None and model.heads == (RISK,):
        own = model.card.get("label", {})
        label, positive = own.get("column"), positive or own.get("positive")
    data = from_file(
        path, mapping=mapping, label=label, positive=positive, in_order=False, fields=model.space.further_fields
    )
    if data.labels.heads != model.heads:
        raise BadData(
            f"{path}: its labels are for {', '.join(data.labels.heads)}, "
            f"but this model's heads are {', '.join(model.heads)}"
        )
    data = _with_truth(data, truth)
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
        raise BadData(f"{truth}: the truth is about simulated content, but the labels are an office's own")
    world = read_truth(truth, data.table)
    return replace(data, world=world, truth=world.heads())


def _of_file(scored: Scored, data: Dataset, shipments: Ints, seed: int) -> dict[str, Any]:
    """Sections of a file's ``shipments``, of which ``scored`` holds the scores."""
    outcomes = {"office": Outcome(data.labels.shipment_find(data.table)[shipments], data.labels.weight[shipments])}
    truth = data.truth_of_shipment()
    if truth is not None:
        outcomes["truth"] = Outcome(truth[shipments], np.ones(len(shipments)))
    every = len(shipments) == data.table.n_shipments
    table = data.table if every else data.table.take(np.flatnonzero(np.isin(data.table.shipment, shipments)))
    out = _sections(scored, outcomes, table, seed, _silent)
    cuts = slicings(data, shipments, None, table)
    return {**out, "slices": evaluate_slices(scored, outcomes.get("truth", outcomes["office"]), cuts, seed=seed)}


def evaluate_predictions(
    path: Path,
    *,
    label: str | None = None,
    positive: str | None = None,
    truth: Path | None = None,
    base_rate: float | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Evaluate a file that already holds ``risk`` (and ``risk_<head>``, ``lane``) beside its labels, as `score` or
    `train` wrote it.

    ``base_rate`` defaults to the sum of the assumed ones, and for a label column of one's own to the share of finds
    in the file. Rows without a risk were refused when scored and are left out.
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
    data = build(
        columns, builder.n_rows, str(path), "", label=label, positive=positive, decimal=reader.decimal, in_order=False
    )
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
    if base_rate is not None:
        factor = base_rate / sum(rates.values())
        rates = {head: rate * factor for head, rate in rates.items()}
    lane = _lanes(columns["score:lane"].take(rows).take(first)) if "score:lane" in columns else None
    scored = Scored(heads, log_odds(risk), log_odds(of_head), rates, lane).take(scored_rows)
    return {
        "data": {"source": str(path), "rows": data.table.n_rows, "notes": list(data.notes)},
        **_of_file(scored, data, scored_rows, seed),
    }


def _lanes(column: Coded) -> NDArray[np.int8] | None:
    """Lane codes (n,), or None where the column holds anything else than lanes."""
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
