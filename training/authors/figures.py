"""Figures of scores on one author's world."""

from __future__ import annotations

from typing import Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedGroupKFold

from models.lanes import GREEN, RED, YELLOW, Lanes
from training.authors.world_data import AuthorData, Bools, Floats

SHARES: Final = (0.001, 0.005, 0.01)
_FOLDS: Final = 5
_TREES: Final = 150
#: LightGBM's parameters for `best_of_author`.
_BEST: Final = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "verbosity": -1,
}


def ranked(score: Floats) -> NDArray[np.int64]:
    """Return the shipments (n,) from the highest score down. A draw with a fixed seed orders equal scores."""
    return np.lexsort((np.random.default_rng(0).random(len(score)), -score))


def figures(score: Floats, illicit: Bools, hard: Bools, lanes: Lanes | None = None) -> dict[str, float]:
    """Return figures on the ranking by scores (n,).

    Args:
        illicit, hard: (n,) truth of each shipment.
        lanes: thresholds on the scores; None leaves out the figures of lanes.
    """
    order = ranked(score)
    measured = {"pr_auc": float(average_precision_score(illicit, score))}
    for share in SHARES:
        inside = order[: max(1, round(share * len(order)))]
        measured[f"recall_{share:g}"] = float(illicit[inside].sum() / illicit.sum())
    inside = order[: round(SHARES[-1] * len(order))]
    measured["hard_in_0.01"] = float(hard[inside].sum() / max(1, hard.sum()))
    if lanes is not None:
        lane = lanes.assign(score[~illicit])
        measured |= {"red_clean": float((lane == RED).mean()), "yellow_clean": float((lane == YELLOW).mean())}
        measured["green_illicit"] = float((lanes.assign(score[illicit]) == GREEN).mean())
    return measured


def best_of_author(data: AuthorData, threads: int) -> Floats:
    """Return the score (s,) of trees on the generator's own noise-free evidence, cross-validated by consignor.

    No model that reads manifests has more information, so this score shows how much can be found in a world.
    """
    scored = data.scored
    evidence, illicit = data.evidence[scored], data.illicit[scored]
    consignor = data.table.text("consignor_name").codes[data.table.first_row[scored]]
    score = np.zeros(len(illicit))
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(evidence, illicit, consignor):
        lessons = lgb.Dataset(evidence[train], illicit[train].astype(np.float64))
        booster = lgb.train({**_BEST, "num_threads": threads}, lessons, _TREES)
        score[test] = np.asarray(booster.predict(evidence[test], num_threads=threads))
    return score
