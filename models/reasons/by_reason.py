"""Grouping of a feature space's features by reason."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from operator import add
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.groups.base import Feature
from features.groups.reason_codes import OwnReasonCode, ReasonCode
from models.reasons.items import Evidence, ExplainedItems
from models.reasons.kinds import ReasonKind, reason_kind
from models.reasons.measures import MeasuredText

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int32]


class FeaturesByReason:
    """Features of a space grouped by reason code. Codes are in the order of their first features.

    Attributes:
        codes: (R,) reason codes.
        names: (F,) feature names.
        columns: feature name -> column.
        measured: (F,) texts for the values of each feature.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        members: dict[ReasonCode | OwnReasonCode, list[int]] = {}
        for column, feature in enumerate(features):
            members.setdefault(feature.reason, []).append(column)
        self.codes = tuple(members)
        self.names = tuple(feature.name for feature in features)
        self.columns = {name: column for column, name in enumerate(self.names)}
        self.measured = tuple(map(MeasuredText, features))
        sizes = [len(columns) for columns in members.values()]
        #: Columns of the features sorted by reason, start of each reason among them, and reason of each.
        self._members = np.array([column for columns in members.values() for column in columns], dtype=np.int32)
        self._starts = np.cumsum([0, *sizes[:-1]])
        self._reasons = np.repeat(np.arange(len(sizes)), sizes)
        self._positions = np.arange(len(features), dtype=np.int32)

    def weigh(self, contributions: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return weights and leading features of the reasons.

        Args:
            contributions: (n, F or more) contributions of the features to the raw log-odds of n goods items.

        Returns:
            Weights (n, R): sums of the contributions of each reason's features. Columns (n, R) of the leading features: those
            with the largest contribution in the direction of the weight; ties go to the first.
        """
        ordered = contributions.take(self._members, axis=1)
        weights = np.add.reduceat(ordered, self._starts, axis=1)
        ordered *= np.where(weights >= 0.0, 1.0, -1.0).take(self._reasons, axis=1)
        largest = np.maximum.reduceat(ordered, self._starts, axis=1).take(self._reasons, axis=1)
        positions = np.where(ordered == largest, self._positions, np.int32(len(self._positions)))
        return weights, self._members[np.minimum.reduceat(positions, self._starts, axis=1)]

    @cached_property
    def kinds(self) -> tuple[ReasonKind, ...]:
        """Kinds (R,) of the reasons."""
        return tuple(map(reason_kind, self.codes))

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Sources (R,): published typologies, or a note that the model learned the relation."""
        return tuple(kind.source for kind in self.kinds)

    @cached_property
    def fields(self) -> tuple[list[str], ...]:
        """Manifest fields (R,) of the reasons, as lists that all answers share."""
        return tuple(list(kind.fields) for kind in self.kinds)

    def texts(self, reason: int, items: ExplainedItems, leading: Sequence[int], measured: Sequence[str]) -> list[str]:
        """Return the texts of one reason.

        Args:
            reason: position of the reason in ``codes``.
            items: items with this reason.
            leading: columns of the leading features.
            measured: texts for the values of the leading features.
        """
        kind = self.kinds[reason]
        if kind.declared is not None:
            return list(map(add, items.declared(kind.declared), measured))
        if kind.render is not None:
            return kind.render(Evidence(items, [self.names[column] for column in leading], measured))
        return [text.removeprefix(". ") for text in measured]
