"""Figures beyond the ranking: lanes, error rates by origin, the watch-list, and the printed tables."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from features.space import FeatureSpace
from features.table import Coded, ManifestTable
from models.lanes import GREEN, RED, YELLOW
from training.baselines import fitted_baselines, keyword_watch_list
from training.boosting import BoostingParams, Examples, fit_heads, keep_for_prevalence, refit_heads
from training.evaluation import Outcome, Scored, evaluate, lane_shares, origin_of, red_by_origin
from training.pipeline import TrainResult
from training.report import print_metrics
from training.stream import base_rate_weights


def _scored(lane: np.ndarray) -> Scored:
    n = len(lane)
    return Scored(("risk",), np.zeros(n), np.zeros((n, 1)), {"risk": 0.01}, lane.astype(np.int8))


def test_error_rates_by_origin_count_clean_shipments_of_major_origins() -> None:
    origin = ["CN"] * 2000 + ["DE"] * 1000 + ["IS"] * 20
    lane = np.full(3020, GREEN)
    lane[:100] = RED  # 100 of CN: 80 clean, 20 finds
    lane[2000:2010] = RED
    lane[3000:] = RED
    find = np.zeros((3020, 1), dtype=bool)
    find[:20] = True
    found = red_by_origin(_scored(lane), Outcome(find, np.ones(3020)), origin)
    assert found["origins"] == {
        "CN": {"clean_shipments": 1980, "red_rate": pytest.approx(80 / 1980)},
        "DE": {"clean_shipments": 1000, "red_rate": pytest.approx(0.01)},
    }
    assert found["ratio"] == pytest.approx(80 / 1980 / 0.01)


def test_one_origin_alone_gives_a_reason_instead_of_a_ratio() -> None:
    found = red_by_origin(_scored(np.full(900, GREEN)), Outcome(np.zeros((900, 1), bool), np.ones(900)), ["CN"] * 900)
    assert found["ratio"] is None
    assert found["reason"] == "1 origins have 500 clean shipments; two are needed"


def test_lane_shares_are_of_clean_traffic_and_of_weighted_finds() -> None:
    lane = np.array([RED] * 10 + [YELLOW] * 10 + [GREEN] * 80)
    find = np.zeros((100, 1), dtype=bool)
    find[:8] = find[15:18] = find[90:] = True
    weight = np.where(np.arange(100) < 8, 2.0, 1.0)
    shares = lane_shares(_scored(lane), Outcome(find, weight))
    assert shares["red"] == {"clean_traffic": 2 / 79, "shipments": 10, "finds": pytest.approx(16 / 29)}
    assert shares["yellow"]["finds"] == pytest.approx(3 / 29)
    assert shares["green"]["clean_traffic"] == pytest.approx(70 / 79)


def test_origin_is_that_of_the_goods_else_the_country_of_export() -> None:
    columns: dict[str, list[str | None]] = {
        "shipment_id": ["A", "A", "B", "C"],
        "goods_description": ["cup", "lamp", "cup", "cup"],
        "origin_country": ["DE", "CN", None, None],
        "export_country": ["NL", "NL", "MX", None],
    }
    table = ManifestTable.from_columns({k: Coded.from_list(v) for k, v in columns.items()}, 4)
    assert origin_of(table) == ["DE", "MX", None]


def test_the_watch_list_knows_presses_by_their_words() -> None:
    texts = ["Pill press TDP-5", "tablet punch die set", "capsule filling machine", "press for garlic", "phone case"]
    columns: dict[str, list[str]] = {"shipment_id": ["A", "B", "C", "D", "E"], "goods_description": texts}
    table = ManifestTable.from_columns({k: Coded.from_list(v) for k, v in columns.items()}, 5)
    assert keyword_watch_list(FeatureSpace(), table).tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]


def test_baselines_find_the_telling_feature_and_its_direction() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(4000, 3))
    find = rng.random(4000) < 1 / (1 + np.exp(3 + 2 * matrix[:, 1]))
    matrix[rng.random(4000) < 0.1, 0] = np.nan
    train = Examples(matrix[:3000], find[:3000, None], np.ones(3000))
    scores, chosen = fitted_baselines(train, matrix[3000:], ("a", "b", "c"), seed=0)
    assert chosen["best_single_feature"] == {"feature": "b", "direction": -1}
    assert chosen["depth_2_tree"]["features"][0] == "b" or "b" in chosen["depth_2_tree"]["features"]
    for name, score in scores.items():
        assert score[find[3000:]].mean() > score[~find[3000:]].mean(), name


def test_negatives_are_sampled_down_to_a_prevalence_and_finds_all_stay() -> None:
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
    weight = base_rate_weights(find, 1e-4)
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


def test_the_printed_table_names_scores_baselines_and_what_cannot_be_told(trained: TrainResult) -> None:
    out = io.StringIO()
    print_metrics(trained.metrics, Console(file=out, width=220))
    text = out.getvalue()
    for word in ("fentanyl_or_analogue", "keyword watch-list", "depth-2 tree", "PR-AUC", "too little traffic"):
        assert word in text


def test_a_split_on_missing_alone_is_saved_as_a_finite_threshold_and_scores_the_same() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(2000, 2))
    matrix[rng.random(2000) < 0.3, 0] = np.nan
    find = (np.isnan(matrix[:, 0]) & (rng.random(2000) < 0.4))[:, None]
    data = Examples(matrix, find, np.ones(2000))
    params = BoostingParams(most_trees=5, feature_fraction=1.0, bagging_freq=0)
    names, rising = ("a", "b"), (0, 0)
    first = fit_heads(("risk",), data, data, names, rising, params, seed=0, threads=1)
    again = refit_heads(("risk",), data, first, names, rising, params, seed=0, threads=1)["risk"].booster
    text = again.model_to_string()
    assert "inf" not in text.split("parameters:")[0].replace("feature_infos", "")
    assert "1.0000000000000001e+300" in text
    raw = np.asarray(again.predict(matrix, raw_score=True))
    assert raw[np.isnan(matrix[:, 0])].min() > raw[~np.isnan(matrix[:, 0])].max()
