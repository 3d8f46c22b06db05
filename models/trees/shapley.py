"""Compiled kernel for Shapley values of features. `models.trees.contributions` explains the mathematics and the symbols."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

import cython
import numpy as np
from numpy.typing import NDArray

from models.trees.shapley_layout import ShapleyLayout, mean_leaf_value
from models.trees.trees import TINY, Tree, factor_between, shape_of, starts

FloatArray = NDArray[np.float64]

#: Size of an area of the work buffer: number of nodes of a tree with 64 leaves times at most eight points.
AREA = 127 * 8
#: Offsets of the areas in the work buffer, and its size. `Shapley._sweep` describes the first four areas. SUMS contains two halves
#: of each feature's contribution.
ABOVE, BELOW, RATIO, GAIN, SUMS = 0, AREA, 2 * AREA, 3 * AREA, 4 * AREA
WORK_SIZE = 4 * AREA + 2 * 63
#: Number of rows that one tree explains before the next tree begins.
BLOCK = 128


class Shapley:
    """Trees of several heads as arrays. `ShapleyLayout` describes most of them.

    Trees with equal splits and counts of training rows are stored once if their values differ by a factor, because their
    contributions differ by the same factor.
    """

    def __init__(self, heads: Sequence[Sequence[Tree]]) -> None:
        layout = ShapleyLayout()
        known: dict[tuple[object, ...], tuple[int, Tree]] = {}
        stored: list[int] = []
        factors: list[float] = []
        count = 0
        for tree in (tree for head in heads for tree in head):
            key = shape_of(tree), tuple(tree.split_count), tuple(tree.leaf_count)
            number, other = known.setdefault(key, (count, tree))
            factor = factor_between(tree, other)
            if number == count or factor is None:
                number, factor = count, 1.0
                layout.add(tree)
                count += 1
            stored.append(number)
            factors.append(factor)
        #: Start of each head's trees in ``stored`` (the numbers of stored trees) and ``factor`` (which multiplies their values).
        self.first_tree = starts([len(head) for head in heads])
        self.stored = np.array(stored, dtype=np.int32)
        self.factor = np.array(factors, dtype=np.float64)
        self.base = np.array([fsum(map(mean_leaf_value, head)) for head in heads], dtype=np.float64)
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

    def explain(self, matrix: FloatArray, head: int, out: FloatArray) -> None:
        """Write the contributions of C-ordered feature rows (n, F) to one head's raw log-odds into ``out`` (n, F + 1).

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
                    out[row, matrix.shape[1]] = self.base[head]
                    for c in range(n_columns):
                        x = matrix[row, self.feature[c]]
                        # Only NaN is not equal to itself.
                        if x != x:
                            cells[row - start, c] = self.missing[c]
                        else:
                            cells[row - start, c] = self.zero[c] if -TINY <= x <= TINY else x
                for position in range(self.first_tree[head], self.first_tree[head + 1]):
                    for row in range(start, end):
                        self._add(cells, row - start, position, work, out, row)

    def _add(self, cells: FloatArray, at: int, position: int, work: FloatArray, out: FloatArray, row: int) -> None:
        """Add the contributions of the tree at ``position`` to a row of ``out``. Row ``at`` of ``cells`` contains its values."""
        tree = self.stored[position]
        factor = self.factor[position]
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
                out[row, self.slot_feature[first + j]] += factor * self.entries[entry + j]
        else:
            self._compute(tree, outcomes, work)
            for j in range(width):
                out[row, self.slot_feature[first + j]] += factor * (work[SUMS + 2 * j] + work[SUMS + 2 * j + 1])

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
