"""Shapley values of features for sums of trees; `models.trees.contributions` has the mathematics."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import fsum
from typing import TYPE_CHECKING, Final

import cython
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.trees.trees import Tree

FloatArray = NDArray[np.float64]

#: LightGBM's ``kZeroThreshold``: a value this near to zero is zero.
TINY = float(np.float32(1e-35))
#: Trees of up to this many splits are tabulated: at most 256 outcomes of 8 values each, 16 KiB.
MAX_TABLE_SPLITS: Final = 8
#: A number for each node of a tree of 64 leaves at each of the points that are worked on at a time, at most eight.
AREA = 127 * 8
#: The room in which one tree is worked on, and where its areas begin: what comes down from the root, what comes up from the leaves,
#: two things that a node says to those who ask for its feature again, and the sums of the features.
ABOVE, BELOW, RATIO, GAIN, SUMS = 0, AREA, 2 * AREA, 3 * AREA, 4 * AREA
ROOM = 4 * AREA + 2 * 63


class Shapley:
    """The trees of several heads, ready to explain.

    The nodes of a tree are its splits, the root first as number 0, and behind them its leaves. From split s two edges lead to other
    nodes: 2 s, to the right, and 2 s + 1, to the left.
    """

    def __init__(self, heads: Sequence[Sequence[Tree]]) -> None:
        layout = _Layout()
        for head in heads:
            for tree in head:
                layout.add(tree)
        self.first_tree = _starts([len(head) for head in heads])
        self.base = np.array([fsum(map(_mean, head)) for head in heads], dtype=np.float64)
        self.feature = np.array([feature for feature, _, _ in layout.columns], dtype=np.int32)
        # Up to every threshold, or to none: so a missing value goes the way it is to go, without being asked for.
        self.missing = np.array([-np.inf if left else np.nan for _, _, left in layout.columns])
        self.zero = np.array(
            [
                missing if is_missing else 0.0
                for missing, (_, is_missing, _) in zip(self.missing, layout.columns, strict=True)
            ]
        )
        self.first_split = _starts(layout.n_splits)
        self.column = np.array(layout.column, dtype=np.int32)
        self.threshold = np.array(layout.threshold, dtype=np.float64)
        self.slot = np.array(layout.slot, dtype=np.int32)
        self.asked = np.array(layout.asked, dtype=np.int32)
        self.child = np.array(layout.child, dtype=np.int32)
        self.share = np.array(layout.share, dtype=np.float64)
        self.first_again = _starts(layout.n_again)
        self.again = np.array(layout.again, dtype=np.int32)
        self.first_slot = _starts(layout.n_slots)
        self.slot_feature = np.array(layout.slot_feature, dtype=np.int32)
        self.first_leaf = _starts([n + 1 for n in layout.n_splits])
        self.value = np.array(layout.value, dtype=np.float64)
        self.first_point = np.array(layout.first_point, dtype=np.int32)
        self.n_points = np.array(layout.n_points, dtype=np.int32)
        self.point = np.array(layout.point, dtype=np.float64)
        self.weight = np.array(layout.weight, dtype=np.float64)
        self.first_entry = np.array(layout.first_entry, dtype=np.int64)
        self.entries = np.empty(layout.n_entries)
        self.tabulated = all(entry >= 0 for entry in layout.first_entry)
        self._tabulate(np.empty(ROOM))

    def explain(self, matrix: FloatArray, head: int, out: FloatArray) -> None:
        """Write the contributions of feature rows (n, F), C-ordered, to one head's raw log-odds into ``out`` (n, F + 1); the last
        column is the base value."""
        first_tree, last_tree = self.first_tree[head], self.first_tree[head + 1]
        cells = np.empty(self.feature.shape[0])
        room = cells if self.tabulated else np.empty(ROOM)
        with cython.nogil:
            for row in range(matrix.shape[0]):
                for c in range(matrix.shape[1]):
                    out[row, c] = 0.0
                out[row, matrix.shape[1]] = self.base[head]
                for c in range(cells.shape[0]):
                    x = matrix[row, self.feature[c]]
                    # NaN is not itself.
                    if x != x:
                        cells[c] = self.missing[c]
                    else:
                        cells[c] = self.zero[c] if -TINY <= x <= TINY else x
                for tree in range(first_tree, last_tree):
                    first = self.first_split[tree]
                    outcomes = 0
                    for split in range(self.first_split[tree + 1] - first):
                        goes_left = cells[self.column[first + split]] <= self.threshold[first + split]
                        outcomes |= goes_left << split
                    first = self.first_slot[tree]
                    width = self.first_slot[tree + 1] - first
                    entry = self.first_entry[tree]
                    if entry >= 0:
                        entry += outcomes * width
                        for j in range(width):
                            out[row, self.slot_feature[first + j]] += self.entries[entry + j]
                    else:
                        self._by_splits(tree, outcomes, room)
                        for j in range(width):
                            out[row, self.slot_feature[first + j]] += room[SUMS + 2 * j] + room[SUMS + 2 * j + 1]

    def _tabulate(self, room: FloatArray) -> None:
        """Fill the tables: contributions by what every split of a tree may answer."""
        for tree in range(self.first_entry.shape[0]):
            entry = self.first_entry[tree]
            if entry >= 0:
                width = self.first_slot[tree + 1] - self.first_slot[tree]
                for pattern in range(1 << (self.first_split[tree + 1] - self.first_split[tree])):
                    self._by_splits(tree, pattern, room)
                    for j in range(width):
                        self.entries[entry + j] = room[SUMS + 2 * j] + room[SUMS + 2 * j + 1]
                    entry += width

    def _by_splits(self, tree: int, outcomes: int, room: FloatArray) -> None:
        """Sum up the contributions of a larger tree's features, split by split, each in two halves."""
        for j in range(2 * (self.first_slot[tree + 1] - self.first_slot[tree])):
            room[SUMS + j] = 0.0
        at, left = self.first_point[tree], self.n_points[tree]
        while left > 0:
            # Loops whose length the compiler knows take several numbers at a time: it makes a form of the function for each.
            if left == 4:
                self._sweep(tree, outcomes, at, 4, room)
            elif left == 6:
                self._sweep(tree, outcomes, at, 6, room)
            else:
                self._sweep(tree, outcomes, at, 8, room)
            at += 8
            left -= 8

    def _sweep(self, tree: int, outcomes: int, at: int, width: int, room: FloatArray) -> None:
        """Add what ``width`` points, from ``at`` on, contribute to those sums: down a tree, and up again.

        The room holds of each node P, times the weights of the points, and H or C; and of its feature, for those who ask for it
        again, (1 - t) / f and o / f^2."""
        first = self.first_split[tree]
        splits = self.first_split[tree + 1] - first
        leaf = self.first_leaf[tree]
        x, y = [0.0] * 8, [0.0] * 8
        for k in range(width):
            room[ABOVE + k] = self.weight[at + k]
            room[RATIO + k] = self.point[at + k]
            room[GAIN + k] = 1.0
        for i in range(self.first_again[tree], self.first_again[tree + 1]):
            edge = self.again[i]
            split = edge // 2
            u = width * self.child[2 * first + edge]
            # Whether the row meets the conditions: without a branch, which a processor would only guess.
            met = room[GAIN + width * self.asked[first + split]] > 0.0
            on = 1.0 * (met & ((outcomes >> split) & 1 == edge & 1))
            share = self.share[2 * first + edge] - on
            for k in range(width):
                x[k] = self.point[at + k]
                y[k] = 1.0 / (on + x[k] * share)
            for k in range(width):
                room[RATIO + u + k] = x[k] * y[k]
            for k in range(width):
                room[GAIN + u + k] = on * (y[k] * y[k])
        u = BELOW + width * splits
        for i in range(leaf, leaf + splits + 1):
            for k in range(width):
                room[u + k] = self.value[i]
            u += width
        for split in range(splits):
            edge = 2 * (first + split)
            hot = (outcomes >> split) & 1
            p, a = width * split, width * self.asked[first + split]
            h, c = width * self.child[edge + hot], width * self.child[edge + 1 - hot]
            share = self.share[edge + 1 - hot]
            for k in range(width):
                y[k] = room[ABOVE + p + k]
                x[k] = y[k] * (share * room[RATIO + a + k])
                y[k] = y[k] - x[k]
            for k in range(width):
                room[ABOVE + c + k] = x[k]
            for k in range(width):
                room[ABOVE + h + k] = y[k]
        for split in range(splits - 1, -1, -1):
            edge = 2 * (first + split)
            hot = (outcomes >> split) & 1
            p, a, total = width * split, width * self.asked[first + split], SUMS + 2 * self.slot[first + split]
            h, c = width * self.child[edge + hot], width * self.child[edge + 1 - hot]
            share = self.share[edge + 1 - hot]
            for k in range(width):
                y[k] = room[BELOW + h + k]
                x[k] = y[k] - room[BELOW + c + k]
                y[k] = y[k] - share * room[RATIO + a + k] * x[k]
                x[k] = room[ABOVE + p + k] * room[GAIN + a + k] * x[k]
            for k in range(width):
                room[BELOW + p + k] = y[k]
            for k in range(2, width, 2):
                x[0] = x[0] + x[k]
                x[1] = x[1] + x[k + 1]
            for k in range(2):
                y[k] = room[total + k] + share * x[k]
            for k in range(2):
                room[total + k] = y[k]


