"""Explanations of scores: entries of evidence and feature contributions, grouped into reasons that an officer can act on.

A reason groups the entries and features that answer one question, for example whether the declared value is usual for the goods.
Its weight is the sum of their contributions to the raw log-odds of the explained head: the exact shares of entries, and exact
TreeSHAP for the trees (Lundberg, Erion and Lee 2018, arXiv:1802.03888). The base value plus all weights equals the raw score.
Explanations contain the reasons against illicit content as well as those for it, because one side alone would mislead the officer.

Texts state declared facts and usual ranges, then whether the reason raises or lowers the score. Where trees decide, the text adds
that this is more or less frequent among finds: to a tree, a usual value may be one of finds.
Texts are built on demand, because most scores are never read.
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


#: As a number of reasons: as many as make those that an answer omits small.
ENOUGH: Final = -1
#: Most reasons that `ENOUGH` shows, and the largest share of the omitted ones in what is shown.
_MOST_SHOWN: Final = 12
_SMALL_SHARE: Final = 0.1
#: Bound of rounding errors in sums of weights.
_ROUNDING: Final = 1e-9
#: Why a reason that the trees learned raises the score.
_LEARNED: Final = "more frequent among finds"
#: Code of the reason that adds up the reasons that an answer omits.
OTHER_CODE: Final = "OTHER"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of one goods item.

    Attributes:
        code: code of the reason, for example ``VALUE_DENSITY``.
        text: the evidence in plain words.
        weight: change in the explained head's raw log-odds; positive for illicit content, negative against it.
        fields: manifest fields that contain the evidence.
        source: published typologies that support the reason, or a note that the model learned the relation.
    """

    code: str
    text: str
    weight: float
    fields: tuple[str, ...]
    source: str


