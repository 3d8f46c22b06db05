"""Raw log-odds and contributions of a model's boosters, by the fastest way that gives LightGBM's own results.

LightGBM is the reference. Where the kernels are compiled, the trees it holds are also laid out for them, and they take over when
they reproduce it: raw log-odds to the last bit, contributions within 1e-9, on rows made for the purpose and on those stored with
the model. Otherwise LightGBM goes on, and a warning in the log says why.
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

from models.trees.contributions import TOLERANCE, TreeContributions, lightgbm_contributions
from models.trees.forest import COMPILED, Forest
from models.trees.trees import Tree, UnsupportedTrees, read_trees

if TYPE_CHECKING:
    import lightgbm as lgb

FloatArray = NDArray[np.float64]

_log = logging.getLogger(__name__)

#: Starting threads costs more than it saves on fewer rows than this.
_ROWS_WORTH_THREADS: Final = 512
_ROWS_WORTH_OWN_THREADS: Final = 4096
#: Rows of each kind that the kernels are tried on, and how many of them are explained: some milliseconds of LightGBM.
CHECK_ROWS: Final = 256
_CHECKED_CONTRIBUTIONS: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class StoredRows:
    """Real feature rows, and what LightGBM made of them where the model was trained.

    Attributes:
        rows: (n, F), 1 <= n <= `CHECK_ROWS`; NaN where a value is missing, never infinite.
        raw: (n, K) raw log-odds, one column per booster.

    Raises:
        ValueError: the arrays are not these.
    """

    rows: FloatArray
    raw: FloatArray

    def __post_init__(self) -> None:
        for name, array in (("rows", self.rows), ("raw", self.raw)):
            if array.dtype != np.float64 or array.ndim != 2:
                raise ValueError(f"{name} must be a matrix of float64, got {array.dtype} of shape {array.shape}")
        if not 1 <= len(self.rows) <= CHECK_ROWS or len(self.rows) != len(self.raw):
            raise ValueError(
                f"rows and raw must be equally many, 1 to {CHECK_ROWS}, got {len(self.rows)} and {len(self.raw)}"
            )
        if np.isinf(self.rows).any() or not np.isfinite(self.raw).all():
            raise ValueError("rows must be finite or NaN, and raw finite")

    @classmethod
    def of(cls, boosters: Sequence[lgb.Booster], matrix: FloatArray) -> StoredRows | None:
        """Rows spread evenly over a feature matrix (m, F), without infinite ones, and what ``boosters`` make of them."""
        spread = np.linspace(0, len(matrix) - 1, min(len(matrix), CHECK_ROWS)).astype(np.intp)
        rows = np.array(matrix[spread], dtype=np.float64)
        rows = rows[~np.isinf(rows).any(axis=1)]
        return cls(rows, _lightgbm_raw(boosters, rows, 1)) if len(rows) else None


class Predictor:
    """What a model's boosters say about feature rows. It is only read, so threads may share one.

    Attributes:
        name: which computation is in use: ``kernels`` or ``lightgbm``.
    """

    def __init__(
        self, boosters: Sequence[lgb.Booster], *, kernels: bool = True, stored: StoredRows | None = None
    ) -> None:
        """``stored``: rows whose scores must come out as they are stored, to the last bit; ``kernels=False``: LightGBM alone.

        Raises:
            ValueError: the stored rows are of another number of features or boosters.
        """
        self._boosters = tuple(boosters)
        self._forest: Forest | None = None
        self._contributions: TreeContributions | None = None
        if stored is not None:
            self._check_lightgbm(stored)
        self.name = "kernels" if kernels and COMPILED and self._try_kernels(stored) else "lightgbm"

    def raw(self, matrix: FloatArray, threads: int = 1) -> FloatArray:
        """Raw log-odds (n, boosters) of feature rows (n, F), C-ordered."""
        if self._forest is None:
            return _lightgbm_raw(self._boosters, matrix, threads)
        n = len(matrix)
        out = np.empty((n, len(self._boosters)))
        if threads > 1 and n >= _ROWS_WORTH_OWN_THREADS:
            edges = [n * i // threads for i in range(threads + 1)]
            parts = [slice(*pair) for pair in itertools.pairwise(edges)]
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(self._forest.scores, [matrix[part] for part in parts], [out[part] for part in parts]))
        else:
            self._forest.scores(matrix, out)
        return out

    def contributions(self, matrix: FloatArray, head: int) -> FloatArray:
        """Contributions (n, F + 1) of feature rows (n, F), C-ordered, to the raw log-odds of one booster, by its position; the last
        column is the base value."""
        if self._contributions is None:
            return lightgbm_contributions(self._boosters[head], matrix)
        return self._contributions(matrix, head)

    def _check_lightgbm(self, stored: StoredRows) -> None:
        """Warn when LightGBM, as it is here, no longer gives what it gave where the model was trained."""
        wanted = (self._boosters[0].num_feature(), len(self._boosters))
        if (stored.rows.shape[1], stored.raw.shape[1]) != wanted:
            raise ValueError(
                f"stored rows of {wanted[0]} features and {wanted[1]} boosters are needed, "
                f"got {stored.rows.shape[1]} and {stored.raw.shape[1]}"
            )
        if _lightgbm_raw(self._boosters, stored.rows, 1).tobytes() != stored.raw.tobytes():
            _log.warning("LightGBM does not give here, to the last bit, the scores that were stored with the model.")

    def _try_kernels(self, stored: StoredRows | None) -> bool:
        """Whether the kernels take over."""
        try:
            heads = [read_trees(booster) for booster in self._boosters]
        except UnsupportedTrees as reason:
            _log.warning("LightGBM scores on its own: %s", reason)
            return False
        made = check_rows(heads, self._boosters[0].num_feature())
        tried, expected = made, _lightgbm_raw(self._boosters, made, 1)
        if stored is not None:
            tried, expected = np.concatenate([made, stored.rows]), np.concatenate([expected, stored.raw])
        forest = Forest(heads)
        found = np.empty_like(expected)
        forest.scores(tried, found)
        if found.tobytes() != expected.tobytes():
            _log.warning("LightGBM scores on its own: the kernels do not reproduce its scores.")
            return False
        self._forest = forest
        if any(count <= 0 for trees in heads for tree in trees for count in (*tree.split_count, *tree.leaf_count)):
            _log.warning("LightGBM explains on its own: its trees do not say how many rows they were trained on.")
            return True
        contributions = TreeContributions(heads)
        few = tried[-_CHECKED_CONTRIBUTIONS:]
        if all(
            np.allclose(contributions(few, k), lightgbm_contributions(booster, few), rtol=0.0, atol=TOLERANCE)
            for k, booster in enumerate(self._boosters)
        ):
            self._contributions = contributions
        else:
            _log.warning("LightGBM explains on its own: the kernels do not reproduce its contributions.")
        return True


def _lightgbm_raw(boosters: Sequence[lgb.Booster], matrix: FloatArray, threads: int) -> FloatArray:
    """Raw log-odds (n, boosters) of feature rows (n, F), by LightGBM."""
    n = len(matrix)
    out = np.empty((n, len(boosters)))
    if n:
        used = threads if n >= _ROWS_WORTH_THREADS else 1
        for k, booster in enumerate(boosters):
            out[:, k] = np.asarray(booster.predict(matrix, raw_score=True, num_threads=used))
    return out


def check_rows(heads: Sequence[Sequence[Tree]], n_features: int, limit: int = CHECK_ROWS) -> FloatArray:
    """Rows (m, F) that stand on the thresholds of trees, just beside them, and where values are missing, infinite or nearly zero.

    Every feature goes through its own values in an order of its own, so rows take many paths. The same trees give the same rows.
    """
    tiny = float(np.float32(1e-35))
    special = [np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -tiny, np.nextafter(tiny, 1.0), tiny / 2.0, 1.0]
    thresholds: list[set[float]] = [set() for _ in range(n_features)]
    for trees in heads:
        for tree in trees:
            for feature, threshold in zip(tree.feature, tree.threshold, strict=True):
                thresholds[feature].add(threshold)
    random = np.random.default_rng(0)
    rows = np.zeros((limit, n_features))
    for feature, found in enumerate(thresholds):
        at = np.array(sorted(found))
        values = np.concatenate([at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf), special])
        rows[:, feature] = np.resize(random.permutation(values), limit)
    return rows
