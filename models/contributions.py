"""How much each feature of a goods item adds to its raw log-odds: exact Shapley values of sums of trees.

**What is computed.** A tree asks a row about some features. For a set S of them that are known, let v(S) be the mean leaf value
when a split on a known feature sends the row its way, and any other split sends it both ways in the proportions of the training
rows. A feature's contribution is its Shapley value in this game: what knowing it adds, averaged over all orders in which features
may become known. This is what LightGBM's ``pred_contrib`` computes (path-dependent TreeSHAP: Lundberg, Erion and Lee 2018,
arXiv:1802.03888), and the results agree to rounding. The base value is v of the empty set; it and all contributions add up to the
row's raw log-odds.

**How.** A leaf of value w with the features j on its path is reached, when S is known, with the weight

    prod over j in S of o_j  x  prod over other j of z_j,

where o_j is 1 when the row meets all conditions of the path on j, else 0, and z_j is the share of training rows that went the
path's way at those splits. Put z_j + t (o_j - z_j) for every factor: each feature is known with probability t, independently. The
Shapley value is the derivative of that polynomial along feature i, averaged over t (Owen 1972, "Multilinear extensions of games",
Management Science 18(5), doi:10.1287/mnsc.18.5.64):

    contribution_i = w (o_i - z_i)  x  integral over t from 0 to 1 of  prod over j != i of (z_j + t (o_j - z_j)).

With d features on the path the integrand has degree d - 1, for which Gauss-Legendre quadrature with at least d/2 points is exact
(Davis and Rabinowitz 1984, "Methods of numerical integration", section 2.7). Products are shared from the root down and sums from
the leaves up, point by point, so a tree costs its number of nodes times the number of points. Nothing is subtracted from something
nearly equal but where one path asks the same feature twice, and there both are of the size of the result.

**How fast.** The contributions of a tree depend on the row only through what its splits answer. For the small trees that
boosting likes there are few possible answers (2^7 for 8 leaves): the formula is worked out for all of them when a model is
loaded, and a row then costs one comparison per split and one row of a table per tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.kernels.shapley import Shapley

if TYPE_CHECKING:
    import lightgbm as lgb

    from models.trees import Tree

FloatArray = NDArray[np.float64]

#: Two exact computations may differ by this much, in log-odds.
TOLERANCE: Final = 1e-9


class TreeContributions:
    """Contributions computed from the trees of several heads."""

    def __init__(self, heads: Sequence[Sequence[Tree]]) -> None:
        self._shapley = Shapley(heads)
        self._base = [sum(map(_mean, trees)) for trees in heads]

    def __call__(self, matrix: FloatArray, head: int) -> FloatArray:
        """Contributions (n, F + 1) of feature rows (n, F), C-ordered, to the raw log-odds of one head, by its position; the last
        column is the base value."""
        n, width = matrix.shape
        out = np.zeros((n, width + 1))
        out[:, width] = self._base[head]
        self._shapley.add(matrix, head, out)
        return out


def lightgbm_contributions(booster: lgb.Booster, matrix: FloatArray) -> FloatArray:
    """The same (n, F + 1) by LightGBM."""
    return np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1), dtype=np.float64)


def _mean(tree: Tree) -> float:
    """Mean leaf value of the training rows."""
    total = tree.split_count[0] if tree.split_count else tree.leaf_count[0]
    return sum(count / total * value for count, value in zip(tree.leaf_count, tree.value, strict=True))
