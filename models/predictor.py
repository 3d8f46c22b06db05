"""Raw log-odds and contributions of a model's boosters, by the fastest way that gives LightGBM's own results.

LightGBM is the reference. Where the kernels are compiled, the trees it holds are also laid out for them, and they take over when
they reproduce it: raw log-odds to the last bit, contributions within 1e-9, on rows made for the purpose. Otherwise LightGBM goes
on, and a warning in the log says why.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.contributions import TOLERANCE, TreeContributions, lightgbm_contributions
from models.kernels.forest import COMPILED, Forest
from models.trees import Tree, UnsupportedTrees, read_trees

if TYPE_CHECKING:
    import lightgbm as lgb

FloatArray = NDArray[np.float64]

_log = logging.getLogger(__name__)

#: Starting threads costs more than it saves on fewer rows than this.
_ROWS_WORTH_THREADS: Final = 512
_ROWS_WORTH_OWN_THREADS: Final = 4096
#: Rows the kernels are tried on, and how many of them are explained: some milliseconds of LightGBM.
CHECK_ROWS: Final = 256
_CHECKED_CONTRIBUTIONS: Final = 8


class Predictor:
    """What a model's boosters say about feature rows. It is only read, so threads may share one.

    Attributes:
        name: which computation is in use: ``kernels`` or ``lightgbm``.
    """

    def __init__(
        self, boosters: Sequence[lgb.Booster], *, kernels: bool = True, rows: FloatArray | None = None
    ) -> None:
        """``rows`` (m, F): real feature rows the kernels must reproduce as well as those made from the thresholds."""
        self._boosters = tuple(boosters)
        self._forest: Forest | None = None
        self._contributions: TreeContributions | None = None
        self.name = "kernels" if kernels and COMPILED and self._try_kernels(rows) else "lightgbm"

    def raw(self, matrix: FloatArray, threads: int = 1) -> FloatArray:
        """Raw log-odds (n, boosters) of feature rows (n, F), C-ordered."""
        n = len(matrix)
        out = np.empty((n, len(self._boosters)))
        if self._forest is None:
            used = threads if n >= _ROWS_WORTH_THREADS else 1
            if n:
                for k, booster in enumerate(self._boosters):
                    out[:, k] = np.asarray(booster.predict(matrix, raw_score=True, num_threads=used))
        elif threads > 1 and n >= _ROWS_WORTH_OWN_THREADS:
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

    def _try_kernels(self, rows: FloatArray | None) -> bool:
        """Whether the kernels take over."""
        try:
            heads = [read_trees(booster) for booster in self._boosters]
        except UnsupportedTrees as reason:
            _log.warning("LightGBM scores on its own: %s", reason)
            return False
        made = check_rows(heads, self._boosters[0].num_feature())
        tried = made if rows is None else np.concatenate([made, rows])
        expected = np.stack(
            [np.asarray(b.predict(tried, raw_score=True, num_threads=1)) for b in self._boosters], axis=1
        )
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
