"""Triggers: tests of features. If all of them fail, no rule can hold, so a few comparisons settle most goods items."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeAlias

from models.rules.conditions import All, Any, Condition, Leaf, Op, Subject, number_test

#: Column of the matrix, and the test of its value.
Trigger: TypeAlias = tuple[int, Callable[[float], bool]]


def triggers_of(conditions: Iterable[Condition], columns: Mapping[str, int]) -> tuple[Trigger, ...] | None:
    """Return tests of which at least one holds whenever one of the conditions holds; None if there are no such tests.

    Conditions share tests where possible, so a further rule about watched substances adds none.

    Args:
        columns: feature name -> column of the matrix.
    """
    chosen: dict[Leaf, None] = {}
    for condition in conditions:
        cover = _cover(condition, columns, chosen)
        if cover is None:
            return None
        chosen |= dict.fromkeys(cover)
    return tuple((columns[leaf.name], number_test(leaf.op, leaf.values)) for leaf in chosen)


def _cover(condition: Condition, columns: Mapping[str, int], chosen: Collection[Leaf]) -> tuple[Leaf, ...] | None:
    """Return leaves on features of which at least one holds if the condition holds, with as few new ones as possible.

    Leaves that are not in ``chosen`` are new. The result is None if there are no such leaves.
    """
    if isinstance(condition, Leaf):
        # A missing value is common, so it would trigger for most goods.
        is_feature = (
            condition.subject is Subject.FEATURE and condition.name in columns and condition.op is not Op.MISSING
        )
        return (condition,) if is_feature else None
    if isinstance(condition, All):
        covers = [cover for part in condition.parts if (cover := _cover(part, columns, chosen)) is not None]
        return min(covers, key=lambda cover: (len(set(cover).difference(chosen)), len(cover)), default=None)
    if isinstance(condition, Any):
        parts = [_cover(part, columns, chosen) for part in condition.parts]
        return None if None in parts else tuple(leaf for part in parts if part is not None for leaf in part)
    return None
