"""Truncation and concatenation of boosters via LightGBM's model text, so that boosters in memory and in bundles are equal."""

from __future__ import annotations

import re

import lightgbm as lgb

from models.trees import scaled


def first_trees(booster: lgb.Booster, trees: int) -> lgb.Booster:
    """Return a booster of the first ``trees`` trees."""
    return lgb.Booster(model_str=_text(booster, trees))


def join_trees(start: lgb.Booster, booster: lgb.Booster, trees: int) -> lgb.Booster:
    """Return all trees of ``start``, followed by the first ``trees`` of ``booster``, which was trained from its scores."""
    before = start.num_trees()
    first, rest = _text(start, before), _text(booster, trees)
    header, _, own = rest.partition("\nTree=0\n")
    own = re.sub(r"^Tree=(\d+)$", lambda tree: f"Tree={before + int(tree[1])}", f"Tree=0\n{own}", flags=re.MULTILINE)
    first = first[first.index("Tree=0\n") : first.index("end of trees")]
    return lgb.Booster(model_str=f"{header}\n{first}{own}")


def shrunk(booster: lgb.Booster, factor: float) -> lgb.Booster:
    """Return the booster with all values multiplied by ``factor``; for a factor of 0, only its first tree, with values of 0."""
    return scaled(first_trees(booster, booster.num_trees() if factor else 1), factor)


def _text(booster: lgb.Booster, trees: int) -> str:
    """Return the first trees as text with finite thresholds.

    LightGBM writes ``inf`` for a split that separates missing values only. Bundles must contain finite numbers. The replacement
    1e300 splits in the same way, because no feature reaches it.
    """
    lines = booster.model_to_string(num_iteration=trees).splitlines()
    for i, line in enumerate(lines):
        if line.startswith("threshold=") and "inf" in line:
            words = line.removeprefix("threshold=").split(" ")
            lines[i] = "threshold=" + " ".join("1e300" if word == "inf" else word for word in words)
    # Drop the tree sizes, which are no longer correct. LightGBM then parses tree by tree and writes new ones.
    return "\n".join(line for line in lines if not line.startswith("tree_sizes=")) + "\n"
