"""One LightGBM booster per head: parameters, negatives sampled to a prevalence, early stopping, refit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: A head with fewer finds to learn from keeps its prior: trees would memorise them.
MIN_HEAD_FINDS: Final = 20
#: Boosters are trained at a prevalence between these. Below the first, a million clean rows add nothing but time and
#: push all raw scores into one corner; above the second, the clean traffic that remains no longer covers what is odd
#: but harmless.
LOWEST_PREVALENCE: Final = 1e-3
TARGET_PREVALENCE: Final = 5e-3
#: More data carries somewhat more trees; more than this would go beyond what the stop window has seen.
MOST_TREES_MORE: Final = 1.2


@dataclass(frozen=True, slots=True)
class BoostingParams:
    """What is chosen about the boosters; everything else is LightGBM's default or fixed for reproducibility.

    Finds are few (hundreds), so trees are small, see a third of the features each, and leaves need real weight.
    """

    learning_rate: float = 0.06
    num_leaves: int = 8
    min_data_in_leaf: int = 30
    min_sum_hessian_in_leaf: float = 1.0
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.8
    bagging_freq: int = 1
    lambda_l2: float = 5.0
    max_bin: int = 127
    most_trees: int = 800
    patience: int = 60

    def to_json(self) -> dict[str, float | int]:
        return asdict(self)

    def lightgbm(self, *, seed: int, threads: int, monotone: Sequence[int]) -> dict[str, Any]:
        """Parameters for LightGBM. The same seed, data and number of threads give the same trees to the last byte."""
        own = {k: v for k, v in self.to_json().items() if k not in ("most_trees", "patience")}
        return own | {
            "objective": "binary",
            # The loss is steadier than average precision on the few finds of a stop window.
            "metric": "binary_logloss",
            "monotone_constraints": list(monotone),
            "monotone_constraints_method": "basic",
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": threads,
            "feature_pre_filter": False,
            "verbosity": -1,
        }


@dataclass(frozen=True, slots=True)
class Examples:
    """Goods items to learn from: features ``matrix`` (n, F), ``find`` (n, heads), ``weight`` (n,)."""

    matrix: Floats
    find: Bools
    weight: Floats


@dataclass(frozen=True, slots=True)
class HeadFit:
    """A head's booster, its number of trees, and how many finds (goods items) it learned from."""

    booster: lgb.Booster
    trees: int
    finds: int
    constant: bool


def keep_for_prevalence(find: Bools, weight: Floats, *, seed: int) -> tuple[Bools, float]:
    """Which shipments (n,) to train on so that finds reach `TARGET_PREVALENCE`, and the share of clean ones kept.

    Every find stays, and clean shipments are dropped evenly at random; the weights of those that stay are kept. A
    prevalence of `LOWEST_PREVALENCE` or more is left as it is.
    """
    finds, clean = float(weight[find].sum()), float(weight[~find].sum())
    if finds == 0.0 or finds / (finds + clean) >= LOWEST_PREVALENCE:
        return np.ones(len(find), dtype=np.bool_), 1.0
    share = min(1.0, finds * (1.0 - TARGET_PREVALENCE) / TARGET_PREVALENCE / clean)
    return find | (np.random.default_rng(seed).random(len(find)) < share), share


def fit_heads(
    heads: Sequence[str],
    train: Examples,
    stop: Examples,
    names: Sequence[str],
    monotone: Sequence[int],
    params: BoostingParams,
    *,
    seed: int,
    threads: int,
) -> dict[str, HeadFit]:
    """Boosters with early stopping on ``stop``; a head with too few finds becomes a constant."""
    fits: dict[str, HeadFit] = {}
    for k, head in enumerate(heads):
        y, y_stop = train.find[:, k], stop.find[:, k]
        if y.sum() < MIN_HEAD_FINDS:
            fits[head] = constant(y, train.weight, names, seed=seed)
            continue
        settings = params.lightgbm(seed=seed + k, threads=threads, monotone=monotone)
        data = _dataset(train.matrix, y, train.weight, names, settings)
        if y_stop.any():
            booster = lgb.train(
                settings,
                data,
                num_boost_round=params.most_trees,
                valid_sets=[_dataset(stop.matrix, y_stop, stop.weight, names, settings, reference=data)],
                callbacks=[lgb.early_stopping(params.patience, verbose=False)],
            )
            trees = max(1, int(booster.best_iteration))
        else:
            # Nothing to stop on: a middling number of trees, small enough not to overfit.
            trees = params.most_trees // 8
            booster = lgb.train(settings, data, num_boost_round=trees)
        fits[head] = HeadFit(_cut(booster, trees), trees, int(y.sum()), False)
    return fits


