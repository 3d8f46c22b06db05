"""Shapley values of features for sums of trees; `models.contributions` has the mathematics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cython
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.trees import Tree

FloatArray = NDArray[np.float64]

#: LightGBM's ``kZeroThreshold``: a value this near to zero is zero.
TINY = float(np.float32(1e-35))
#: Trees of up to this many splits are tabulated: at most 256 outcomes of 8 values each, 16 KiB.
MAX_TABLE_SPLITS: Final = 8
#: Nodes of a tree of 64 leaves, and its splits.
_NODES, _SPLITS = 127, 63


class Shapley:
    """The trees of several heads, ready to explain."""

    def __init__(self, heads: Sequence[Sequence[Tree]]) -> None:
        columns: dict[tuple[int, bool], int] = {}
        column: list[int] = []
        nodes = _Nodes()
        rules: dict[int, tuple[int, int]] = {}
        points: list[FloatArray] = []
        weights: list[FloatArray] = []
        first_point, last_point, first_entry = [], [], []
        n_points = n_entries = 0
        trees = [tree for head in heads for tree in head]
        for tree in trees:
            column += [
                columns.setdefault(key, len(columns)) for key in zip(tree.feature, tree.zero_missing, strict=True)
            ]
            n_slots, deepest = nodes.add(tree)
            blocks = max(1, (deepest + 7) // 8)
            if blocks not in rules:
                # Exact for polynomials of degree 8 blocks - 1 on [-1, 1], moved to [0, 1].
                x, w = np.polynomial.legendre.leggauss(4 * blocks)
                points.append((x + 1.0) / 2.0)
                weights.append(w / 2.0)
                rules[blocks] = (n_points, n_points + blocks)
                n_points += blocks
            first_point.append(rules[blocks][0])
            last_point.append(rules[blocks][1])
            tabulated = 0 < len(tree.feature) <= MAX_TABLE_SPLITS
            first_entry.append(n_entries if tabulated else -1)
            n_entries += n_slots << len(tree.feature) if tabulated else 0
        self.first_tree = _starts([len(head) for head in heads])
        self.feature = np.array([feature for feature, _ in columns], dtype=np.int32)
        self.blank = np.array([np.nan if zero_missing else 0.0 for _, zero_missing in columns])
        self.first_split = _starts([len(tree.feature) for tree in trees])
        self.column = np.array(column, dtype=np.int32)
        self.threshold = np.array([x for tree in trees for x in tree.threshold], dtype=np.float64)
        self.default_left = np.array([x for tree in trees for x in tree.default_left], dtype=np.uint8)
        self.first_slot = _starts(nodes.n_slots)
        self.slot_feature = np.array(nodes.slot_feature, dtype=np.int32)
        self.first_node = _starts(nodes.n_nodes)
        self.parent = np.array(nodes.parent, dtype=np.int32)
        self.same = np.array(nodes.same, dtype=np.int32)
        self.split = np.array(nodes.split, dtype=np.int32)
        self.left = np.array(nodes.left, dtype=np.uint8)
        self.slot = np.array(nodes.slot, dtype=np.int32)
        self.share = np.array(nodes.share, dtype=np.float64)
        self.worth = np.array(nodes.worth, dtype=np.float64)
        self.first_point = np.array(first_point, dtype=np.int32)
        self.last_point = np.array(last_point, dtype=np.int32)
        self.point = np.concatenate([np.empty(0), *points])
        self.weight = np.concatenate([np.empty(0), *weights])
        self.first_entry = np.array(first_entry, dtype=np.int64)
        self.entries = np.zeros(n_entries)
        work, reached, slots = np.empty((4, 4 * _NODES)), np.empty(_NODES, dtype=np.int32), np.empty(_SPLITS)
        self._tabulate(work, reached, slots)

    def add(self, matrix: FloatArray, head: int, out: FloatArray) -> None:
        """Add the contributions of feature rows (n, F), C-ordered, to one head's raw log-odds into ``out`` (n, F or more)."""
        cells = np.empty(self.feature.shape[0])
        work, reached, slots = np.empty((4, 4 * _NODES)), np.empty(_NODES, dtype=np.int32), np.empty(_SPLITS)
        column, threshold, default_left = self.column, self.threshold, self.default_left
        slot_feature, entries = self.slot_feature, self.entries
        with cython.nogil:
            for row in range(matrix.shape[0]):
                for c in range(cells.shape[0]):
                    x = matrix[row, self.feature[c]]
                    cells[c] = self.blank[c] if -TINY <= x <= TINY else x
                for tree in range(self.first_tree[head], self.first_tree[head + 1]):
                    first = self.first_split[tree]
                    outcomes = 0
                    for s in range(self.first_split[tree + 1] - first):
                        x = cells[column[first + s]]
                        # NaN is not itself, and lies on no side of a threshold.
                        goes_left = (x <= threshold[first + s]) | (default_left[first + s] & (x != x))
                        outcomes |= goes_left << s
                    first = self.first_slot[tree]
                    width = self.first_slot[tree + 1] - first
                    entry = self.first_entry[tree]
                    if entry >= 0:
                        entry += outcomes * width
                        for j in range(width):
                            out[row, slot_feature[first + j]] += entries[entry + j]
                    else:
                        self._weigh(tree, outcomes, work, reached, slots)
                        for j in range(width):
                            out[row, slot_feature[first + j]] += slots[j]

    def _tabulate(self, work: FloatArray, reached: NDArray[np.int32], slots: FloatArray) -> None:
        """Fill the tables: contributions by what every split of a tree may answer."""
        for tree in range(self.first_entry.shape[0]):
            entry = self.first_entry[tree]
            if entry >= 0:
                width = self.first_slot[tree + 1] - self.first_slot[tree]
                for pattern in range(1 << (self.first_split[tree + 1] - self.first_split[tree])):
                    self._weigh(tree, pattern, work, reached, slots)
                    for j in range(width):
                        self.entries[entry + j] = slots[j]
                    entry += width

    def _weigh(self, tree: int, outcomes: int, work: FloatArray, reached: NDArray[np.int32], slots: FloatArray) -> None:
        """Contributions of a tree's features, into ``slots``; ``outcomes`` has a bit for each split, set when the row goes left."""
        product, inverse, gain, below = work[0], work[1], work[2], work[3]
        parent, same, split, left = self.parent, self.same, self.split, self.left
        share, worth, at, weight = self.share, self.worth, self.point, self.weight
        base = self.first_node[tree]
        last = self.first_node[tree + 1] - base
        factor, inverted, part = [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]
        for u in range(self.first_slot[tree + 1] - self.first_slot[tree]):
            slots[u] = 0.0
        reached[0] = 1
        for k in range(4):
            product[k] = inverse[k] = 1.0
            gain[k] = 0.0
        for block in range(self.first_point[tree], self.last_point[tree]):
            for u in range(1, last):
                node = base + u
                p, a = 4 * parent[node], 4 * same[node]
                hot = reached[same[node]] if ((outcomes >> split[node]) & 1) == left[node] else 0
                reached[u] = hot
                z, value = share[node], worth[node]
                change = hot - z
                # Four points at a time: what is read and worked out first and written last is done two by two.
                for k in range(4):
                    factor[k] = z + at[4 * block + k] * change
                    inverted[k] = 1.0 / factor[k]
                    factor[k] = product[p + k] * factor[k] * inverse[a + k]
                for k in range(4):
                    product[4 * u + k] = factor[k]
                for k in range(4):
                    inverse[4 * u + k] = inverted[k]
                for k in range(4):
                    gain[4 * u + k] = change * inverted[k]
                for k in range(4):
                    below[4 * u + k] = factor[k] * value
            for u in range(last - 1, 0, -1):
                node = base + u
                p, a = 4 * parent[node], 4 * same[node]
                for k in range(4):
                    part[k] = below[4 * u + k]
                    factor[k] = below[p + k] + part[k]
                    part[k] = part[k] * (gain[4 * u + k] - gain[a + k]) * weight[4 * block + k]
                for k in range(4):
                    below[p + k] = factor[k]
                total = (part[0] + part[1]) + (part[2] + part[3])
                slots[self.slot[node]] += total


