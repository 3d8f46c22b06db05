"""Scores and outcomes of shipments, metrics that compare them, and the result of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.table.table import ManifestTable
from models.calibration import logit, probability
from models.lanes import LANE_NAMES
from models.scoring import RISK, RiskModel, ScoreSettings
from training.arrays import Bools, Floats, Ints
from training.data.dataset import Dataset, Outcome, rows_of
from training.data.windows import Windows
from training.evaluation.metrics import MIN_FINDS, RESAMPLES, ranking_figures, reliability

_ROWS_AT_A_TIME: Final = 50_000


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of n shipments with m goods items, for K heads.

    Attributes:
        heads: (K,) names of the heads.
        risk: (n,) log-odds of any find at the base rates.
        of_head: (n, K) log-odds of a find per head at its base rate.
        base_rates: head -> base rate.
        lane: (n,) lane codes; None if unknown.
        items: (m,) log-odds of any find in each goods item; None if unknown.
    """

    heads: tuple[str, ...]
    risk: Floats
    of_head: Floats
    base_rates: dict[str, float]
    lane: NDArray[np.int8] | None = None
    items: Floats | None = None

    def take(self, shipments: Ints) -> Scored:
        """Return the scores of some shipments, without those of items."""
        lane = None if self.lane is None else self.lane[shipments]
        return Scored(self.heads, self.risk[shipments], self.of_head[shipments], self.base_rates, lane)


@dataclass(frozen=True, slots=True)
class WindowScores:
    """Scores of a window's shipments, and outcomes per kind of label (``office``, ``truth``)."""

    scored: Scored
    outcomes: dict[str, Outcome]


@dataclass(slots=True)
class TrainResult:
    """A trained model with its metrics.

    Attributes:
        model: The model as its bundle stores it.
        metrics: All metrics, as JSON values.
        digest: Digest of the bundle.
        bundle: Folder of the bundle, if requested.
        evaluated: Scores and outcomes of the evaluated window, for plots.
        windows: The windows of the run.
        seconds: Wall time of each stage.
        run_id: The MLflow run, if the run was logged.
        registered_version: The version in MLflow's registry, if the run was logged.
    """

    model: RiskModel
    metrics: dict[str, Any]
    digest: str
    bundle: Path | None
    evaluated: WindowScores
    windows: Windows
    seconds: dict[str, float]
    run_id: str | None = None
    registered_version: str | None = None


def outcomes_of(data: Dataset, shipments: Ints, office: Outcome) -> dict[str, Outcome]:
    """Return the outcomes of ``shipments`` (n,) per kind of label: those of the office, and the truth if it is known."""
    truth = data.truth_of_shipment()
    return {"office": office} | ({} if truth is None else {"truth": Outcome(truth[shipments], np.ones(len(shipments)))})


def best_known(outcomes: Mapping[str, Outcome]) -> Outcome:
    """Return the truth if it is known, otherwise the outcomes by the office's labels."""
    return outcomes.get("truth", outcomes["office"])


def evaluate(
    scored: Scored, outcomes: Mapping[str, Outcome], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Return metrics as JSON values per kind of label (``office``, ``truth``) and score (``risk``, then each head)."""
    return {
        kind: {
            name: score_figures(score, find, outcome.weight, base_rate=rate, resamples=resamples, seed=seed)
            for name, score, find, rate in targets(scored, outcome)
        }
        for kind, outcome in outcomes.items()
    }


def targets(scored: Scored, outcome: Outcome) -> list[tuple[str, Floats, Bools, float]]:
    """Return name, score (n,), finds (n,) and base rate of the risk and of each head."""
    total = sum(scored.base_rates.values())
    named = [(RISK, scored.risk, outcome.any, total)]
    if scored.heads != (RISK,):
        named += [
            (head, scored.of_head[:, k], outcome.find[:, k], scored.base_rates[head])
            for k, head in enumerate(scored.heads)
        ]
    return named


def score_figures(
    score: Floats, find: Bools, weight: Floats, *, base_rate: float, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Return ranking metrics and reliability of one ``score`` (n,) in log-odds, as JSON values."""
    figures = ranking_figures(score, find, weight, base_rate=base_rate, resamples=resamples, seed=seed)
    bins = reliability(probability(score), find, weight, base_rate=base_rate)
    out: dict[str, Any] = {**figures, "reliability": bins}
    if not bins:
        out["reliability_reason"] = f"{int(find.sum())} finds; a bin needs {MIN_FINDS}"
    return out


def scored_of_model(
    model: RiskModel,
    matrix: Floats,
    table: ManifestTable,
    *,
    threads: int,
    base_rates: Mapping[str, float] | None = None,
) -> Scored:
    """Score a table's shipments from the features (m, F) of its goods items.

    Lanes follow the score alone: rules, watch lists, unread items and random inspections do not change them. ``base_rates`` per
    head default to those of the model.
    """
    raw = model.predict_raw(matrix, threads)
    of_head, risk = model.calibrate(raw, matrix)
    shipment_risk = np.maximum.reduceat(risk, table.first_row)
    shipment_heads = np.maximum.reduceat(of_head, table.first_row, axis=0)
    rates = dict(model.base_rates if base_rates is None else base_rates)
    head_shift = np.array([logit(rates[head]) - logit(model.prevalence[head]) for head in model.heads])
    risk_shift = logit(sum(rates.values())) - logit(model.prevalence[RISK])
    lane = model.not_by_country_alone(model.lanes.assign(shipment_risk), matrix, table)
    return Scored(model.heads, shipment_risk + risk_shift, shipment_heads + head_shift, rates, lane, risk + risk_shift)


def score_dataset(
    model: RiskModel, data: Dataset, *, settings: ScoreSettings | None = None, threads: int = 1
) -> Scored:
    """Score a dataset's shipments with the code that serves requests, on a copy of the model's history.

    Lanes are those of the service without random inspections: rules, watch lists and unread items change them.
    """
    settings = replace(settings or ScoreSettings(), random_share=0.0)
    history = model.history.copy()
    table = data.table
    per_part = max(1, round(_ROWS_AT_A_TIME * table.n_shipments / max(1, table.n_rows)))
    risk: list[Floats] = []
    of_head: list[Floats] = []
    lanes: list[NDArray[np.int8]] = []
    rates: dict[str, float] = dict(model.base_rates)
    for start in range(0, table.n_shipments, per_part):
        shipments = np.arange(start, min(start + per_part, table.n_shipments), dtype=np.int64)
        scores = model.score(table.take(rows_of(table, shipments)), history, settings=settings, threads=threads)
        rates = dict(scores.base_rates)
        risk.append(log_odds(scores.risk))
        of_head.append(np.stack([log_odds(scores.heads[head]) for head in model.heads], axis=1))
        lanes.append(np.select([scores.lane == name for name in LANE_NAMES], range(len(LANE_NAMES))).astype(np.int8))
    return Scored(model.heads, np.concatenate(risk), np.concatenate(of_head), rates, np.concatenate(lanes))


def log_odds(p: Floats) -> Floats:
    """Return finite log-odds for probabilities from 0 to 1, inclusive."""
    p = np.clip(p, 1e-300, 1 - 1e-16)
    return np.asarray(np.log(p) - np.log1p(-p))
