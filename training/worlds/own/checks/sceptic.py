"""Simple models that try to separate simulated illicit shipments without domain knowledge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from features.manifest.fields import FIELD, MANIFEST_NAMES, Kind
from training.worlds.own.checks.artefacts import Texts, seconds

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

FOLDS: Final = 5
_SMOOTHING: Final = 20.0
_BINS: Final = 32
_RESAMPLES: Final = 200
#: Settings of boosters on artefacts: a standard one, one with deep trees, and one with many shallow trees.
SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "usual": {"num_leaves": 15, "min_data_in_leaf": 40, "learning_rate": 0.05, "rounds": 150},
    "deep": {"num_leaves": 63, "min_data_in_leaf": 15, "learning_rate": 0.05, "rounds": 200},
    "flat": {"num_leaves": 4, "min_data_in_leaf": 30, "learning_rate": 0.05, "rounds": 300},
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


def ranks(score: Floats) -> Floats:
    """Return ranks (n,) from 1 to n; ties share their mean rank."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def auc(target: Bools, score: Floats) -> float:
    """Return the ROC-AUC, with ties counted half; NaN if a class is missing."""
    return _auc_of_ranks(target, ranks(score))


def either_way(score: Floats, *targets: Bools) -> float:
    """Return the best ROC-AUC over the targets and both directions of the score, at least 0.5."""
    rank = ranks(score)
    values = (_auc_of_ranks(target, rank) for target in targets)
    return max((max(value, 1 - value) for value in values if value == value), default=0.5)


