"""Raw log-odds and contributions of a model's boosters, by compiled kernels or by LightGBM.

LightGBM is the reference. The kernels must reproduce its raw log-odds to the last bit and its contributions within 1e-9, on
generated rows and on the rows stored with the model. If they do not, or are not compiled, LightGBM is used, and a warning in the
log gives the reason.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.trees.forest import COMPILED, Forest
from models.trees.shapley import Shapley
from models.trees.trees import TINY, Tree, UnsupportedTrees, read_trees, scaled

if TYPE_CHECKING:
    # For types only: `lightgbm` imports the package when a model is loaded.
    import lightgbm as lgb

FloatArray = NDArray[np.float64]

_log = logging.getLogger(__name__)

#: Minimum number of rows for which several threads are faster than one: with LightGBM, and with the kernels.
_MIN_ROWS_LIGHTGBM_THREADS: Final = 512
_MIN_ROWS_KERNEL_THREADS: Final = 4096
#: Maximum number of generated rows, and of stored rows, for the comparison of raw log-odds.
CHECK_ROWS: Final = 256
#: Number of rows for the comparison of contributions, which take LightGBM milliseconds per row.
_CHECKED_CONTRIBUTIONS: Final = 8
#: Allowed difference between two exact computations of contributions, in log-odds.
TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class StoredRows:
    """Feature rows of the training data, with LightGBM's raw log-odds on the machine that trained the model.

    Attributes:
        rows: (n, F) features, 1 <= n <= `CHECK_ROWS`; NaN where missing, never infinite.
        raw: (n, K) raw log-odds, one column per head.

    Raises:
        ValueError: an array has another type, shape or content.
    """

    rows: FloatArray
    raw: FloatArray

    def __post_init__(self) -> None:
        for name, array in (("rows", self.rows), ("raw", self.raw)):
            if array.dtype != np.float64 or array.ndim != 2:
                raise ValueError(f"{name} must be a matrix of float64, got {array.dtype} of shape {array.shape}")
        if not 1 <= len(self.rows) <= CHECK_ROWS or len(self.rows) != len(self.raw):
            raise ValueError(
                f"rows and raw must have the same length, 1 to {CHECK_ROWS}, got {len(self.rows)} and {len(self.raw)}"
            )
        if np.isinf(self.rows).any() or not np.isfinite(self.raw).all():
            raise ValueError("rows must be finite or NaN, and raw finite")

    @classmethod
    def of(
        cls, boosters: Sequence[lgb.Booster], matrix: FloatArray, factors: Sequence[float] = ()
    ) -> StoredRows | None:
        """Select evenly spaced rows of a feature matrix (m, F) and store them with the raw log-odds of the heads.

        Boosters and factors are those of `Predictor`. Rows with infinite values are excluded. Return None if no row is left.
        """
        sample = np.linspace(0, len(matrix) - 1, min(len(matrix), CHECK_ROWS)).astype(np.intp)
        rows = np.array(matrix[sample], dtype=np.float64)
        rows = rows[~np.isinf(rows).any(axis=1)]
        return cls(rows, _lightgbm_raw(_heads(boosters, factors), rows, 1)) if len(rows) else None


class Predictor:
    """Predictor of raw log-odds and contributions of a model's boosters. Threads may share it.

    Attributes:
        name: implementation in use, ``kernels`` or ``lightgbm``.
    """

    def __init__(
        self,
        boosters: Sequence[lgb.Booster],
        factors: Sequence[float] = (),
        *,
        kernels: bool = True,
        stored: StoredRows | None = None,
    ) -> None:
        """
        Args:
            boosters: the booster of each head. Heads that share one give the same object.
            factors: factor of each head, which multiplies each leaf value of its booster; by default 1.
            kernels: False to use LightGBM only.
            stored: rows whose raw log-odds must be reproduced to the last bit.

        Raises:
            ValueError: the number of features or heads of the stored rows is wrong.
        """
        self._heads = _heads(boosters, factors)
        self._factors = tuple(factors) or (1.0,) * len(boosters)
        distinct = list(dict.fromkeys(boosters))
        #: Number of each head's booster.
        self._number = [distinct.index(booster) for booster in boosters]
        self._forest: Forest | None = None
        self._shapley: Shapley | None = None
        if stored is not None:
            self._check_lightgbm(stored)
        self.name = "kernels" if kernels and COMPILED and self._try_kernels(distinct, stored) else "lightgbm"

    def raw(self, matrix: FloatArray, threads: int = 1) -> FloatArray:
        """Return the raw log-odds (n, heads) of C-ordered feature rows (n, F)."""
        if self._forest is None:
            return _lightgbm_raw(self._heads, matrix, threads)
        n = len(matrix)
        out = np.empty((n, len(self._heads)))
        if threads > 1 and n >= _MIN_ROWS_KERNEL_THREADS:
            edges = [n * i // threads for i in range(threads + 1)]
            parts = [slice(*pair) for pair in itertools.pairwise(edges)]
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(self._forest.scores, [matrix[part] for part in parts], [out[part] for part in parts]))
        else:
            self._forest.scores(matrix, out)
        return out

    def contributions(self, matrix: FloatArray, head: int) -> FloatArray:
        """Return the contributions (n, F + 1) of C-ordered feature rows (n, F) to the log-odds of the head at position ``head``.

        The last column is the base value.
        """
        if self._shapley is None:
            return lightgbm_contributions(self._heads[head], matrix)
        out = np.empty((len(matrix), matrix.shape[1] + 1))
        self._shapley.explain(matrix, self._number[head], out)
        return out * self._factors[head]

    def _check_lightgbm(self, stored: StoredRows) -> None:
        """Log a warning if this LightGBM does not reproduce the raw log-odds of the machine that trained the model."""
        expected = (self._heads[0].num_feature(), len(self._heads))
        if (stored.rows.shape[1], stored.raw.shape[1]) != expected:
            raise ValueError(
                f"stored rows must have {expected[0]} features and {expected[1]} boosters, "
                f"got {stored.rows.shape[1]} and {stored.raw.shape[1]}"
            )
        if _lightgbm_raw(self._heads, stored.rows, 1).tobytes() != stored.raw.tobytes():
            _log.warning("LightGBM does not reproduce the scores that are stored with the model to the last bit.")

    def _try_kernels(self, boosters: Sequence[lgb.Booster], stored: StoredRows | None) -> bool:
        """Use the kernels that reproduce LightGBM. Return whether they compute raw log-odds."""
        try:
            trees = [read_trees(booster) for booster in boosters]
        except UnsupportedTrees as reason:
            _log.warning("LightGBM scores instead of the kernels: %s", reason)
            return False
        rows = check_rows(trees, boosters[0].num_feature())
        expected = _lightgbm_raw(self._heads, rows, 1)
        if stored is not None:
            rows, expected = np.concatenate([rows, stored.rows]), np.concatenate([expected, stored.raw])
        forest = Forest(trees, list(zip(self._number, self._factors, strict=True)))
        raw = np.empty_like(expected)
        forest.scores(rows, raw)
        if raw.tobytes() != expected.tobytes():
            _log.warning("LightGBM scores instead of the kernels: they do not reproduce its scores.")
            return False
        self._forest = forest
        if any(count <= 0 for one in trees for tree in one for count in (*tree.split_count, *tree.leaf_count)):
            _log.warning("LightGBM explains instead of the kernels: its trees lack the counts of training rows.")
            return True
        self._shapley = Shapley(trees)
        sample = rows[-_CHECKED_CONTRIBUTIONS:]
        if not all(
            np.allclose(self.contributions(sample, k), lightgbm_contributions(head, sample), rtol=0.0, atol=TOLERANCE)
            for k, head in enumerate(self._heads)
        ):
            self._shapley = None
            _log.warning("LightGBM explains instead of the kernels: they do not reproduce its contributions.")
        return True


def _heads(boosters: Sequence[lgb.Booster], factors: Sequence[float]) -> list[lgb.Booster]:
    """Return the booster of each head, multiplied by its factor."""
    return [scaled(*pair) for pair in zip(boosters, factors, strict=True)] if factors else list(boosters)


def lightgbm_contributions(booster: lgb.Booster, matrix: FloatArray) -> FloatArray:
    """Return LightGBM's contributions (n, F + 1) of feature rows (n, F); the last column is the base value."""
    return np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1), dtype=np.float64)


