"""Conditions of rules, and how they test goods items.

A condition consists of leaves on fields, features and evidence, combined by all, any and not. A rule names a fact like a feature.
Facts are not columns of the model's matrix, because a new column would make every bundle unusable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import FIELD, Kind
from features.substances import Match
from features.table.table import TIME_MISSING, ManifestTable
from models.evidence import EntryWeights
from models.permit_numbers import are_placeholders
from models.permits import (
    FEATURE,
    Register,
    are_licensed,
    are_private,
    are_registered,
    permits_present,
)

BoolArray: TypeAlias = NDArray[np.bool_]
FloatArray: TypeAlias = NDArray[np.float64]

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


Condition: TypeAlias = Leaf | All | Any | Not


# -- the values that leaves compare -----------------------------------------------------------------------------------


# Not frozen, because creating a frozen instance is slower and each request creates one.
@dataclass(slots=True, eq=False)
class Source:
    """The values of n goods items; NaN where missing.

    Attributes:
        matrix: (n, F) features.
        columns: feature name -> column of the matrix.
        register: the office's permits; if None, no permit is registered.
        evidence: the entries of evidence; None if the model has none.
        substances: (n,) the substance that each item names, None without one; empty if none does.
    """

    table: ManifestTable
    matrix: FloatArray
    columns: Mapping[str, int]
    register: Register | None = None
    evidence: EntryWeights | None = None
    substances: Sequence[Match | None] = ()
    _known: dict[str, FloatArray] = field(init=False, default_factory=dict)

    def feature(self, name: str) -> FloatArray:
        """Return a feature or a fact (n,). Facts are computed when they are first used."""
        if name not in FACTS:
            return self.matrix[:, self.columns[name]]
        values = self._known.get(name)
        if values is None:
            values = self._known[name] = FACTS[name].values(self)
        return values

    def weight(self, entry: str) -> FloatArray:
        """Return the weight of an entry of evidence (n,); NaN also if the model has no such entry."""
        if self.evidence is None or entry not in self.evidence:
            return np.full(self.table.n_rows, np.nan)
        return self.evidence.column(entry)

    def time(self, name: str) -> FloatArray:
        """Return a time field (n,) in seconds since 1970 (UTC). Floats are exact for all years up to 9999."""
        times = self.table.seconds(name)
        return np.where(times == TIME_MISSING, np.nan, times.astype(np.float64))

    def private(self) -> FloatArray:
        """Return 1 where the consignee is a private person (n,)."""
        return are_private(self.matrix, self.columns)

    def permits(self) -> tuple[ManifestTable, Register | None, FloatArray, Sequence[Match | None]]:
        """Return what decides whether a permit counts."""
        return self.table, self.register, self.private(), self.substances

    def street_names(self) -> FloatArray:
        """Return 1 where the item bears a street name, otherwise 0 (n,)."""
        named = [float(match is not None and match.kind == "street") for match in self.substances]
        return np.array(named or [0.0] * self.table.n_rows)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact.

    Attributes:
        meaning: description for users.
        fields: the manifest fields behind it.
        values: computes it for all items (n,); NaN where missing.
        without_places: its value if all fields of countries and places are blank; None if it does not depend on them.
    """

    meaning: str
    fields: tuple[str, ...]
    values: Callable[[Source], FloatArray]
    without_places: float | None = None


#: Fact of street names. The reasons of rules on it quote the names.
STREET_NAME: Final = "street_name"
_SUBSTANCE: Final = ("goods_description", "declared_chemical", "cas_number")

FACTS: Final[Mapping[str, Fact]] = MappingProxyType(
    {
        FEATURE: Fact(
            "0 without a permit number or with a placeholder, 1 with a declared one, 2 with a registered one",
            ("permit_number",),
            lambda source: permits_present(*source.permits()),
        ),
        "permit_placeholder": Fact(
            "Whether the permit number is a placeholder such as N/A or 12345, or breaks a published form; it counts as none",
            ("permit_number",),
            lambda source: are_placeholders(source.table),
        ),
        "permit_registered": Fact(
            "Whether the office's register holds the permit for a party, the substance and the day; never for a private consignee",
            ("permit_number", "consignor_name", "consignee_name", "declared_at", *_SUBSTANCE),
            lambda source: are_registered(*source.permits()),
            0.0,
        ),
        "party_licensed": Fact(
            "Whether the office's register names a licensed party for the substance and the day; never for a private consignee",
            ("consignor_name", "consignee_name", "declared_at", *_SUBSTANCE),
            lambda source: are_licensed(*source.permits()),
            0.0,
        ),
        "consignee_private": Fact(
            "Whether the consignee's name is that of a private person; missing without a name",
            ("consignee_name",),
            Source.private,
        ),
        STREET_NAME: Fact(
            "Whether the goods bear a street name of a watched substance, for a powder or goods that can be taken",
            ("goods_description", "declared_chemical"),
            Source.street_names,
        ),
        "customs_value_usd": Fact(
            "Value of the item in US dollars; missing without a value, a currency or a rate",
            ("customs_value", "currency"),
            lambda source: source.table.usd("customs_value"),
        ),
    }
)


