"""How good scores are, per shipment: the test window of a training run, a labelled file, or a file of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.readers import ColumnMapping, open_table
from features.table import Coded, ManifestTable
from models.calibration import logit, probability
from models.lanes import GREEN, LANE_NAMES, RED, YELLOW
from models.risk_model import RiskModel
from models.settings import DEFAULT_BASE_RATES, RISK, ScoreSettings
from training.dataset import BadData, ColumnsBuilder, Dataset, build, from_file, rows_of
from training.metrics import MIN_FINDS, RESAMPLES, ranking_figures, reliability

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: An origin is a major one from this share of clean traffic on, and a rate is read off at least this many clean
#: shipments.
MAJOR_SHARE: Final = 0.01
MAJOR_SHIPMENTS: Final = 500
_ROWS_AT_A_TIME: Final = 50_000


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of n shipments: log-odds at the base rate, for ``risk`` (n,) and per head (n, K), and lane codes (n,)."""

    heads: tuple[str, ...]
    risk: Floats
    of_head: Floats
    base_rates: dict[str, float]
    lane: NDArray[np.int8] | None = None

    def take(self, shipments: Ints) -> Scored:
        lane = None if self.lane is None else self.lane[shipments]
        return Scored(self.heads, self.risk[shipments], self.of_head[shipments], self.base_rates, lane)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the shipments turned out to be: ``find`` (n, K) per head and ``weight`` (n,)."""

    find: Bools
    weight: Floats

    @property
    def any(self) -> Bools:
        return np.asarray(self.find.any(axis=1))


def evaluate(
    scored: Scored, outcomes: Mapping[str, Outcome], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Figures per kind of label (``office``, ``truth``) and score (``risk``, then each head), as JSON values."""
    return {
        kind: {
            name: score_figures(score, find, outcome.weight, base_rate=rate, resamples=resamples, seed=seed)
            for name, score, find, rate in _targets(scored, outcome)
        }
        for kind, outcome in outcomes.items()
    }


def _targets(scored: Scored, outcome: Outcome) -> list[tuple[str, Floats, Bools, float]]:
    total = sum(scored.base_rates.values())
    targets = [(RISK, scored.risk, outcome.any, total)]
    if scored.heads != (RISK,):
        targets += [
            (head, scored.of_head[:, k], outcome.find[:, k], scored.base_rates[head])
            for k, head in enumerate(scored.heads)
        ]
    return targets


