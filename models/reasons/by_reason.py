"""Features and entries of evidence, grouped by the reason that their contributions count towards."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from operator import add
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.groups.base import Feature
from features.groups.reason_codes import OwnReasonCode, ReasonCode
from models.evidence import Entry
from models.reasons.items import Evidence, ExplainedItems
from models.reasons.kinds import ReasonKind, reason_kind
from models.reasons.measures import MeasuredText, NoMeasure
from models.reasons.wording import fill

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int32]


class FeaturesByReason:
    """The features of a space and the entries of evidence, grouped by reason code, in the order of their first features.

    Contributions have a column for each feature and then one for each entry.

    Attributes:
        codes: (R,) reason codes.
        names: (F,) feature names.
        columns: feature name -> column.
        entries: (E,) entries.
        measured: (F + E,) texts for the values of each feature. They are empty for entries, which have their own texts.
    """

    def __init__(self, features: Sequence[Feature], entries: Sequence[Entry] = ()) -> None:
        members: dict[ReasonCode | OwnReasonCode, list[int]] = {}
        for column, reason in enumerate([*(feature.reason for feature in features), *map(_reason, entries)]):
            members.setdefault(reason, []).append(column)
        self.codes = tuple(members)
        self.names = tuple(feature.name for feature in features)
        self.columns = {name: column for column, name in enumerate(self.names)}
        self.entries = tuple(entries)
        kinds = [reason_kind(feature.reason) for feature in features]
        # Next to declared facts, a missing value needs no text.
        measured: list[MeasuredText | NoMeasure] = [
            MeasuredText(feature, missing=kind.declared is None and kind.render is None)
            for feature, kind in zip(features, kinds, strict=True)
        ]
        self.measured = (*measured, *(NoMeasure() for _ in entries))
        sizes = [len(columns) for columns in members.values()]
        #: Columns of the features sorted by reason, start of each reason among them, and reason of each.
        self._members = np.array([column for columns in members.values() for column in columns], dtype=np.int32)
        self._starts = np.cumsum([0, *sizes[:-1]])
        self._reasons = np.repeat(np.arange(len(sizes)), sizes)
        self._positions = np.arange(len(self.measured), dtype=np.int32)

    def weigh(self, contributions: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return weights and leading features of the reasons.

        Args:
            contributions: (n, F + E) contributions of features and entries to the raw log-odds of n goods items.

        Returns:
            Weights (n, R): sums of the contributions of each reason's features and entries. Leading columns (n, R): the feature
            or entry that contributes most in the direction of the weight; the first if several are equal.
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
    def plain_codes(self) -> tuple[str, ...]:
        """Codes (R,) as plain strings, because some JSON encoders treat enum members differently."""
        return tuple(map(str, self.codes))

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Sources (R,): published typologies, or a note that the model learned the relation."""
        return tuple(kind.source for kind in self.kinds)

    @cached_property
    def fields(self) -> tuple[list[str], ...]:
        """Manifest fields (R,) of the reasons, as lists that all answers share."""
        return tuple(list(kind.fields) for kind in self.kinds)

    def source(self, reason: int, leading: int) -> str:
        """Return the source of a reason with this leading column: that of the entry, or of the reason."""
        entry = leading - len(self.names)
        return self.sources[reason] if entry < 0 else self._entry_sources[entry]

    @cached_property
    def _entry_sources(self) -> tuple[str, ...]:
        """(E,) source of each entry."""
        return tuple(f"evidence {entry.id} ({entry.basis}): {entry.source}" for entry in self.entries)

    def texts(self, reason: int, items: ExplainedItems, leading: Sequence[int], measured: Sequence[str]) -> list[str]:
        """Return the texts of one reason.

        Args:
            reason: position of the reason in ``codes``.
            items: the items with this reason.
            leading: column of the leading feature or entry of each item.
            measured: text for the value of the leading feature of each item.
        """
        if max(leading) < len(self.names):
            return self._feature_texts(reason, items, leading, measured)
        by_entry: dict[int, list[int]] = {}
        for position, column in enumerate(leading):
            by_entry.setdefault(max(column - len(self.names), -1), []).append(position)
        texts = [""] * len(leading)
        for entry, positions in by_entry.items():
            # Reuse the items if possible, because they cache their columns.
            some = items if len(positions) == len(leading) else items.take(positions)
            if entry >= 0:
                written = fill(self.entries[entry].text, some)
            else:
                columns, values = [leading[at] for at in positions], [measured[at] for at in positions]
                written = self._feature_texts(reason, some, columns, values)
            for position, text in zip(positions, written, strict=True):
                texts[position] = text
        return texts

    def _feature_texts(
        self, reason: int, items: ExplainedItems, leading: Sequence[int], measured: Sequence[str]
    ) -> list[str]:
        kind = self.kinds[reason]
        if kind.declared is not None:
            return list(map(add, items.declared(kind.declared), measured))
        if kind.render is not None:
            return kind.render(Evidence(items, [self.names[column] for column in leading], measured))
        return [text.removeprefix(". ") for text in measured]


def _reason(entry: Entry) -> ReasonCode:
    if entry.reason is None:
        raise ValueError(f"The entry {entry.id} has no reason; base entries are not explained.")
    return entry.reason
