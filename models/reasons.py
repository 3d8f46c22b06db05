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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models.kernels import leads as kernels
from models.measures import CODED, measured

if TYPE_CHECKING:
    from features.groups.base import Feature
    from features.space import FeatureSpace
    from features.substances import Match
    from features.table import ManifestTable

FloatArray = NDArray[np.float64]


_FIRST_DAY: Final = dt.date(1970, 1, 1).toordinal()


def day_of(seconds: int) -> dt.date:
    """The day, in UTC, of a time in seconds since 1970."""
    return dt.date.fromordinal(_FIRST_DAY + seconds // 86400)


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


class RowContext:
    """One goods item as the renderers see it."""

    __slots__ = ("_facts", "row", "space", "substance", "table")

    def __init__(self, table: ManifestTable, row: int, substance: Match | None, space: FeatureSpace) -> None:
        self.table = table
        self.row = row
        self.substance = substance
        self.space = space
        self._facts: dict[Facts, str] = {}

    def text(self, name: str) -> str | None:
        """A text or code field as normalised; None when missing."""
        column = self.table.text(name)
        code: int = column.codes.item(self.row)
        return column.values[code] if code >= 0 else None

    def number(self, name: str) -> float | None:
        """A number field in its own unit; None when missing."""
        return _known(self.table.number(name).item(self.row))

    def usd(self, name: str) -> float | None:
        """An amount in United States dollars; None when missing or without a rate."""
        return _known(self.table.usd(name).item(self.row))

    def facts(self, tell: Facts) -> str:
        """What the manifest says in answer to one question. Several reasons begin with the same: it is told once."""
        text = self._facts.get(tell)
        if text is None:
            text = self._facts[tell] = tell(self)
        return text

    @property
    def declared_on(self) -> dt.date:
        """The day whose law applies (UTC)."""
        return day_of(int(self.table.declared_s[self.table.shipment[self.row]]))


class Evidence:
    """What a renderer gets: one reason of an explanation, the features behind it, and the row.

    Attributes:
        lead: the feature that moved the score most in the direction of the reason's weight.
        context: the explained row.
    """

    __slots__ = ("_columns", "_values", "context", "lead")

    def __init__(self, lead: Feature, context: RowContext, columns: Mapping[str, int], values: FloatArray) -> None:
        """``columns``: the features behind the reason and their places among the ``values`` (F,) of all."""
        self.lead = lead
        self.context = context
        self._columns = columns
        self._values = values

    def value(self, name: str) -> float | None:
        """A feature's value; None when it is missing or not behind this reason."""
        column = self._columns.get(name)
        if column is None:
            return None
        return _known(self._values.item(column))

    def with_lead(self, facts: str) -> str:
        """What is declared, then what the leading feature measured."""
        return with_lead(facts, self.lead, self.value(self.lead.name))


def with_lead(facts: str, lead: Feature, value: float | None) -> str:
    """What is declared, then what the leading feature measured."""
    return facts if lead.name in CODED else f"{facts}. {measured(lead, value)}"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


#: Tells what the manifest says of a row.
Facts = Callable[[RowContext], str]
#: Tells a reason.
Renderer = Callable[[Evidence], str]


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """How the reasons of one code are told: by ``facts`` of the manifest, behind which comes what the leading feature
    measured, or all by ``render``. With neither, only the leading feature is told."""

    fields: tuple[str, ...]
    source: str
    facts: Facts | None = None
    render: Renderer | None = None


#: What a relation that no published typology describes was learned from.
LEARNED_FROM: Final = "learned from the inspection results of the training window"


class ReasonGroups:
    """The features of a space, gathered by reason code in order of first appearance.

    Attributes:
        features: of the space, in order.
        codes: the reasons.
        columns: per reason its features' names -> their columns.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        members: dict[str, dict[str, int]] = {}
        for i, feature in enumerate(features):
            members.setdefault(feature.reason, {})[feature.name] = i
        self.features = tuple(features)
        self.codes = tuple(members)
        self.columns = tuple(members.values())
        self._members = np.array([i for columns in self.columns for i in columns.values()], dtype=np.int32)
        self._starts = np.cumsum([0, *(len(columns) for columns in self.columns)], dtype=np.int32)

    def weigh(self, contributions: FloatArray, values: FloatArray) -> Weighed:
        """What speaks for and against goods items, by their features' contributions (n, F or more) and values (n, F)."""
        weights = np.add.reduceat(contributions.take(self._members, axis=1), self._starts[:-1], axis=1)
        leads = np.empty(weights.shape, dtype=np.int32)
        kernels.leads(contributions, self._members, self._starts, weights, leads)
        order = (-np.abs(weights)).argsort(axis=1, kind="stable")
        return Weighed(self, values, weights, order, leads)

    @cached_property
    def kinds(self) -> tuple[ReasonKind, ...]:
        """Per reason how it is told."""
        # The texts build on this module.
        from models.reason_kinds import reason_kinds

        known, other = reason_kinds(), ReasonKind((), f"model: {LEARNED_FROM}")
        return tuple(known.get(code, other) for code in self.codes)

    @cached_property
    def fields(self) -> tuple[list[str], ...]:
        """Per reason the manifest fields behind it, as a list that all answers share."""
        return tuple(list(kind.fields) for kind in self.kinds)


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """What speaks for and against n goods items, reason by reason.

    Attributes:
        groups: the reasons.
        values: (n, F) of the features, in the order of the space; NaN is missing.
        weights: (n, codes) sums of the contributions of the reasons' features.
        order: (n, codes) the reasons, the weightiest first whichever way they count; of equal ones the first.
        leads: (n, codes) columns of the features that moved the score most in the direction of their reasons' weights.
    """

    groups: ReasonGroups
    values: FloatArray
    weights: FloatArray
    order: NDArray[np.intp]
    leads: NDArray[np.int32]


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

    __slots__ = ("_place", "_weighed", "base_value", "context", "groups", "head", "item_row", "raw_score")

    def __init__(
        self, head: str, base_value: float, raw_score: float, weighed: Weighed, place: int, context: RowContext
    ) -> None:
        """``place``: which of the ``weighed`` items it is."""
        self.head = head
        self.item_row = context.row
        self.base_value = base_value
        self.raw_score = raw_score
        self.groups = weighed.groups
        self.context = context
        self._weighed = weighed
        self._place = place

    @property
    def reasons(self) -> list[Reason]:
        """All reasons that moved the score, for and against, the weightiest first."""
        return self._reasons(self._by_weight())

    def strongest(self, count: int = 3) -> list[Reason]:
        """The ``count`` strongest reasons that speak for illicit content."""
        return self._reasons(self._strongest(count))

    def texts(self, count: int = 3) -> list[str]:
        """Texts of the ``count`` strongest reasons that speak for illicit content."""
        return [text for _, _, text in self._told(self._strongest(count))]

    def to_json(self) -> list[dict[str, Any]]:
        """All reasons as plain JSON values, the weightiest first."""
        codes, kinds, fields = self.groups.codes, self.groups.kinds, self.groups.fields
        return [
            {
                "code": codes[group],
                "text": text,
                "weight": weight,
                "fields": fields[group],
                "source": kinds[group].source,
            }
            for group, weight, text in self._told(self._by_weight())
        ]

    def _by_weight(self) -> list[tuple[int, float]]:
        weights = self._weighed.weights[self._place].tolist()
        order = self._weighed.order[self._place].tolist()
        return [(group, weight) for group in order if (weight := weights[group]) != 0.0]

    def _strongest(self, count: int) -> list[tuple[int, float]]:
        return [(group, weight) for group, weight in self._by_weight() if weight > 0.0][:count]

    def _reasons(self, weighed: Iterable[tuple[int, float]]) -> list[Reason]:
        codes, kinds = self.groups.codes, self.groups.kinds
        return [
            Reason(codes[group], text, weight, kinds[group].fields, kinds[group].source)
            for group, weight, text in self._told(weighed)
        ]

    def _told(self, weighed: Iterable[tuple[int, float]]) -> Iterator[tuple[int, float, str]]:
        """Reasons with their texts."""
        groups, context = self.groups, self.context
        kinds, features = groups.kinds, groups.features
        leads, values = self._weighed.leads[self._place].tolist(), self._weighed.values[self._place]
        for group, weight in weighed:
            kind, column = kinds[group], leads[group]
            lead = features[column]
            if kind.render is not None:
                text = kind.render(Evidence(lead, context, groups.columns[group], values))
            elif kind.facts is not None:
                text = with_lead(context.facts(kind.facts), lead, _known(values.item(column)))
            else:
                text = measured(lead, _known(values.item(column)))
            yield group, weight, text
