"""Ablation and left-out typologies, on data with planted evidence."""

from __future__ import annotations

import numpy as np
import pytest

from features.groups.base import Feature
from features.groups.reason_codes import ReasonCode
from training.data.dataset import Outcome
from training.evaluation.study import CLEAN_PER_FIND, Bench, Shown, ablation, left_out_typologies, thinned, trees_of
from training.fitting.boosting import HeadFit, constant
from training.fitting.examples import Examples
from training.fitting.params import BoosterSpec, BoostingParams
from training.worlds.own.trade.plan import TRACES, T

PARAMS = BoostingParams(learning_rate=0.2, feature_fraction=1.0, bagging_freq=0, min_data_in_leaf=10)
FEATURES = tuple(
    Feature(name, group, "", ReasonCode.PERMIT)
    for name, group in (("a", "first"), ("b", "second"), ("c", "noise"), ("d", "noise"))
)
SPEC = BoosterSpec(("any",), tuple(f.name for f in FEATURES), (0,) * len(FEATURES), PARAMS, seed=0, threads=1)
BASE_RATE = 1e-4
P5, D9 = T["P5"], T["D9"]


def _sample(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, finds and typologies. Finds with P5 are visible only in feature a, finds with D9 only in b."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, 4))
    kind = np.where(rng.random(n) < 0.03, rng.integers(1, 3, n), 0)
    matrix[kind == 1, 0] += 6.0
    matrix[kind == 2, 1] += 6.0
    shown = np.zeros((n, len(TRACES)), dtype=bool)
    shown[kind == 1, P5] = shown[kind == 2, D9] = True
    return matrix, kind > 0, shown


@pytest.fixture(scope="module")
def planted() -> tuple[Bench, Outcome, Shown]:
    train, find, learned = _sample(6000, 0)
    test, tested_find, tested = _sample(6000, 1)
    examples = Examples(train, find[:, None], np.ones(6000))
    bench = Bench(SPEC, examples, test, np.arange(6000), FEATURES, trees=25)
    return bench, Outcome(tested_find[:, None], np.ones(6000)), Shown(learned, tested)


def _silent(_: str) -> None:
    pass


def test_scores_without_a_column_do_not_depend_on_it(planted: tuple[Bench, Outcome, Shown]) -> None:
    bench, outcome, shown = planted
    without = bench.scores(without_columns=np.array([0]))
    a, b = shown.tested[:, P5], shown.tested[:, D9]
    clean = ~outcome.any
    assert without[a].mean() == pytest.approx(without[clean].mean(), abs=0.3)
    assert without[b].mean() > without[clean].mean() + 2.0
    assert np.array_equal(bench.scores(), bench.scores())
    with pytest.raises(ValueError, match="no feature is left"):
        bench.scores(without_columns=np.arange(4))


def test_a_typology_left_out_of_training_is_not_recognised_and_the_other_still_is(
    planted: tuple[Bench, Outcome, Shown],
) -> None:
    bench, outcome, shown = planted
    steps: list[str] = []
    found = left_out_typologies(
        bench, bench.scores(), outcome, shown, base_rate=BASE_RATE, resamples=40, progress=steps.append
    )
    p5 = found["P5"]
    assert p5["name"] == "Many shippers to one consignee, or many consignees at one address"
    assert p5["finds"] == shown.tested[:, P5].sum()
    assert p5["finds_left_out"] == shown.learned[:, P5].sum()
    for one in (p5, found["D9"]):
        assert one["recall_with"]["value"] > 0.9
        assert one["recall_without"]["value"] < 0.2
        assert one["ratio"]["value"] == pytest.approx(one["recall_without"]["value"] / one["recall_with"]["value"])
        assert one["ratio"]["low"] <= one["ratio"]["value"] <= one["ratio"]["high"]
    means = [np.mean([found[t][key]["value"] for t in ("P5", "D9")]) for key in ("recall_without", "recall_with")]
    assert found["average_ratio"]["value"] == pytest.approx(means[0] / means[1])
    assert len(steps) == 2
    assert found["T1"]["ratio"] == {
        "value": None,
        "reason": "0 finds show the typology in this window; at least 10 are needed",
        "cause": "too few finds",
    }
    # The other finds stay in training, so b is as informative as before.
    without = bench.scores(without_rows=np.flatnonzero(shown.learned[:, P5]))
    assert without[shown.tested[:, D9]].mean() > without[~outcome.any].mean() + 2.0


def test_a_left_out_typology_is_found_by_evidence_it_shares_with_another() -> None:
    train, find, learned = _sample(6000, 0)
    test, tested_find, tested = _sample(6000, 1)
    # Relabel half of the finds with P5 as D9, so that two typologies share the same evidence.
    for shown in (learned, tested):
        moved = np.flatnonzero(shown[:, P5])[::2]
        shown[:, D9] = False
        shown[moved, D9], shown[moved, P5] = True, False
    bench = Bench(
        SPEC, Examples(train, find[:, None], np.ones(6000)), test, np.arange(6000), FEATURES, trees=25
    )  # fmt: skip
    outcome = Outcome(tested_find[:, None], np.ones(6000))
    found = left_out_typologies(
        bench, bench.scores(), outcome, Shown(learned, tested), base_rate=BASE_RATE, resamples=20, progress=_silent
    )
    assert found["average_ratio"]["value"] > 0.9


def test_ablation_reports_the_contribution_of_each_group(planted: tuple[Bench, Outcome, Shown]) -> None:
    bench, outcome, _ = planted
    found = ablation(bench, bench.scores(), outcome, base_rate=BASE_RATE, resamples=40, progress=_silent)
    assert {group: one["features"] for group, one in found.items()} == {"first": 1, "second": 1, "noise": 2}
    for group in ("first", "second"):
        assert found[group]["pr_auc_change"]["high"] < -0.3
        assert found[group]["recall_0.005"]["value"] < 0.7
    assert abs(found["noise"]["pr_auc_change"]["value"]) < 0.03
    assert found["noise"]["pr_auc_change"]["low"] <= found["noise"]["pr_auc_change"]["value"]


def test_a_window_without_finds_gives_reasons(planted: tuple[Bench, Outcome, Shown]) -> None:
    bench, _, shown = planted
    nothing = Outcome(np.zeros((6000, 1), dtype=bool), np.ones(6000))
    full = np.zeros(6000)
    found = ablation(bench, full, nothing, base_rate=BASE_RATE, progress=_silent)
    assert found["first"]["pr_auc"] == {
        "value": None,
        "reason": "0 finds; at least 10 are needed",
        "cause": "too few finds",
    }
    left = left_out_typologies(bench, full, nothing, shown, base_rate=BASE_RATE, progress=_silent)
    assert left == {
        "average_ratio": {"value": None, "reason": "0 finds; at least 10 are needed", "cause": "too few finds"}
    }


def test_thinning_keeps_every_find_and_the_total_weight_of_clean_rows() -> None:
    find = np.arange(100_000) < 100
    examples = Examples(np.arange(100_000.0)[:, None], find[:, None], np.full(100_000, 2.0))
    sample, kept = thinned(examples, 0)
    assert find[kept].sum() == 100
    assert np.array_equal(sample.matrix[:, 0], kept)
    assert (~find[kept]).sum() == pytest.approx(100 * CLEAN_PER_FIND, rel=0.05)
    assert sample.weight[~find[kept]].sum() == pytest.approx(2.0 * 99_900, rel=0.05)
    assert np.all(sample.weight[find[kept]] == 2.0)
    few = Examples(examples.matrix[:500], find[:500, None], examples.weight[:500])
    assert np.array_equal(thinned(few, 0)[1], np.arange(500))


def test_the_number_of_trees_is_that_common_to_all_heads_or_of_the_only_head() -> None:
    empty = constant(np.zeros(2, dtype=bool), np.ones(2), ("a",), seed=0).booster
    heads = {"x": HeadFit(empty, 90, 50, False, 60, 120), "y": HeadFit(empty, 70, 40, False, 60, 120)}
    assert trees_of(heads) == 60
    assert trees_of({"risk": HeadFit(empty, 90, 50, False)}) == 90
