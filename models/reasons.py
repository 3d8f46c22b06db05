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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a renderer gets: the features of one reason with their values (NaN: missing) and contributions, and the
    row."""

    code: str
    weight: float
    features: tuple[Feature, ...]
    values: Mapping[str, float]
    contributions: Mapping[str, float]
    context: RowContext

    @property
    def lead(self) -> Feature:
        """The feature that moved the score most in the direction of the reason's weight."""
        sign = 1.0 if self.weight >= 0.0 else -1.0
        return max(self.features, key=lambda feature: sign * self.contributions[feature.name])

    def value(self, name: str) -> float | None:
        """A feature's value; None when it is missing or the model has no such feature."""
        value = self.values.get(name, np.nan)
        return None if np.isnan(value) else float(value)


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


def _kind(code: str) -> ReasonKind:
    # The texts build on this module.
    from models.reason_kinds import reason_kinds

    return reason_kinds().get(code, ReasonKind((), f"model: {LEARNED_FROM}"))


class ReasonGroups:
    """The features of a space, gathered by reason code in order of first appearance."""

    def __init__(self, features: Sequence[Feature]) -> None:
        members: dict[str, list[int]] = {}
        for i, feature in enumerate(features):
            members.setdefault(feature.reason, []).append(i)
        self.features = tuple(features)
        self.codes = tuple(members)
        self.members = tuple(tuple(indices) for indices in members.values())
        self._order = np.array([i for indices in self.members for i in indices], dtype=np.intp)
        sizes = [len(indices) for indices in self.members]
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)

    def weights(self, contributions: FloatArray) -> FloatArray:
        """Weights (n, codes) from the features' contributions (n, F)."""
        return np.asarray(np.add.reduceat(contributions[:, self._order], self._starts, axis=1), dtype=np.float64)


class Explanation:
    """Why one goods item has its score, for one head.

    Attributes:
        head: the explained head.
        item_row: row of the explained item in the scored table.
        base_value: raw log-odds of the head before any evidence.
        raw_score: raw log-odds of the head for this item; ``base_value`` plus all reasons' weights, within 1e-9.
    """

    __slots__ = (
        "_context",
        "_contributions",
        "_groups",
        "_values",
        "_weights",
        "base_value",
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
    ) -> None:
        """``contributions`` (F,) and ``values`` (F,) are those of the item's features, in the order of the space."""
        self.head = head
        self.item_row = context.row
        self.base_value = base_value
        self.raw_score = raw_score
        self._groups = groups
        self._contributions = contributions
        self._values = values
        self._context = context
        self._weights = groups.weights(contributions[None, :])[0]

    @property
    def reasons(self) -> list[Reason]:
        """All reasons that moved the score, for and against, the weightiest first."""
        order = np.argsort(-np.abs(self._weights), kind="stable")
        return [self._reason(int(group)) for group in order if self._weights[group] != 0.0]

    def strongest(self, count: int = 3) -> list[Reason]:
        """The ``count`` strongest reasons that speak for illicit content."""
        order = np.argsort(-self._weights, kind="stable")[:count]
        return [self._reason(int(group)) for group in order if self._weights[group] > 0.0]

    def _reason(self, group: int) -> Reason:
        code, members = self._groups.codes[group], self._groups.members[group]
        features = tuple(self._groups.features[i] for i in members)
        evidence = Evidence(
            code,
            float(self._weights[group]),
            features,
            {self._groups.features[i].name: float(self._values[i]) for i in members},
            {self._groups.features[i].name: float(self._contributions[i]) for i in members},
            self._context,
        )
        kind = _kind(code)
        text = (kind.render or default_text)(evidence)
        return Reason(code, text, evidence.weight, kind.fields, kind.source)
