"""Evaluation of heads, weights and boosters, and the printed tables."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from training.data.dataset import Outcome
from training.evaluation.evaluation import Scored, TrainResult, evaluate
from training.fitting.boosting import fit_heads, refit_heads
from training.fitting.calibrating import base_rate_weights
from training.fitting.examples import Examples, keep_for_prevalence
from training.fitting.params import BoosterSpec, BoostingParams
from training.reports.report import print_metrics


def test_negatives_are_sampled_down_to_a_prevalence_and_all_finds_stay() -> None:
    find = np.arange(100_000) < 50
    weight = np.where(find, 2.0, 1.0)
    keep, share = keep_for_prevalence(find, weight, seed=0)
    assert keep[find].all()
    assert weight[keep & find].sum() / weight[keep].sum() == pytest.approx(5e-3, rel=0.05)
    assert (keep & ~find).sum() / (~find).sum() == pytest.approx(share, rel=0.05)
    enough = np.arange(1000) < 5
    assert keep_for_prevalence(enough, np.ones(1000), seed=0)[0].all()


def test_lane_traffic_has_finds_at_the_base_rate() -> None:
    find = np.arange(1000) < 100
    weight = base_rate_weights(find.astype(np.float64), 1e-4)
    assert weight.sum() == pytest.approx(1.0)
    assert weight[find].sum() == pytest.approx(1e-4)


def test_heads_are_evaluated_on_their_own_finds() -> None:
    n = 400
    find = np.zeros((n, 2), dtype=bool)
    find[:20, 0] = find[20:40, 1] = True
    of_head = np.stack([-np.arange(n, dtype=float), np.arange(n, dtype=float)], axis=1)
    heads = ("fentanyl_or_analogue", "precursor")
    scored = Scored(heads, -np.arange(n, dtype=float), of_head, dict.fromkeys(heads, 1e-3))
    figures = evaluate(scored, {"office": Outcome(find, np.ones(n))}, resamples=0)["office"]
    assert figures["risk"]["finds"] == 40
    assert figures["risk"]["roc_auc"]["value"] == 1.0
    assert figures["fentanyl_or_analogue"]["roc_auc"]["value"] == 1.0
    assert figures["precursor"]["roc_auc"]["value"] < 0.1
    assert figures["risk"]["base_rate"] == pytest.approx(2e-3)


def test_the_printed_table_names_scores_and_baselines(trained: TrainResult) -> None:
    out = io.StringIO()
    print_metrics(trained.metrics, Console(file=out, width=220))
    text = out.getvalue()
    for word in ("fentanyl or analogue", "watch-list rules", "depth-2 tree", "PR-AUC"):
        assert word in text


def test_a_split_on_missing_alone_is_saved_as_a_finite_threshold_and_scores_the_same() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(2000, 2))
    matrix[rng.random(2000) < 0.3, 0] = np.nan
    find = (np.isnan(matrix[:, 0]) & (rng.random(2000) < 0.4))[:, None]
    data = Examples(matrix, find, np.ones(2000))
    params = BoostingParams(most_trees=5, feature_fraction=1.0, bagging_freq=0)
    spec = BoosterSpec(("risk",), ("a", "b"), (0, 0), params, seed=0, threads=1)
    again = refit_heads(spec, data, fit_heads(spec, data, data))["risk"].booster
    text = again.model_to_string()
    assert "inf" not in text.split("parameters:")[0].replace("feature_infos", "")
    assert "1.0000000000000001e+300" in text
    raw = np.asarray(again.predict(matrix, raw_score=True))
    assert raw[np.isnan(matrix[:, 0])].min() > raw[~np.isnan(matrix[:, 0])].max()
