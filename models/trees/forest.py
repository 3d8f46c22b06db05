"""Compiled kernel for the raw log-odds of feature rows by the trees of several heads.

For a row that goes right at a split, the split excludes the leaves below its left child. After all splits of a tree, evaluated
in any order and without branches, a row's leaf is the first leaf that is not excluded (QuickScorer: Lucchese, Nardini, Orlando,
Perego, Tonellotto and Venturini 2015, SIGIR, doi:10.1145/2766462.2767733; for blocks of rows: the same authors 2016,
doi:10.1145/2911451.2914758). Leaf values are added in the same order as in LightGBM, so the sums are equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import cython
import numpy as np
from numpy.typing import NDArray

from models.trees.trees import TINY, Tree, common_trees, starts

FloatArray = NDArray[np.float64]

#: Whether this module is compiled. Otherwise LightGBM is faster than these loops.
COMPILED = bool(cython.compiled)
#: Bit set of all leaves: no leaf is excluded.
ALL = 0xFFFFFFFFFFFFFFFF
#: A de Bruijn sequence. Its first six bits differ for each shift by 0 to 63 (Leiserson, Prokop and Randall 1998, "Using de Bruijn
#: sequences to index a 1 in a computer word").
SEQUENCE = 0x03F79D71B4CB0A89
#: Number of rows per block, so that their cells fit the first-level cache.
BLOCK = 64
#: Minimum number of rows for scoring in blocks. Fewer rows are faster one by one.
FEW = 3


class Forest:
    """Trees of several heads as flat arrays. The splits of a tree are consecutive, and so are its leaves.

    The first trees that all heads share are stored and evaluated once. Each head goes on from their sum, so the order of additions
    stays the same.
    """

    def __init__(self, heads: Sequence[Sequence[Tree]]) -> None:
        common = common_trees(heads)
        trees = [*heads[0][:common], *(tree for head in heads for tree in head[common:])]
        # Create one column of cells per feature and treatment of zeros.
        columns: dict[tuple[int, bool], int] = {}
        column = [
            columns.setdefault(key, len(columns))
            for tree in trees
            for key in zip(tree.feature, tree.zero_missing, strict=True)
        ]
        #: Start of each head's own trees, which follow the common ones.
        self.first_tree = common + starts([len(head) - common for head in heads])
        self.feature = np.array([feature for feature, _ in columns], dtype=np.int32)
        #: Replacement of zeros per column: NaN if zero counts as missing.
        self.zero = np.array([np.nan if zero_missing else 0.0 for _, zero_missing in columns])
        self.first_split = starts([len(tree.feature) for tree in trees])
        self.column = np.array(column, dtype=np.int32)
        self.threshold = np.array([x for tree in trees for x in tree.threshold], dtype=np.float64)
        # Without compilation, numpy needs flags of the same width as the bit sets of leaves.
        flag = np.uint8 if cython.compiled else np.uint64
        self.default_left = np.array([x for tree in trees for x in tree.default_left], dtype=flag)
        self.right_leaves = np.array([x for tree in trees for x in _right_leaves(tree)], dtype=np.uint64)
        self.first_leaf = starts([len(tree.value) for tree in trees])
        self.value = np.array([x for tree in trees for x in tree.value], dtype=np.float64)
        leaf_of = np.zeros(64, dtype=np.uint8)
        # Shift in numpy, because compiled code may shift 32-bit integers.
        bits: list[int] = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64)).tolist()
        leaf_of[[lowest(bit) for bit in bits]] = range(64)
        self.leaf_of = leaf_of

    def scores(self, matrix: FloatArray, out: FloatArray) -> None:
        """Write the raw log-odds of C-ordered feature rows (n, F) into ``out`` (n, heads)."""
        n = matrix.shape[0]
        cells = np.empty((self.feature.shape[0], min(n, BLOCK)))
        if n < FEW:
            self._score_few(matrix, 0, n, cells, out)
            return
        leaves = np.empty(BLOCK, dtype=np.uint64)
        totals = np.empty((2, BLOCK))
        with cython.nogil:
            for block in range((n + BLOCK - 1) // BLOCK):
                start = block * BLOCK
                rows = n - start if n - start < BLOCK else BLOCK
                if rows < FEW:
                    self._score_few(matrix, start, rows, cells, out)
                else:
                    self._fill(matrix, start, rows, cells)
                    self._score_block(cells, rows, leaves, totals, out, start)

    def _score_few(self, matrix: FloatArray, start: int, rows: int, cells: FloatArray, out: FloatArray) -> None:
        self._fill(matrix, start, rows, cells)
        for row in range(rows):
            self._score_row(cells, row, out, start + row)

    def _fill(self, matrix: FloatArray, start: int, rows: int, cells: FloatArray) -> None:
        """Copy the columns that trees use, and replace values that count as zero."""
        feature, zero = self.feature, self.zero
        for c in range(feature.shape[0]):
            zero_value = zero[c]
            for row in range(rows):
                x = matrix[start + row, feature[c]]
                cells[c, row] = zero_value if -TINY <= x <= TINY else x

    # In the loops below, `x != x` is true for NaN only, and comparisons of NaN with a threshold are false.

    def _score_row(self, cells: FloatArray, row: int, out: FloatArray, out_row: int) -> None:
        common = self._sum_row(cells, row, 0, self.first_tree[0], 0.0)
        for head in range(self.first_tree.shape[0] - 1):
            out[out_row, head] = self._sum_row(cells, row, self.first_tree[head], self.first_tree[head + 1], common)

    def _sum_row(self, cells: FloatArray, row: int, first_tree: int, last_tree: int, total: float) -> float:
        """Return ``total`` plus the values of the trees from ``first_tree`` until before ``last_tree``."""
        column, threshold, default_left = self.column, self.threshold, self.default_left
        right_leaves, leaf_of = self.right_leaves, self.leaf_of
        for tree in range(first_tree, last_tree):
            leaves = ALL
            for split in range(self.first_split[tree], self.first_split[tree + 1]):
                x = cells[column[split], row]
                # Use arithmetic instead of a branch, which processors would often mispredict.
                goes_left = (x <= threshold[split]) | (default_left[split] & (x != x))
                leaves = leaves & (right_leaves[split] | (ALL * goes_left))
            total += self.value[self.first_leaf[tree] + leaf_of[lowest(leaves)]]
        return total

    def _score_block(
        self,
        cells: FloatArray,
        rows: int,
        leaves: NDArray[np.uint64],
        totals: FloatArray,
        out: FloatArray,
        start: int,
    ) -> None:
        for row in range(rows):
            totals[0, row] = 0.0
        self._add_block(cells, rows, leaves, totals[0], 0, self.first_tree[0])
        for head in range(self.first_tree.shape[0] - 1):
            for row in range(rows):
                totals[1, row] = totals[0, row]
            self._add_block(cells, rows, leaves, totals[1], self.first_tree[head], self.first_tree[head + 1])
            for row in range(rows):
                out[start + row, head] = totals[1, row]

    def _add_block(
        self,
        cells: FloatArray,
        rows: int,
        leaves: NDArray[np.uint64],
        totals: FloatArray,
        first_tree: int,
        last_tree: int,
    ) -> None:
        """Add the values of the trees from ``first_tree`` until before ``last_tree`` to the totals of the rows."""
        first_split, first_leaf = self.first_split, self.first_leaf
        column, threshold, default_left = self.column, self.threshold, self.default_left
        right_leaves, leaf_of, value = self.right_leaves, self.leaf_of, self.value
        for tree in range(first_tree, last_tree):
            for row in range(rows):
                leaves[row] = ALL
            for split in range(first_split[tree], first_split[tree + 1]):
                c, limit, right = column[split], threshold[split], right_leaves[split]
                if default_left[split]:
                    for row in range(rows):
                        leaves[row] = leaves[row] & (right if cells[c, row] > limit else ALL)
                else:
                    for row in range(rows):
                        leaves[row] = leaves[row] & (ALL if cells[c, row] <= limit else right)
            base = first_leaf[tree]
            for row in range(rows):
                totals[row] += value[base + leaf_of[lowest(leaves[row])]]


def lowest(bits: int) -> int:
    """Return a hash below 64 that identifies the lowest set bit. It is not the position of the bit."""
    if not cython.compiled:
        # Convert, because numpy integers warn of the intended overflow.
        bits = int(bits)
    return (((bits & (~bits + 1)) * SEQUENCE) & ALL) >> 58


def _right_leaves(tree: Tree) -> list[int]:
    """Return per split the bit set of leaves that remain if a row goes right."""
    below = [0] * len(tree.left)
    right = [0] * len(tree.left)
    for split in reversed(range(len(tree.left))):
        left, other = (below[child] if child >= 0 else 1 << ~child for child in (tree.left[split], tree.right[split]))
        below[split] = left | other
        right[split] = ALL & ~left
    return right