def _auc_of_ranks(target: Bools, rank: Floats) -> float:
    positives = int(target.sum())
    negatives = len(target) - positives
    if not positives or not negatives:
        return float("nan")
    return float((rank[target].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def bootstrap(target: Bools, score: Floats, cluster: Ints, seed: int) -> Estimate:
    """Return the ROC-AUC with its interval. Positives are resampled by ``cluster`` (n,), such as their network."""
    rng = np.random.default_rng([seed, 61])
    negative = np.sort(score[~target])
    below = np.searchsorted(negative, score[target], side="left") + np.searchsorted(
        negative, score[target], side="right"
    )
    # The ROC-AUC is the mean, over positives, of the share of negatives below, so sums of shares per cluster can be resampled.
    share = below / (2 * len(negative))
    _, own = np.unique(cluster[target], return_inverse=True)
    n = int(own.max()) + 1
    total, size = np.bincount(own, share, n), np.bincount(own, minlength=n)
    drawn = rng.integers(n, size=(_RESAMPLES, n))
    means = total[drawn].sum(axis=1) / size[drawn].sum(axis=1)
    # The negatives are too many to resample. Their variance is estimated from their ranks among the positives.
    other = 1 - np.searchsorted(np.sort(score[target]), negative, side="left") / max(1, len(share))
    spread = float(np.std(other)) / np.sqrt(len(negative))
    means = means + spread * rng.standard_normal(_RESAMPLES)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(share.mean()), float(low), float(high))


def out_of_fold_rate(codes: Ints, target: Bools, fold: Ints) -> Floats:
    """Return the smoothed target rate of each row's code (n,), estimated on the other folds.

    Rows of fold -1, which are not used to estimate rates, get the rate of all folds.
    """
    size = int(codes.max()) + 1
    learn = fold >= 0
    mean = float(target[learn].mean())
    counts = np.stack([np.bincount(codes[fold == k], minlength=size) for k in range(FOLDS)])
    hits = np.stack([np.bincount(codes[fold == k], target[fold == k], size) for k in range(FOLDS)])
    out = np.empty(len(codes))
    for k in (-1, *range(FOLDS)):
        rows = fold == k
        others = [j for j in range(FOLDS) if j != k]
        count, hit = counts[others].sum(axis=0), hits[others].sum(axis=0)
        out[rows] = ((hit + _SMOOTHING * mean) / (count + _SMOOTHING))[codes[rows]]
    return out


def numbers(texts: Texts) -> Floats:
    """Return a column as numbers (n,); NaN for texts that are not numbers."""
    codes, values = pd.factorize(texts)
    return pd.to_numeric(pd.Series(values, dtype=str), errors="coerce").to_numpy(dtype=np.float64)[codes]


def single_fields(office: Mapping[str, Texts], target: Bools, fold: Ints) -> dict[str, Floats]:
    """Return scores (n,) of single fields: presence, length, numeric value, and target rates of values."""
    scores: dict[str, Floats] = {}
    learn = fold >= 0
    for name in (name for name in MANIFEST_NAMES if name in office):
        codes, values = pd.factorize(office[name])
        scores[f"{name}: missing"] = np.fromiter((text == "" for text in values), np.float64, len(values))[codes]
        length = np.fromiter((len(text) for text in values), np.int64, len(values))[codes]
        scores[f"{name}: length"] = length.astype(np.float64)
        scores[f"{name}: rate of the length"] = out_of_fold_rate(length, target, fold)
        scores[f"{name}: rate of the text"] = out_of_fold_rate(codes, target, fold)
        value = numbers(office[name])
        if np.isfinite(value).mean() > 0.05:
            scores[f"{name}: number"] = np.nan_to_num(value, nan=-1.0)
        if FIELD[name].kind is Kind.NUMBER:
            edges = np.unique(np.nanquantile(value[learn], np.linspace(0, 1, _BINS + 1)[1:-1]))
            bins = np.where(np.isfinite(value), 1 + np.searchsorted(edges, value), 0)
            scores[f"{name}: rate of the size"] = out_of_fold_rate(bins, target, fold)
    moment = seconds(office["declared_at"])
    for name, part in (("hour", moment // 3600 % 24), ("weekday", moment // 86400 % 7), ("day", moment // 86400)):
        scores[f"declared_at: rate of the {name}"] = out_of_fold_rate(part - int(part.min()), target, fold)
    return scores


def of_shipments(scores: Mapping[str, Floats], first: Ints) -> dict[str, Floats]:
    """Return the maximum of each score per shipment. ``first`` contains the first row of each shipment."""
    return {name: np.maximum.reduceat(values, first) for name, values in scores.items()}


def depth_two(scores: Mapping[str, Floats], target: Bools, early: Bools) -> float:
    """Return the best ROC-AUC of trees of depth two, fitted on the early part and tested on the late part.

    Return 0.5 if a part lacks a class.
    """
    if not all(0 < target[part].sum() < part.sum() for part in (early, ~early)):
        return 0.5
    x = np.column_stack(list(scores.values()))
    best = 0.5
    for leaf in (20, 200):
        tree = DecisionTreeClassifier(max_depth=2, min_samples_leaf=leaf, class_weight="balanced", random_state=0)
        tree.fit(x[early], target[early])
        best = max(best, auc(target[~early], tree.predict_proba(x[~early])[:, 1]))
    return best


def boosted(
    x: Floats, target: Bools, when: Floats, group: Ints, setting: str, *, seed: int, threads: int
) -> tuple[Floats, Bools, Floats]:
    """Return out-of-time scores (n,) of boosters, a mask (n,) of the scored rows, and the gain of each column.

    ``when`` (n,) is the position in time, 0 to 1. One booster is trained on the first half and scores the third quarter. Another
    is trained on the first three quarters and scores the last one. Scores are ranks among the lawful records of the same ``group``
    (n,) and quarter.
    """
    settings = dict(SETTINGS[setting])
    rounds = settings.pop("rounds")
    parameters = {
        "objective": "binary",
        "feature_fraction": 0.4,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 10.0,
        "max_bin": 63,
        "num_threads": threads,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        **settings,
    }
    score, scored, gain = np.zeros(len(target)), np.zeros(len(target), dtype=np.bool_), np.zeros(x.shape[1])
    for start, stop in ((0.5, 0.75), (0.75, 2.0)):
        learn, test = when < start, (when >= start) & (when < stop)
        booster = lgb.train(parameters, lgb.Dataset(x[learn], target[learn].astype(np.float64)), rounds)
        raw = np.asarray(booster.predict(x[test]), dtype=np.float64)
        score[test] = _rank_in_group(raw, target[test], group[test])
        scored |= test
        gain += booster.feature_importance("gain")
    return score, scored, gain


def _rank_in_group(raw: Floats, target: Bools, group: Ints) -> Floats:
    """Return the relative rank (n,), 0 to 1, of each raw score among the lawful records of its group; 0.5 without any.

    Raw scores of different boosters or channels cannot be compared.
    """
    out = np.full(len(raw), 0.5)
    for value in np.unique(group):
        rows = group == value
        lawful = np.sort(raw[rows & ~target])
        if len(lawful):
            below = np.searchsorted(lawful, raw[rows], side="left") + np.searchsorted(lawful, raw[rows], side="right")
            out[rows] = below / (2 * len(lawful))
    return out
