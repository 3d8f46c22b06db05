"""Compiled kernel for contributions of features to raw log-odds: exact Shapley values for sums of trees.

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

from collections import deque
from collections.abc import Sequence
from math import fsum

import cython
import numpy as np
from numpy.typing import NDArray

from models.trees.trees import TINY, Tree, starts

FloatArray = NDArray[np.float64]

#: Maximum number of splits of trees with tables, which have at most 256 patterns of 8 values, 16 KiB.
MAX_TABLE_SPLITS = 8
#: Size of an area of the work buffer: number of nodes of a tree with 64 leaves times at most eight points.
AREA = 127 * 8
#: Offsets of the areas in the work buffer, and its size. `Shapley._sweep` describes the first four areas. SUMS contains two halves
#: of each feature's contribution.
ABOVE, BELOW, RATIO, GAIN, SUMS = 0, AREA, 2 * AREA, 3 * AREA, 4 * AREA
WORK_SIZE = 4 * AREA + 2 * 63
#: Number of rows that one tree explains before the next tree begins.
BLOCK = 128


class Shapley:
    """Trees of several boosters as arrays. `_Layout` describes most of them."""

    def __init__(self, boosters: Sequence[Sequence[Tree]]) -> None:
        layout = _Layout()
        for tree in (tree for booster in boosters for tree in booster):
            layout.add(tree)
        self.first_tree = starts([len(booster) for booster in boosters])
        self.base = np.array([fsum(map(mean_leaf_value, booster)) for booster in boosters], dtype=np.float64)
        self.feature = np.array([feature for feature, _, _ in layout.columns], dtype=np.int32)
        # Replace missing values by -inf, which is below all thresholds, or by NaN, which is below none. Comparisons with thresholds
        # then send them in the right direction.
        self.missing = np.array([-np.inf if left else np.nan for _, _, left in layout.columns])
        self.zero = np.array(
            [
                missing if is_missing else 0.0
                for missing, (_, is_missing, _) in zip(self.missing, layout.columns, strict=True)
            ]
        )
        self.first_split = starts(layout.n_splits)
        self.column = np.array(layout.column, dtype=np.int32)
        self.threshold = np.array(layout.threshold, dtype=np.float64)
        self.slot = np.array(layout.slot, dtype=np.int32)
        self.previous = np.array(layout.previous, dtype=np.int32)
        self.child = np.array(layout.child, dtype=np.int32)
        self.share = np.array(layout.share, dtype=np.float64)
        self.first_reused = starts(layout.n_reused)
        self.reused = np.array(layout.reused, dtype=np.int32)
        self.first_slot = starts(layout.n_slots)
        self.slot_feature = np.array(layout.slot_feature, dtype=np.int32)
        self.first_leaf = starts([n + 1 for n in layout.n_splits])
        self.value = np.array(layout.value, dtype=np.float64)
        self.first_point = np.array(layout.first_point, dtype=np.int32)
        self.n_points = np.array(layout.n_points, dtype=np.int32)
        self.point = np.array(layout.point, dtype=np.float64)
        self.weight = np.array(layout.weight, dtype=np.float64)
        self.first_entry = np.array(layout.first_entry, dtype=np.int64)
        self.entries = np.empty(layout.n_entries)
        self._tabulate(np.empty(WORK_SIZE))

    def explain(self, matrix: FloatArray, booster: int, out: FloatArray) -> None:
        """Write the contributions of C-ordered feature rows (n, F) to one booster's raw log-odds into ``out`` (n, F + 1).

        The last column is the base value.
        """
        n, n_columns = matrix.shape[0], self.feature.shape[0]
        cells = np.empty((min(n, BLOCK), n_columns))
        work = np.empty(WORK_SIZE)
        with cython.nogil:
            # One tree after another explains a block of rows, because the tables of all trees exceed the processor's caches.
            for block in range((n + BLOCK - 1) // BLOCK):
                start = block * BLOCK
                end = min(start + BLOCK, n)
                for row in range(start, end):
                    for c in range(matrix.shape[1]):
                        out[row, c] = 0.0
                    out[row, matrix.shape[1]] = self.base[booster]
                    for c in range(n_columns):
                        x = matrix[row, self.feature[c]]
                        # Only NaN is not equal to itself.
                        if x != x:
                            cells[row - start, c] = self.missing[c]
                        else:
                            cells[row - start, c] = self.zero[c] if -TINY <= x <= TINY else x
                for tree in range(self.first_tree[booster], self.first_tree[booster + 1]):
                    for row in range(start, end):
                        self._add(cells, row - start, tree, work, out, row)

    def _add(self, cells: FloatArray, at: int, tree: int, work: FloatArray, out: FloatArray, row: int) -> None:
        """Add the contributions of a tree to a row of ``out``. Row ``at`` of ``cells`` contains its values."""
        first = self.first_split[tree]
        # Set one bit per split at which the row goes left.
        outcomes = 0
        for split in range(self.first_split[tree + 1] - first):
            goes_left = cells[at, self.column[first + split]] <= self.threshold[first + split]
            outcomes |= goes_left << split
        first = self.first_slot[tree]
        width = self.first_slot[tree + 1] - first
        entry = self.first_entry[tree]
        if entry >= 0:
            entry += outcomes * width
            for j in range(width):
                out[row, self.slot_feature[first + j]] += self.entries[entry + j]
        else:
            self._compute(tree, outcomes, work)
            for j in range(width):
                out[row, self.slot_feature[first + j]] += work[SUMS + 2 * j] + work[SUMS + 2 * j + 1]

    def _tabulate(self, work: FloatArray) -> None:
        """Fill the tables of small trees with the contributions for each pattern of outcomes."""
        for tree in range(self.first_entry.shape[0]):
            entry = self.first_entry[tree]
            if entry >= 0:
                width = self.first_slot[tree + 1] - self.first_slot[tree]
                for pattern in range(1 << (self.first_split[tree + 1] - self.first_split[tree])):
                    self._compute(tree, pattern, work)
                    for j in range(width):
                        self.entries[entry + j] = work[SUMS + 2 * j] + work[SUMS + 2 * j + 1]
                    entry += width

    def _compute(self, tree: int, outcomes: int, work: FloatArray) -> None:
        """Write the contributions of a tree's features into the area SUMS, as two halves per feature.

        ``outcomes`` has one bit per split, set if the row goes left.
        """
        for j in range(2 * (self.first_slot[tree + 1] - self.first_slot[tree])):
            work[SUMS + j] = 0.0
        at, points = self.first_point[tree], self.n_points[tree]
        while points > 0:
            # Pass constant widths, for which the compiler specialises and vectorises the function.
            if points == 4:
                self._sweep(tree, outcomes, at, 4, work)
            elif points == 6:
                self._sweep(tree, outcomes, at, 6, work)
            else:
                self._sweep(tree, outcomes, at, 8, work)
            at += 8
            points -= 8

    def _sweep(self, tree: int, outcomes: int, at: int, width: int, work: FloatArray) -> None:
        """Add the integrals over ``width`` points, starting at point ``at``, to the sums, in one pass down the tree and one up.

        The areas of ``work`` have ``width`` numbers per node. ABOVE contains P times the weights of the points, and BELOW contains
        H or C. RATIO and GAIN contain (1 - t) / f and o / f^2 of the node's feature, for lower splits on the same feature.
        """
        first = self.first_split[tree]
        splits = self.first_split[tree + 1] - first
        leaf = self.first_leaf[tree]
        x, y = [0.0] * 8, [0.0] * 8
        for k in range(width):
            work[ABOVE + k] = self.weight[at + k]
            work[RATIO + k] = self.point[at + k]
            work[GAIN + k] = 1.0
        for i in range(self.first_reused[tree], self.first_reused[tree + 1]):
            edge = self.reused[i]
            split = edge // 2
            u = width * self.child[2 * first + edge]
            # Compute whether the row meets the conditions by arithmetic, because processors would often mispredict a branch.
            met = work[GAIN + width * self.previous[first + split]] > 0.0
            on = 1.0 * (met & ((outcomes >> split) & 1 == edge & 1))
            share = self.share[2 * first + edge] - on
            for k in range(width):
                x[k] = self.point[at + k]
                y[k] = 1.0 / (on + x[k] * share)
            for k in range(width):
                work[RATIO + u + k] = x[k] * y[k]
            for k in range(width):
                work[GAIN + u + k] = on * (y[k] * y[k])
        u = BELOW + width * splits
        for i in range(leaf, leaf + splits + 1):
            for k in range(width):
                work[u + k] = self.value[i]
            u += width
        for split in range(splits):
            edge = 2 * (first + split)
            hot = (outcomes >> split) & 1
            p, a = width * split, width * self.previous[first + split]
            h, c = width * self.child[edge + hot], width * self.child[edge + 1 - hot]
            share = self.share[edge + 1 - hot]
            for k in range(width):
                y[k] = work[ABOVE + p + k]
                x[k] = y[k] * (share * work[RATIO + a + k])
                y[k] = y[k] - x[k]
            for k in range(width):
                work[ABOVE + c + k] = x[k]
            for k in range(width):
                work[ABOVE + h + k] = y[k]
        for split in range(splits - 1, -1, -1):
            edge = 2 * (first + split)
            hot = (outcomes >> split) & 1
            p, a, total = width * split, width * self.previous[first + split], SUMS + 2 * self.slot[first + split]
            h, c = width * self.child[edge + hot], width * self.child[edge + 1 - hot]
            share = self.share[edge + 1 - hot]
            for k in range(width):
                y[k] = work[BELOW + h + k]
                x[k] = y[k] - work[BELOW + c + k]
                y[k] = y[k] - share * work[RATIO + a + k] * x[k]
                x[k] = work[ABOVE + p + k] * work[GAIN + a + k] * x[k]
            for k in range(width):
                work[BELOW + p + k] = y[k]
            for k in range(2, width, 2):
                x[0] = x[0] + x[k]
                x[1] = x[1] + x[k + 1]
            for k in range(2):
                y[k] = work[total + k] + share * x[k]
            for k in range(2):
                work[total + k] = y[k]


class _Layout:
    """Lists with one entry per tree, split, edge, node and so on, tree by tree.

    The nodes of a tree are its splits, level by level from the root, which is node 0, followed by its leaves. Two edges lead from
    split s to child nodes: edge 2 s to the right and edge 2 s + 1 to the left.

    Attributes:
        columns: (feature, whether zero is missing, whether missing values go left) -> column of cells.
        n_splits, n_reused, n_slots: per tree the number of splits, of entries of ``reused`` and of different features.
        column, threshold: per split.
        slot: per split the position of its feature among the features of the tree.
        previous: per split the child node of the last edge above it with the same feature; 0 without such an edge.
        child: per edge its child node.
        share: per edge the share z of training rows that meet all conditions on its feature down to this edge.
        reused: edges with lower splits on the same feature.
        slot_feature: per slot the feature.
        value: per leaf.
        first_point, n_points: per tree the index of its first quadrature point in ``point`` and ``weight``, and their number.
        first_entry: per tree the start of its table; -1 without a table. All tables together have ``n_entries`` numbers.
    """

    def __init__(self) -> None:
        self.columns: dict[tuple[int, bool, bool], int] = {}
        self.n_splits: list[int] = []
        self.column: list[int] = []
        self.threshold: list[float] = []
        self.slot: list[int] = []
        self.previous: list[int] = []
        self.child: list[int] = []
        self.share: list[float] = []
        self.n_reused: list[int] = []
        self.reused: list[int] = []
        self.n_slots: list[int] = []
        self.slot_feature: list[int] = []
        self.value: list[float] = []
        self.first_point: list[int] = []
        self.n_points: list[int] = []
        self.point: list[float] = []
        self.weight: list[float] = []
        self.first_entry: list[int] = []
        self.n_entries = 0
        self._rules: dict[int, int] = {}

    def add(self, tree: Tree) -> None:
        """Add a tree."""
        splits, first_edge = len(tree.feature), len(self.child)
        slots: dict[int, int] = {}
        reused: set[int] = set()
        most_features = split = 0
        # Entries: a split, the edge that leads to it, and the last edge above it per feature. Adjacent splits of a level do not
        # depend on each other, so a processor can work on several at once.
        pending: deque[tuple[int, int, dict[int, int]]] = deque([(0, -1, {})] if splits else [])
        while pending:
            old, entrance, path = pending.popleft()
            if entrance >= 0:
                self.child[first_edge + entrance] = split
            feature = tree.feature[old]
            last = path.get(feature, -1)
            if last >= 0:
                reused.add(last)
            share = self.share[first_edge + last] if last >= 0 else 1.0
            self.previous.append(self.child[first_edge + last] if last >= 0 else 0)
            self.slot.append(slots.setdefault(feature, len(slots)))
            cells = (feature, tree.zero_missing[old], tree.default_left[old])
            self.column.append(self.columns.setdefault(cells, len(self.columns)))
            self.threshold.append(tree.threshold[old])
            for edge, child in enumerate((tree.right[old], tree.left[old]), 2 * split):
                count = tree.split_count[child] if child >= 0 else tree.leaf_count[~child]
                self.share.append(share * (count / tree.split_count[old]))
                # The number of a split is assigned when the split is visited, and then replaces this entry.
                self.child.append(splits + ~child)
                path_below = {**path, feature: edge}
                if child >= 0:
                    pending.append((child, edge, path_below))
                else:
                    most_features = max(most_features, len(path_below))
            split += 1
        self.n_splits.append(splits)
        self.n_reused.append(len(reused))
        self.reused += sorted(reused)
        self.n_slots.append(len(slots))
        self.slot_feature += slots
        self.value += tree.value
        self._add_quadrature(most_features)
        has_table = splits <= MAX_TABLE_SPLITS
        self.first_entry.append(self.n_entries if has_table else -1)
        self.n_entries += len(slots) << splits if has_table else 0

    def _add_quadrature(self, features: int) -> None:
        """Add quadrature points that integrate products of ``features`` factors exactly: 4, 6 or 8, plus a multiple of 8."""
        points = max(4, (features + 3) // 4 * 2)
        points += 2 if points % 8 == 2 else 0
        if points not in self._rules:
            self._rules[points] = len(self.point)
            x, w = np.polynomial.legendre.leggauss(points)
            # Map from [-1, 1] to [0, 1]. The points are symmetric about 1/2, so they serve as t and as 1 - t.
            self.point += ((x + 1.0) / 2.0).tolist()
            self.weight += (w / 2.0).tolist()
        self.first_point.append(self._rules[points])
        self.n_points.append(points)


def mean_leaf_value(tree: Tree) -> float:
    """Return the mean leaf value of the training rows."""
    total = tree.split_count[0] if tree.split_count else tree.leaf_count[0]
    return fsum(count / total * value for count, value in zip(tree.leaf_count, tree.value, strict=True))
