"""Raw log-odds of rows by all trees of several heads at once.

Each split knows which leaves of its tree are still possible for a row that goes right: all but those below its left child. The
leaf a row ends in is the first one possible after every split of the tree was asked, in any order and without a branch
(QuickScorer: Lucchese, Nardini, Orlando, Perego, Tonellotto and Venturini 2015, SIGIR, doi:10.1145/2766462.2767733; for blocks of
rows: the same 2016, doi:10.1145/2911451.2914758). Leaf values are added tree by tree, as LightGBM adds them, so the sums are its
sums to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cython
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.trees.trees import Tree

FloatArray = NDArray[np.float64]

#: Whether this module is compiled. LightGBM is faster than these loops in Python.
COMPILED = bool(cython.compiled)
#: Every leaf is possible.
ALL = 0xFFFFFFFFFFFFFFFF
#: A de Bruijn sequence: shifted to the left by 0 to 63 it begins with 64 different groups of six bits (Leiserson, Prokop and
#: Randall 1998, Using de Bruijn sequences to index a 1 in a computer word).
SEQUENCE = 0x03F79D71B4CB0A89
#: LightGBM's ``kZeroThreshold``: a value this near to zero is zero.
TINY = float(np.float32(1e-35))
#: Rows at a time: their cells stay in the nearest caches.
BLOCK = 64
#: Fewer rows than this are faster one by one.
FEW = 3


class Forest:
    """The trees of several heads, ready to score."""

    def __init__(self, heads: Sequence[Sequence[Tree]]) -> None:
        trees = [tree for head in heads for tree in head]
        # One column of cells for each feature and each reading of its zeros.
        columns: dict[tuple[int, bool], int] = {}
        column = [
            columns.setdefault(key, len(columns))
            for tree in trees
            for key in zip(tree.feature, tree.zero_missing, strict=True)
        ]
        self.first_tree = _starts([len(head) for head in heads])
        self.feature = np.array([feature for feature, _ in columns], dtype=np.int32)
        self.blank = np.array([np.nan if zero_missing else 0.0 for _, zero_missing in columns])
        self.first_split = _starts([len(tree.feature) for tree in trees])
        self.column = np.array(column, dtype=np.int32)
        self.threshold = np.array([x for tree in trees for x in tree.threshold], dtype=np.float64)
        # In numpy's arithmetic what says which way to go must be as wide as the bits of the leaves.
        flag = np.uint8 if cython.compiled else np.uint64
        self.default_left = np.array([x for tree in trees for x in tree.default_left], dtype=flag)
        self.right_leaves = np.array([x for tree in trees for x in _right_leaves(tree)], dtype=np.uint64)
        self.first_leaf = _starts([len(tree.value) for tree in trees])
        self.value = np.array([x for tree in trees for x in tree.value], dtype=np.float64)
        leaf_of = np.zeros(64, dtype=np.uint8)
        # Of numpy: a shift may be one of 32 bits where this is compiled.
        bits: list[int] = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64)).tolist()
        leaf_of[[lowest(bit) for bit in bits]] = range(64)
        self.leaf_of = leaf_of

    def scores(self, matrix: FloatArray, out: FloatArray) -> None:
        """Write the raw log-odds of feature rows (n, F), C-ordered, into ``out`` (n, heads)."""
        n = matrix.shape[0]
        cells = np.empty((self.feature.shape[0], min(n, BLOCK)))
        leaves = np.empty(BLOCK, dtype=np.uint64)
        totals = np.empty(BLOCK)
        with cython.nogil:
            for block in range((n + BLOCK - 1) // BLOCK):
                start = block * BLOCK
                rows = n - start if n - start < BLOCK else BLOCK
                self._fill(matrix, start, rows, cells)
                if rows < FEW:
                    for row in range(rows):
                        self._score_row(cells, row, out, start + row)
                else:
                    self._score_block(cells, rows, leaves, totals, out, start)

    def _fill(self, matrix: FloatArray, start: int, rows: int, cells: FloatArray) -> None:
        """Copy the columns that are asked for, with values that count as zero made what their splits take zero for."""
        feature, blank = self.feature, self.blank
        for c in range(feature.shape[0]):
            instead = blank[c]
            for row in range(rows):
                x = matrix[start + row, feature[c]]
                cells[c, row] = instead if -TINY <= x <= TINY else x

    # NaN is not itself, and any other comparison with it is false.

    def _score_row(self, cells: FloatArray, row: int, out: FloatArray, out_row: int) -> None:
        column, threshold, default_left = self.column, self.threshold, self.default_left
        right_leaves, leaf_of = self.right_leaves, self.leaf_of
        for head in range(self.first_tree.shape[0] - 1):
            total = 0.0
            for tree in range(self.first_tree[head], self.first_tree[head + 1]):
                leaves = ALL
                for split in range(self.first_split[tree], self.first_split[tree + 1]):
                    x = cells[column[split], row]
                    # No branch: which way a row goes is what a processor cannot guess.
                    goes_left = (x <= threshold[split]) | (default_left[split] & (x != x))
                    leaves = leaves & (right_leaves[split] | (ALL * goes_left))
                total += self.value[self.first_leaf[tree] + leaf_of[lowest(leaves)]]
            out[out_row, head] = total

    def _score_block(
        self,
        cells: FloatArray,
        rows: int,
        leaves: NDArray[np.uint64],
        totals: FloatArray,
        out: FloatArray,
        start: int,
    ) -> None:
        first_split, first_leaf = self.first_split, self.first_leaf
        column, threshold, default_left = self.column, self.threshold, self.default_left
        right_leaves, leaf_of, value = self.right_leaves, self.leaf_of, self.value
        for head in range(self.first_tree.shape[0] - 1):
            for row in range(rows):
                totals[row] = 0.0
            for tree in range(self.first_tree[head], self.first_tree[head + 1]):
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
            for row in range(rows):
                out[start + row, head] = totals[row]


def lowest(bits: int) -> int:
    """A number below 64 for each lowest bit that is set, without looking for it."""
    if not cython.compiled:
        # Numpy's whole numbers warn where they are to overflow.
        bits = int(bits)
    return (((bits & (~bits + 1)) * SEQUENCE) & ALL) >> 58


def _starts(sizes: Sequence[int]) -> NDArray[np.int32]:
    """Where each of consecutive parts of these sizes starts, and where the last ends."""
    return np.cumsum([0, *sizes], dtype=np.int32)


def _right_leaves(tree: Tree) -> list[int]:
    """For each split the leaves that a row going right may still reach, as bits: all but those below its left child."""
    below = [0] * len(tree.left)
    right = [0] * len(tree.left)
    for split in reversed(range(len(tree.left))):
        left, other = (below[child] if child >= 0 else 1 << ~child for child in (tree.left[split], tree.right[split]))
        below[split] = left | other
        right[split] = ALL & ~left
    return right
