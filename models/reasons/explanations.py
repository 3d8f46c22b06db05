"""Explanations: the contributions of features, grouped into reasons that an officer can act on.

A reason collects the features that bear on one question, for example whether the declared value is usual for the goods. Its
weight is the sum of their contributions to the raw log-odds of the explained head, by exact TreeSHAP (Lundberg, Erion and Lee
2018, arXiv:1802.03888). The base value and all weights add up to the raw score. Reasons against are kept beside reasons for: an
officer who sees only one side is misled.

Texts state declared facts and usual ranges; the sign of the weight says for which side they count. They are built when they are
read, because most scores are never looked at.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.reasons.by_reason import FeaturesByReason, FloatArray, IntArray
from models.reasons.items import ExplainedItems, ScoredTable

BoolArray: TypeAlias = NDArray[np.bool_]

_NO_NUMBERS: Final = np.empty((0, 0))
_NO_COLUMNS: Final = np.empty((0, 0), dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of one goods item.

    Attributes:
        code: the question that it answers, for example ``VALUE_DENSITY``.
        text: the evidence in plain words.
        weight: change in the explained head's raw log-odds; above 0 counts for illicit content, below 0 against.
        fields: the manifest fields that it is about.
        source: the published typologies behind it, or the statement that the model learned the relation.
    """

    code: str
    text: str
    weight: float
    fields: tuple[str, ...]
    source: str


@dataclass(slots=True, eq=False)
class Explanations(Mapping[int, "Explanation"]):
    """Explanations of m shipments by their riskiest items: shipment -> explanation. F features, R reasons.

    Attributes:
        scored: the scored table.
        by_reason: the features of the model, grouped by reason.
        shipments: explained shipments in ascending order.
        rows: rows of the explained items in the scored table.
        heads: explained heads.
        base_values: raw log-odds of the heads before any evidence.
        raw_scores: raw log-odds of the heads for the items.
        features: (m, F) feature values of the items; NaN is missing.
        weights: (m, R) weights of the reasons.
        leading: (m, R) columns of the leading features of the reasons.
    """

    scored: ScoredTable
    by_reason: FeaturesByReason
    shipments: Sequence[int]
    rows: Sequence[int]
    heads: Sequence[str]
    base_values: Sequence[float]
    raw_scores: Sequence[float]
    features: FloatArray
    weights: FloatArray
    leading: IntArray

    def __len__(self) -> int:
        return len(self.shipments)

    def __iter__(self) -> Iterator[int]:
        return iter(self.shipments)

    @classmethod
    def none(cls, scored: ScoredTable, by_reason: FeaturesByReason) -> Explanations:
        """Return explanations of no shipment."""
        return cls(scored, by_reason, (), (), (), (), (), _NO_NUMBERS, _NO_NUMBERS, _NO_COLUMNS)

    def __getitem__(self, shipment: int) -> Explanation:
        explained = self.between(shipment, shipment + 1)
        if not explained:
            raise KeyError(shipment)
        return Explanation(explained)

    def between(self, start: int, end: int) -> Explanations:
        """Return the explanations of shipments from ``start`` to before ``end``."""
        part = slice(bisect_left(self.shipments, start), bisect_left(self.shipments, end))
        if len(self.shipments[part]) == len(self):
            return self
        return Explanations(
            self.scored,
            self.by_reason,
            self.shipments[part],
            self.rows[part],
            self.heads[part],
            self.base_values[part],
            self.raw_scores[part],
            self.features[part],
            self.weights[part],
            self.leading[part],
        )

    def to_json(self) -> list[list[dict[str, Any]]]:
        """Return per shipment all reasons that moved the score, for and against, as plain JSON values, the largest weight first."""
        # Exact strings, so that no encoder sees an enum.
        codes = [str(code) for code in self.by_reason.codes]
        fields, sources = self.by_reason.fields, self.by_reason.sources
        return [
            [
                {
                    "code": codes[reason],
                    "text": text,
                    "weight": weights[reason],
                    "fields": fields[reason],
                    "source": sources[reason],
                }
                for reason in order
                if (text := texts[reason]) is not None
            ]
            for order, weights, texts in zip(
                self._order().tolist(), self.weights.tolist(), self._texts(self.weights != 0.0), strict=True
            )
        ]

    def texts(self, count: int = 3) -> list[list[str]]:
        """Return per shipment the texts of the ``count`` strongest reasons for illicit content."""
        order = self._order()
        each = np.arange(len(self))[:, None]
        is_for = self.weights[each, order] > 0.0
        wanted = np.zeros(self.weights.shape, dtype=bool)
        wanted[each, order] = is_for & (is_for.cumsum(axis=1) <= count)
        return [
            [text for reason in reasons if (text := texts[reason]) is not None]
            for reasons, texts in zip(order.tolist(), self._texts(wanted), strict=True)
        ]

    def _order(self) -> NDArray[np.intp]:
        """Return positions (m, R) of the reasons by descending absolute weight; the first of equal ones comes first."""
        return (-np.abs(self.weights)).argsort(axis=1, kind="stable")

    def _texts(self, wanted: BoolArray) -> list[tuple[str | None, ...]]:
        """Return texts (m, R) of the reasons that are ``wanted`` (m, R), and None for the others."""
        by_reason, each = self.by_reason, range(len(self))
        wanted_rows, leading_rows = wanted.tolist(), self.leading.tolist()
        values = self.features[np.arange(len(self))[:, None], self.leading].tolist()
        measured_rows = [
            [
                by_reason.measured[column][value] if is_wanted else ""
                for is_wanted, column, value in zip(*row, strict=True)
            ]
            for row in zip(wanted_rows, leading_rows, values, strict=True)
        ]
        items = ExplainedItems(self.scored, self.rows, by_reason.columns, self.features, each)
        # Transposed: from one row per item to one row per reason.
        per_reason = [zip(*rows, strict=True) for rows in (wanted_rows, leading_rows, measured_rows)]
        columns: list[Sequence[str | None]] = []
        for reason, (is_wanted, leading, measured) in enumerate(zip(*per_reason, strict=True)):
            if all(is_wanted):
                columns.append(by_reason.texts(reason, items, leading, measured))
                continue
            column: list[str | None] = [None] * len(self)
            if some := list(compress(each, is_wanted)):
                texts = by_reason.texts(
                    reason, items.take(some), [leading[k] for k in some], [measured[k] for k in some]
                )
                for position, text in zip(some, texts, strict=True):
                    column[position] = text
            columns.append(column)
        return list(zip(*columns, strict=True))