def _lightgbm_raw(boosters: Sequence[lgb.Booster], matrix: FloatArray, threads: int) -> FloatArray:
    """Return LightGBM's raw log-odds (n, boosters) of feature rows (n, F)."""
    n = len(matrix)
    out = np.empty((n, len(boosters)))
    if n:
        num_threads = threads if n >= _MIN_ROWS_LIGHTGBM_THREADS else 1
        for k, booster in enumerate(boosters):
            out[:, k] = np.asarray(booster.predict(matrix, raw_score=True, num_threads=num_threads))
    return out


def check_rows(heads: Sequence[Sequence[Tree]], n_features: int, limit: int = CHECK_ROWS) -> FloatArray:
    """Return feature rows (limit, F) that test edge cases of the trees.

    The values are thresholds of the trees, the floats next to thresholds, and missing, infinite and nearly zero values. The order
    of values is random per feature, so that rows take many paths. Equal trees give equal rows.
    """
    special = [np.nan, np.inf, -np.inf, 0.0, -0.0, TINY, -TINY, np.nextafter(TINY, 1.0), TINY / 2.0, 1.0]
    thresholds: list[set[float]] = [set() for _ in range(n_features)]
    for trees in heads:
        for tree in trees:
            for feature, threshold in zip(tree.feature, tree.threshold, strict=True):
                thresholds[feature].add(threshold)
    random = np.random.default_rng(0)
    rows = np.zeros((limit, n_features))
    for feature, of_feature in enumerate(thresholds):
        ordered = np.array(sorted(of_feature))
        values = np.concatenate([ordered, np.nextafter(ordered, np.inf), np.nextafter(ordered, -np.inf), special])
        rows[:, feature] = np.resize(random.permutation(values), limit)
    return rows
