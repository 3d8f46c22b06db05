"""Contributions of features become reasons that an officer can act on.

A reason gathers the features that bear on one question ("is the declared value usual for these goods?"): each `Feature`
names the code of its reason. Its weight is the sum of those features' contributions to the raw log-odds of the
explained head, by LightGBM's exact TreeSHAP (Lundberg, Erion and Lee 2018, arXiv:1802.03888), so that base value plus
all weights is the raw score. Evidence against stays beside evidence for: an officer who sees only one side is misled.

Texts state what is on the manifest and what is usual, and judge nothing; the sign of the weight says which way it
counts. They are built when they are read, because most scores are never looked at.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from operator import add
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models.reasons import leads as kernels
from models.reasons.kinds import reason_kinds
from models.reasons.measures import Measure
from models.reasons.source import LEARNED_FROM, Evidence, Items, ReasonKind, Source

if TYPE_CHECKING:
    from features.groups.base import Feature

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]

_NO_NUMBERS: Final = np.empty((0, 0))
_NO_COLUMNS: Final = np.empty((0, 0), dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of evidence.

    Attributes:
        code: which question it answers, for example ``VALUE_DENSITY``.
        text: the evidence in plain words.
        weight: change in the explained head's raw log-odds; above 0 speaks for illicit content, below 0 against.
        fields: the manifest fields behind it.
        source: the published typology behind the question, or that the relation was learned by the model and from what.
    """

    code: str
    text: str
    weight: float
    fields: tuple[str, ...]
    source: str