class Explanation:
    """The explanation of one goods item for one head.

    Attributes:
        head: the explained head.
        item_row: row of the explained item in the scored table.
        base_value: raw log-odds of the head before any evidence.
        raw_score: raw log-odds of the head for this item; ``base_value`` plus all reasons' weights, within 1e-9.
    """

    __slots__ = ("_explanations", "base_value", "head", "item_row", "raw_score")

    def __init__(self, explanations: Explanations) -> None:
        """``explanations``: of this shipment alone."""
        self._explanations = explanations
        self.head = explanations.heads[0]
        self.item_row = explanations.rows[0]
        self.base_value = explanations.base_values[0]
        self.raw_score = explanations.raw_scores[0]

    @property
    def reasons(self) -> list[Reason]:
        """All reasons that moved the score, for and against, the largest weight first."""
        return [Reason(**{**reason, "fields": tuple(reason["fields"])}) for reason in self.to_json()]

    def strongest(self, count: int = 3) -> list[Reason]:
        """Return the ``count`` strongest reasons for illicit content."""
        return [reason for reason in self.reasons if reason.weight > 0.0][:count]

    def texts(self, count: int = 3) -> list[str]:
        """Return the texts of the ``count`` strongest reasons for illicit content."""
        return self._explanations.texts(count)[0]

    def to_json(self) -> list[dict[str, Any]]:
        """Return all reasons as plain JSON values, the largest weight first."""
        return self._explanations.to_json()[0]
