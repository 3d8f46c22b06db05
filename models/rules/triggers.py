"""Triggers: features without which no rule can hold, so that most goods are settled by a few comparisons."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeAlias

from models.rules.conditions import All, Any, Condition, Leaf, Op, Subject, number_test

#: Column of the matrix, and the test of its value.
Trigger: TypeAlias = tuple[int, Callable[[float], bool]]


def triggers_of(conditions: Iterable[Condition], columns: Mapping[str, int]) -> tuple[Trigger, ...] | None:
    """Return tests of which at least one holds wherever a condition holds; None if a condition may hold without any.

    A condition takes tests that an earlier one needs, where it can: a rule about watched substances adds no test.

    Args:
        columns: feature name -> column of the matrix.
    """
    found: dict[Leaf, None] = {}
    for condition in conditions:
        cover = _cover(condition, columns, found)
        if cover is None:
            return None
        found |= dict.fromkeys(cover)
    return tuple((columns[leaf.name], number_test(leaf.op, leaf.values)) for leaf in found)


def _cover(condition: Condition, columns: Mapping[str, int], found: Collection[Leaf]) -> tuple[Leaf, ...] | None:
    """Return leaves on features of which at least one holds if the condition does, as few as possible that are not in ``found``;
    None if there are none.
    """
    if isinstance(condition, Leaf):
        # A missing value is common, so it would trigger for most goods.
        is_feature = (
            condition.subject is Subject.FEATURE and condition.name in columns and condition.op is not Op.MISSING
        )
        return (condition,) if is_feature else None
    if isinstance(condition, All):
        covers = [cover for part in condition.parts if (cover := _cover(part, columns, found)) is not None]
        return min(covers, key=lambda cover: (len(set(cover).difference(found)), len(cover)), default=None)
    if isinstance(condition, Any):
        parts = [_cover(part, columns, found) for part in condition.parts]
        return None if None in parts else tuple(leaf for part in parts if part is not None for leaf in part)
    return None
