"""The ceiling: metrics of a model of the same kind that is trained on true contents and on more data.

The ratio of a model's metrics to the ceiling shows how much labels and data limit the model. The ceiling also misses the
shipments that the manifest alone does not reveal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np

from features.space import FeatureSpace
from features.table.table import ManifestTable
from models.scoring import RISK
from training.arrays import Floats, Ints
from training.data.dataset import Dataset, rows_of
from training.data.labels import any_of_shipment
from training.data.sources import simulated
from training.data.window_features import replay_history, transform
from training.evaluation.baselines import depth_2_tree
from training.evaluation.evaluation import WindowScores
from training.evaluation.metrics import MIN_FINDS, RESAMPLES, Estimate, Ranking, interval, too_few
from training.fitting.boosting import fit_heads
from training.fitting.examples import Examples
from training.fitting.params import BoosterSpec, BoostingParams
from training.progress import Progress

#: Candidate parameters. The best on the stop rows are used. Many thousands of finds support more and larger trees.
CANDIDATES: Final = (
    BoostingParams(learning_rate=0.05, num_leaves=15, min_data_in_leaf=40, most_trees=3000, patience=100),
    BoostingParams(learning_rate=0.05, num_leaves=48, min_data_in_leaf=80, most_trees=3000, patience=100),
)
SHARE: Final = 0.005
#: Maximum number of clean shipments per illicit one. More of them change little and cost memory.
_CLEAN_PER_FIND: Final = 25
#: Positions in time at which the stop and test parts begin. There is no gap, because the truth is known without delay.
_STOP_FROM, _TEST_FROM = 0.70, 0.82


@dataclass(frozen=True, slots=True)
class TruthWorld:
    """Goods items of a simulated world of ``rows`` rows, labelled with the truth in one find column.

    The parts are for training, early stopping and testing. ``first_row`` (n,) are the first rows of the test shipments. Lawful
    shipments are a sample, with weights for the omitted ones.
    """

    names: tuple[str, ...]
    monotone: tuple[int, ...]
    train: Examples
    stop: Examples
    test: Examples
    first_row: Ints
    rows: int


def truth_world(rows: int, seed: int, *, draws: int = 1, drawn_by: int | None = None, progress: Progress) -> TruthWorld:
    """Simulate worlds, and split them in time into parts to train, stop and test. See `simulated` for ``draws``, ``drawn_by``."""
    data = simulated(rows, seed, draws=draws, drawn_by=drawn_by, progress=lambda n: progress(f"{n:,} rows"))
    progress("history")
    all_history, _ = replay_history(data)
    every = np.arange(data.table.n_shipments)
    learn, stop_on, test_on = np.split(every, [int(share * len(every)) for share in (_STOP_FROM, _TEST_FROM)])
    rng = np.random.default_rng(seed)
    space = FeatureSpace()

    def fit_transform(table: ManifestTable, history: Floats) -> Floats:
        return space.fit_transform(table, history, seed=seed)

    def transform_only(table: ManifestTable, history: Floats) -> Floats:
        return transform(space, table, history)

    progress("features")
    train, _ = _examples(data, all_history, learn, rng, fit_transform)
    stop, _ = _examples(data, all_history, stop_on, rng, transform_only)
    test, first_row = _examples(data, all_history, test_on, rng, transform_only)
    return TruthWorld(space.names, space.monotone, train, stop, test, first_row, data.table.n_rows)


def _examples(
    data: Dataset,
    history: Floats,
    shipments: Ints,
    rng: np.random.Generator,
    features: Callable[[ManifestTable, Floats], Floats],
) -> tuple[Examples, Ints]:
    truth = data.truth
    assert truth is not None
    illicit = np.asarray(any_of_shipment(data.table, truth).any(axis=1))[shipments]
    share = min(1.0, _CLEAN_PER_FIND * int(illicit.sum()) / max(1, int((~illicit).sum())))
    chosen = illicit | (rng.random(len(shipments)) < share)
    rows = rows_of(data.table, shipments[chosen])
    table = data.table.take(rows)
    find = np.asarray(truth[rows].any(axis=1)).reshape(-1, 1)
    weight = np.where(illicit[chosen], 1.0, 1.0 / share)[table.shipment]
    return Examples(features(table, history[shipments[chosen]]), find, weight), table.first_row


def ceiling(
    world: TruthWorld, model: WindowScores, *, seed: int, threads: int,
    candidates: Sequence[BoostingParams] = CANDIDATES, resamples: int = RESAMPLES, progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """Return the metrics of boosters trained on ``world``, and the share of their PR-AUC that ``model`` reaches.

    Each model is tested in the world whose words and parties it was trained on, so the test windows differ.
    PR-AUCs are compared at the prevalence of the window of ``model``. With too few finds, the result is a reason.
    """
    out: dict[str, Any] = {"rows": world.rows, "labels": "truth"}
    is_find = np.logical_or.reduceat(world.test.find[:, 0], world.first_row)
    outcome, base_rate = model.outcomes["truth"], sum(model.scored.base_rates.values())
    fewest = min(int(is_find.sum()), int(outcome.any.sum()), int(world.train.find.sum()))
    if fewest < MIN_FINDS:
        none = too_few(fewest)
        return out | {"pr_auc": none, "recall_0.005": none, "ours_pr_auc": none, "share": none}
    score, params = _best(world, candidates, seed, threads, progress)
    progress("a tree of depth 2")
    train = world.train
    tree, used = depth_2_tree(train.matrix, train.find[:, 0], train.weight, world.test.matrix, world.names, seed=seed)
    weight = world.test.weight[world.first_row]
    ours = Ranking(model.scored.risk, outcome.any, outcome.weight)
    prevalence = ours.prevalence
    rankings = {
        "ceiling": (Ranking(score, is_find, weight), seed),
        # The shipments differ, so use independent bootstrap samples.
        "ours": (ours, seed + 1),
        "tree": (Ranking(np.maximum.reduceat(tree, world.first_row), is_find, weight), seed),
    }
    curves = {name: [one.curve(), *one.resampled(resamples, own)] for name, (one, own) in rankings.items()}
    aucs = {name: [curve.pr_auc(prevalence) for curve in of_name] for name, of_name in curves.items()}
    recalls = {
        name: _interval([curve.at_share(SHARE, base_rate)[0] for curve in of_name]) for name, of_name in curves.items()
    }
    share = _interval([a / b for a, b in zip(aucs["ours"], aucs["ceiling"], strict=False)])
    return out | {
        "finds_learned_from": int(train.find.sum()),
        "finds": int(is_find.sum()),
        "prevalence": prevalence,
        "parameters": params.to_json(),
        "pr_auc": _interval(aucs["ceiling"]),
        "recall_0.005": recalls["ceiling"],
        "ours_pr_auc": _interval(aucs["ours"]),
        "ours_recall_0.005": recalls["ours"],
        "share": share,
        "depth_2_tree": {
            "pr_auc": _interval(aucs["tree"]), "recall_0.005": recalls["tree"], "features": used,
        },
    }  # fmt: skip


def _best(
    world: TruthWorld, candidates: Sequence[BoostingParams], seed: int, threads: int, progress: Progress
) -> tuple[Floats, BoostingParams]:
    """Return the scores (n,) of the test shipments by the candidate with the largest PR-AUC on the stop rows, and the candidate."""
    best: tuple[float, lgb.Booster, BoostingParams] | None = None
    for number, params in enumerate(candidates, 1):
        progress(f"boosters, {number} of {len(candidates)}")
        spec = BoosterSpec((RISK,), world.names, world.monotone, params, seed, threads)
        fits = fit_heads(spec, world.train, world.stop)
        booster = fits[RISK].booster
        stop_scores = np.asarray(booster.predict(world.stop.matrix, raw_score=True, num_threads=threads))
        find = world.stop.find[:, 0]
        reached = Ranking(stop_scores, find, world.stop.weight).curve().pr_auc() if find.any() else 0.0
        if best is None or reached > best[0]:
            best = (reached, booster, params)
    if best is None:
        raise ValueError("no candidate parameters were given")
    raw = np.asarray(best[1].predict(world.test.matrix, raw_score=True, num_threads=threads))
    return np.asarray(np.maximum.reduceat(raw, world.first_row)), best[2]


def _interval(figures: Sequence[float]) -> Estimate:
    """Return the estimate of a figure, given its value and those of its bootstrap samples."""
    return interval(figures[0], figures[1:])
