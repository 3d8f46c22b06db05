"""Figures of scores on one author's world, and the calibration per author.

A calibrator fitted on the left-out scores of the other authors is compared with the observed finds. Each author has the same total
weight and a prevalence of 5e-3. The spread between authors is the real uncertainty of `risk`, because an office does not know which
author its traffic resembles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedGroupKFold

from models.calibration import Calibrator, probability
from models.lanes import GREEN, RED, YELLOW, Lanes
from training.arrays import Bools, Floats, Ints
from training.authors.learning import PREVALENCE
from training.authors.world_data import AuthorData

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


def ranked(score: Floats) -> Ints:
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


#: The top bin, as a share of the author's traffic at the prevalence.
TOP_SHARE: Final = 0.01
_STEPS: Final = 50


def calibration(worlds: Mapping[str, tuple[Floats, Bools]]) -> dict[str, Any]:
    """Return the slope and the ratio of observed to stated finds in the top percent of each author, and their spread.

    Args:
        worlds: name -> left-out risk log-odds (s,), and whether each shipment is illicit. With fewer than two worlds, the result is
            empty.
    """
    if len(worlds) < 2:
        return {}
    of_author: dict[str, Any] = {}
    for name, (score, illicit) in worlds.items():
        others = [world for other, world in worlds.items() if other != name]
        calibrator = Calibrator.fit(
            np.concatenate([part for part, _ in others]),
            np.concatenate([find for _, find in others]),
            np.concatenate([_weights(find) for _, find in others]),
        )
        stated, weight = calibrator(score), _weights(illicit)
        of_author[name] = {"slope": slope(stated, illicit, weight), "top_ratio": top_ratio(stated, illicit, weight)}
    measures = ("slope", "top_ratio")
    spread = {key: {"least": min(one[key] for one in of_author.values()),
                    "largest": max(one[key] for one in of_author.values())} for key in measures}  # fmt: skip
    return {"authors": of_author, "spread": spread, "prevalence": PREVALENCE}


def _weights(illicit: Bools) -> Floats:
    """Return weights (s,) that add up to 1, with the share `PREVALENCE` for finds."""
    finds = int(illicit.sum())
    return np.where(illicit, PREVALENCE / max(1, finds), (1.0 - PREVALENCE) / max(1, len(illicit) - finds))


def slope(stated: Floats, illicit: Bools, weight: Floats) -> float:
    """Return b of the weighted logistic model a + b * ``stated`` (s,): 1 if calibrated, below 1 if overconfident."""
    design = np.stack([np.ones_like(stated), stated], axis=1)
    coefficients = np.array([0.0, 1.0])
    for _ in range(_STEPS):
        p = probability(design @ coefficients)
        gradient = design.T @ (weight * (illicit - p))
        step = np.linalg.solve((design * (weight * p * (1.0 - p))[:, None]).T @ design, gradient)
        # Bounded steps converge from any start, because the likelihood is concave.
        coefficients = coefficients + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-9:
            break
    return float(coefficients[1])


def top_ratio(stated: Floats, illicit: Bools, weight: Floats) -> float:
    """Return observed over stated finds in the `TOP_SHARE` of the weight with the largest ``stated`` log-odds (s,)."""
    order = ranked(stated)
    inside = order[: max(1, int(np.searchsorted(np.cumsum(weight[order]), TOP_SHARE * weight.sum())))]
    return float((weight * illicit)[inside].sum() / (weight * probability(stated))[inside].sum())