def refit_heads(
    heads: Sequence[str],
    train: Examples,
    first: dict[str, HeadFit],
    names: Sequence[str],
    monotone: Sequence[int],
    params: BoostingParams,
    *,
    seed: int,
    threads: int,
) -> dict[str, HeadFit]:
    """Boosters on more data with the number of trees known: that of ``first``, times the square root of the growth
    in finds.
    """
    fits: dict[str, HeadFit] = {}
    for k, head in enumerate(heads):
        y = train.find[:, k]
        if first[head].constant:
            # The same prior: the calibrator was fitted to it.
            fits[head] = first[head]
            continue
        growth = max(1.0, float(y.sum()) / max(1, first[head].finds))
        trees = max(1, round(first[head].trees * min(MOST_TREES_MORE, growth**0.5)))
        settings = params.lightgbm(seed=seed + k, threads=threads, monotone=monotone)
        booster = lgb.train(settings, _dataset(train.matrix, y, train.weight, names, settings), num_boost_round=trees)
        fits[head] = HeadFit(_cut(booster, trees), trees, int(y.sum()), False)
    return fits


def constant(find: Bools, weight: Floats, names: Sequence[str], *, seed: int) -> HeadFit:
    """A booster that answers the prior for every row: one tree with one leaf."""
    finds = float(weight[find].sum())
    prior = (finds + 0.5) / (float(weight.sum()) + 1.0)
    # Two rows cannot be split; their weighted mean becomes the single leaf.
    data = lgb.Dataset(
        np.zeros((2, len(names))),
        np.array([0.0, 1.0]),
        weight=np.array([1.0 - prior, prior]),
        feature_name=list(names),
        params={"feature_pre_filter": False, "verbosity": -1, "min_data_in_leaf": 10},
    )
    booster = lgb.train(
        {
            "objective": "binary",
            "verbosity": -1,
            "min_data_in_leaf": 10,
            "num_threads": 1,
            "seed": seed,
            "feature_pre_filter": False,
        },
        data,
        num_boost_round=1,
    )
    return HeadFit(_cut(booster, 1), 1, int(find.sum()), True)


def _dataset(
    matrix: Floats,
    find: Bools,
    weight: Floats,
    names: Sequence[str],
    settings: dict[str, Any],
    reference: lgb.Dataset | None = None,
) -> lgb.Dataset:
    return lgb.Dataset(
        matrix, find.astype(np.float64), weight=weight, reference=reference, feature_name=list(names), params=settings
    )


def _cut(booster: lgb.Booster, trees: int) -> lgb.Booster:
    """The booster of the first ``trees`` trees, as its text says it: what is saved is what is evaluated.

    LightGBM writes ``inf`` where a split only asks whether a value is missing. A bundle holds finite numbers, and no
    feature reaches 1e300, so that threshold splits the same way.
    """
    lines = booster.model_to_string(num_iteration=trees).splitlines()
    for i, line in enumerate(lines):
        if line.startswith("threshold=") and "inf" in line:
            words = line.removeprefix("threshold=").split(" ")
            lines[i] = "threshold=" + " ".join("1e300" if word == "inf" else word for word in words)
    # The sizes of the trees' texts no longer hold; without them LightGBM reads tree by tree, and writes them anew.
    text = "\n".join(line for line in lines if not line.startswith("tree_sizes=")) + "\n"
    return lgb.Booster(model_str=text)


def importances(boosters: dict[str, lgb.Booster], names: Sequence[str]) -> dict[str, float]:
    """Share of the total gain of all heads that each feature brought, largest first; each head counts alike."""
    total = np.zeros(len(names))
    for booster in boosters.values():
        gain = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
        if gain.sum() > 0:
            total += gain / gain.sum()
    if total.sum() > 0:
        total = total / total.sum()
    order = np.argsort(-total, kind="stable")
    return {names[i]: float(total[i]) for i in order}