class ReasonGroups:
    """The features of a space, gathered by reason code in order of first appearance.

    Attributes:
        codes: (R,) the reasons.
        names: (F,) of the features.
        columns: name -> column.
        measures: (F,) how what they measured is told.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        members: dict[str, list[int]] = {}
        for column, feature in enumerate(features):
            members.setdefault(feature.reason, []).append(column)
        self.codes = tuple(members)
        self.names = tuple(feature.name for feature in features)
        self.columns = {name: column for column, name in enumerate(self.names)}
        self.measures = tuple(map(Measure, features))
        self._members = np.array([column for columns in members.values() for column in columns], dtype=np.int32)
        self._starts = np.cumsum([0, *map(len, members.values())], dtype=np.int32)

    def weigh(self, contributions: FloatArray) -> tuple[FloatArray, IntArray]:
        """What speaks for and against n goods items, by their features' contributions (n, F or more).

        Returns:
            (n, R) sums of the contributions of the reasons' features, and (n, R) columns of the features that moved the score
            most in the direction of these weights.
        """
        weights = np.add.reduceat(contributions.take(self._members, axis=1), self._starts[: len(self.codes)], axis=1)
        leads = np.empty(weights.shape, dtype=np.int32)
        kernels.leads(contributions, self._members, self._starts, weights, leads)
        return weights, leads

    @cached_property
    def kinds(self) -> tuple[ReasonKind, ...]:
        """(R,) how they are told."""
        known, other = reason_kinds(), ReasonKind((), f"model: {LEARNED_FROM}")
        return tuple(known.get(code, other) for code in self.codes)

    @cached_property
    def fields(self) -> tuple[list[str], ...]:
        """(R,) the manifest fields behind them, as lists that all answers share."""
        return tuple(list(kind.fields) for kind in self.kinds)

    def texts(self, kind: int, items: Items, leads: Sequence[int], measured: Sequence[str]) -> list[str]:
        """The reasons of one kind. ``leads`` are columns; ``measured`` is what stands behind what is declared."""
        how = self.kinds[kind]
        if how.facts is not None:
            return list(map(add, items.facts(how.facts), measured))
        if how.render is not None:
            return how.render(Evidence(items, [self.names[lead] for lead in leads], measured))
        return [text.removeprefix(". ") for text in measured]


@dataclass(slots=True, eq=False)
class Explanations(Mapping[int, "Explanation"]):
    """Why m shipments have their scores: shipment -> explanation of its riskiest item, of F features and R reasons.

    Attributes:
        shipments: in ascending order.
        rows: of the explained items in the scored table.
        heads: explained heads.
        base_values: raw log-odds of the heads before any evidence.
        raw_scores: raw log-odds of the heads for the items.
        features: (m, F) what they measured, in the order of the space; NaN is missing.
        weights: (m, R) sums of the contributions of the reasons' features.
        leads: (m, R) columns of the features that moved the score most in the direction of their reasons' weights.
    """

    source: Source
    groups: ReasonGroups
    shipments: Sequence[int]
    rows: Sequence[int]
    heads: Sequence[str]
    base_values: Sequence[float]
    raw_scores: Sequence[float]
    features: FloatArray
    weights: FloatArray
    leads: IntArray

    def __len__(self) -> int:
        return len(self.shipments)

    def __iter__(self) -> Iterator[int]:
        return iter(self.shipments)

    @classmethod
    def none(cls, source: Source, groups: ReasonGroups) -> Explanations:
        """No shipment is explained."""
        return cls(source, groups, (), (), (), (), (), _NO_NUMBERS, _NO_NUMBERS, _NO_COLUMNS)

    def __getitem__(self, shipment: int) -> Explanation:
        found = self.between(shipment, shipment + 1)
        if not found:
            raise KeyError(shipment)
        return Explanation(found)

    def between(self, start: int, end: int) -> Explanations:
        """Those of the shipments from ``start`` to before ``end``."""
        here = slice(bisect_left(self.shipments, start), bisect_left(self.shipments, end))
        if len(self.shipments[here]) == len(self):
            return self
        return Explanations(
            self.source,
            self.groups,
            self.shipments[here],
            self.rows[here],
            self.heads[here],
            self.base_values[here],
            self.raw_scores[here],
            self.features[here],
            self.weights[here],
            self.leads[here],
        )

    def to_json(self) -> list[list[dict[str, Any]]]:
        """Per shipment all reasons that moved the score, for and against, as plain JSON values; the weightiest first."""
        codes, fields = self.groups.codes, self.groups.fields
        sources = [kind.source for kind in self.groups.kinds]
        return [
            [
                {
                    "code": codes[kind],
                    "text": text,
                    "weight": weights[kind],
                    "fields": fields[kind],
                    "source": sources[kind],
                }
                for kind in order
                if (text := texts[kind]) is not None
            ]
            for order, weights, texts in zip(
                self._order().tolist(), self.weights.tolist(), self._told(self.weights != 0.0), strict=True
            )
        ]

    def texts(self, count: int = 3) -> list[list[str]]:
        """Per shipment the texts of the ``count`` strongest reasons that speak for illicit content."""
        order = self._order()
        each = np.arange(len(self))[:, None]
        speaks_for = self.weights[each, order] > 0.0
        wanted = np.zeros(self.weights.shape, dtype=bool)
        wanted[each, order] = speaks_for & (speaks_for.cumsum(axis=1) <= count)
        return [
            [text for kind in kinds if (text := texts[kind]) is not None]
            for kinds, texts in zip(order.tolist(), self._told(wanted), strict=True)
        ]

    def _order(self) -> NDArray[np.intp]:
        """(m, R) the reasons, the weightiest first whichever way they count; of equal ones the first."""
        return (-np.abs(self.weights)).argsort(axis=1, kind="stable")

    def _told(self, wanted: BoolArray) -> list[tuple[str | None, ...]]:
        """(m, R) texts of the reasons that are ``wanted`` (m, R); None elsewhere."""
        groups, each = self.groups, range(len(self))
        asked, leads = wanted.tolist(), self.leads.tolist()
        values = self.features[np.arange(len(self))[:, None], self.leads].tolist()
        measured = [
            [groups.measures[lead][value] if is_asked else "" for is_asked, lead, value in zip(*of_item, strict=True)]
            for of_item in zip(asked, leads, values, strict=True)
        ]
        items = Items(self.source, self.rows, groups.columns, self.features, each)
        told: list[Sequence[str | None]] = []
        # From items to kinds.
        turned = [zip(*rows, strict=True) for rows in (asked, leads, measured)]
        for kind, (of_whom, led_by, texts) in enumerate(zip(*turned, strict=True)):
            if all(of_whom):
                told.append(groups.texts(kind, items, led_by, texts))
                continue
            column: list[str | None] = [None] * len(self)
            if some := list(compress(each, of_whom)):
                found = groups.texts(kind, items.take(some), [led_by[k] for k in some], [texts[k] for k in some])
                for place, text in zip(some, found, strict=True):
                    column[place] = text
            told.append(column)
        return list(zip(*told, strict=True))


class Explanation:
    """Why one goods item has its score, for one head.

    Attributes:
        head: the explained head.
        item_row: row of the explained item in the scored table.
        base_value: raw log-odds of the head before any evidence.
        raw_score: raw log-odds of the head for this item; ``base_value`` plus all reasons' weights, within 1e-9.
    """

    __slots__ = ("_alone", "base_value", "head", "item_row", "raw_score")

    def __init__(self, alone: Explanations) -> None:
        """``alone``: of one shipment."""
        self._alone = alone
        self.head = alone.heads[0]
        self.item_row = alone.rows[0]
        self.base_value = alone.base_values[0]
        self.raw_score = alone.raw_scores[0]

    @property
    def reasons(self) -> list[Reason]:
        """All reasons that moved the score, for and against, the weightiest first."""
        return [
            Reason(told["code"], told["text"], told["weight"], tuple(told["fields"]), told["source"])
            for told in self._alone.to_json()[0]
        ]

    def strongest(self, count: int = 3) -> list[Reason]:
        """The ``count`` strongest reasons that speak for illicit content."""
        return [reason for reason in self.reasons if reason.weight > 0.0][:count]

    def texts(self, count: int = 3) -> list[str]:
        """Texts of the ``count`` strongest reasons that speak for illicit content."""
        return self._alone.texts(count)[0]

    def to_json(self) -> list[dict[str, Any]]:
        """All reasons as plain JSON values, the weightiest first."""
        return self._alone.to_json()[0]
