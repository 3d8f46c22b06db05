"""Conditions of rules: leaves on fields, features and evidence, combined by all, any and not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

#: A value of a leaf: a number for a feature, an evidence entry or a number field; seconds since 1970 for a time field; otherwise a
#: text in the field's normal form.
Value: TypeAlias = float | str


class Op(StrEnum):
    """Comparison of a leaf. For a missing value, all comparisons except `MISSING` are false."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    PRESENT = "present"
    MISSING = "missing"
    MATCHES = "matches"


#: Comparisons without a value, and comparisons that need an order.
WITHOUT_VALUE: Final = frozenset({Op.PRESENT, Op.MISSING})
ORDERED: Final = frozenset({Op.LT, Op.LE, Op.GT, Op.GE})


class Subject(StrEnum):
    """Kinds of values that a leaf compares."""

    FIELD = "field"
    FEATURE = "feature"
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A comparison of one value with the values of the rule.

    Attributes:
        values: the values to compare with: several for `Op.IN`, one for the others, none for `Op.PRESENT` and `Op.MISSING`.
    """

    subject: Subject
    name: str
    op: Op
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class All:
    """All parts hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """No part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A leaf with a fixed result (see `with_leaves_fixed`)."""

    holds: bool


Condition: TypeAlias = Leaf | All | Any | Not | Constant


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Yield the leaves of a condition, in order."""
    if isinstance(condition, Leaf):
        yield condition
    elif not isinstance(condition, Constant):
        for part in condition.parts:
            yield from leaves(part)


def with_leaves_fixed(condition: Condition, fixed: Callable[[Leaf], bool | None]) -> Condition:
    """Return the condition with some leaves replaced by constants.

    Args:
        fixed: returns the result of a leaf to replace, and None for other leaves.
    """
    if isinstance(condition, Constant):
        return condition
    if isinstance(condition, Leaf):
        holds = fixed(condition)
        return condition if holds is None else Constant(holds)
    return replace(condition, parts=tuple(with_leaves_fixed(part, fixed) for part in condition.parts))


def text_test(op: Op, values: tuple[Value, ...], *, split: bool = False) -> Callable[[str], bool]:
    """Return the test of a text that is not missing. Tests ignore case.

    Args:
        split: the text is a list of codes separated by ``;``. `Op.EQ` and `Op.IN` hold if one of the codes passes, `Op.NE` if all
            codes differ.
    """
    if op in WITHOUT_VALUE:
        return (lambda _: True) if op is Op.PRESENT else (lambda _: False)
    if op is Op.MATCHES:
        search = re.compile(str(values[0]), re.IGNORECASE).search
        return lambda text: search(text) is not None
    wanted = frozenset(str(value).casefold() for value in values)
    differs = op is Op.NE
    if split:
        return lambda text: wanted.isdisjoint(text.casefold().split(";")) is differs
    return lambda text: (text.casefold() in wanted) is not differs


def number_test(op: Op, values: tuple[Value, ...]) -> Callable[[float], bool]:
    """Return the test of a number; NaN is a missing value."""
    if op is Op.MISSING:
        return lambda value: value != value
    if op is Op.PRESENT:
        return lambda value: value == value
    wanted = frozenset(map(float, values))
    limit = next(iter(wanted))
    tests: dict[Op, Callable[[float], bool]] = {
        Op.EQ: lambda value: value == limit,
        Op.NE: lambda value: value == value and value != limit,
        # A NaN is in no set of numbers that are not NaN.
        Op.IN: lambda value: value in wanted,
        Op.LT: lambda value: value < limit,
        Op.LE: lambda value: value <= limit,
        Op.GT: lambda value: value > limit,
        Op.GE: lambda value: value >= limit,
    }
    return tests[op]
