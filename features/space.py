"""FeatureSpace: the features of all groups as one matrix, and the statistics that the groups learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from features.groups.base import Feature, FloatArray, Group, GroupInput, TextCache
from features.groups.business import BusinessGroup
from features.groups.classification import ClassificationGroup
from features.groups.description.group import DescriptionGroup
from features.groups.expected.group import ExpectedGroup
from features.groups.filing import FilingGroup
from features.groups.history.history import HistoryGroup
from features.groups.own.counts import AsNew, Results
from features.groups.own.group import OwnGroup
from features.groups.own.keys import PLACES, OwnFields
from features.groups.party import PartyGroup
from features.groups.route import RouteGroup
from features.groups.substance import SubstanceGroup
from features.groups.value import ValueGroup
from features.manifest.shipment import FURTHER, Problem
from features.readers.headers import FurtherField
from features.substances import Match
from features.table.table import ManifestTable

__all__ = ["COUNTRY_NEUTRAL", "Feature", "FeatureSpace", "Measured", "feature_names"]

#: Features that depend only on countries and places, with their values for a shipment on a usual trade lane whose countries and
#: places agree. A score with these values is the risk that does not come from the countries.
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
    BusinessGroup,
    FilingGroup,
    HistoryGroup,
)


def feature_names() -> tuple[str, ...]:
    """Return the names of the features of the standard manifest, in the order of the matrix's columns."""
    return tuple(feature.name for group in _GROUPS for feature in group.features)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Features and substances of a table.

    Attributes:
        matrix: (n_rows, F) float64 in C order, NaN where missing.
        substances: the substance that each row's description, declared chemical or CAS number names, or None.
    """

    matrix: FloatArray
    substances: list[Match | None]


class FeatureSpace:
    """Computes the features of a table.

    A space owns the text cache that its groups share. Threads may share a space that is fitted.

    Attributes:
        groups: the feature groups, in order.
        features: their features, in the order of the matrix's columns. ``names`` and ``monotone`` have the same order.
        own: the fields of an office's own data, for a model trained on such data. They add the group `OwnGroup`.
        neutral_columns, neutral_values: (K,) columns of the features in `country_neutral`, and their values.
    """

    def __init__(self, own: OwnFields | None = None) -> None:
        self.own = own
        self._texts = TextCache()
        self._own_group = OwnGroup(own, self._texts) if own is not None else None
        groups: list[Group] = [group(self._texts) for group in _GROUPS]
        if self._own_group is not None:
            groups.append(self._own_group)
        self.groups: tuple[Group, ...] = tuple(groups)
        ends = np.cumsum([0, *(len(group.features) for group in groups)]).tolist()
        self._columns = [slice(start, end) for start, end in pairwise(ends)]
        features = [feature for group in self.groups for feature in group.features]
        if own is not None and not own.known_label:
            # The meaning of the label is unknown: it may mark values that are too high as well as values that are too low.
            features = [replace(feature, monotone=0) for feature in features]
        self.features: tuple[Feature, ...] = tuple(features)
        self.names: tuple[str, ...] = tuple(feature.name for feature in self.features)
        self.monotone: tuple[int, ...] = tuple(feature.monotone for feature in self.features)
        neutral = self.country_neutral
        self.neutral_columns = np.array([self.names.index(name) for name in neutral], dtype=np.int64)
        self.neutral_values = np.array(list(neutral.values()), dtype=np.float64)

    @property
    def country_neutral(self) -> Mapping[str, float]:
        """`COUNTRY_NEUTRAL`, and the find rates of places in the own data, set to the overall rate."""
        rates = {f"own_{place}_rate": 0.0 for place in PLACES}
        return {**COUNTRY_NEUTRAL, **{name: value for name, value in rates.items() if name in self.names}}

    def columns_of(self, wanted: Callable[[Group], bool]) -> NDArray[np.int64]:
        """Return the columns (K,) of the matrix that belong to the wanted groups, ascending."""
        of_groups = zip(self.groups, self._columns, strict=True)
        return np.array(
            [at for group, columns in of_groups if wanted(group) for at in range(columns.start, columns.stop)], np.int64
        )

    @property
    def further_fields(self) -> tuple[FurtherField, ...]:
        """Fields outside the manifest that a table should have (`ManifestTable.from_columns`)."""
        return self.own.fields if self.own is not None else ()

    def warn_of_further(self, table: ManifestTable) -> None:
        """Add a warning to each shipment that lacks a further field of the model or has one that the model does not use."""
        if not (self.further_fields or table.further_names):
            return
        used = {
            field.name: "is not given, although the model uses it; treated as missing" for field in self.further_fields
        }
        unused = dict.fromkeys(table.further_names, "is not a field that the model uses; ignored")
        for name, problem in (unused | used).items():
            given = table.further(name).codes[table.first_row] >= 0
            for row in table.first_row[given != (name in used)].tolist():
                table.warn(row, Problem(f"{FURTHER}.{name}"[:80], problem))

    def fit(self, table: ManifestTable) -> Self:
        """Learn statistics (word frequencies, usual values, shares of trade lanes) from a fit window, without labels."""
        for group in self.groups:
            group.fit(table)
        return self

    def refitted(self, table: ManifestTable) -> Self:
        """Return a space with statistics learned from another table, without labels.

        The statistics of an office's own results (`OwnGroup`) stay as they are.
        """
        space = type(self)(self.own)
        for fitted, group in zip(self.groups, space.groups, strict=True):
            if group is space._own_group:
                group.restore(*fitted.state())
            elif group.learns:
                group.fit(table)
        return space

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        """Return the features (n_rows, F), float64 in C order, NaN where missing.

        Args:
            history: `HistoryRows.values` of the same table.
        """
        return self._transform(GroupInput(table, self._texts), history)

    def measure(self, table: ManifestTable, history: FloatArray) -> Measured:
        """Return the features and the substances of a table; arguments as for `transform`."""
        source = GroupInput(table, self._texts)
        return Measured(self._transform(source, history), source.substances.per_row())

    def _transform(self, source: GroupInput, history: FloatArray) -> FloatArray:
        matrix = np.empty((source.table.n_rows, len(self.features)))
        for group, columns in zip(self.groups, self._columns, strict=True):
            group.fill(source, history, matrix[:, columns])
        return matrix

    def fill(self, table: ManifestTable, history: FloatArray, matrix: FloatArray, *, learned: bool) -> None:
        """Write the columns of the groups that learn into ``matrix`` (n_rows, F), or without ``learned`` those of the others.

        The columns of a group that does not learn depend neither on the fit window nor on the other rows.
        """
        source = GroupInput(table, self._texts)
        for group, columns in zip(self.groups, self._columns, strict=True):
            if group.learns == learned:
                group.fill(source, history, matrix[:, columns])

    def fit_transform(
        self,
        table: ManifestTable,
        history: FloatArray,
        *,
        folds: int = 3,
        seed: int = 0,
        matrix: FloatArray | None = None,
    ) -> FloatArray:
        """Fit, and return the out-of-fold features (n_rows, F) of the same rows. Arguments are those of `fit_also_as_new`."""
        return self.fit_also_as_new(table, history, folds=folds, seed=seed, matrix=matrix)[0]

    def fit_also_as_new(
        self,
        table: ManifestTable,
        history: FloatArray,
        *,
        folds: int = 3,
        seed: int = 0,
        results: Results | None = None,
        matrix: FloatArray | None = None,
    ) -> tuple[FloatArray, AsNew | None]:
        """Fit, and return the out-of-fold features (n_rows, F) of the same rows.

        The features of a fold come from groups fitted on the other folds. All shipments with the same first description are in one
        fold, so that the features of a text do not depend on its repetitions.

        Args:
            results: results of inspections, for the group of an office's own data. That group itself excludes a row's own result
                from the row's features.
            matrix: (n_rows, F) to be filled and returned. It must contain the columns of the groups that do not learn;
                ``history`` is then not read.

        Returns:
            The features, and rows as if their declarations had never been seen (None unless the label is an office's own).
        """
        if matrix is None:
            matrix = np.empty((table.n_rows, len(self.features)))
            self.fill(table, history, matrix, learned=False)
        for group in self.groups:
            if group is not self._own_group:
                group.fit(table)
        own, as_new = self._own_group, None
        if own is not None:
            known = Results.none(table.n_rows) if results is None else results
            first = len(self.features) - len(own.features)
            if own.own.known_label:
                own.learn(table, known, seed=seed, out=matrix[:, first:])
            else:
                as_new = own.learn_also_as_new(table, known, seed=seed, out=matrix[:, first:])[1].at(first)
        fold = _folds(table, folds, seed)[table.shipment]
        for number in range(folds):
            inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
            if not len(inside):
                continue
            # Compact the part, so that work per distinct text is done only for the texts of the fold.
            held_out, rest = table.take(inside).compact(), table.take(outside) if len(outside) else None
            for group, columns in zip(self.groups, self._columns, strict=True):
                if group.learns and group is not self._own_group:
                    # If all rows are in one fold, no other rows exist, and the group fitted on all rows serves.
                    other = group if rest is None else type(group)(self._texts)
                    if rest is not None:
                        other.fit(rest)
                    matrix[inside, columns] = other.transform(held_out, history[:0])
        return matrix, as_new

    def seen(self, matrix: FloatArray) -> NDArray[np.bool_]:
        """Return whether each row of the features (n, F) repeats a declaration of the own data, shape (n,).

        Without own data all are False.
        """
        if self._own_group is None:
            return np.zeros(len(matrix), dtype=np.bool_)
        return self._own_group.seen(matrix[:, -len(self._own_group.features) :])

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the learned statistics as plain JSON and arrays. Array names are ``group.name``."""
        data: dict[str, Any] = {}
        arrays: dict[str, NDArray[Any]] = {}
        for group in self.groups:
            data[group.name], of_group = group.state()
            arrays |= {f"{group.name}.{name}": array for name, array in of_group.items()}
        return data, arrays

    @classmethod
    def of_state(cls, data: dict[str, Any]) -> Self:
        """Return an unfitted space with the features of a saved one.

        Raises:
            KeyError, TypeError, ValueError: the description of an office's own fields is damaged.
        """
        return cls(OwnFields.from_json(data[OwnGroup.name]) if OwnGroup.name in data else None)

    @classmethod
    def from_state(cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """Return the space that `to_state` describes.

        Raises:
            KeyError, ValueError: a part is missing, or parts do not fit together.
        """
        space = cls.of_state(data)
        for group in space.groups:
            prefix = f"{group.name}."
            of_group = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            group.restore(data[group.name], of_group)
        return space


def _folds(table: ManifestTable, folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each shipment (n_shipments,): by a hash of its first description, by its position if that is missing."""
    column = table.text("goods_description").take(table.first_row)
    salt = seed.to_bytes(8, "little", signed=True)
    values = [blake2b(v.casefold().encode(), digest_size=8, salt=salt).digest() for v in column.values]
    of_text = np.array([int.from_bytes(value, "little") % folds for value in values], dtype=np.int64)
    of_missing = np.arange(len(column)) % folds
    return np.where(column.codes >= 0, np.append(of_text, 0)[column.codes], of_missing).astype(np.int64)
