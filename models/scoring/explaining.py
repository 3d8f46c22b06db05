"""Explain the riskiest items of selected shipments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.groups.base import Feature
from models.evidence import Prior
from models.lanes import GREEN
from models.reasons import Explanations, FeaturesByReason, ScoredTable
from models.trees import Predictor

FloatArray: TypeAlias = NDArray[np.float64]
#: Shipments to explain: none, those with a red or yellow lane, or all.
Explain: TypeAlias = Literal["none", "shown", "all"]

#: Number of items whose contributions are computed together: over F + 1 doubles each, some megabytes in all.
_BATCH: Final = 4096


@dataclass(frozen=True, slots=True, eq=False)
class ScoredItems:
    """Results of scoring n goods items; F features, K heads.

    Attributes:
        matrix: (n, F) features.
        raw: (n, K) raw log-odds.
    """

    matrix: FloatArray
    raw: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Explainer:
    """Explains goods items of one model.

    Attributes:
        base_values: (K,) raw log-odds of each head without any evidence, the sum of the base values of prior and trees.
    """

    heads: tuple[str, ...]
    predictor: Predictor
    prior: Prior
    by_reason: FeaturesByReason
    base_values: FloatArray

    @classmethod
    def of(cls, predictor: Predictor, prior: Prior, features: Sequence[Feature]) -> Self:
        """Return the explainer of a model with these features, in order."""
        nothing = np.zeros((1, len(features)))
        of_trees = [predictor.contributions(nothing, k)[0, -1] for k in range(len(prior.heads))]
        by_reason = FeaturesByReason(features, prior.entries)
        return cls(prior.heads, predictor, prior, by_reason, prior.base + np.array(of_trees))

    def contributions(self, matrix: FloatArray, head: int) -> FloatArray:
        """Return the contributions (n, F + E + 1) of features, then of entries, to the raw log-odds of the head at position
        ``head``; the last column is the base value."""
        of_trees = self.predictor.contributions(matrix, head)
        of_entries = self.prior.contributions(matrix, head)
        base = of_trees[:, -1:] + self.prior.base[head]
        return np.ascontiguousarray(np.concatenate([of_trees[:, :-1], of_entries, base], axis=1))

    def explain(
        self, shipments: NDArray[np.int64], rows: NDArray[np.int64], items: ScoredItems, scored: ScoredTable
    ) -> Explanations:
        """Return the explanation of each shipment.

        Args:
            shipments: (m,) shipments to explain, in ascending order.
            rows: (m,) rows of their riskiest items. Each is explained for the head whose raw log-odds lie furthest above their base
                value.
            items: all items of the scored table.
        """
        if not len(shipments):
            return Explanations.none(scored, self.by_reason)
        # argmax returns the first of equal values.
        heads = (items.raw[rows] - self.base_values).argmax(axis=1)
        # This is a copy. A view would keep the whole matrix in memory for a few rows.
        features = items.matrix[rows]
        shape = len(rows), len(self.by_reason.codes)
        weights, leading, base_values = np.empty(shape), np.empty(shape, dtype=np.int32), np.empty(len(rows))
        for k in range(len(self.heads)):
            of_head = np.flatnonzero(heads == k)
            for start in range(0, len(of_head), _BATCH):
                batch = of_head[start : start + _BATCH]
                contributions = self.contributions(features[batch], k)
                weights[batch], leading[batch] = self.by_reason.weigh(contributions, features[batch])
                base_values[batch] = contributions[:, -1]
        return Explanations(
            scored=scored,
            by_reason=self.by_reason,
            shipments=shipments.tolist(),
            rows=rows.tolist(),
            heads=[self.heads[k] for k in heads.tolist()],
            base_values=base_values.tolist(),
            raw_scores=items.raw[rows, heads].tolist(),
            features=features,
            weights=weights,
            leading=leading,
        )


def shipments_to_explain(
    explain: Explain, lane_codes: NDArray[np.int8], risk_log_odds: FloatArray, limit: int | None
) -> NDArray[np.int64]:
    """Return the shipments to explain, in ascending order; if ``limit`` is exceeded, those with the highest risk."""
    if explain == "none":
        return np.empty(0, dtype=np.int64)
    shipments = np.arange(len(lane_codes)) if explain == "all" else (lane_codes > GREEN).nonzero()[0]
    if limit is not None and len(shipments) > limit:
        by_risk = np.argsort(-risk_log_odds[shipments], kind="stable")[:limit]
        shipments = np.sort(shipments[by_risk])
    return shipments.astype(np.int64, copy=False)