class _Layout:
    """The numbers of trees, one tree after the other."""

    def __init__(self) -> None:
        #: A feature, whether zero is missing, whether the missing go left -> the number of their column of cells.
        self.columns: dict[tuple[int, bool, bool], int] = {}
        self.n_splits: list[int] = []
        self.column: list[int] = []
        self.threshold: list[float] = []
        self.slot: list[int] = []
        self.asked: list[int] = []
        self.child: list[int] = []
        self.share: list[float] = []
        self.n_again: list[int] = []
        self.again: list[int] = []
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
        splits, edges = len(tree.feature), len(self.child)
        tabulated = splits <= MAX_TABLE_SPLITS
        slots: dict[int, int] = {}
        again: set[int] = set()
        deepest = split = 0
        # A split, the edge that leads to it, and the last edge above it that answers about each feature.
        waiting: deque[tuple[int, int, dict[int, int]]] = deque([(0, -1, {})] if splits else [])
        while waiting:
            # Level by level, so that neighbouring splits do not depend on each other.
            old, entrance, above = waiting.popleft()
            if entrance >= 0:
                self.child[edges + entrance] = split
            feature = tree.feature[old]
            last = above.get(feature, -1)
            if last >= 0:
                again.add(last)
            share = self.share[edges + last] if last >= 0 else 1.0
            self.asked.append(self.child[edges + last] if last >= 0 else 0)
            self.slot.append(slots.setdefault(feature, len(slots)))
            cells = (feature, tree.zero_missing[old], tree.default_left[old])
            self.column.append(self.columns.setdefault(cells, len(self.columns)))
            self.threshold.append(tree.threshold[old])
            for edge, child in enumerate((tree.right[old], tree.left[old]), 2 * split):
                count = tree.split_count[child] if child >= 0 else tree.leaf_count[~child]
                self.share.append(share * (count / tree.split_count[old]))
                # The number of a split is written when its turn comes.
                self.child.append(splits + ~child)
                path = {**above, feature: edge}
                if child >= 0:
                    waiting.append((child, edge, path))
                else:
                    deepest = max(deepest, len(path))
            split += 1
        self.n_splits.append(splits)
        self.n_again.append(len(again))
        self.again += sorted(again)
        self.n_slots.append(len(slots))
        self.slot_feature += slots
        self.value += tree.value
        self._rule(deepest)
        self.first_entry.append(self.n_entries if tabulated else -1)
        self.n_entries += len(slots) << splits if tabulated else 0

    def _rule(self, features: int) -> None:
        """How to integrate exactly what has no more factors than a path has features: 4, 6 or 8 points, or 8 more of them."""
        points = max(4, (features + 3) // 4 * 2)
        points += 2 if points % 8 == 2 else 0
        if points not in self._rules:
            self._rules[points] = len(self.point)
            x, w = np.polynomial.legendre.leggauss(points)
            # From [-1, 1] to [0, 1]. The points lie evenly about 1/2: these are their distances from 1, too.
            self.point += ((x + 1.0) / 2.0).tolist()
            self.weight += (w / 2.0).tolist()
        self.first_point.append(self._rules[points])
        self.n_points.append(points)


def _starts(sizes: Sequence[int]) -> NDArray[np.int32]:
    """Where each of consecutive parts of these sizes starts, and where the last ends."""
    return np.cumsum([0, *sizes], dtype=np.int32)


def _mean(tree: Tree) -> float:
    """Mean leaf value of the training rows."""
    total = tree.split_count[0] if tree.split_count else tree.leaf_count[0]
    return fsum(count / total * value for count, value in zip(tree.leaf_count, tree.value, strict=True))
