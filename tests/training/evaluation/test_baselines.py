"""Baselines: the features of the rules, the fitted baselines, and the comparison of misses."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from features.readers.headers import FurtherField
from features.space import FeatureSpace
from features.table.table import Coded, ManifestTable
from training.data.dataset import Outcome
from training.evaluation.baselines import (
    _TRUST,
    BASELINES,
    WATCH_LIST,
    BaselineRows,
    _sample,
    against,
    baseline_scores,
    default_lightgbm,
    depth_2_tree,
    misses_against,
    price_columns,
    price_deviations,
    watch_list_rules,
)
from training.evaluation.metrics import Curve
from training.fitting.examples import Examples
from training.reports.words import estimate_text, short_estimate

NAMES = FeatureSpace().names


def test_every_rule_reads_an_existing_feature() -> None:
    assert {rule.feature for rule in (*WATCH_LIST, *_TRUST)} <= set(NAMES)
    assert {"value_per_kg_unusual", "freight_to_value"} <= set(NAMES)


def test_watch_list_points_add_up_and_missing_values_give_no_points() -> None:
    names = ("account_age_days", "consignor_finds", "description_equipment", "consignor_known", "other")
    matrix = np.array(
        [
            [np.nan, np.nan, np.nan, np.nan, 1.0],
            [5.0, 0.0, 0.0, 0.0, 1.0],
            [31.0, 2.0, 1.0, 0.0, 1.0],
            [5.0, 1.0, 0.0, 1.0, np.nan],
        ]
    )
    assert watch_list_rules(matrix, names).tolist() == [0.0, 1.5, 14.0, 7.5]


def test_the_watch_list_ranks_the_strongest_red_flags_first() -> None:
    texts = ["fentanyl citrate", "Pill press TDP-5", "cup", "gift"]
    columns: dict[str, list[str]] = {"shipment_id": ["A", "B", "C", "D"], "goods_description": texts}
    table = ManifestTable.from_columns({k: Coded.from_list(v) for k, v in columns.items()}, 4)
    space = FeatureSpace().fit(table)
    history = np.full((4, sum(feature.group == "history" for feature in space.features)), np.nan)
    points = watch_list_rules(space.transform(table, history), space.names)
    assert points[0] > points[1] > points[3] >= points[2]


def test_the_price_rule_measures_in_spreads_of_the_training_rows() -> None:
    names = ("value_per_kg_unusual", "freight_to_value")
    train = np.stack([np.linspace(-2, 2, 401), np.linspace(-1, 1, 401)], axis=1)
    spread, freight = 1.4826, 1.4826 * 0.5
    matrix = np.array([[0.0, 0.0], [-3.0, -4.0], [3.0, 1.0], [np.nan, np.nan]])
    expected = [0.0, 3 / spread, 3 / spread + 1 / freight, 0.0]
    np.testing.assert_allclose(price_deviations(price_columns(train, names), matrix, names), expected, rtol=1e-6)


def _table(channel: list[str | None], mass: list[str], text: list[str], start: int = 0) -> ManifestTable:
    n = len(channel)
    columns: dict[str, list[str | None]] = {
        "shipment_id": [f"S{start + k}" for k in range(n)],
        "goods_description": list(text),
        "channel": channel,
        "net_mass_kg": list(mass),
        "consignor_account_opened_on": ["2025-01-01"] * n,
        "declared_at": ["2025-02-03"] * n,
    }
    return ManifestTable.from_columns({k: Coded.from_list(v) for k, v in columns.items()}, n)


def test_default_lightgbm_learns_from_categories_and_numbers_but_not_from_references_and_long_texts() -> None:
    rng = np.random.default_rng(0)
    n = 6000
    channel = rng.integers(0, 3, n)
    mass = rng.uniform(0, 10, n)
    find = rng.random(n) < np.where((channel == 1) & (mass > 8), 0.5, 0.02)
    names = np.array(["postal", "express", "ocean"])
    texts = [f"item {k}" for k in range(n)]
    train = _table(names[channel].tolist(), [f"{m:.3f}" for m in mass], texts)
    test = _table(["express", "express", "postal", "rail", None], ["9", "2", "9", "9", "9"], ["cup"] * 5, start=n)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores, columns = default_lightgbm(train, find, np.ones(n), test, seed=0, threads=1)
    assert set(columns) == {"channel", "net_mass_kg", "consignor_account_opened_on"}
    assert scores[0] > max(scores[1], scores[2]) + 1.0
    # An unseen channel counts as missing.
    assert scores[3] == scores[4]


def test_default_lightgbm_reads_columns_beyond_the_manifest() -> None:
    rng = np.random.default_rng(1)
    office, rate = rng.integers(0, 4, 3000), rng.uniform(-5, 5, 3000)
    find = rng.random(3000) < np.where((office == 2) & (rate < -2), 0.6, 0.02)
    columns = {"shipment_id": Coded.from_list([f"S{k}" for k in range(3000)])}
    columns["goods_description"] = Coded.from_list(["cup"] * 3000)
    further = {
        "Bureau": Coded.from_list([f"office {o}" for o in office.tolist()]),
        "Taux": Coded.from_list([f"{r:.2f}" for r in rate.tolist()]),
    }
    table = ManifestTable.from_columns(columns, 3000, further=further)
    fields = (FurtherField("Bureau", "categorical"), FurtherField("Taux", "numeric"))
    scores, names = default_lightgbm(table, find, np.ones(3000), table, seed=0, threads=1, further=fields)
    assert names == ["Bureau", "Taux"]
    inside = (office == 2) & (rate < -2.5)
    assert scores[inside].min() > scores[office != 2].mean()


def test_a_tree_of_depth_2_uses_the_informative_features() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(4000, 3))
    find = rng.random(4000) < 1 / (1 + np.exp(3 + 2 * matrix[:, 1]))
    matrix[rng.random(4000) < 0.1, 0] = np.nan
    score, used = depth_2_tree(matrix[:3000], find[:3000], np.ones(3000), matrix[3000:], ("a", "b", "c"), seed=0)
    assert "b" in used
    assert score[find[3000:]].mean() > score[~find[3000:]].mean()


def test_all_baselines_score_every_row_and_repeat_with_the_seed() -> None:
    rng = np.random.default_rng(0)
    names = ("consignor_finds", "value_per_kg_unusual", "freight_to_value")
    matrix = rng.normal(size=(400, 3))
    find = (rng.random(400) < 0.2)[:, None]
    mass = [f"{m:.2f}" for m in rng.uniform(0, 9, 400)]
    table = _table(["express"] * 400, mass, ["cup"] * 400)
    train = Examples(matrix[:300], find[:300], np.ones(300))
    first, last = table.take(np.arange(300)), table.take(np.arange(300, 400))
    scores, chosen = baseline_scores(train, first, matrix[300:], last, names, seed=3, threads=1)
    again, _ = baseline_scores(train, first, matrix[300:], last, names, seed=3, threads=1)
    assert tuple(scores) == BASELINES
    assert set(chosen) == {"depth_2_tree", "default_lightgbm"}
    for name, score in scores.items():
        assert score.shape == (100,)
        assert np.array_equal(score, again[name]), name
    assert len(np.unique(scores["random"])) == 100


def test_a_large_training_set_is_sampled_for_small_baselines_and_keeps_every_find(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = np.arange(5000) % 500 == 0
    assert np.array_equal(_sample(find, np.ones(5000), 0)[0], np.arange(5000))
    monkeypatch.setattr("training.evaluation.baselines._MOST_ROWS", 1000)
    rows, weight = _sample(find, np.full(5000, 2.0), 0)
    assert find[rows].sum() == 10
    assert len(rows) == pytest.approx(1000, rel=0.1)
    assert weight[find[rows]].tolist() == [2.0] * 10
    assert weight.sum() == pytest.approx(10_000, rel=0.1)


def test_too_many_finds_are_sampled_with_weights_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.evaluation.baselines._MOST_ROWS", 1000)
    find = np.arange(5000) % 3 == 0
    rows, weight = _sample(find, np.ones(5000), 0)
    assert len(rows) == pytest.approx(1000, rel=0.1)
    assert find[rows].sum() == pytest.approx(500, rel=0.1)
    assert weight[find[rows]].sum() == pytest.approx(find.sum(), rel=0.1)
    assert weight.sum() == pytest.approx(5000, rel=0.1)


def test_baselines_need_only_a_sample_of_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.evaluation.baselines._MOST_ROWS", 100)
    rng = np.random.default_rng(0)
    names = ("consignor_finds", "value_per_kg_unusual", "freight_to_value")
    matrix, find = rng.normal(size=(400, 3)), (rng.random(400) < 0.2)[:, None]
    table = _table(["express"] * 400, [f"{m:.2f}" for m in rng.uniform(0, 9, 400)], ["cup"] * 400)
    first, last = table.take(np.arange(300)), table.take(np.arange(300, 400))
    train = Examples(matrix[:300], find[:300], np.ones(300))
    rows = BaselineRows.of(train, names, 3)
    assert len(rows.matrix) < 150
    from_all, _ = baseline_scores(train, first, matrix[300:], last, names, seed=3, threads=1)
    from_sample, _ = baseline_scores(rows, first, matrix[300:], last, names, seed=3, threads=1)
    for name in BASELINES:
        np.testing.assert_array_equal(from_all[name], from_sample[name])


def _outcome(n: int, finds: int) -> Outcome:
    return Outcome((np.arange(n) < finds)[:, None], np.ones(n))


def test_misses_of_a_constructed_example() -> None:
    # 20 finds, 1,000 clean: ours ranks 15 finds first and 5 last, theirs 5 first and 15 last.
    ours = np.where(np.arange(1020) < 15, 2.0, np.where(np.arange(1020) < 20, -1.0, 0.0)) + 0.0
    theirs = np.where(np.arange(1020) < 5, 2.0, np.where(np.arange(1020) < 20, -1.0, 0.0))
    ours[20:] += np.linspace(0, 0.9, 1000)
    theirs[20:] += np.linspace(0, 0.9, 1000)
    found = misses_against(ours, {"x": theirs, "same": ours}, _outcome(1020, 20), base_rate=1e-6)
    one = found["x"]["0.005"]
    assert one["ours"]["value"] == pytest.approx(0.25)
    assert one["theirs"]["value"] == pytest.approx(0.75)
    assert one["ratio"]["value"] == pytest.approx(1 / 3)
    assert one["ratio"]["low"] < 1 / 3 < one["ratio"]["high"] < 0.8
    same = found["same"]["0.005"]["ratio"]
    assert (same["value"], same["low"], same["high"]) == (1.0, 1.0, 1.0)


def test_misses_are_compared_at_a_share_that_can_hold_the_finds() -> None:
    # A quarter are finds: opening 0.5 % would miss nearly all of them, in the best order too.
    best, worst = -np.arange(1000.0), np.arange(1000.0)
    found = misses_against(best, {"x": worst}, _outcome(1000, 240), base_rate=0.24)["x"]
    assert set(found) == {"0.25"}
    assert found["0.25"]["ours"]["value"] == 0.0
    assert found["0.25"]["theirs"]["value"] == 1.0


def test_the_pr_auc_is_compared_on_the_same_resampled_shipments() -> None:
    draw = np.random.default_rng(0)
    ours = np.where(np.arange(1000) < 50, 1.5, 0.0) + draw.normal(size=1000)
    outcome = _outcome(1000, 50)
    found = against(ours, {"same": ours, "random": draw.normal(size=1000)}, outcome, Curve.pr_auc)
    same, random = (found[name]["ratio"] for name in ("same", "random"))
    assert (same["value"], same["low"], same["high"]) == (1.0, 1.0, 1.0)
    assert random["value"] == found["random"]["ours"]["value"] / found["random"]["theirs"]["value"]
    assert random["low"] > 1.0


def test_misses_need_enough_finds_and_at_least_one_missed() -> None:
    score = -np.arange(1000.0)
    few = misses_against(score, {"x": score}, _outcome(1000, 9), base_rate=1e-6)
    assert few["x"]["0.005"]["ratio"] == {
        "value": None,
        "reason": "9 finds; at least 10 are needed",
        "cause": "too few finds",
    }
    none = misses_against(score, {"x": score}, _outcome(1000, 50), base_rate=1e-6)
    assert none["x"]["0.005"]["ratio"] == {"value": None, "reason": "the baseline misses no find"}
    assert estimate_text(none["x"]["0.005"]["ratio"]) == "the baseline misses no find"
    assert short_estimate(none["x"]["0.005"]["ratio"]) == "-"
    all_found = misses_against(score, {"x": score}, _outcome(1000, 1000), base_rate=1e-6)
    assert estimate_text(all_found["x"]["0.005"]["ratio"]) == "no clean shipment"
