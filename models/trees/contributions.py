"""Contributions of features to the raw log-odds of goods items: exact Shapley values for sums of trees.

**Definition.** For a set S of known features, let v(S) be the mean leaf value when each split on a known feature sends the row its
way, and every other split sends it both ways in the proportions of the training rows. A feature's contribution is its Shapley
value in this game: the average change of v when the feature becomes known, over all orders in which features may become known.
LightGBM's ``pred_contrib`` computes the same values (path-dependent TreeSHAP: Lundberg, Erion and Lee 2018, arXiv:1802.03888), and
the results agree up to rounding. The base value is v of the empty set. The base value and all contributions add up to the row's raw
log-odds.

**Integral.** Consider a leaf of value w and the features j on its path. If the set S is known, the leaf has the weight

    prod over j in S of o_j  x  prod over other j of z_j,

where o_j is 1 if the row meets all conditions of the path on j and otherwise 0, and z_j is the share of training rows that went the
path's way at these splits. Replace every factor by z_j + t (o_j - z_j): each feature is known with probability t, independently of
the others. The Shapley value is the derivative of this polynomial along feature i, averaged over t (Owen 1972, "Multilinear
extensions of games", Management Science 18(5), doi:10.1287/mnsc.18.5.64):

    contribution_i = w (o_i - z_i)  x  integral over t from 0 to 1 of  prod over j != i of (z_j + t (o_j - z_j)).

With d features on the path the integrand has degree d - 1. Gauss-Legendre quadrature with at least d/2 points integrates it exactly
(Davis and Rabinowitz 1984, "Methods of numerical integration", section 2.7). Products are shared from the root down and sums from
the leaves up, point by point, so the cost of a tree is its number of nodes times the number of points. Numbers of nearly equal size
are subtracted only where a path splits on one feature twice, and there both are as large as the result.

**Both sides of a split at once.** Let P be the product of all factors above the split, and f the factor of the split's own feature,
o + (1 - t) (z - o). If no split above has this feature, o = z = 1 and f = 1. Let y be the share of the side that the row does not
take. That side multiplies P by

    a = (1 - t) y / f,

and the other side by 1 - a, because the shares of both sides add up to z. Let C and H be the sums over the leaves below these two
sides, each leaf with the factors that it has beyond those of its side. Then the sum over all leaves below the split, each with the
factors that it has beyond P, is H - a (H - C), and the split adds

    o y  x  integral of  P (H - C) / f^2

to the contribution of its feature. If no split above has the feature, y P (H - C) is the derivative itself. Otherwise the leaves
below already count with the derivative of the factor f, and this term is the change when further conditions replace it. The only
divisor is f, once per side below which its feature is split on again. If o is 0, either side may be the one that is not taken.

**Tables.** The contributions of a tree depend only on the outcomes of its splits. Small trees have few patterns of outcomes
(2^7 for 8 leaves), so their contributions are computed for all patterns when a model is loaded. A row then costs one comparison
per split and one table lookup per tree. For larger trees, the contributions are computed per row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.trees.shapley import Shapley
from models.trees.trees import Tree

if TYPE_CHECKING:
    # For types only: `lightgbm_import` imports the package when a model is loaded.
    import lightgbm as lgb

FloatArray = NDArray[np.float64]

#: Allowed difference between two exact computations, in log-odds.
TOLERANCE: Final = 1e-9


class TreeContributions:
    """Contributions from the trees of several heads."""

    def __init__(self, heads: Sequence[Sequence[Tree]]) -> None:
        self._shapley = Shapley(heads)

    def __call__(self, matrix: FloatArray, head: int) -> FloatArray:
        """Return contributions (n, F + 1) of C-ordered feature rows (n, F) to the raw log-odds of the head at position ``head``.

        The last column is the base value.
        """
        out = np.empty((matrix.shape[0], matrix.shape[1] + 1))
        self._shapley.explain(matrix, head, out)
        return out


def lightgbm_contributions(booster: lgb.Booster, matrix: FloatArray) -> FloatArray:
    """Return LightGBM's contributions (n, F + 1) of feature rows (n, F); the last column is the base value."""
    return np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1), dtype=np.float64)
