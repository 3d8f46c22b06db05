"""Compiled kernel for the raw log-odds of feature rows by the boosters of several heads.

For a row that goes right at a split, the split excludes the leaves below its left child. After all splits of a tree, evaluated
in any order, a row's leaf is the first leaf that is not excluded. The splits of all trees are ordered by feature and threshold, so
a row reads only the splits where it goes right, and one more per feature (QuickScorer: Lucchese, Nardini, Orlando, Perego,
Tonellotto and Venturini 2015, SIGIR, doi:10.1145/2766462.2767733). Leaf values are added in the same order as in LightGBM, so
the sums are equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import cython
import numpy as np
from numpy.typing import NDArray

from models.trees.trees import TINY, Tree, starts

FloatArray = NDArray[np.float64]

#: Whether this module is compiled. Otherwise LightGBM is faster than these loops.
COMPILED = bool(cython.compiled)
#: Bit set of all leaves: no leaf is excluded.
ALL = 0xFFFFFFFFFFFFFFFF
#: A de Bruijn sequence. Its first six bits differ for each shift by 0 to 63 (Leiserson, Prokop and Randall 1998, "Using de Bruijn
#: sequences to index a 1 in a computer word").
SEQUENCE = 0x03F79D71B4CB0A89


class Forest:
    """Trees of several boosters as flat arrays.

    Heads share a booster and multiply its leaf values by a factor each, so its splits are evaluated once. The splits of a column (a
    feature with one treatment of zeros) are consecutive, and so are the trees of a booster and the leaves of a tree.
    """

    def __init__(self, boosters: Sequence[Sequence[Tree]], heads: Sequence[tuple[int, float]]) -> None:
        """``heads`` are the number of the booster and the factor of each head."""
        trees = [tree for booster in boosters for tree in booster]
        columns: dict[tuple[int, bool], int] = {}
        keys = [key for tree in trees for key in zip(tree.feature, tree.zero_missing, strict=True)]
        column = np.array([columns.setdefault(key, len(columns)) for key in keys], dtype=np.int32)
        self.feature = np.array([feature for feature, _ in columns], dtype=np.int32)
        #: Replacement of zeros per column: NaN if zero counts as missing.
        self.zero = np.array([np.nan if zero_missing else 0.0 for _, zero_missing in columns])
        threshold = np.array([x for tree in trees for x in tree.threshold], dtype=np.float64)
        default_left = np.array([x for tree in trees for x in tree.default_left], dtype=np.bool_).view(np.uint8)
        right_leaves = np.array([x for tree in trees for x in _right_leaves(tree)], dtype=np.uint64)
        tree_of_split = np.repeat(np.arange(len(trees), dtype=np.int32), [len(tree.feature) for tree in trees])
        order = np.lexsort((threshold, column))
        self.first_split = starts(np.bincount(column, minlength=len(columns)).tolist())
        self.threshold, self.default_left = threshold[order], default_left[order]
        self.right_leaves, self.tree_of_split = right_leaves[order], tree_of_split[order]
        self.booster = np.array([booster for booster, _ in heads], dtype=np.int32)
        #: Start of each booster's trees, and of each tree's leaves in a row of ``value``, which has one row per head.
        self.first_tree = starts([len(booster) for booster in boosters])
        self.first_leaf = starts([len(tree.value) for tree in trees])
        self.value = np.array(
            [[value for tree in trees for value in tree.scaled(factor).value] for _, factor in heads], dtype=np.float64
        )
        leaf_of = np.zeros(64, dtype=np.uint8)
        # Shift in numpy, because compiled code may shift 32-bit integers.
        bits: list[int] = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64)).tolist()
        leaf_of[[lowest(bit) for bit in bits]] = range(64)
        self.leaf_of = leaf_of

    def scores(self, matrix: FloatArray, out: FloatArray) -> None:
        """Write the raw log-odds of C-ordered feature rows (n, F) into ``out`` (n, heads)."""
        trees = self.first_leaf.shape[0] - 1
        leaves, leaf = np.empty(trees, dtype=np.uint64), np.empty(trees, dtype=np.int32)
        with cython.nogil:
            for row in range(matrix.shape[0]):
                self._exclude_leaves(matrix, row, leaves)
                for tree in range(trees):
                    leaf[tree] = self.first_leaf[tree] + self.leaf_of[lowest(leaves[tree])]
                for head in range(self.booster.shape[0]):
                    total = 0.0
                    for tree in range(self.first_tree[self.booster[head]], self.first_tree[self.booster[head] + 1]):
                        total += self.value[head, leaf[tree]]
                    out[row, head] = total

    def _exclude_leaves(self, matrix: FloatArray, row: int, leaves: NDArray[np.uint64]) -> None:
        """Write the leaves of each tree that no split excludes for a row."""
        first, threshold, right_leaves, tree_of = (
            self.first_split,
            self.threshold,
            self.right_leaves,
            self.tree_of_split,
        )
        for tree in range(leaves.shape[0]):
            leaves[tree] = ALL
        for c in range(self.feature.shape[0]):
            x = matrix[row, self.feature[c]]
            if -TINY <= x <= TINY:
                x = self.zero[c]
            # This is true for NaN only.
            if x != x:
                for split in range(first[c], first[c + 1]):
                    if not self.default_left[split]:
                        leaves[tree_of[split]] = leaves[tree_of[split]] & right_leaves[split]
                continue
            for split in range(first[c], first[c + 1]):
                # The row also goes left at all later splits.
                if x <= threshold[split]:
                    break
                leaves[tree_of[split]] = leaves[tree_of[split]] & right_leaves[split]


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