class _Nodes:
    """Nodes of trees below their roots, in order from the root down; node 0 of each tree is its root."""

    def __init__(self) -> None:
        self.parent: list[int] = []
        self.same: list[int] = []
        self.split: list[int] = []
        self.left: list[int] = []
        self.slot: list[int] = []
        self.share: list[float] = []
        self.worth: list[float] = []
        self.n_nodes: list[int] = []
        self.n_slots: list[int] = []
        self.slot_feature: list[int] = []

    def add(self, tree: Tree) -> tuple[int, int]:
        """Add a tree; returns how many features it has, and how many the path that has the most."""
        slots: dict[int, int] = {}
        start = len(self.parent)
        deepest = 0
        self._node(0, 0, 0, False, 0, 1.0, 0.0)
        # A split's number, its node, and for each feature above it the last node that asked for it.
        waiting: list[tuple[int, int, dict[int, int]]] = [(0, 0, {})] if tree.feature else []
        while waiting:
            split, node, above = waiting.pop()
            feature = tree.feature[split]
            slot = slots.setdefault(feature, len(slots))
            same = above.get(feature, 0)
            for child, is_left in ((tree.right[split], False), (tree.left[split], True)):
                count = tree.split_count[child] if child >= 0 else tree.leaf_count[~child]
                share = self.share[start + same] * (count / tree.split_count[split])
                number = len(self.parent) - start
                self._node(node, same, split, is_left, slot, share, 0.0 if child >= 0 else tree.value[~child])
                path = {**above, feature: number}
                if child >= 0:
                    waiting.append((child, number, path))
                else:
                    deepest = max(deepest, len(path))
        self.n_nodes.append(len(self.parent) - start)
        self.n_slots.append(len(slots))
        self.slot_feature += slots
        return len(slots), deepest

    def _node(self, parent: int, same: int, split: int, left: bool, slot: int, share: float, worth: float) -> None:
        self.parent.append(parent)
        self.same.append(same)
        self.split.append(split)
        self.left.append(left)
        self.slot.append(slot)
        self.share.append(share)
        self.worth.append(worth)


def _starts(sizes: Sequence[int]) -> NDArray[np.int32]:
    return np.cumsum([0, *sizes], dtype=np.int32)