# -- tests ------------------------------------------------------------------------------------------------------------

#: Tests all goods items (n,). The second argument (n,) marks the items whose result counts; None for all.
Test: TypeAlias = Callable[[Source, BoolArray | None], BoolArray]


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Yield the leaves of a condition, in order."""
    if isinstance(condition, Leaf):
        yield condition
    else:
        for part in condition.parts:
            yield from leaves(part)


def compiled(condition: Condition, fixed: Callable[[Leaf], bool | None] = lambda leaf: None) -> Test:
    """Return the test of a condition.

    Args:
        fixed: the result of a leaf that is not tested; None for leaves that are.
    """
    if isinstance(condition, Leaf):
        holds = fixed(condition)
        return _leaf(condition) if holds is None else lambda source, _: np.full(source.table.n_rows, holds)
    # Test numbers first. Text tests are slower, and read only the texts of items that the numbers do not decide.
    tests = tuple(compiled(part, fixed) for part in sorted(condition.parts, key=_tests_texts))
    if isinstance(condition, All):
        return lambda source, needed: _joined(tests, source, needed, any_holds=False)
    if isinstance(condition, Any):
        return lambda source, needed: _joined(tests, source, needed, any_holds=True)
    return lambda source, needed: np.logical_not(_joined(tests, source, needed, any_holds=True))


def _tests_texts(condition: Condition) -> bool:
    """Return whether a condition or one of its parts tests a text."""
    return any(
        leaf.subject is Subject.FIELD and FIELD[leaf.name].kind not in (Kind.NUMBER, Kind.TIME)
        for leaf in leaves(condition)
    )


def _joined(tests: tuple[Test, ...], source: Source, needed: BoolArray | None, *, any_holds: bool) -> BoolArray:
    """Return for each item (n,) whether any test holds (``any_holds``), or whether all do.

    Later tests read only the items that earlier tests do not decide.
    """
    joined = tests[0](source, needed)
    for test in tests[1:]:
        undecided = ~joined if any_holds else joined
        if needed is not None:
            undecided = undecided & needed
        # For one item, `count_nonzero` takes an eighth of the time of `any`.
        if not np.count_nonzero(undecided):
            break
        result = test(source, undecided)
        joined = joined | result if any_holds else joined & result
    return joined


def _leaf(leaf: Leaf) -> Test:
    name = leaf.name
    kind = FIELD[name].kind if leaf.subject is Subject.FIELD else Kind.NUMBER
    if kind not in (Kind.NUMBER, Kind.TIME):
        return _text_leaf(leaf, split=kind is Kind.COUNTRIES)
    test = number_test(leaf)
    if leaf.subject is Subject.FEATURE:
        return lambda source, _: test(source.feature(name))
    if leaf.subject is Subject.EVIDENCE:
        return lambda source, _: test(source.weight(name))
    if kind is Kind.TIME:
        return lambda source, _: test(source.time(name))
    return lambda source, _: test(source.table.number(name))


_COMPARISONS: Final[Mapping[Op, Callable[[FloatArray, float], BoolArray]]] = {
    Op.EQ: np.equal,
    Op.LT: np.less,
    Op.LE: np.less_equal,
    Op.GT: np.greater,
    Op.GE: np.greater_equal,
}


def number_test(leaf: Leaf) -> Callable[[FloatArray], BoolArray]:
    """Return the test of numbers (n,); NaN is a missing value."""
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
    compare = _COMPARISONS[op]
    return lambda values: compare(values, limit)


def _text_leaf(leaf: Leaf, *, split: bool) -> Test:
    name, is_missing = leaf.name, leaf.op is Op.MISSING
    holds_for = _text_test(leaf.op, leaf.values, split=split)

    def test(source: Source, needed: BoolArray | None) -> BoolArray:
        column = source.table.text(name)
        holds = np.zeros(len(column.values), dtype=np.bool_)
        codes = column.codes if needed is None else column.codes[needed]
        for code in set(codes.tolist()):
            # The code of a missing text is -1.
            if code >= 0:
                holds[code] = holds_for(column.values[code])
        return column.lookup(holds, is_missing)

    return test


def _text_test(op: Op, values: tuple[Value, ...], *, split: bool) -> Callable[[str], bool]:
    """Return the test of a text that is not missing. Tests ignore case.

    Args:
        split: the text is a list of codes separated by ``;``. `Op.EQ` and `Op.IN` hold if one of the codes passes, `Op.NE` if all
            codes differ.
    """
    if op in WITHOUT_VALUE:
        return lambda _: op is Op.PRESENT
    if op is Op.MATCHES:
        search = re.compile(str(values[0]), re.IGNORECASE).search
        return lambda text: search(text) is not None
    wanted = frozenset(str(value).casefold() for value in values)
    differs = op is Op.NE
    if split:
        return lambda text: wanted.isdisjoint(text.casefold().split(";")) is differs
    return lambda text: (text.casefold() in wanted) is not differs