def score_figures(
    log_odds: Floats, find: Bools, weight: Floats, *, base_rate: float, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Ranking figures and reliability of one score, as JSON values."""
    figures = ranking_figures(log_odds, find, weight, base_rate=base_rate, resamples=resamples, seed=seed).to_json()
    bins = reliability(probability(log_odds), find, weight, base_rate=base_rate)
    out: dict[str, Any] = {**figures, "reliability": [b.to_json() for b in bins]}
    if not bins:
        out["reliability_reason"] = f"{int(find.sum())} finds; a bin needs {MIN_FINDS}"
    return out


def lane_shares(scored: Scored, outcome: Outcome) -> dict[str, Any]:
    """Share of clean traffic and of finds in each lane."""
    if scored.lane is None:
        return {}
    found = outcome.any
    out: dict[str, Any] = {}
    for code in (RED, YELLOW, GREEN):
        inside = scored.lane == code
        share: dict[str, Any] = {"clean_traffic": _mean(inside[~found]), "shipments": int(inside.sum())}
        if found.sum() >= MIN_FINDS:
            share["finds"] = float(np.average(inside[found], weights=outcome.weight[found]))
        else:
            share |= {"finds": None, "reason": f"{int(found.sum())} finds; at least {MIN_FINDS} are needed"}
        out[LANE_NAMES[code]] = share
    return out


def _mean(values: Bools) -> float:
    return float(values.mean()) if len(values) else 0.0


def origin_of(table: ManifestTable) -> list[str | None]:
    """(n_shipments,) declared origin of each shipment's first item, else its country of export."""
    origin, export = table.text("origin_country"), table.text("export_country")
    first = table.first_row
    return [
        origin.values[o] if o >= 0 else export.values[e] if e >= 0 else None
        for o, e in zip(origin.codes[first].tolist(), export.codes[first].tolist(), strict=True)
    ]


def red_by_origin(scored: Scored, outcome: Outcome, origin: Sequence[str | None]) -> dict[str, Any]:
    """False-positive rate at the red lane per major origin, and the ratio of the largest to the smallest."""
    if scored.lane is None:
        return {}
    clean = ~outcome.any
    red = scored.lane == RED
    names = np.array([o or "" for o in origin])
    least = max(MAJOR_SHIPMENTS, MAJOR_SHARE * float(clean.sum()))
    rates: dict[str, dict[str, float | int]] = {}
    for name in np.unique(names[clean]).tolist():
        inside = clean & (names == name)
        if name and inside.sum() >= least:
            rates[name] = {"clean_shipments": int(inside.sum()), "red_rate": float(red[inside].mean())}
    values = [float(r["red_rate"]) for r in rates.values()]
    out: dict[str, Any] = {"origins": rates, "all_clean_red_rate": _mean(red[clean])}
    if len(values) < 2:
        out |= {"ratio": None, "reason": f"{len(values)} origins have {round(least)} clean shipments; two are needed"}
    elif min(values) == 0.0:
        out |= {"ratio": None, "reason": "an origin has no clean shipment in red"}
    else:
        out["ratio"] = max(values) / min(values)
    return out


def scored_of_model(model: RiskModel, matrix: Floats, first_row: Ints, *, threads: int) -> Scored:
    """Scores of shipments from the features of their goods items; ``first_row`` (n,) is where each shipment starts."""
    raw = model.predict_raw(matrix, threads)
    of_head, risk = model.calibrate(raw)
    risk_s = np.maximum.reduceat(risk, first_row)
    head_s = np.maximum.reduceat(of_head, first_row, axis=0)
    rates = dict(model.base_rates)
    moved = np.array([logit(rates[head]) - logit(model.prevalence[head]) for head in model.heads])
    correction = logit(sum(rates.values())) - logit(model.prevalence[RISK])
    return Scored(model.heads, risk_s + correction, head_s + moved, rates, model.lanes.assign(risk_s))


def score_dataset(
    model: RiskModel, data: Dataset, *, settings: ScoreSettings | None = None, threads: int = 1
) -> Scored:
    """Scores of a dataset's shipments by the very code that serves, on a private copy of the model's history."""
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
        risk.append(_log_odds(scores.risk))
        of_head.append(np.stack([_log_odds(scores.heads[head]) for head in model.heads], axis=1))
        lanes.append(model.lanes.assign(scores.risk_log_odds))
    return Scored(model.heads, np.concatenate(risk), np.concatenate(of_head), rates, np.concatenate(lanes))


def _log_odds(p: Floats) -> Floats:
    p = np.clip(p, 1e-300, 1 - 1e-16)
    return np.asarray(np.log(p) - np.log1p(-p))


def evaluate_file(
    model: RiskModel,
    path: Path,
    *,
    mapping: ColumnMapping | None = None,
    label: str | None = None,
    positive: str | None = None,
    settings: ScoreSettings | None = None,
    threads: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Score a labelled file in its own order and compare with its labels.

    A model of an office's own label reads that label's column, which its card names, unless told otherwise.
    """
    if label is None and model.heads == (RISK,):
        own = model.card.get("label", {})
        label, positive = own.get("column"), positive or own.get("positive")
    data = from_file(path, mapping=mapping, label=label, positive=positive, in_order=False)
    if data.labels.heads != model.heads:
        raise BadData(
            f"{path}: its labels are for {', '.join(data.labels.heads)}, "
            f"but this model's heads are {', '.join(model.heads)}"
        )
    scored = score_dataset(model, data, settings=settings, threads=threads)
    outcome = Outcome(data.labels.shipment_find(data.table), data.labels.weight)
    return {
        "data": {"source": data.source, "sha256": data.digest, "rows": data.table.n_rows, "notes": list(data.notes)},
        "model": {"name": model.name, "version": model.version, "digest": model.digest},
        "metrics": evaluate(scored, {"office": outcome}, seed=seed),
        "lanes": lane_shares(scored, outcome),
        "false_positives_by_origin": red_by_origin(scored, outcome, origin_of(data.table)),
    }


def evaluate_predictions(
    path: Path,
    *,
    label: str | None = None,
    positive: str | None = None,
    base_rate: float | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Evaluate a file that already holds ``risk`` (and ``risk_<head>``) beside its labels, as `score` or `train` wrote
    it.

    ``base_rate`` defaults to the sum of the assumed ones, and for a label column of one's own to the share of finds in
    the file. Rows without a risk were refused when scored and are left out.
    """
    builder = ColumnsBuilder()
    with open_table(path) as reader:
        for chunk in reader:
            names = [n for n in chunk.raw.column_names if n in (RISK, label) or n.startswith(f"{RISK}_")]
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
    rows = data.data_row - 1
    first = data.table.first_row
    risk = _score_column(columns["score:risk"].take(rows), path, RISK, data.data_row)[first]
    heads = data.labels.heads
    if all(f"score:risk_{head}" in columns for head in heads):
        of_head = np.stack(
            [
                _score_column(columns[f"score:risk_{head}"].take(rows), path, f"risk_{head}", data.data_row)[first]
                for head in heads
            ],
            axis=1,
        )
    else:
        of_head = np.repeat(risk[:, None], len(heads), axis=1)
    find = data.labels.shipment_find(data.table)
    scored_rows = np.flatnonzero(~np.isnan(risk))
    share = {heads[0]: min(max(float(find[scored_rows].mean()), 1e-9), 0.999)}
    rates = dict(DEFAULT_BASE_RATES) if len(heads) > 1 else share
    if base_rate is not None:
        factor = base_rate / sum(rates.values())
        rates = {head: rate * factor for head, rate in rates.items()}
    scored = Scored(heads, _log_odds(risk), _log_odds(of_head), rates).take(scored_rows)
    outcome = Outcome(find[scored_rows], data.labels.weight[scored_rows])
    return {
        "data": {"source": str(path), "rows": data.table.n_rows, "notes": list(data.notes)},
        "metrics": evaluate(scored, {"office": outcome}, seed=seed),
    }


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
