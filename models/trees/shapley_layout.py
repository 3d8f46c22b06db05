"""Trees of a booster as flat lists, in the layout for `models.trees.shapley`."""

from __future__ import annotations

from collections import deque
from math import fsum
from typing import Final

import numpy as np

from models.trees.trees import Tree

#: Maximum number of splits of trees with tables, which have at most 256 patterns of 8 values, 16 KiB.
MAX_TABLE_SPLITS: Final = 8


class ShapleyLayout:
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
