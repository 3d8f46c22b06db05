"""FeatureSpace: all groups of evidence as one ordered matrix, with what they learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from features.groups.base import Feature, FloatArray, Group
from features.groups.classification.group import ClassificationGroup
from features.groups.description.group import DescriptionGroup
from features.groups.expected.group import ExpectedGroup
from features.groups.filing.group import FilingGroup
from features.groups.history.history import HistoryGroup
from features.groups.own.counts import Results
from features.groups.own.group import OwnGroup
from features.groups.own.keys import PLACES, OwnFields
from features.groups.party.group import PartyGroup
from features.groups.route.group import RouteGroup
from features.groups.substance.group import SubstanceGroup, resolved
from features.groups.value.group import ValueGroup
from features.manifest.shipment import FURTHER, Problem
from features.readers.further import FurtherField
from features.substances import Match
from features.table.table import ManifestTable

__all__ = ["COUNTRY_NEUTRAL", "Feature", "FeatureSpace"]

#: Features that countries and places alone decide, with the value they have for a shipment on a usual lane whose particulars
#: agree. What is left of a score with these values is what speaks for it besides its countries.
COUNTRY_NEUTRAL: Final[Mapping[str, float]] = MappingProxyType(
    {
        "origin_is_export": 1.0,
        "export_is_consignor": 1.0,
        "origin_is_consignor": 1.0,
        "loading_is_export": 1.0,
        "unloading_is_consignee": 1.0,
        "routing_countries": 0.0,
        "routing_third_country": 0.0,
        "trade_lane_share": -3.0,
        "export_chapter_share": -3.0,
        "trade_lane_growth": 0.0,
        "trade_lane_find_ratio": 0.0,
        "origin_missing": 0.0,
        "phone_country_contradicts": 0.0,
        "postcode_malformed": 0.0,
    }
)

_GROUPS: Final[tuple[type[Group], ...]] = (
    DescriptionGroup,
    SubstanceGroup,
    ClassificationGroup,
    ValueGroup,
    ExpectedGroup,
    RouteGroup,
    PartyGroup,
    FilingGroup,
    HistoryGroup,
)


class FeatureSpace:
    """Turns a table into numbers.

    Attributes:
        groups: the groups of evidence, in order.
        features: their features, in the order of the matrix's columns; ``names`` and ``monotone`` go with them.
        own: what an office's own data has, for a model trained on such data; it adds the group `OwnGroup`.
        neutral_columns, neutral_values: `country_neutral` as columns of the matrix (K,) and their values (K,).
    """

    def __init__(self, own: OwnFields | None = None) -> None:
        self.own = own
        self._own_group = OwnGroup(own) if own is not None else None
        groups: list[Group] = [group() for group in _GROUPS]
        if self._own_group is not None:
            groups.append(self._own_group)
        self.groups: tuple[Group, ...] = tuple(groups)
        ends = np.cumsum([0, *(len(group.features) for group in groups)]).tolist()
        self._columns = [slice(start, end) for start, end in pairwise(ends)]
        features = [feature for group in self.groups for feature in group.features]
        if own is not None and not own.known_label:
            # What a find is only the office's label says: it may be a value declared too high or too low.
            features = [replace(feature, monotone=0) for feature in features]
        self.features: tuple[Feature, ...] = tuple(features)
        self.names: tuple[str, ...] = tuple(feature.name for feature in self.features)
        self.monotone: tuple[int, ...] = tuple(feature.monotone for feature in self.features)
        neutral = self.country_neutral
        self.neutral_columns = np.array([self.names.index(name) for name in neutral], dtype=np.int64)
        self.neutral_values = np.array(list(neutral.values()), dtype=np.float64)

    @property
    def country_neutral(self) -> Mapping[str, float]:
        """`COUNTRY_NEUTRAL`, with the rates that an office's own data taught of places alone at those of all."""
        rates = {f"own_{place}_rate": 0.0 for place in PLACES}
        return {**COUNTRY_NEUTRAL, **{name: value for name, value in rates.items() if name in self.names}}

    @property
    def further_fields(self) -> tuple[FurtherField, ...]:
        """Fields beyond the manifest's that a table should bring (`ManifestTable.from_columns`)."""
        return self.own.fields if self.own is not None else ()

    def warn_of_further(self, table: ManifestTable) -> None:
        """Warn, on the shipments concerned, of further fields without a value and of some that the model does not use."""
        asked = {
            field.name: "is not given, though the model uses it; treated as missing" for field in self.further_fields
        }
        unused = dict.fromkeys(table.further_names, "is no field that the model uses; it was ignored")
        for name, problem in (unused | asked).items():
            given = table.further(name).codes[table.first_row] >= 0
            for row in table.first_row[given != (name in asked)].tolist():
                table.warn(row, Problem(f"{FURTHER}.{name}"[:80], problem))

    def fit(self, table: ManifestTable) -> Self:
        """Learn statistics (usual values, shares, the description-to-HS model) from the rows of a fit window. No labels."""
        for group in self.groups:
            group.fit(table)
        return self

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        """(n_rows, F) float64 in C order, NaN where missing. ``history`` is `HistoryRows.values` of the same table."""
        matrix = np.empty((table.n_rows, len(self.features)))
        for group, columns in zip(self.groups, self._columns, strict=True):
            group.fill(table, history, matrix[:, columns])
        return matrix

    def fill(self, table: ManifestTable, history: FloatArray, matrix: FloatArray, *, learned: bool) -> None:
        """As `transform`, into the columns of ``matrix`` (n_rows, F) whose groups learn (``learned``), or learn nothing.

        What a group that learns nothing says of a row does not depend on what a space was fitted on, nor on the rows beside
        it.
        """
        for group, columns in zip(self.groups, self._columns, strict=True):
            if group.learns == learned:
                group.fill(table, history, matrix[:, columns])

    def fit_transform(
        self,
        table: ManifestTable,
        history: FloatArray,
        *,
        folds: int = 3,
        seed: int = 0,
        results: Results | None = None,
        matrix: FloatArray | None = None,
    ) -> FloatArray:
        """Fit, and transform the same rows with what was learned from the other folds.

        A fold keeps shipments with the same first description together: a text that repeats must not teach its own answer.
        ``results`` are for the group of an office's own data, which keeps a row's own result from it by itself. ``matrix``
        (n_rows, F) is filled and returned where it is given; it already holds what the groups say that learn nothing.
        """
        if matrix is None:
            matrix = np.empty((table.n_rows, len(self.features)))
            self.fill(table, history, matrix, learned=False)
        for group in self.groups:
            if group is not self._own_group:
                group.fit(table)
        if self._own_group is not None:
            known = Results.none(table.n_rows) if results is None else results
            matrix[:, -len(self._own_group.features) :] = self._own_group.learn(table, known, seed=seed)
        fold = _folds(table, folds, seed)[table.shipment]
        for number in range(folds):
            inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
            if not len(inside):
                continue
            # Folds part the texts, so of a fold's own each is looked at once.
            held, rest = table.take(inside).compact(), table.take(outside) if len(outside) else None
            for group, columns in zip(self.groups, self._columns, strict=True):
                if group.learns and group is not self._own_group:
                    # Where all texts are of one fold, there is nothing else to learn from.
                    other = group if rest is None else type(group)()
                    if rest is not None:
                        other.fit(rest)
                    matrix[inside, columns] = other.transform(held, history[:0])
        return matrix

    def substances(self, table: ManifestTable) -> list[Match | None]:
        """Per row the substance its description, declared chemical or CAS number names."""
        return resolved(table)

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What was learned, as plain JSON and arrays; array names are ``group.name``."""
        data: dict[str, Any] = {}
        arrays: dict[str, NDArray[Any]] = {}
        for group in self.groups:
            data[group.name], own = group.state()
            arrays |= {f"{group.name}.{name}": array for name, array in own.items()}
        return data, arrays

    @classmethod
    def of_state(cls, data: dict[str, Any]) -> Self:
        """A space with the features of a saved one that has learned nothing yet.

        Raises:
            KeyError, TypeError, ValueError: the description of an office's own fields is damaged.
        """
        return cls(OwnFields.from_json(data[OwnGroup.name]) if OwnGroup.name in data else None)

    @classmethod
    def from_state(cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """The inverse of `to_state`.

        Raises:
            KeyError, ValueError: something is missing or does not fit together.
        """
        space = cls.of_state(data)
        for group in space.groups:
            prefix = f"{group.name}."
            own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            group.restore(data[group.name], own)
        return space


def _folds(table: ManifestTable, folds: int, seed: int) -> NDArray[np.int64]:
    """(n_shipments,) fold of each shipment, by a hash of its first description."""
    column = table.text("goods_description").take(table.first_row)
    salt = seed.to_bytes(8, "little", signed=True)
    values = [blake2b(v.casefold().encode(), digest_size=8, salt=salt).digest() for v in column.values]
    of_text = np.array([int.from_bytes(value, "little") % folds for value in values], dtype=np.int64)
    of_missing = np.arange(len(column)) % folds
    return np.where(column.codes >= 0, np.append(of_text, 0)[column.codes], of_missing).astype(np.int64)