@dataclass(slots=True, eq=False)
class Explanations(Mapping[int, "Explanation"]):
    """Mapping from shipment index to `Explanation`. The riskiest item of each of the m shipments is explained.

    F is the number of features and R the number of reasons.

    Attributes:
        scored: the scored table.
        by_reason: the model's features grouped by reason.
        shipments: indices of the explained shipments, ascending.
        rows: row of each explained item in the scored table.
        heads: explained head of each item.
        base_values: raw log-odds of each explained head before any evidence.
        raw_scores: raw log-odds of each explained head for its item.
        features: (m, F) feature values of the items; NaN is missing.
        weights: (m, R) weight of each reason.
        leading: (m, R) column of each reason's leading feature or entry.
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
        """Return an empty mapping."""
        return cls(scored, by_reason, (), (), (), (), (), _NO_NUMBERS, _NO_NUMBERS, _NO_COLUMNS)

    def __getitem__(self, shipment: int) -> Explanation:
        explained = self.between(shipment, shipment + 1)
        if not explained:
            raise KeyError(shipment)
        return Explanation(explained)

    def between(self, start: int, end: int) -> Explanations:
        """Return the explanations of the shipments in the half-open range [``start``, ``end``)."""
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

    def to_json(self, count: int | None = None) -> list[list[dict[str, Any]]]:
        """Return each shipment's reasons with a nonzero weight as plain JSON values, the largest absolute weight first.

        Args:
            count: number of reasons; the others become one reason `OTHER` with the sum of their weights. None for all. `ENOUGH`
                for as many as keep `OTHER` at or below a tenth of what is shown, at most 12.
        """
        by_reason, fields, codes = self.by_reason, self.by_reason.fields, self.by_reason.plain_codes
        order = self._order()
        selected = self.weights != 0.0
        others: list[list[dict[str, Any]]] = []
        if count is not None:
            limits = self._enough(order) if count == ENOUGH else np.full(len(self), count)
            # Zero weights come last in the order, so no other weight is omitted for one of them.
            omitted = np.arange(order.shape[1]) >= limits[:, None]
            others = self._others(order, omitted)
            np.put_along_axis(selected, order, np.take_along_axis(selected, order, axis=1) & ~omitted, axis=1)
            order = order[:, : limits.max(initial=0)]
        reasons: list[list[dict[str, Any]]] = [
            [
                {
                    "code": codes[reason],
                    "text": f"{text} ({self._effect(weights[reason], leading[reason])})",
                    "weight": weights[reason],
                    "fields": fields[reason],
                    "source": by_reason.source(reason, leading[reason]),
                }
                for reason in order
                if (text := texts[reason]) is not None
            ]
            for order, weights, leading, texts in zip(
                order.tolist(),
                self.weights.tolist(),
                self.leading.tolist(),
                self._texts(selected),
                strict=True,
            )
        ]
        for of_shipment, other in zip(reasons, others, strict=False):
            of_shipment += other
        return reasons

    def _effect(self, weight: float, leading: int) -> str:
        """Return whether a reason raises or lowers the score.

        The trees learned from what is frequent among finds, so that also a usual value may raise the score: the text says so.
        """
        effect, frequency = ("raises", _LEARNED) if weight > 0.0 else ("lowers", "less frequent among finds")
        return f"{effect} the score: {frequency}" if leading < len(self.by_reason.names) else f"{effect} the score"

    def _enough(self, order: NDArray[np.intp]) -> IntArray:
        """Return per shipment (m,) how many of the reasons in ``order`` (m, R) make the sum of the others small."""
        weights = np.take_along_axis(self.weights, order, axis=1)
        shown = np.abs(weights).cumsum(axis=1)
        others = np.abs(weights.sum(axis=1, keepdims=True) - weights.cumsum(axis=1))
        is_small = others <= _SMALL_SHARE * shown + _ROUNDING
        return np.asarray(np.minimum(is_small.argmax(axis=1) + 1, _MOST_SHOWN), dtype=np.int32)

    def _others(self, order: NDArray[np.intp], omitted: BoolArray) -> list[list[dict[str, Any]]]:
        """Return per shipment a list with one reason for those ``omitted`` (m, R) of ``order``; empty if their weights are 0."""
        weights = np.where(omitted, np.take_along_axis(self.weights, order, axis=1), 0.0)
        kinds = np.array(self.by_reason.kinds_of_reasons, dtype=np.object_)[order]
        others: list[list[dict[str, Any]]] = []
        for of_shipment, of_kind, weight in zip(
            weights.tolist(), kinds.tolist(), weights.sum(axis=1).tolist(), strict=True
        ):
            sums: dict[str, float] = {}
            count = 0
            for kind, part in zip(of_kind, of_shipment, strict=True):
                if part:
                    sums[kind], count = sums.get(kind, 0.0) + part, count + 1
            parts = ", ".join(f"{kind} {part:+.2f}" for kind, part in sums.items())
            reason = {
                "code": OTHER_CODE,
                "text": f"Further evidence of less weight: {count} reason{'s' if count > 1 else ''} ({parts})",
                "weight": weight,
                "fields": [],
                "source": "sum of the other reasons",
            }
            others.append([reason] if count else [])
        return others

    def texts(self, count: int = 3) -> list[list[str]]:
        """Return per shipment the texts of the ``count`` strongest reasons for illicit content."""
        order = self._order()
        shipments = np.arange(len(self))[:, None]
        is_positive = self.weights[shipments, order] > 0.0
        selected = np.zeros(self.weights.shape, dtype=bool)
        selected[shipments, order] = is_positive & (is_positive.cumsum(axis=1) <= count)
        learned = self.leading < len(self.by_reason.names)
        return [
            [
                f"{text} ({_LEARNED})" if is_learned[reason] else text
                for reason in reasons
                if (text := texts[reason]) is not None
            ]
            for reasons, is_learned, texts in zip(order.tolist(), learned.tolist(), self._texts(selected), strict=True)
        ]

    def _order(self) -> NDArray[np.intp]:
        """Return the indices (m, R) that sort each shipment's reasons by descending absolute weight; ties keep their order."""
        return (-np.abs(self.weights)).argsort(axis=1, kind="stable")

    def _texts(self, selected: BoolArray) -> list[tuple[str | None, ...]]:
        """Return the texts (m, R) of the ``selected`` (m, R) reasons, and None for the others."""
        by_reason, positions = self.by_reason, range(len(self))
        # The columns of entries follow those of the features. Entries have no value.
        read = np.minimum(self.leading, len(by_reason.names) - 1)
        values = self.features[np.arange(len(self))[:, None], read]
        items = ExplainedItems(self.scored, self.rows, by_reason.columns, self.features, positions)
        columns: list[Sequence[str | None]] = []
        raises = (self.weights > 0.0).T.tolist()
        for reason, (is_selected, leading, of_reason) in enumerate(
            zip(selected.T.tolist(), self.leading.T.tolist(), values.T.tolist(), strict=True)
        ):
            column: list[str | None] = [None] * len(self)
            if chosen := list(compress(positions, is_selected)):
                texts = by_reason.texts(
                    reason,
                    items if len(chosen) == len(self) else items.take(chosen),
                    [leading[k] for k in chosen],
                    [of_reason[k] for k in chosen],
                    [raises[reason][k] for k in chosen],
                )
                for position, text in zip(chosen, texts, strict=True):
                    column[position] = text
            columns.append(column)
        return list(zip(*columns, strict=True))


class Explanation:
    """Explanation of one goods item's score for one head.

    Attributes:
        head: the explained head.
        item_row: row of the explained item in the scored table.
        base_value: raw log-odds of the head before any evidence.
        raw_score: raw log-odds of the head for this item: ``base_value`` plus the weights of all reasons, within 1e-9.
    """

    __slots__ = ("_explanations", "base_value", "head", "item_row", "raw_score")

    def __init__(self, explanations: Explanations) -> None:
        """
        Args:
            explanations: contains this shipment only.
        """
        self._explanations = explanations
        self.head = explanations.heads[0]
        self.item_row = explanations.rows[0]
        self.base_value = explanations.base_values[0]
        self.raw_score = explanations.raw_scores[0]

    @property
    def reasons(self) -> list[Reason]:
        """Reasons with a nonzero weight, the largest absolute weight first."""
        return [Reason(**{**reason, "fields": tuple(reason["fields"])}) for reason in self.to_json()]

    def strongest(self, count: int = 3) -> list[Reason]:
        """Return the ``count`` strongest reasons for illicit content."""
        return [reason for reason in self.reasons if reason.weight > 0.0][:count]

    def texts(self, count: int = 3) -> list[str]:
        """Return the texts of the ``count`` strongest reasons for illicit content."""
        return self._explanations.texts(count)[0]

    def to_json(self) -> list[dict[str, Any]]:
        """Return the reasons with a nonzero weight as plain JSON values, the largest absolute weight first."""
        return self._explanations.to_json()[0]
