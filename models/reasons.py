"""Contributions of features become reasons that an officer can act on.

A reason gathers the features that bear on one question ("is the declared value usual for these goods?"): each `Feature`
names the code of its reason. Its weight is the sum of those features' contributions to the raw log-odds of the
explained head, by LightGBM's exact TreeSHAP (Lundberg, Erion and Lee 2018, arXiv:1802.03888), so that base value plus
all weights is the raw score. Evidence against stays beside evidence for: an officer who sees only one side is misled.

Texts state what is on the manifest and what is usual, and judge nothing; the sign of the weight says which way it
counts. They are built when they are read, because most scores are never looked at.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models.measures import measured

if TYPE_CHECKING:
    from features.groups.base import Feature
    from features.space import FeatureSpace
    from features.substances import Match
    from features.table import ManifestTable

FloatArray = NDArray[np.float64]


def day_of(seconds: int) -> dt.date:
    """The day, in UTC, of a time in seconds since 1970."""
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)).date()


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

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "text": self.text,
            "weight": self.weight,
            "fields": list(self.fields),
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class RowContext:
    """One goods item as the renderers see it."""

    table: ManifestTable
    row: int
    substance: Match | None
    space: FeatureSpace

    def text(self, name: str) -> str | None:
        """A text or code field as normalised; None when missing."""
        column = self.table.text(name)
        code = int(column.codes[self.row])
        return column.values[code] if code >= 0 else None

    def number(self, name: str) -> float | None:
        """A number field in its own unit; None when missing."""
        value = float(self.table.number(name)[self.row])
        return None if np.isnan(value) else value

    def usd(self, name: str) -> float | None:
        """An amount in United States dollars; None when missing or without a rate."""
        value = float(self.table.usd(name)[self.row])
        return None if np.isnan(value) else value

    @property
    def declared_on(self) -> dt.date:
        """The day whose law applies (UTC)."""
        return day_of(int(self.table.declared_s[self.table.shipment[self.row]]))


class Evidence:
    """What a renderer gets: one reason of an explanation, the features behind it, and the row.

    Attributes:
        weight: of the reason.
        lead: the feature that moved the score most in the direction of the reason's weight.
        context: the explained row.
    """

    __slots__ = ("_explanation", "_group", "context", "lead", "weight")

    def __init__(self, explanation: Explanation, group: int, weight: float) -> None:
        self._explanation = explanation
        self._group = group
        self.weight = weight
        self.context = explanation.context
        groups, contributions = explanation.groups, explanation.contributions
        members = groups.members[group]
        choose = max if weight >= 0.0 else min
        self.lead = groups.features[choose(members, key=contributions.__getitem__)]

    def value(self, name: str) -> float | None:
        """A feature's value; None when it is missing or not behind this reason."""
        column = self._explanation.groups.columns[self._group].get(name)
        if column is None:
            return None
        value = self._explanation.values[column]
        return None if math.isnan(value) else value


Renderer = Callable[[Evidence], str]


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """How the reasons of one code are told; without ``render`` by `default_text`."""

    fields: tuple[str, ...]
    source: str
    render: Renderer | None = None


def default_text(evidence: Evidence) -> str:
    """The meaning of the leading feature and its value."""
    return measured(evidence.lead, evidence.value(evidence.lead.name))


#: What a relation that no published typology describes was learned from.
LEARNED_FROM: Final = "learned from the inspection results of the training window"


