"""Boosters of several kinds, and feature rows at the edges of their splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightgbm as lgb
import numpy as np

from models.trees.predictor import check_rows
from models.trees.trees import read_trees


def grow(
    leaves: int = 8,
    trees: int = 12,
    *,
    seed: int = 0,
    n: int = 1_500,
    chain: bool = False,
    categorical: Sequence[int] = (),
    **parameters: Any,
) -> lgb.Booster:
    """Return a booster trained on random data with missing values, zeros and ties. With ``chain``, each tree is a chain of
    splits.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 12))
    x[:, 2:5] = np.round(x[:, 2:5])
    x[rng.random(x.shape) < 0.15] = np.nan
    x[rng.random(x.shape) < 0.15] = 0.0
    x[:, 5] = rng.integers(0, 3, n)
    x[:, 6] = rng.exponential(size=n)
    signal = np.nan_to_num(x[:, 0]) * np.nan_to_num(x[:, 1]) + np.isnan(x[:, 3]) - 0.5 * x[:, 5] + rng.normal(size=n)
    if chain:
        # Each split separates a few rows at one end of one feature, so the tree is a chain.
        x[:, 0] = rng.exponential(size=n)
        signal = 2.0 ** np.ceil(np.minimum(x[:, 0] * 4.0, 20.0))
    settings = {"num_leaves": leaves, "verbosity": -1, "num_threads": 1, "seed": seed, "min_data_in_leaf": 2,
                "min_sum_hessian_in_leaf": 0.0, "learning_rate": 0.2, "objective": "regression"}  # fmt: skip
    return lgb.train(
        settings | parameters, lgb.Dataset(x, signal, categorical_feature=list(categorical)), num_boost_round=trees
    )


def edge_rows(boosters: list[lgb.Booster], limit: int = 200) -> np.ndarray:
    """Return rows at, above and below the thresholds, with missing, infinite and nearly zero values."""
    return check_rows([read_trees(booster) for booster in boosters], boosters[0].num_feature(), limit)


def lightgbm_raw(boosters: list[lgb.Booster], matrix: np.ndarray) -> np.ndarray:
    """Return LightGBM's raw scores (n, boosters)."""
    return np.stack([np.asarray(b.predict(matrix, raw_score=True, num_threads=1)) for b in boosters], axis=1)
