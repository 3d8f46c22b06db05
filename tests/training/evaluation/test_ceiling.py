"""The ceiling on a constructed world: its metrics, the model's share of it, and reasons if there are too few finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.data.dataset import Outcome
from training.evaluation.ceiling import TruthWorld, ceiling, truth_world
from training.evaluation.evaluation import Scored, WindowScores
from training.fitting.examples import Examples
from training.fitting.params import BoostingParams

QUICK = BoostingParams(learning_rate=0.2, most_trees=40, patience=8, feature_fraction=1.0, bagging_freq=0)
#: These parameters allow no split, so they are never the better candidate.
USELESS = BoostingParams(min_data_in_leaf=10**6, most_trees=5, patience=2)


def _examples(n: int, seed: int) -> Examples:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, 3))
    find = rng.random(n) < 0.05
    matrix[find, 0] += 1.5 * rng.integers(0, 3, find.sum())
    matrix[find, 1] += 1.5 * rng.integers(0, 3, find.sum())
    # Each lawful row represents ten.
    return Examples(matrix, find[:, None], np.where(find, 1.0, 10.0))


@pytest.fixture(scope="module")
def world() -> TruthWorld:
    train, stop, test = (_examples(n, seed) for seed, n in enumerate((6000, 2000, 4000)))
    # Each shipment has two items.
    first_row = np.arange(0, 4000, 2)
    weight = np.repeat(test.weight[::2], 2)
    return TruthWorld(
        ("a", "b", "c"), (0, 0, 0), train, stop, Examples(test.matrix, test.find, weight), first_row, 50_000
    )


def _ours(noise: float, n: int = 3000) -> tuple[np.ndarray, Outcome]:
    rng = np.random.default_rng(5)
    find = rng.random(n) < 0.02
    return 3.0 * find + noise * rng.normal(size=n), Outcome(find[:, None], np.ones(n))


def _scores(risk: np.ndarray, truth: Outcome) -> WindowScores:
    return WindowScores(Scored(("risk",), risk, risk[:, None], {"risk": 1e-4}), {"truth": truth})


def _ceiling(world: TruthWorld, noise: float, **options: Any) -> dict[str, Any]:
    steps: list[str] = []
    ours, outcome = _ours(noise)
    return ceiling(world, _scores(ours, outcome), seed=0, threads=1, resamples=40, progress=steps.append, **options)


def test_the_ceiling_learns_from_the_truth_and_reports_the_share_that_others_reach(world: TruthWorld) -> None:
    found = _ceiling(world, 1.0, candidates=(USELESS, QUICK))
    assert found["rows"] == 50_000
    assert found["labels"] == "truth"
    assert found["parameters"]["learning_rate"] == 0.2
    assert found["finds_learned_from"] == world.train.find.sum()
    share = found["share"]
    assert share["value"] == pytest.approx(found["ours_pr_auc"]["value"] / found["pr_auc"]["value"])
    assert share["low"] < share["value"] < share["high"]
    assert found["prevalence"] == pytest.approx(_ours(1.0)[1].any.mean())
    assert found["depth_2_tree"]["features"] == ["a", "b"]
    assert found["recall_0.005"]["value"] > found["depth_2_tree"]["recall_0.005"]["value"]


def test_a_worse_model_has_a_smaller_share(world: TruthWorld) -> None:
    shares = [_ceiling(world, noise, candidates=(QUICK,))["share"]["value"] for noise in (0.5, 1.5, 30.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 1.0 > shares[2]


def test_too_few_finds_on_either_side_give_a_reason(world: TruthWorld) -> None:
    score = np.zeros(100)
    few = Outcome((np.arange(100) < 4)[:, None], np.ones(100))
    found = ceiling(world, _scores(score, few), seed=0, threads=1, progress=lambda _: None)
    assert found["share"] == {"value": None, "reason": "4 finds; at least 10 are needed", "cause": "too few finds"}


def test_a_truth_world_keeps_all_illicit_shipments_and_weights_the_lawful_sample() -> None:
    steps: list[str] = []
    world = truth_world(8_000, 0, progress=steps.append)
    assert world.rows == 8_000
    for part in (world.train, world.stop, world.test):
        assert part.matrix.shape[1] == len(world.names)
        assert part.find.any()
        clean = part.weight[~part.find[:, 0]]
        assert clean.max() > 2.0
        # A lawful item of an illicit shipment is always kept, so its weight is 1.
        assert set(np.unique(clean).tolist()) <= {1.0, clean.max()}
    assert world.train.find.sum() > world.stop.find.sum()
    # Weights represent all goods items; the test part is the last 18 % of them.
    total = [float(part.weight.sum()) for part in (world.train, world.stop, world.test)]
    assert sum(total) == pytest.approx(8_000, rel=0.15)
    assert total[2] / sum(total) == pytest.approx(0.18, abs=0.04)
    assert world.first_row[0] == 0
    assert np.all(np.diff(world.first_row) >= 1)
    assert "features" in steps