class ReasonGroups:
    """The features of a space, gathered by reason code in order of first appearance.

    Attributes:
        features: of the space, in order.
        codes: the reasons.
        members: per reason the columns of its features, ``columns`` the same by the features' names.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        members: dict[str, list[int]] = {}
        for i, feature in enumerate(features):
            members.setdefault(feature.reason, []).append(i)
        self.features = tuple(features)
        self.codes = tuple(members)
        self.members = tuple(tuple(indices) for indices in members.values())
        self.columns = tuple({features[i].name: i for i in indices} for indices in self.members)
        self._order = np.array([i for indices in self.members for i in indices], dtype=np.intp)
        sizes = [len(indices) for indices in self.members]
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)

    def weights(self, contributions: FloatArray) -> FloatArray:
        """Weights (n, codes) from the features' contributions (n, F or more)."""
        return np.asarray(np.add.reduceat(contributions.take(self._order, axis=1), self._starts, axis=1))

    @cached_property
    def kinds(self) -> tuple[ReasonKind, ...]:
        """Per reason how it is told."""
        # The texts build on this module.
        from models.reason_kinds import reason_kinds

        known, other = reason_kinds(), ReasonKind((), f"model: {LEARNED_FROM}")
        return tuple(known.get(code, other) for code in self.codes)


class Explanation:
    """Why one goods item has its score, for one head.

    Attributes:
        head: the explained head.
        item_row: row of the explained item in the scored table.
        base_value: raw log-odds of the head before any evidence.
        raw_score: raw log-odds of the head for this item; ``base_value`` plus all reasons' weights, within 1e-9.
        groups: what the features are gathered into.
        context: the explained row.
    """

    __slots__ = (
        "_contributions",
        "_lists",
        "_values",
        "_weights",
        "base_value",
        "context",
        "groups",
        "head",
        "item_row",
        "raw_score",
    )

    def __init__(
        self,
        head: str,
        base_value: float,
        raw_score: float,
        groups: ReasonGroups,
        contributions: FloatArray,
        values: FloatArray,
        context: RowContext,
        weights: FloatArray | None = None,
    ) -> None:
        """``contributions`` (F or more,) and ``values`` (F,) are those of the item's features, in the order of the space;
        ``weights`` (codes,) those of the reasons, where they are known already."""
        self.head = head
        self.item_row = context.row
        self.base_value = base_value
        self.raw_score = raw_score
        self.groups = groups
        self.context = context
        self._contributions = contributions
        self._values = values
        self._lists: tuple[list[float], list[float]] | None = None
        self._weights = groups.weights(contributions[None, :])[0] if weights is None else weights

    @property
    def contributions(self) -> list[float]:
        """Of the item's features, in the order of the space."""
        return self._as_lists()[0]

    @property
    def values(self) -> list[float]:
        """Of the item's features, in the order of the space; NaN is missing."""
        return self._as_lists()[1]

    def _as_lists(self) -> tuple[list[float], list[float]]:
        # Many explanations are never read, and what is read of arrays bit by bit is slow.
        if self._lists is None:
            self._lists = self._contributions.tolist(), self._values.tolist()
        return self._lists

    @property
    def reasons(self) -> list[Reason]:
        """All reasons that moved the score, for and against, the weightiest first."""
        weights = self._weights.tolist()
        order = np.argsort(-np.abs(self._weights), kind="stable").tolist()
        return [self._reason(group, weights[group]) for group in order if weights[group] != 0.0]

    def strongest(self, count: int = 3) -> list[Reason]:
        """The ``count`` strongest reasons that speak for illicit content."""
        return [self._reason(group, weight) for group, weight in self._strongest(count)]

    def texts(self, count: int = 3) -> list[str]:
        """Texts of the ``count`` strongest reasons that speak for illicit content."""
        return [self._text(group, weight) for group, weight in self._strongest(count)]

    def _strongest(self, count: int) -> list[tuple[int, float]]:
        order = np.argsort(-self._weights, kind="stable")[:count]
        pairs = zip(order.tolist(), self._weights[order].tolist(), strict=True)
        return [(group, weight) for group, weight in pairs if weight > 0.0]

    def _text(self, group: int, weight: float) -> str:
        return (self.groups.kinds[group].render or default_text)(Evidence(self, group, weight))

    def _reason(self, group: int, weight: float) -> Reason:
        kind = self.groups.kinds[group]
        return Reason(self.groups.codes[group], self._text(group, weight), weight, kind.fields, kind.source)
