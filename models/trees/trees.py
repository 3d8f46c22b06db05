"""The trees of a LightGBM booster, read from its text into one plain form that the kernels of `models.kernels` compute with.

What is read is what LightGBM itself writes of a booster it has loaded. Everything is checked all the same, because a kernel
indexes with it: children form one tree, features lie in the matrix, numbers are finite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import lightgbm as lgb

#: Leaves of a tree must fit the bits of one machine word.
MAX_LEAVES: Final = 64
#: LightGBM's ``decision_type``: whether the split is by category, where a missing value goes, and what counts as missing.
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_NONE, _MISSING_ZERO, _MISSING_NAN = range(3)


class UnsupportedTrees(ValueError):
    """A booster has trees that only LightGBM computes: categorical, linear, averaged or very large ones."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree. Splits are numbered from the root down, left before right; leaves from left to right.

    Attributes:
        feature: (splits,) column of the feature matrix.
        threshold: (splits,) a value up to it goes left; infinite where only the missing go right.
        default_left: (splits,) whether a missing value goes left.
        zero_missing: (splits,) whether zero is missing too.
        left, right: (splits,) child: a split, or ``~leaf``.
        value: (leaves,) raw log-odds.
        split_count, leaf_count: training rows that came through each.
    """

    feature: list[int]
    threshold: list[float]
    default_left: list[bool]
    zero_missing: list[bool]
    left: list[int]
    right: list[int]
    value: list[float]
    split_count: list[int]
    leaf_count: list[int]


def read_trees(booster: lgb.Booster) -> list[Tree]:
    """The trees of a booster in their order, as many as its ``predict`` uses.

    Raises:
        UnsupportedTrees: they are of a kind that `Tree` does not describe, or not sound.
    """
    header, *blocks = booster.model_to_string().split("\nTree=")
    lines = header.split("\n")
    if "average_output" in lines or "num_tree_per_iteration=1" not in lines:
        raise UnsupportedTrees("The booster averages its trees, or has several classes.")
    try:
        return [_tree(block, booster.num_feature()) for block in blocks]
    except UnsupportedTrees:
        raise
    except (KeyError, IndexError, OverflowError, ValueError) as error:
        raise UnsupportedTrees(f"The trees of the booster cannot be read: {error}") from error


def _tree(block: str, n_features: int) -> Tree:
    fields = dict(line.partition("=")[::2] for line in block.partition("\n\n")[0].split("\n"))
    leaves = int(fields["num_leaves"])
    if not 1 <= leaves <= MAX_LEAVES:
        raise UnsupportedTrees(f"A tree has {leaves} leaves; from 1 to {MAX_LEAVES} are supported.")
    if fields["num_cat"] != "0" or fields.get("is_linear", "0") != "0":
        raise UnsupportedTrees("A tree splits by category, or has linear leaves.")
    splits = leaves - 1

    def words(name: str, count: int) -> list[str]:
        found = fields[name].split()
        if len(found) != count:
            raise UnsupportedTrees(f"A tree has {len(found)} numbers as {name}; {count} are needed.")
        return found

    value = [float(word) for word in words("leaf_value", leaves)]
    if not all(map(math.isfinite, value)):
        raise UnsupportedTrees("A leaf value is not finite.")
    if not splits:
        return Tree([], [], [], [], [], [], value, [], [1])
    threshold = [float(word) for word in words("threshold", splits)]
    if any(map(math.isnan, threshold)):
        raise UnsupportedTrees("A threshold is not a number.")
    feature, decision, left, right, split_count = (
        [int(word) for word in words(name, splits)]
        for name in ("split_feature", "decision_type", "left_child", "right_child", "internal_count")
    )
    leaf_count = [int(word) for word in words("leaf_count", leaves)]
    tree = Tree([], [], [], [], [0] * splits, [0] * splits, [], [], [])
    # Children still to visit: the number in the text, and where its new number is to be written.
    waiting: list[tuple[int, list[int], int]] = [(0, [0], 0)]
    while waiting:
        old, links, place = waiting.pop()
        if old < 0:
            links[place] = ~len(tree.value)
            tree.value.append(value[~old])
            tree.leaf_count.append(leaf_count[~old])
            continue
        new = links[place] = len(tree.feature)
        missing = (decision[old] >> 2) & 3
        if new == splits:
            raise UnsupportedTrees("A split of a tree has two parents.")
        if decision[old] & _CATEGORICAL or missing > _MISSING_NAN or not 0 <= feature[old] < n_features:
            raise UnsupportedTrees("A split of a tree is of an unknown kind.")
        tree.feature.append(feature[old])
        tree.threshold.append(threshold[old])
        # Where nothing is missing, NaN counts as zero.
        goes_left = threshold[old] >= 0.0 if missing == _MISSING_NONE else bool(decision[old] & _DEFAULT_LEFT)
        tree.default_left.append(goes_left)
        tree.zero_missing.append(missing == _MISSING_ZERO)
        tree.split_count.append(split_count[old])
        waiting.append((right[old], tree.right, new))
        waiting.append((left[old], tree.left, new))
    if len(tree.value) != leaves:
        raise UnsupportedTrees("A leaf of a tree has no parent, or two.")
    return tree
