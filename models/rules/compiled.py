"""Conditions compiled to functions of one row, for requests with few goods items, and of whole columns, for larger tables.

Both forms give the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import FIELD, Kind
from features.table.table import TIME_MISSING
from models.rules.conditions import (
    All,
    Any,
    Condition,
    Constant,
    Leaf,
    Not,
    Op,
    Subject,
    number_test,
    text_test,
)
from models.rules.facts import FACTS
from models.rules.source import FloatArray, Source

BoolArray: TypeAlias = NDArray[np.bool_]
#: Tests one row.
RowTest: TypeAlias = Callable[[Source, int], bool]
#: Tests all rows (n,). The second argument (n,) marks the rows whose result counts; None for all.
ColumnTest: TypeAlias = Callable[[Source, BoolArray | None], BoolArray]

_ARRAY_TESTS: Final[Mapping[Op, Callable[[FloatArray, float], BoolArray]]] = {
    Op.EQ: np.equal,
    Op.LT: np.less,
    Op.LE: np.less_equal,
    Op.GT: np.greater,
    Op.GE: np.greater_equal,
}


class UnknownName(ValueError):
    """A condition (``leaf``) names a feature that this model does not have."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        super().__init__(f"{leaf.name!r} is not a {leaf.subject.value} of this model")


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A condition as a function of one row and as a function of all rows."""

    row: RowTest
    column: ColumnTest


def compiled(condition: Condition, columns: Mapping[str, int]) -> Compiled:
    """Compile a condition for a feature space.

    Args:
        columns: feature name -> column of the matrix.

    Raises:
        UnknownName: a leaf names a feature that the space does not have.
    """
    if isinstance(condition, Leaf):
        return _leaf(condition, columns)
    if isinstance(condition, Constant):
        holds = condition.holds
        return Compiled(lambda source, row: holds, lambda source, _: np.full(source.table.n_rows, holds))
    parts = [compiled(part, columns) for part in condition.parts]
    rows = tuple(part.row for part in parts)
    # Test numbers first. Text tests are slower, and read only the texts of rows that the numbers do not decide.
    order = sorted(range(len(parts)), key=lambda number: _tests_texts(condition.parts[number]))
    tests = tuple(parts[number].column for number in order)
    if isinstance(condition, All):
        return Compiled(_all_of(rows), lambda source, needed: _joined(tests, source, needed, any_holds=False))
    if isinstance(condition, Any):
        return Compiled(_any_of(rows), lambda source, needed: _joined(tests, source, needed, any_holds=True))
    assert isinstance(condition, Not)
    is_any = _any_of(rows)
    return Compiled(
        lambda source, row: not is_any(source, row),
        lambda source, needed: np.logical_not(_joined(tests, source, needed, any_holds=True)),
    )


def _tests_texts(condition: Condition) -> bool:
    """Return whether a condition or one of its parts tests a text."""
    if isinstance(condition, Leaf):
        return condition.subject is Subject.FIELD and FIELD[condition.name].kind not in (Kind.NUMBER, Kind.TIME)
    return not isinstance(condition, Constant) and any(map(_tests_texts, condition.parts))


# `all` and `any` with a generator take three times as long for the few parts of a rule.
def _all_of(rows: tuple[RowTest, ...]) -> RowTest:
    def test(source: Source, row: int) -> bool:
        for part in rows:  # noqa: SIM110
            if not part(source, row):
                return False
        return True

    return test


def _any_of(rows: tuple[RowTest, ...]) -> RowTest:
    def test(source: Source, row: int) -> bool:
        for part in rows:  # noqa: SIM110
            if part(source, row):
                return True
        return False

    return test


def _joined(tests: tuple[ColumnTest, ...], source: Source, needed: BoolArray | None, *, any_holds: bool) -> BoolArray:
    """Return for each row (n,) whether any test holds (``any_holds``), or whether all do.

    Later tests read only the rows that earlier tests do not decide. ``needed`` marks the rows whose result counts.
    """
    joined = tests[0](source, needed)
    for test in tests[1:]:
        undecided = ~joined if any_holds else joined
        if needed is not None:
            undecided = undecided & needed
        if not undecided.any():
            break
        result = test(source, undecided)
        joined = joined | result if any_holds else joined & result
    return joined


def _leaf(leaf: Leaf, columns: Mapping[str, int]) -> Compiled:
    if leaf.subject is Subject.FIELD:
        kind = FIELD[leaf.name].kind
        if kind is Kind.NUMBER:
            return _number_leaf(leaf, lambda source: source.table.number(leaf.name))
        if kind is Kind.TIME:
            return _number_leaf(leaf, lambda source: _times(source, leaf.name))
        return _text_leaf(leaf, split=kind is Kind.COUNTRIES)
    if leaf.subject is Subject.EVIDENCE:
        return _number_leaf(leaf, lambda source: _evidence(source, leaf.name))
    if leaf.name in FACTS:
        return _number_leaf(leaf, lambda source: source.facts.column(leaf.name))
    column = columns.get(leaf.name)
    if column is None:
        raise UnknownName(leaf)
    test, array_test = number_test(leaf.op, leaf.values), _array_test(leaf)
    return Compiled(
        lambda source, row: test(source.matrix.item(row, column)),
        lambda source, _: array_test(source.matrix[:, column]),
    )


def _number_leaf(leaf: Leaf, values: Callable[[Source], FloatArray]) -> Compiled:
    test, array_test = number_test(leaf.op, leaf.values), _array_test(leaf)
    return Compiled(lambda source, row: test(values(source).item(row)), lambda source, _: array_test(values(source)))


def _array_test(leaf: Leaf) -> Callable[[FloatArray], BoolArray]:
    # A missing value fails every comparison. NaN does so by itself, except in `!=`.
    op = leaf.op
    if op is Op.MISSING:
        return np.isnan
    if op is Op.PRESENT:
        return lambda values: ~np.isnan(values)
    if op is Op.IN:
        wanted = np.array([float(value) for value in leaf.values])
        return lambda values: np.isin(values, wanted)
    limit = float(leaf.values[0])
    if op is Op.NE:
        return lambda values: (values != limit) & ~np.isnan(values)
    compare = _ARRAY_TESTS[op]
    return lambda values: compare(values, limit)


def _text_leaf(leaf: Leaf, *, split: bool) -> Compiled:
    name, op = leaf.name, leaf.op
    is_missing = op is Op.MISSING
    test = text_test(op, leaf.values, split=split)

    def row_test(source: Source, row: int) -> bool:
        column = source.table.text(name)
        code = column.codes.item(row)
        return is_missing if code < 0 else test(column.values[code])

    def column_test(source: Source, needed: BoolArray | None) -> BoolArray:
        column = source.table.text(name)
        texts = column.values
        if needed is None:
            return column.lookup(np.array([test(text) for text in texts], dtype=np.bool_), is_missing)
        holds = np.zeros(len(texts), dtype=np.bool_)
        occurs = np.zeros(len(texts) + 1, dtype=np.bool_)
        # The code -1 of a missing text selects the last entry.
        occurs[column.codes[needed]] = True
        for code in np.flatnonzero(occurs[: len(texts)]).tolist():
            holds[code] = test(texts[code])
        return column.lookup(holds, is_missing)

    return Compiled(row_test, column_test)


def _times(source: Source, name: str) -> FloatArray:
    """Return a time field in seconds since 1970 (UTC); NaN where missing. Floats are exact for all years up to 9999."""
    times = source.table.seconds(name)
    return np.where(times == TIME_MISSING, np.nan, times.astype(np.float64))


def _evidence(source: Source, name: str) -> FloatArray:
    """Return the weight of an evidence entry per row; NaN if the model has no evidence."""
    if source.evidence is None:
        return np.full(source.table.n_rows, np.nan)
    return source.evidence.column(name)
