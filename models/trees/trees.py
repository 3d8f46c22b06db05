"""LightGBM, and the trees of its boosters in their text form.

LightGBM itself writes the text. The trees are checked nevertheless, because compiled code uses their numbers as indices: children
must form a tree, features must be columns of the matrix, and numbers must be finite.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    # For types only: `lightgbm` imports the package when a model is loaded.
    import lightgbm as lgb

#: LightGBM's ``kZeroThreshold``: values of at most this magnitude count as zero.
TINY: Final = float(np.float32(1e-35))
#: Maximum number of leaves, which are bits of one machine word.
MAX_LEAVES: Final = 64
#: Bits of LightGBM's ``decision_type``: categorical split, direction of missing values, and type of missing value.
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_NONE, _MISSING_ZERO, _MISSING_NAN = range(3)
#: Packages to hide from LightGBM, which imports them for interfaces that this project does not use. This saves one second of
#: start-up and 88 MB per process (measured with `tidewaiter serve`, 2026-11).
_NOT_NEEDED: Final = ("sklearn", "pandas")

# By default, OpenMP threads wait for each other in busy loops. On a busy machine, training then takes up to twenty times as
# long. OpenMP reads the variable when it is loaded, so set it before importing LightGBM. Do not override an existing value.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


class UnsupportedTrees(ValueError):
    """Error for trees that only LightGBM can evaluate: categorical, linear, averaged or very large trees."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Tree. Splits are numbered in depth-first order, left before right; leaves are numbered from left to right.

    Attributes:
        feature: (splits,) column of the feature matrix.
        threshold: (splits,) largest value that goes left; infinite if only missing values go right.
        default_left: (splits,) whether missing values go left.
        zero_missing: (splits,) whether zero counts as missing.
        left, right: (splits,) child: a split, or ``~leaf``.
        value: (leaves,) raw log-odds.
        split_count, leaf_count: number of training rows that reach each split or leaf.
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

    def scaled(self, factor: float) -> Tree:
        """Return the tree with its leaf values multiplied by ``factor``, as `scaled` multiplies those of a booster."""
        return replace(self, value=[_times(value, factor) for value in self.value])


def lightgbm() -> ModuleType:
    """Import and return the package `lightgbm` without its scikit-learn interface and support for data frames.

    If the package is already imported, return it unchanged.
    """
    if "lightgbm" not in sys.modules:
        modules = cast("dict[str, Any]", sys.modules)
        hidden = [name for name in _NOT_NEEDED if name not in modules]
        # None in `sys.modules` makes imports fail, and LightGBM then omits the optional interface.
        modules.update(dict.fromkeys(hidden))
        try:
            import lightgbm  # noqa: F401
        finally:
            for name in hidden:
                modules.pop(name, None)
    return sys.modules["lightgbm"]


def _times(value: float, factor: float) -> float:
    # Adding zero converts minus zero to zero.
    return value * factor + 0.0


def scaled(booster: lgb.Booster, factor: float) -> lgb.Booster:
    """Return the booster with every leaf value multiplied by ``factor``; the booster itself for a factor of 1."""
    if factor == 1.0:
        return booster
    lines = booster.model_to_string(num_iteration=-1).splitlines()
    for i, line in enumerate(lines):
        name, _, values = line.partition("=")
        if name in ("leaf_value", "internal_value"):
            lines[i] = f"{name}=" + " ".join(repr(_times(float(value), factor)) for value in values.split())
    # Drop the tree sizes, which are no longer correct. LightGBM then parses tree by tree and writes new ones.
    text = "\n".join(line for line in lines if not line.startswith("tree_sizes=")) + "\n"
    return cast("lgb.Booster", lightgbm().Booster(model_str=text))


def starts(sizes: Sequence[int]) -> NDArray[np.int32]:
    """Return the starts of consecutive parts with the given sizes, and the end of the last part."""
    return np.cumsum([0, *sizes], dtype=np.int32)


def read_trees(booster: lgb.Booster) -> list[Tree]:
    """Return the trees that the booster's ``predict`` uses, in order.

    Raises:
        UnsupportedTrees: `Tree` cannot represent the trees, or they are damaged.
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
        values = fields[name].split()
        if len(values) != count:
            raise UnsupportedTrees(f"A tree has {len(values)} values of {name}; there must be {count}.")
        return values

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
    # Children to visit: the number in the text, and the list and index for the new number.
    pending: list[tuple[int, list[int], int]] = [(0, [0], 0)]
    while pending:
        old, links, index = pending.pop()
        if old < 0:
            links[index] = ~len(tree.value)
            tree.value.append(value[~old])
            tree.leaf_count.append(leaf_count[~old])
            continue
        new = links[index] = len(tree.feature)
        missing = (decision[old] >> 2) & 3
        if new == splits:
            raise UnsupportedTrees("A split of a tree has two parents.")
        if decision[old] & _CATEGORICAL or missing > _MISSING_NAN or not 0 <= feature[old] < n_features:
            raise UnsupportedTrees("A split of a tree has an unsupported type or an unknown feature.")
        tree.feature.append(feature[old])
        tree.threshold.append(threshold[old])
        # If no value counts as missing, LightGBM treats NaN as zero.
        goes_left = threshold[old] >= 0.0 if missing == _MISSING_NONE else bool(decision[old] & _DEFAULT_LEFT)
        tree.default_left.append(goes_left)
        tree.zero_missing.append(missing == _MISSING_ZERO)
        tree.split_count.append(split_count[old])
        pending.append((right[old], tree.right, new))
        pending.append((left[old], tree.left, new))
    if len(tree.value) != leaves:
        raise UnsupportedTrees("A leaf of a tree has no parent or two parents.")
    return tree
