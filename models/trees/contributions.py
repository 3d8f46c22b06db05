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

**Split by split.** The two sides of a split need not be worked out one by one. Let P be the product of all factors above it, and f
the one among them that is its own feature's, o + (1 - t) (z - o): 1 where nothing above asked for that feature, which is o = z = 1.
Let y be the share of the side that the row does not take. Taking that side multiplies P by

    a = (1 - t) y / f,

and taking the other by 1 - a, because the shares of both add up to z. Let C and H be what the leaves below these two sides add up
to, each leaf with the factors it has beyond those of its side. Then all leaves below the split add up to H - a (H - C), each with
the factors it has beyond P, and the split adds to its feature's contribution

    o y  x  integral of  P (H - C) / f^2.

For a feature that was not asked for above, y P (H - C) is the derivative itself. Where it was, the leaves below already count with
the derivative of the factor f, and this is what changes when further conditions take its place. Nothing is divided by but f, once
for each side below which its feature is asked for again. Where o is 0 either side may be the one not taken.

**How fast.** The contributions of a tree depend on the row only through what its splits answer. For the small trees that
boosting likes there are few possible answers (2^7 for 8 leaves): the formula is worked out for all of them, node by node, when a
model is loaded, and a row then costs one comparison per split and one row of a table per tree. The tables of a model are larger
than the caches next to a processor, so all rows of tables are called for before the first is read. Of larger trees nothing is
tabulated but shares and points; they are worked out split by split, all points of a split at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.trees.shapley import Shapley

if TYPE_CHECKING:
    import lightgbm as lgb

    from models.trees.trees import Tree

FloatArray = NDArray[np.float64]

#: Two exact computations may differ by this much, in log-odds.
TOLERANCE: Final = 1e-9


class TreeContributions:
    """Contributions computed from the trees of several heads."""

    def __init__(self, heads: Sequence[Sequence[Tree]]) -> None:
        self._shapley = Shapley(heads)

    def __call__(self, matrix: FloatArray, head: int) -> FloatArray:
        """Contributions (n, F + 1) of feature rows (n, F), C-ordered, to the raw log-odds of one head, by its position; the last
        column is the base value."""
        out = np.empty((matrix.shape[0], matrix.shape[1] + 1))
        self._shapley.explain(matrix, head, out)
        return out


def lightgbm_contributions(booster: lgb.Booster, matrix: FloatArray) -> FloatArray:
    """The same (n, F + 1) by LightGBM."""
    return np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1), dtype=np.float64)
